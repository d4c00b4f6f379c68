"""A repository to draw on: what people, pushes and workflows did, put there by a test without HTTP."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import events
from .discussion import Comment, Issue, Reaction, Review
from .drawing_git import DrawnGit
from .heads import keep, tip
from .merging import merge
from .opening import answered, open_issue, open_pull
from .shapes_pulls import pull_of
from .work import Artifact, CheckRun, Run
from .world import ACTIONS_APP


class DrawnRepository(DrawnGit):
    """Every method takes the server's lock: a request sees all of what one call draws, or nothing of it."""

    # --- people and settings ---

    def person(self, login: str, permission: str | None = None, kind: str | None = None) -> str:
        """The login, known from now on; with a permission, as a collaborator."""
        with self.world.lock:
            self.world.person(login, kind)
            if permission is not None:
                self.repo.permissions[login] = permission
        return login

    def protect(self, branch: str, checks: Sequence[str] = (), **fields: Any) -> None:
        """Protects the branch: the named checks have to pass; fields go into the protection as they are."""
        required = {"strict": False, "contexts": [*checks], "checks": [{"context": name, "app_id": None} for name in checks]}
        demanded = {"required_status_checks": required} if checks else {}
        with self.world.lock:
            self.repo.protections[branch] = {**demanded, **fields}

    def rules(self, branch: str, *rules: dict[str, Any]) -> None:
        with self.world.lock:
            common = {"ruleset_source_type": "Repository", "ruleset_source": self.repo.full_name, "ruleset_id": 1}
            self.repo.rules[branch] = [{**common, **rule} for rule in rules]

    def ruleset(self, **fields: Any) -> None:
        with self.world.lock:
            self.repo.rulesets.append({"id": len(self.repo.rulesets) + 1, **fields})

    def environment(self, name: str, **fields: Any) -> None:
        with self.world.lock:
            self.repo.environments[name] = fields

    def workflow_permissions(self, **fields: Any) -> None:
        with self.world.lock:
            self.repo.workflow_permissions.update(fields)

    # --- issues and pull requests ---

    def open_issue(self, title: str, author: str = "ann", body: str | None = None) -> int:
        with self.world.lock:
            self.world.person(author)
            return open_issue(self.world, self.repo, author, title, body).number

    def open_pull(
        self,
        head: str,
        base: str = "main",
        author: str = "ann",
        title: str = "A change",
        body: str | None = None,
        fork: str | None = None,
        draft: bool = False,
    ) -> int:
        with self.world.lock:
            self.world.person(author)
            source = self.fork(fork).repo if fork else self.repo
            return open_pull(self.world, self.repo, source, head, base, login=author, title=title, body=body, draft=draft).number

    def pull(self, number: int) -> Issue:
        return self.repo.issues[number]

    def close(self, number: int) -> None:
        with self.world.lock:
            issue = self.repo.issues[number]
            issue.state, issue.closed = "closed", self.world.now()

    def reopen(self, number: int) -> None:
        with self.world.lock:
            issue = self.repo.issues[number]
            issue.state, issue.closed = "open", None
            pull = issue.pull
            source = self.world.repositories.get(pull.head_repository) if pull else None
            if pull and source:
                pull.head_sha = tip(source, pull.head_ref) or pull.head_sha
                keep(self.repo, issue)

    def merge(self, number: int, login: str = "ann", method: str = "merge") -> str:
        """The merge commit; nobody asks here whether merging is allowed."""
        with self.world.lock:
            self.world.person(login)
            return merge(self.world, self.repo, self.repo.issues[number], login, method)

    def retarget(self, number: int, base: str) -> None:
        """Points the pull request at another branch, which its author may do at any time."""
        with self.world.lock:
            pull = pull_of(self.repo.issues[number])
            pull.base_ref, pull.base_sha = base, self.head(base)
            pull.retargeted.append(self.world.now())

    def draft(self, number: int, draft: bool = True) -> None:
        with self.world.lock:
            pull_of(self.repo.issues[number]).draft = draft

    def block(self, number: int, blocked: bool = True) -> None:
        """Whether an approval is missing: merging is refused then."""
        with self.world.lock:
            pull_of(self.repo.issues[number]).blocked = blocked

    def label(self, number: int, *names: str) -> None:
        with self.world.lock:
            issue = self.repo.issues[number]
            issue.labels = list(dict.fromkeys([*issue.labels, *names]))

    def unlabel(self, number: int, name: str) -> None:
        with self.world.lock:
            self.repo.issues[number].labels.remove(name)

    def review(self, number: int, login: str, state: str = "APPROVED", commit: str | None = None, body: str = "") -> int:
        """The review's id. It is of the head unless a commit is named."""
        with self.world.lock:
            self.world.person(login)
            sha = commit or pull_of(self.repo.issues[number]).head_sha
            review = Review(self.world.new_id(), number, login, body, state, sha, self.world.now())
            self.repo.reviews.append(review)
            answered(self.world, self.repo, review)
        return review.id

    def dismiss(self, review: int) -> None:
        with self.world.lock:
            next(one for one in self.repo.reviews if one.id == review).state = "DISMISSED"

    def comment(self, number: int, login: str, body: str, edited: bool = False, app: str | None = None) -> int:
        """The comment's id; edited, it was changed after it was made."""
        with self.world.lock:
            self.world.person(login)
            now = self.world.now()
            comment = Comment(self.world.new_id(), number, login, body, now, self.world.now() if edited else now, app)
            self.repo.comments[comment.id] = comment
        return comment.id

    def edit_comment(self, comment: int, body: str) -> None:
        with self.world.lock:
            found = self.repo.comments[comment]
            found.body, found.updated = body, self.world.now()

    def delete_comment(self, comment: int) -> None:
        with self.world.lock:
            del self.repo.comments[comment]

    def react(self, comment: int, login: str, content: str) -> None:
        with self.world.lock:
            self.world.person(login)
            reaction = Reaction(self.world.new_id(), login, content, self.world.now())
            self.repo.comments[comment].reactions.append(reaction)

    def comments(self, number: int) -> list[Comment]:
        return [comment for comment in [*self.repo.comments.values()] if comment.number == number]

    def reactions(self, comment: int) -> list[tuple[str, str]]:
        """(login, content), in the order given."""
        return [(reaction.login, reaction.content) for reaction in self.repo.comments[comment].reactions]

    def labels(self, number: int) -> list[str]:
        return [*self.repo.issues[number].labels]

    # --- checks, runs, artifacts ---

    def add_check(self, sha: str, name: str, conclusion: str | None = None, app: str = ACTIONS_APP, **fields: Any) -> int:
        with self.world.lock:
            now, status = self.world.now(), "completed" if conclusion else "in_progress"
            check = CheckRun(self.world.new_id(), name, sha, app, self.world.new_id(), now, status, conclusion, **fields)
            check.completed = now if conclusion else None
            self.repo.checks[check.id] = check
        return check.id

    def check_runs(self, sha: str | None = None) -> list[CheckRun]:
        """The check runs, of one commit where it is named, in the order made."""
        return [check for check in [*self.repo.checks.values()] if sha in {None, check.head_sha}]

    def add_run(
        self,
        id: int,
        head_sha: str,
        event: str = "pull_request",
        status: str = "completed",
        conclusion: str | None = "success",
        head_branch: str | None = None,
        head_repository: str | None = None,
        *,
        login: str = "ann",
        path: str = ".github/workflows/evalgate.yml",
        name: str = "EvalGate",
        attempt: int = 1,
    ) -> int:
        with self.world.lock:
            self.world.person(login)
            whose, now = head_repository or self.repo.full_name, self.world.now()
            number = len(self.repo.runs) + 1
            self.repo.runs[id] = Run(
                id, head_sha, event, status, conclusion, head_branch, whose, login, path, name, number, now, now, attempt
            )
        return id

    def add_artifact(self, run: int, name: str, content: bytes, expired: bool = False) -> int:
        with self.world.lock:
            artifact = Artifact(self.world.new_id(), run, name, content, self.world.now(), expired)
            self.repo.artifacts[artifact.id] = artifact
        return artifact.id

    # --- webhooks ---

    def event(
        self, name: str, target: int | str, action: str | None = None, sender: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """The payload of the event: on a pull request, a review, a comment, a run, a pull request in the merge queue;
        by its name on a branch pushed, or dispatched. Fields given are put over it."""
        with self.world.lock:
            return {**events.payload(self.world, self.repo, name, target, action, sender), **fields}

    def event_file(
        self, path: Path, name: str, target: int | str, action: str | None = None, sender: str | None = None, **fields: Any
    ) -> Path:
        """The file that the payload was written to, as a workflow finds it under GITHUB_EVENT_PATH."""
        path.write_text(json.dumps(self.event(name, target, action, sender, **fields)), encoding="utf-8")
        return path
