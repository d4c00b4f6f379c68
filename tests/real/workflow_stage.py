"""A stage for whole stories under act: the shipped workflows of a copy of this repository, on a repository of the GitHub test
server. The pull requests, people and files are on the server; what runs is the copy's default branch.
"""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from github_server import GithubServer
from pull_stage import BOT, TOPIC, Stage, staged
from small_job import NEXT, make_the_job_small
from workflow_runs import CHECK, REPOSITORY, TRUSTED, Copy, GitHub, Ran, copy_of_the_repository, give_own_tokens, jsonl

NO_WORK = {"decide": "success", **dict.fromkeys(("train-and-evaluate", "settle", "register", "merge"), "skipped")}
DONE = {**dict.fromkeys(NO_WORK, "success"), "merge": "skipped"}
MERGED = {**NO_WORK, "merge": "success"}
SPY = """#!/bin/sh
if [ -n "$GITHUB_TOKEN$GH_TOKEN$GITHUB_ENV$GITHUB_PATH$GITHUB_OUTPUT" ]; then has=token; else has=; fi
echo "$has${{PROVIDER_KEY:++key}} $*" >> '{log}'
exec '{python}' "$@"
"""
READS = {"metadata": "read"}
BRANCHES = "evalgate/registry/"


class Spy(NamedTuple):
    """An interpreter in place of the real one, which it calls."""

    program: Path
    log: Path

    def heard(self) -> dict[str, str]:
        """Command -> what it could have used: the token (or a file that sets variables of later steps), the provider's key."""
        heard = {}
        for line in self.log.read_text().splitlines():
            has, *words = line.split(" ")
            command = words[words.index("evalgate") + 1 :]
            if command != ["--version"]:
                heard[" ".join(command[: 2 if command[0] == "pr" else 1])] = has
        return heard


class Actions(NamedTuple):
    """GitHub Actions: what happens on the server's repository starts a workflow of the copy."""

    stage: Stage
    copy: Copy
    tokens: dict[str, str]
    """Job -> its token."""

    def happens(self, name: str, target: int, action: str | None = None, *, actor: str = "ann", **more: Any) -> Ran:
        """The run of the trusted workflow that an event starts."""
        repository = self.stage.repository
        payload = repository.event(name, target, action=action, sender=actor)
        number = max(repository.repo.runs, default=0) + 1
        repository.add_run(number, self.stage.head, event=name, status="in_progress", conclusion=None)
        github = GitHub(self.stage.server.public_url, number, actor, "ghs_own", self.tokens)
        ran = self.copy.act(name, payload, workflow=TRUSTED, github=github, **more)
        repository.repo.runs[number].status = "completed"
        repository.repo.runs[number].conclusion = "success" if ran.code == 0 else "failure"
        return ran

    def checked(self, event: str = "pull_request", *, head: str | None = None, branch: str | None = None, **more: Any) -> Ran:
        """The run that the end of the untrusted half starts."""
        repository = self.stage.repository
        number, pull = max(repository.repo.runs, default=0) + 1, repository.pull(self.stage.number).pull
        assert pull is not None
        repository.add_run(
            number, head or pull.head_sha, event=event, head_branch=branch or pull.head_ref,
            head_repository=pull.head_repository, path=str(CHECK), name="EvalGate check",
        )  # fmt: skip
        return self.happens("workflow_run", number, **more)

    def says(self, text: str, *, login: str = "ben", edited: bool = False, **more: Any) -> tuple[Ran, list[tuple[str, str]]]:
        """The run that a new comment starts, and the reactions to it."""
        comment = self.stage.repository.comment(self.stage.number, login, text, edited=edited)
        ran = self.happens("issue_comment", comment, "edited" if edited else "created", actor=login, **more)
        return ran, self.stage.repository.reactions(comment)

    def about(self, number: int) -> "Actions":
        """The same, for another pull request."""
        return self._replace(stage=self.stage._replace(number=number))

    def proposed(self) -> "list[Actions]":
        """The pull requests on the registry that the job `register` opened."""
        issues = self.stage.repository.repo.issues.values()
        return [self.about(one.number) for one in issues if one.pull and one.pull.head_ref.startswith(BRANCHES)]

    def rewrite(self, path: Path, old: str, new: str) -> None:
        """Change something in the copy."""
        text = (self.copy.root / path).read_text()
        assert old in text
        self.copy.write(str(path), text.replace(old, new))

    def spying(self) -> Spy:
        """An interpreter that notes what it is called for."""
        spy = Spy(self.stage.folder / "spy", self.stage.folder / "heard")
        spy.program.write_text(SPY.format(log=spy.log, python=sys.executable))
        spy.program.chmod(0o755)
        return spy

    @property
    def written(self) -> int:
        """How often anything was changed on the server."""
        return self.stage.server.effects()


class Opening:
    """Sets up a repository with a pull request, once a test."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], ends: ExitStack) -> None:
        self.folder, self.patch, self.capture, self.ends = folder, patch, capture, ends

    def __call__(self, **drawn: Any) -> Actions:
        return self._run_on(self.ends.enter_context(staged(self.folder / "stage", self.patch, self.capture, **drawn)))

    def real(self, rows: list[dict[str, Any]], **policy: Any) -> Actions:
        """This repository's own feature on its real model, made small, and a pull request with these rows.

        `policy`: what is added to evalgate.yaml.
        """
        source = self.folder / "source"
        for part in ("golden", "prompts"):
            shutil.copytree(REPOSITORY / part, source / part)
        for part in ("evalgate.yaml", "models.yaml"):
            shutil.copyfile(REPOSITORY / part, source / part)
        make_the_job_small(source, **policy)
        server = self.ends.enter_context(GithubServer(self.folder / "server"))
        repository = server.repository("octo/evalgate")
        repository.import_tree(source)
        for login in ("ann", "ben", "cat"):
            repository.person(login, "write")
        repository.repo.workflow_permissions["can_approve_pull_request_reviews"] = True
        repository.commit(TOPIC, {NEXT: jsonl(rows).encode()}, base="main")
        number = repository.open_pull(TOPIC)
        return self._run_on(Stage(server, repository, number, self.folder / "stage", self.patch, self.capture))

    def _run_on(self, stage: Stage) -> Actions:
        copy = copy_of_the_repository(self.folder / "runner")
        tokens = {}
        for job, permissions in give_own_tokens(copy.root / TRUSTED).items():
            tokens[job] = stage.server.token(f"ghs_{job}", BOT, {**READS, **permissions}, app="github-actions")
        copy.commit("tokens")
        return Actions(stage, copy, tokens)


@contextmanager
def opening(folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> Iterator[Opening]:
    """What sets up repositories in a folder; its servers end with it."""
    (folder / "stage").mkdir()
    with ExitStack() as ends:
        yield Opening(folder, patch, capture, ends)
