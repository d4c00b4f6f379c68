"""Pushes: what comes into a repository by git, drawn by a test with real objects."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from . import git
from .faults import write_over
from .git import Signature
from .heads import fast_forwards, follow, move, tip
from .history import CommitFacts, facts
from .world import Repository, World


def new_repository(world: World, full_name: str, private: bool = False) -> Repository:
    folder = world.folder / f"{full_name}.git"
    git.init(folder)
    repo = Repository(full_name, world.new_id(), folder, world.now(), private=private)
    world.person(repo.owner, "Organization")
    world.repositories[full_name] = repo
    return repo


class DrawnGit:
    def __init__(self, world: World, repo: Repository) -> None:
        self.world, self.repo = world, repo

    def fork(self, owner: str) -> Self:
        """The owner's fork, made when there is none: in the same git folder, with branches of its own."""
        full_name = f"{owner}/{self.repo.name}"
        with self.world.lock:
            if full_name not in self.world.repositories:
                self.world.person(owner)
                prefix, parent = f"refs/forks/{owner}/", self.repo.full_name
                fork = Repository(full_name, self.world.new_id(), self.repo.folder, self.world.now(), prefix, parent)
                fork.permissions[owner] = "admin"
                self.world.repositories[full_name] = fork
                if start := tip(self.repo, self.repo.default_branch):
                    move(self.world, fork, f"refs/heads/{fork.default_branch}", start)
            return type(self)(self.world, self.world.repositories[full_name])

    def commit(
        self,
        branch: str,
        files: Mapping[str, bytes | None],
        message: str = "A change",
        *,
        links: Mapping[str, str] | None = None,
        base: str | None = None,
        author: str = "ann",
    ) -> str:
        """A commit on the branch with these files written (None: removed) and links made.

        A branch that is not there yet starts from `base`, else from the default branch, else from nothing."""
        with self.world.lock:
            start = tip(self.repo, branch) or tip(self.repo, base or self.repo.default_branch)
            sha = self.write(start, files, message, links=links, author=author)
            move(self.world, self.repo, f"refs/heads/{branch}", sha)
        return sha

    def write(
        self,
        parent: str | None,
        files: Mapping[str, bytes | None],
        message: str = "A change",
        *,
        links: Mapping[str, str] | None = None,
        author: str = "ann",
    ) -> str:
        """A commit that no ref names yet: for `push` and `force_push`."""
        folder = self.repo.folder
        with self.world.lock:
            blobs = {path: None if content is None else git.write_blob(folder, content) for path, content in files.items()}
            rows = [(path, git.FILE, sha) for path, sha in blobs.items()]
            rows += [(path, git.SYMLINK, git.write_blob(folder, to.encode())) for path, to in (links or {}).items()]
            tree = git.write_tree(folder, parent, rows)
            return git.write_commit(folder, tree, [parent] if parent else [], message, self._signature(author))

    def _signature(self, author: str) -> Signature:
        return Signature(author, f"{author}@example.com", self.world.now())

    def import_tree(self, folder: Path, branch: str = "main", message: str = "Import", author: str = "ann") -> str:
        """A commit on the branch that holds the folder as it stands, without what its .gitignore leaves out."""
        bare = self.repo.folder
        index = {"GIT_INDEX_FILE": str(bare / "import.index")}
        with self.world.lock:
            git.git(folder, f"--git-dir={bare}", f"--work-tree={folder}", "add", "--all", ".", extra=index)
            tree = git.git(bare, "write-tree", extra=index).decode().strip()
            (bare / "import.index").unlink()
            old = tip(self.repo, branch)
            sha = git.write_commit(bare, tree, [old] if old else [], message, self._signature(author))
            move(self.world, self.repo, f"refs/heads/{branch}", sha)
        return sha

    def push(self, branch: str, sha: str) -> None:
        with self.world.lock:
            old = tip(self.repo, branch)
            if old is not None and not fast_forwards(self.repo, old, sha):
                raise ValueError(f"{sha} is no descendant of {branch}: force_push")
            move(self.world, self.repo, f"refs/heads/{branch}", sha)

    def force_push(self, branch: str, sha: str) -> None:
        with self.world.lock:
            move(self.world, self.repo, f"refs/heads/{branch}", sha)

    def another_writer(self, branch: str) -> str:
        """The commit that somebody else, faster, has put on the branch."""
        with self.world.lock:
            return write_over(self.world, self.repo, branch)

    def delete_branch(self, branch: str) -> None:
        with self.world.lock:
            git.delete_ref(self.repo.folder, self.repo.git_ref(f"refs/heads/{branch}"))
            follow(self.world, self.repo)

    def head(self, branch: str) -> str | None:
        return tip(self.repo, branch)

    def file(self, branch: str, path: str) -> bytes | None:
        """The file's content (of a link: its target) on the branch or at the commit; None when it is not there."""
        sha = git.blob_at(self.repo.folder, tip(self.repo, branch) or branch, path)
        return None if sha is None else git.read_blob(self.repo.folder, sha)

    def files(self, branch: str) -> dict[str, str]:
        """The mode of every file on the branch, by its path."""
        rows = git.entries(self.repo.folder, tip(self.repo, branch) or branch, recursive=True)
        return {row.path: row.mode for row in rows if row.kind != "tree"}

    def commits(self, branch: str) -> list[CommitFacts]:
        """The branch's commits, newest first."""
        shas = git.git(self.repo.folder, "rev-list", tip(self.repo, branch) or branch).decode().split()
        return [facts(self.repo.folder, sha) for sha in shas]
