"""A throw-away copy of this repository on which its own workflows run under act: no Docker, no network, nobody's home.

What GitHub gives and act does not is replaced by stand-ins: actions/setup-python does nothing (the interpreter of the
tests is used), actions/upload-artifact and actions/attest copy what they are given into a folder. The copy's workflows get
additions, to see what a run made: a last step in every job that keeps the comment, and a last job that keeps every job's
result and outputs. Where a run talks to a GitHub (the test server), each job gets a token of its own, which may do what the
job's permissions say and no more.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[2]
PARTS = (
    ".github", ".gitignore", "action.yml", "constraints.txt", "datasets", "evalgate", "evalgate.yaml", "golden", "models.yaml",
    "prompts", "pyproject.toml",
)  # fmt: skip
"""What of the repository a run may look at."""
CHECK = Path(".github/workflows/evalgate-check.yml")
TRUSTED = Path(".github/workflows/evalgate.yml")
ON_DEMAND = Path(".github/workflows/evalgate-run.yml")
SHIPPED = (CHECK, TRUSTED, ON_DEMAND)
ACT = shutil.which("act", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
"""The act of the environment that runs the tests; None where there is none."""
KEEP_COMMENT = 'if [ -n "$COMMENT" ]; then cp "$COMMENT" "$KEPT/comment.md"; fi'
KEEP_JOBS = """printf '%s' "$NEEDS" > "$KEPT/jobs.json\""""
UPLOAD = """\
if [ -d "$WHERE" ]; then
  mkdir -p "$KEPT/artifacts/$NAME"
  cp -R "$WHERE/." "$KEPT/artifacts/$NAME"
elif [ -e "$WHERE" ]; then
  mkdir -p "$KEPT/artifacts/$NAME"
  cp "$WHERE" "$KEPT/artifacts/$NAME"
elif [ "$WITHOUT" != ignore ]; then
  exit 1
fi
"""
SIGN = """\
mkdir -p "$KEPT/signed"
cp "$SUBJECTS" "$PREDICATE" "$KEPT/signed"
"""
STAND_INS = {"actions/setup-python": "true", "actions/upload-artifact": UPLOAD, "actions/attest": SIGN}


class Ran(NamedTuple):
    """What became of one run of a workflow."""

    code: int
    """act's exit code: 0 when no job failed."""
    log: tuple[dict[str, Any], ...]
    """act's log, an object a line."""
    kept: Path
    """Where the run's files were kept: jobs.json, comment.md, artifacts/."""

    @property
    def jobs(self) -> dict[str, str]:
        """Job -> success, failure or skipped; empty where act gave up, as it does on a matrix made of a skipped job's outputs."""
        return {name: job["result"] for name, job in self._jobs().items()}

    def job_outputs(self, job: str) -> dict[str, str]:
        """A job's outputs, as a later job sees them."""
        outputs: dict[str, str] = self._jobs()[job]["outputs"]
        return outputs

    def outputs(self, *step: str) -> dict[str, str]:
        """A step's outputs; a step inside an action has the path of both ids."""
        return {entry["name"]: entry["arg"] for entry in self._of(step) if entry.get("command") == "set-output"}

    def result(self, *step: str) -> str | None:
        """How a step ended, success, failure or skipped; None when it was not reached."""
        return next((entry["stepResult"] for entry in self._of(step) if "stepResult" in entry), None)

    def summary(self, step: str = "evalgate") -> str:
        """What a step added to the job summary."""
        return "".join(entry["content"] for entry in self._of((step,)) if entry.get("command") == "summary")

    @property
    def comment(self) -> str:
        """The body for the pull-request comment."""
        return (self.kept / "comment.md").read_text()

    @property
    def said(self) -> str:
        """What the steps printed and the runner took for text."""
        return "".join(entry["msg"] for entry in self.log if entry.get("raw_output"))

    @property
    def commands(self) -> set[str]:
        """The kinds of commands that the runner took from the steps, e.g. set-output."""
        return {entry["command"] for entry in self.log if "command" in entry}

    def _of(self, step: Sequence[str]) -> list[dict[str, Any]]:
        return [entry for entry in self.log if entry.get("stepID") == list(step) and entry.get("stage") == "Main"]

    def _jobs(self) -> dict[str, dict[str, Any]]:
        kept = self.kept / "jobs.json"
        jobs: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
        return jobs


class GitHub(NamedTuple):
    """What a run is told of the GitHub that it talks to."""

    url: str
    run: int
    """Number of this workflow run."""
    actor: str
    """Login of who caused it."""
    token: str
    """The job's own token, as `github.token` gives it."""
    tokens: Mapping[str, str] = MappingProxyType({})
    """Job -> the token that it is given as an input instead."""


class Copy(NamedTuple):
    """A copy of the repository with a history of its own."""

    root: Path
    scratch: Path
    """Where runs put their files, one folder each; outside the copy."""

    def write(self, path: str, text: str) -> None:
        """Write a file of the copy."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self, message: str = "change") -> str:
        """Commit everything; the commit's name."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        """What git says, with nobody's settings."""
        who = {f"GIT_{role}_{what}": "octo@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        env = {"PATH": os.environ["PATH"], "HOME": str(self.scratch), "GIT_CONFIG_NOSYSTEM": "1", **who}
        done = subprocess.run(["git", *arguments], cwd=self.root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def act(
        self,
        event: str,
        payload: Mapping[str, Any],
        *,
        workflow: Path,
        python: str = sys.executable,
        cache: Path | None = None,
        github: GitHub | None = None,
        elsewhere: Mapping[str, Path] = MappingProxyType({}),
        variables: Mapping[str, str] = MappingProxyType({}),
        timeout: float = 120,
    ) -> Ran:
        """Run a workflow of the copy, as it lies there now, on an event.

        `cache`: EvalGate's; default: an empty one. `elsewhere`: folders that stand for other repositories, by OWNER/NAME@COMMIT.
        `variables`: more of the repository's.
        """
        assert ACT is not None
        folder = self.scratch / f"run-{len(list(self.scratch.glob('run-*')))}"
        kept, home = folder / "kept", folder / "home"
        for made in (kept, home):
            made.mkdir(parents=True)
        (folder / "event.json").write_text(json.dumps(payload))
        command = [
            ACT, event, "--json", "--workflows", str(workflow), "--eventpath", str(folder / "event.json"), "--rm",
            "--platform", "ubuntu-latest=-self-hosted", "--action-offline-mode", "--no-cache-server",
            "--action-cache-path", str(folder / "act"), "--var", f"EVALGATE_PYTHON={python}",
            "--env", f"KEPT={kept}", "--env", f"EVALGATE_CACHE={cache or folder / 'cache'}",
            *_stand_ins((self.root, *elsewhere.values()), workflow, folder), *(_of_github(github) if github else ()),
            *(word for name, place in elsewhere.items() for word in ("--local-repository", f"{name}={place}")),
            *(word for name, value in variables.items() for word in ("--var", f"{name}={value}")),
        ]  # fmt: skip
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(home)}
        code, printed = _run(command, self.root, surroundings, timeout)
        sys.stdout.write(printed.decode(errors="replace"))  # pytest shows it where a test fails
        log = tuple(json.loads(line) for line in printed.splitlines() if line.startswith(b"{"))
        return Ran(code, log, kept)


def copy_of_the_repository(scratch: Path) -> Copy:
    """A copy as octo/evalgate, committed, its workflows made to keep what a run makes."""
    copy = Copy(scratch / "evalgate", scratch)
    copy.root.mkdir(parents=True)
    for part in PARTS:
        source, target = REPOSITORY / part, copy.root / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    for workflow in SHIPPED:
        keep_what_is_made(copy.root / workflow)
    copy.git("init", "--quiet", "--initial-branch=main")
    copy.git("remote", "add", "origin", "https://github.com/octo/evalgate.git")
    copy.commit("copy")
    return copy


def keep_what_is_made(workflow: Path) -> None:
    """Add the keeping step to every job and the keeping job to the workflow."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 1_000
    document = yaml.load(workflow)
    jobs = document["jobs"]
    for job in jobs.values():
        comment = {"COMMENT": "${{ steps.evalgate.outputs.comment }}"}
        job["steps"].append({"name": "Keep", "if": "always()", "shell": "bash", "env": comment, "run": KEEP_COMMENT})
    tell = {"name": "Keep", "shell": "bash", "env": {"NEEDS": "${{ toJSON(needs) }}"}, "run": KEEP_JOBS}
    jobs["kept"] = {"needs": list(jobs), "if": "always()", "runs-on": "ubuntu-latest", "steps": [tell]}
    yaml.dump(document, workflow)


def uses_of_the_action(uses: Mapping[str, Mapping[str, str]]) -> str:
    """A workflow, run by hand, that uses the action once a step id, with inputs; a failing step does not end it."""
    steps: list[dict[str, Any]] = [{"uses": "actions/checkout@main"}]
    for step, inputs in uses.items():
        with_ = {"python": "${{ vars.EVALGATE_PYTHON }}", **inputs}
        steps.append({"id": step, "uses": "./", "continue-on-error": True, "with": with_})
    job = {"runs-on": "ubuntu-latest", "steps": steps}
    return json.dumps({"on": {"workflow_dispatch": None}, "jobs": {"job": job}})  # JSON is YAML


def jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def _run(command: Sequence[str], folder: Path, surroundings: Mapping[str, str], timeout: float) -> tuple[int, bytes]:
    """Exit code and output; when time is up act is asked to end, so that it ends its steps."""
    with subprocess.Popen(command, cwd=folder, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            printed, _ = running.communicate(timeout=timeout)
        except BaseException:
            running.terminate()
            raise
    return running.returncode, printed


def give_own_tokens(workflow: Path) -> dict[str, dict[str, str]]:
    """Hand every job's action a token of the job's own; job -> permissions that the workflow declares for it."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 1_000
    document = yaml.load(workflow)
    declared = {}
    for name, job in document["jobs"].items():
        for step in job["steps"]:
            if "/.github/actions/" in step.get("uses", ""):
                step["with"]["github-token"] = f"${{{{ secrets.{_secret(name)} }}}}"
                declared[str(name)] = {area.replace("-", "_"): str(level) for area, level in job["permissions"].items()}
    yaml.dump(document, workflow)
    return declared


def _secret(job: str) -> str:
    """Name of the secret that holds a job's token."""
    return f"{job.upper().replace('-', '_')}_OF_THE_JOB"


def _of_github(github: GitHub) -> list[str]:
    """act's options that point the steps at a GitHub; the secrets' names are in upper case, as GitHub keeps them."""
    env = {"GITHUB_API_URL": github.url, "GITHUB_RUN_ID": str(github.run), "EVALGATE_PACE": "0"}
    secrets = {"GITHUB_TOKEN": github.token, **{_secret(job): token for job, token in github.tokens.items()}}
    options = ["--actor", github.actor]
    for name, value in env.items():
        options += ["--env", f"{name}={value}"]
    for name, value in secrets.items():
        options += ["--secret", f"{name}={value}"]
    return options


def _stand_ins(roots: Sequence[Path], workflow: Path, folder: Path) -> list[str]:
    """act's options that replace every action from elsewhere, at the very commits that workflow and actions name."""
    options = []
    actions = [path for root in roots for path in root.glob(".github/actions/*/action.yml")]
    text = "".join(path.read_text() for path in (roots[0] / workflow, *actions))
    for action, reference in sorted(set(re.findall(r"uses: (actions/[\w-]+)@(\w+)", text))):
        if action != "actions/checkout":  # act does it: the copy itself is put into place
            (folder / action).mkdir(parents=True)
            (folder / action / "action.yml").write_text(_composite(STAND_INS[action]))
            options += ["--local-repository", f"{action}@{reference}={folder / action}"]
    return options


def _composite(script: str) -> str:
    told = {
        "NAME": "${{ inputs.name }}",
        "WHERE": "${{ inputs.path }}",
        "WITHOUT": "${{ inputs.if-no-files-found }}",
        "SUBJECTS": "${{ inputs.subject-checksums }}",
        "PREDICATE": "${{ inputs.predicate-path }}",
    }
    unused = ("python-version", "retention-days", "predicate-type")
    inputs = (*unused, *re.findall(r"inputs\.([\w-]+)", "".join(told.values())))
    action = {
        "name": "stand-in",
        "description": "stand-in",
        "inputs": {name: {"description": name, "default": ""} for name in inputs},
        "runs": {"using": "composite", "steps": [{"shell": "bash", "env": told, "run": script}]},
    }
    return json.dumps(action)  # JSON is YAML
