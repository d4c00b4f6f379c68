"""What a judgement is bound to, computed from files: by the controller before the work, and once more where it is taken over."""

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import orjson

from evalgate import store, suites
from evalgate.errors import PolicyError, WrongInputError
from evalgate.prompts import prompt_sha256
from evalgate.pull_request.client import Remote
from evalgate.records.binding import Binding
from evalgate.records.check import CheckReport, Finding
from evalgate.records.pull_request import PullRequest
from evalgate.redaction import mask, safe_line
from evalgate.review.kinds import Places, inside
from evalgate.stages.check import check_change
from evalgate.stages.compose import Trees, compose
from evalgate.stages.deciding import deciding_sha256
from evalgate.stages.workspace import Workspace, open_workspace, read_answer_schema, read_prompt, read_suites

PLACED = re.compile(r"([^\s:]{1,200}):(\d{1,9}): ")
REGISTERED = "registry:"
"""How a base begins that models.yaml names."""
SUITE_CODE = "EG702"
"""A policy, prompt or suite that cannot be read."""


def judge_files(remote: Remote, pull: PullRequest, trees: Trees, places: Places, folder: Path) -> tuple[CheckReport, Binding]:
    """The findings of the trusted half, and what a judgement of these files is bound to; the workspace stays in `folder`.

    Raises:
        PolicyError, DatasetError, RegistryError: the files cannot be read as a workspace.
    """
    change = trees.change
    if change.kind == "dataset" and change.dataset is None:
        raise PolicyError("no dataset file is added or changed: there is nothing to train on")
    try:
        policy = compose(remote, trees, places, folder)
        opened = [open_workspace(policy, name) for name in change.features]
        binding = _binding(pull, trees, opened, folder)
    except WrongInputError as error:
        if change.kind != "suite":
            raise
        return _suite_findings(error, places), _unreadable(pull, trees)
    report = CheckReport(rows=sum(len(s.cases) for w in opened for s in read_suites(w)), findings=())
    if change.dataset is not None:
        report, _ = check_change(opened[0], folder / change.dataset)
    return report, binding


def _binding(pull: PullRequest, trees: Trees, opened: Sequence[Workspace], folder: Path) -> Binding:
    """What the work is bound to; of several features, digests over all of them."""
    change, kinds = trees.change, [read_suites(workspace) for workspace in opened]
    golden = [s.sha256 for known in kinds for s in known if s.name == "golden"]
    safety = [suites.suites_sha256({s.name: s.sha256 for s in known if s.name != "golden"}) for known in kinds]
    content = None if change.dataset is None else store.read(folder / change.dataset)
    return Binding(
        repository=pull.repository,
        pull=pull.number,
        feature=", ".join(change.features),
        head=pull.head,
        target_branch=pull.target_branch,
        target=pull.target,
        dataset=change.dataset,
        dataset_sha256=None if content is None else store.key_of_bytes(content),
        golden_sha256=_over(golden),
        safety_sha256=_over(safety),
        policy_sha256=store.key_of(*(_policy_digest(workspace) for workspace in opened)),
        prompt_sha256=_over([prompt_sha256(read_prompt(workspace)) for workspace in opened]) or "",
        base="; ".join(_served(trees, workspace) for workspace in opened),
        judge=_over([digest for workspace in opened if (digest := deciding_sha256(workspace)) is not None]),
        tool=version("evalgate-ft"),
    )


def _policy_digest(workspace: Workspace) -> str:
    """Digest of all that a feature's policy says, and of the answer schema that it names."""
    schema = orjson.dumps(read_answer_schema(workspace), option=orjson.OPT_SORT_KEYS).decode()
    return store.key_of(workspace.feature.model_dump_json(exclude_defaults=True), schema)


def _unreadable(pull: PullRequest, trees: Trees) -> Binding:
    """The binding of a suite change that cannot be read: bound to its commit alone, and never begun."""
    return Binding(
        repository=pull.repository,
        pull=pull.number,
        feature=", ".join(trees.change.features),
        head=pull.head,
        target=pull.target,
        dataset=None,
        dataset_sha256=None,
        golden_sha256=None,
        safety_sha256=None,
        policy_sha256=store.key_of(pull.head),
        prompt_sha256=store.key_of(pull.head),
        base="none",
        tool=version("evalgate-ft"),
    )


def _suite_findings(error: WrongInputError, places: Places) -> CheckReport:
    """Everything that is wrong with a suite change, as findings; `path:line:` in front of a problem says where."""
    found = []
    for problem in error.problems:
        place = PLACED.match(problem)
        path, line = (place[1], int(place[2])) if place else (places.policy, 0)
        message = safe_line(mask(problem[place.end() :] if place else problem), 300)
        found.append(Finding(code=SUITE_CODE, severity="error", path=path, line=line, message=message))
    return CheckReport(rows=0, findings=tuple(found))


def _over(digests: Sequence[str]) -> str | None:
    return None if not digests else digests[0] if len(digests) == 1 else store.key_of(*digests)


def _served(trees: Trees, workspace: Workspace) -> str:
    """What base is: the registry's default with its digest, or the policy's base model, with one where it lies in git.

    A default that is the policy's base model as it is counts as that: entering it changes nothing for candidates.
    """
    known, uri = trees.registry.features.get(workspace.name), workspace.feature.base_model or "none"
    default = None if known is None else known.variants[known.default]
    if known is not None and default is not None and (default.adapter is not None or default.base_model.uri != uri):
        digest = store.key_of(default.model_dump_json(exclude={"flag"}))
        return f"{REGISTERED}{known.default}@{digest[:16]}"
    scheme, _, place = uri.partition(":")
    files = [(path, blob.sha) for path, blob in trees.target.items() if scheme in ("path", "scripted") and inside(path, place)]
    return f"{uri}#{store.key_of(*sorted(files))[:16]}" if files else uri
