"""A stage for whole stories: a workspace whose models are scripts, in a repository on the GitHub test server, and the
commands that workflows call, given in this process.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from commands import Ended
from drawn_workspace import GOOD, draw, teach
from github_server import DrawnRepository, GithubServer
from node_tools import Exempt, prism

from evalgate.cli.main import _run
from evalgate.records.evidence import MANIFEST, object_place

REVIEW = {"approvals": 2}
TOKEN = "ghs_of-the-tests"  # noqa: S105  (opens nothing)
BOT = "github-actions[bot]"
NO_MERGE_COMMIT = [
    Exempt(
        operation,
        r".*required property 'merge_commit_sha'",
        "the API version that we pin, 2026-03-10, has it no more; the description is of the version before",
    )
    for operation in (
        "GET /repos/{owner}/{repo}/pulls/{pull_number}",
        "GET /repos/{owner}/{repo}/pulls",
        "POST /repos/{owner}/{repo}/pulls",
        "PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
        "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
        "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls",
    )
]
TOPIC, NEW = "more-rows", "datasets/f/ft-v1.1.0.jsonl"


class Stage(NamedTuple):
    """One repository, one pull request, and the runner that commands are given on."""

    server: GithubServer
    repository: DrawnRepository
    number: int
    folder: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    @property
    def head(self) -> str:
        """The pull request's head."""
        return str(self.event("pull_request", self.number)["pull_request"]["head"]["sha"])

    def event(self, name: str, target: int, **more: Any) -> dict[str, Any]:
        return self.repository.event(name, target, **more)

    def give(self, *arguments: object, run: int = 1) -> tuple[Ended, dict[str, str]]:
        """A command, as a step of a workflow run; how it ended, and the step's outputs."""
        outputs = self.folder / "outputs"
        outputs.write_text("")
        for name, value in {
            "GITHUB_API_URL": self.server.public_url, "GITHUB_REPOSITORY": "octo/evalgate", "GITHUB_TOKEN": TOKEN,
            "GITHUB_RUN_ID": str(run), "GITHUB_RUN_ATTEMPT": "1", "GITHUB_OUTPUT": str(outputs), "EVALGATE_PACE": "0",
            "EVALGATE_CACHE": str(self.folder / "cache"), "GITHUB_SERVER_URL": "https://github.com",
        }.items():  # fmt: skip
            self.patch.setenv(name, value)
        self.capture.readouterr()
        code = _run([str(argument) for argument in arguments])
        return Ended(code, *self.capture.readouterr()), outputs_in(outputs.read_text())

    def control(self, name: str = "pull_request", target: int | None = None, *, run: int = 1, action: str | None = None) -> Any:
        """The controller on an event; the work that it hands over."""
        file = self.folder / "event.json"
        file.write_text(json.dumps(self.event(name, target or self.number, action=action)))
        if run not in self.repository.repo.runs:
            self.repository.add_run(run, self.head, event="workflow_run", status="in_progress", conclusion=None)
        ended, outputs = self.give("pr", "control", "--event", file, "--event-name", name, run=run)
        assert ended.code == 0, ended.err
        return json.loads(outputs["works"])

    def approve(self, *logins: str) -> None:
        for login in logins:
            self.repository.review(self.number, login)

    def train(self, work: str, *, run: int = 1) -> tuple[Ended, dict[str, str]]:
        """What the second half does, step by step, up to the verdict."""
        into = self.folder / f"work-{run}-{len(list(self.folder.glob('work-*')))}"
        pull = ("--pull", self.number, "--work", work)
        taken, told = self.give("pr", "take", *pull, "--into", into, run=run)
        if taken.code:
            return taken, told
        given = ("--policy", told["policy"], "--feature", told["feature"], "--dataset", told["dataset"])
        given += ("--registry", told["registry"]) if told["registry"] else ()
        trained, _ = self.give("train", *given, "--format", "json", run=run)
        assert trained.code == 0, trained.err
        (training,) = (into / "runs").glob("*/training.json")
        stepped, _ = self.give("pr", "step", *pull, "--step", "evaluating", "--training", training, run=run)
        if stepped.code:
            return stepped, {}
        judged, _ = self.give("run", *given, "--attempt", told["attempt"], "--format", "json", run=run)
        (self.folder / "result.json").write_text(judged.out)
        return self.give("pr", "finish", *pull, "--result", self.folder / "result.json", run=run)

    def evidence(self, name: str, *, branch: str = "evalgate-evidence") -> bytes:
        """A file of the evidence that the last end in the journal names."""
        lines = (self.repository.file(branch, f"pulls/{self.number}.jsonl") or b"").splitlines()
        digest = next(found for line in reversed(lines) if (found := json.loads(line).get("evidence")))
        manifest = self.repository.file(branch, object_place(MANIFEST, digest)) or b""
        return self.repository.file(branch, object_place(name, json.loads(manifest)["files"][name])) or b""

    @property
    def comment(self) -> str:
        """The body of the one comment of ours."""
        (only,) = [one for one in self.repository.comments(self.number) if one.login == BOT]
        return str(only.body)

    @property
    def check(self) -> Any:
        """The check run that GitHub shows on the head: the last one of the name."""
        return [one for one in self.repository.check_runs(self.head) if one.name == "EvalGate"][-1]


@contextmanager
def staged(
    folder: Path,
    patch: pytest.MonkeyPatch,
    capture: pytest.CaptureFixture[str],
    *,
    drawing: str = GOOD,
    review: Mapping[str, Any] = REVIEW,
    fork: str | None = None,
    contract: bool = False,
    **policy: Any,
) -> Iterator[Stage]:
    """A repository whose target branch holds a drawn workspace without its dataset, and a pull request that brings it."""
    source = draw(folder / "source", drawing, review=dict(review), **policy)
    with GithubServer(folder / "server") as server:
        repository = server.repository("octo/evalgate")
        shutil.rmtree(source / "datasets")
        (source / "datasets/f").mkdir(parents=True)
        (source / "datasets/f/README.md").write_text("rows come by pull request\n")
        repository.import_tree(source)
        for login in ("ben", "cat"):
            repository.person(login, "write")
        repository.person("mallory")
        repository.person("ann", "write")
        taught = teach(folder / "taught", drawing, version="v1.1.0").read_bytes()
        (repository.fork(fork) if fork else repository).commit(TOPIC, {NEW: taught}, "more rows", base="main")
        number = repository.open_pull(TOPIC, author="ann", title="More rows", fork=fork)
        server.token(TOKEN, BOT, app="github-actions")
        repository.repo.workflow_permissions["can_approve_pull_request_reviews"] = True
        judged = prism(server.url, exempt=NO_MERGE_COMMIT) if contract else nullcontext()
        with judged as judge:  # what GitHub's description forbids fails the test
            if judge is not None:
                server.public_url = judge.url
            yield Stage(server, repository, number, folder, patch, capture)


def outputs_in(text: str) -> dict[str, str]:
    """What GitHub's runner reads from the file of a step's outputs."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        found[name] = "\n".join(iter(lambda end=end: next(lines), end))  # type: ignore[misc]
    return found
