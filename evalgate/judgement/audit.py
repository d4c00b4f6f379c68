"""The audit of one registered variant: what trained it, how, who approved, what it scored, and whether all of that still holds.

Pure: everything that it says was read before. People get Markdown, programs the same as one JSON object.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import orjson

from evalgate.errors import RegistryError
from evalgate.judgement.markdown import code_span, plain
from evalgate.judgement.wording import counted, safety_words
from evalgate.records.comparison import Comparison
from evalgate.records.evidence import Evidence
from evalgate.records.link import Link
from evalgate.records.registry import Registry, RegistryEntry
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import ScopeDecision, Verdict

LEAST_DIGITS = 8
"""Hex digits of an adapter's digest that name it."""
MOST_NAMED = 30
"""Variants that an error lists."""
_DIGEST = re.compile(rf"[0-9a-f]{{{LEAST_DIGITS},64}}")

SealState = Literal["verified", "broken", "present", "absent", "not asked"]


class Named(NamedTuple):
    """One variant of the registry."""

    feature: str
    name: str
    entry: RegistryEntry
    default: bool
    """True where the feature serves it by default."""


class Seal(NamedTuple):
    """What is known of a signature."""

    state: SealState
    words: str
    """For people: why, or what to do."""


class Entered(NamedTuple):
    """The commit that brought an entry into the registry."""

    commit: str
    at: str
    """ISO 8601, the committer's clock."""
    by: str
    subject: str


class Opened(NamedTuple):
    """What the evidence says; every file has the digest that the manifest names."""

    manifest: Evidence
    training: TrainingRun
    comparison: Comparison
    verdict: Verdict


class Audit(NamedTuple):
    """Everything that is known of a variant."""

    of: Named
    today: str
    """ISO date."""
    opened: Opened | None
    """None where there is no evidence, or where it could not be opened."""
    links: tuple[Link, ...]
    """Every link that does not hold."""
    unreached: str | None
    """Why the evidence could not be reached; None where it was."""
    entered: Entered | str
    """How the entry came into the registry, or why nobody says."""
    signature: Seal
    statement: Seal

    @property
    def is_plain(self) -> bool:
        """True for a base model as its maker gave it: nothing was trained, so there is nothing to prove."""
        return self.of.entry.adapter is None and self.of.entry.evidence is None


def find(known: Registry, model_id: str) -> Named:
    """The variant that an id names: FEATURE/VARIANT, a variant's name, an adapter's digest or its first digits, a training
    job, or the uri of a model or an adapter.

    Raises:
        RegistryError: it names none, or several; the message lists them.
    """
    there = [
        Named(feature, name, entry, one.default == name)
        for feature, one in known.features.items()
        for name, entry in one.variants.items()
    ]
    exact = [one for one in there if f"{one.feature}/{one.name}" == model_id]
    found = exact or [one for one in there if _is_named(one, model_id)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RegistryError(f"{model_id!r} names {len(found)} variants: say which: {_listed(found)}")
    raise RegistryError(f"nothing in the registry is named {model_id!r}; it has {_listed(there) or 'no variant'}")


def _is_named(one: Named, model_id: str) -> bool:
    entry, digits = one.entry, model_id.lower()
    if entry.adapter is not None and _DIGEST.fullmatch(digits) and entry.adapter.sha256.startswith(digits):
        return True
    uris = {entry.adapter.uri if entry.adapter else None, entry.model if entry.model != "adapter" else None}
    return model_id in {one.name, entry.training_job, *uris}


def _listed(found: list[Named]) -> str:
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(f"{one.feature}/{one.name}" for one in found[:MOST_NAMED]) + more


def audit_text(found: Audit) -> str:
    """The audit for people; Markdown, every foreign name in a code span."""
    lines = [f"# {code_span(f'{found.of.feature}/{found.of.name}')}", "", _headline(found), ""]
    lines += [f"- {code_span(link.name)}: {code_span(link.words, 400)}" for link in found.links]
    lines += [""] if found.links else []
    for title, rows in _sections(found):
        lines += [f"## {title}", "", "| | |", "|---|---|", *(f"| {name} | {told} |" for name, told in rows.items() if told), ""]
        if title == "What it scored" and found.opened is not None:
            lines += [*_scores(found.opened.verdict), ""]
    return "\n".join(lines)


def audit_document(found: Audit) -> dict[str, Any]:
    """The same for programs: the records as they were read, and `holds`, which is null where that is not known."""
    opened = found.opened
    return {
        "feature": found.of.feature,
        "variant": found.of.name,
        "holds": None if found.unreached else not found.links,
        "broken": [link._asdict() for link in found.links],
        "unreached": found.unreached,
        "entry": found.of.entry.model_dump(mode="json", exclude_none=True),
        "serves": {"default": found.of.default, "words": _serves(found.of)},
        "days_left": found.of.entry.days_left(found.today),
        "entered": found.entered._asdict() if isinstance(found.entered, Entered) else {"unknown": found.entered},
        "signature": found.signature._asdict(),
        "statement": found.statement._asdict(),
        "training": None if opened is None else _training(opened.training),
        "approved_by": list(_approved_by(found)),
        "binding": _bound(opened),
        "verdict": None if opened is None else _verdict(opened),
    }


def _headline(found: Audit) -> str:
    if found.unreached:
        return f"**Not known:** the evidence could not be reached: {code_span(found.unreached, 400)}"
    if found.links:
        return f"**Broken:** {counted(len(found.links), 'link')} between this entry and its evidence:"
    if found.is_plain:
        return "**Holds:** the plain base model: nothing was trained and nothing was judged."
    verdict = found.opened.verdict if found.opened else None
    said = "" if verdict is None else f" {verdict.verdict}: {code_span(plain(verdict.summary), 500)}"
    return f"**Holds:** every file of the evidence is the one that was kept, and the entry is what follows from it.{said}"


def _sections(found: Audit) -> Iterator[tuple[str, dict[str, str | None]]]:
    entry, opened = found.of.entry, found.opened
    if not found.is_plain:
        yield "What trained it", _data(entry, opened)
    yield "How", _how(entry, opened)
    if not found.is_plain:
        by = ", ".join(code_span(login) for login in _approved_by(found))
        yield "Who approved", {"the data": by or "nobody that the evidence names"}
        yield "What it scored", _scored(entry, opened)
        yield "Judged under", _judged_under(entry)
        yield "Evidence", _evidence(found)
    yield "In the registry", _registered(found)


def _data(entry: RegistryEntry, opened: Opened | None) -> dict[str, str | None]:
    change = opened.training.change if opened else None
    bound = opened.manifest.binding if opened else None
    uri = change.path if change else entry.dataset.uri if entry.dataset else None
    version = change.version if change else entry.dataset_version
    sha256 = change.sha256 if change else entry.dataset.sha256 if entry.dataset else None
    return {
        "dataset": _code(uri),
        "version": _code(version),
        "sha256": _code(sha256),
        "rows": f"{change.rows}, {opened.training.rows_trained} trained on" if change and opened else None,
        "pull request": f"{code_span(bound.repository)} #{bound.pull}" if bound else opened and "none: a run outside of one",
        "commit": _code(bound.head) if bound else None,
    }


def _how(entry: RegistryEntry, opened: Opened | None) -> dict[str, str | None]:
    ran = _training(opened.training) if opened else {}
    return {
        "base model": code_span(entry.base_model.uri),
        "base model's sha256": code_span(entry.base_model.sha256),
        "adapter's sha256": _code(entry.adapter.sha256 if entry.adapter else None),
        "training job": _code(entry.training_job),
        "method": _code(ran.get("method")),
        "steps": _code(ran.get("steps")),
        "seed": _code(ran.get("seed")),
        "hyperparameters' sha256": _code(ran.get("hyperparameters_sha256")),
    }


def _scored(entry: RegistryEntry, opened: Opened | None) -> dict[str, str | None]:
    against = {"compared with": _code(entry.judged_against)}
    if opened is None:
        return {**against, "verdict": "not known: the evidence could not be opened"}
    verdict, alpha = opened.verdict, f"{opened.verdict.alpha:.4g}"
    return {
        **against,
        "verdict": verdict.verdict,
        "attempt": f"{verdict.attempt} against this base, at an error rate of {alpha}",
        "safety": safety_words(opened.comparison),
    }


def _scores(verdict: Verdict) -> list[str]:
    """The table of scopes: shares in percent, the lift in points with its interval."""
    rows = [_score(scope) for scope in verdict.scopes]
    return ["| scope | n | base | candidate | lift | interval | state |", "|---|---:|---:|---:|---:|---|---|", *rows]


def _score(scope: ScopeDecision) -> str:
    base, candidate = ("-" if share is None else f"{share:.1%}" for share in (scope.base, scope.candidate))
    lift = "-" if scope.lift is None else f"{scope.lift * 100:+.1f}"
    interval = f"{scope.low * 100:+.1f} to {scope.high * 100:+.1f}"
    return f"| {code_span(scope.scope)} | {scope.n} | {base} | {candidate} | {lift} | {interval} | {scope.state} |"


def _judged_under(entry: RegistryEntry) -> dict[str, str | None]:
    return {
        "gate settings": _code(entry.policy_sha256),
        "golden set": _code(entry.golden_sha256),
        "safety suites": _code(entry.safety_sha256),
        "prompt": code_span(entry.prompt_sha256),
    }


def _evidence(found: Audit) -> dict[str, str | None]:
    entry = found.of.entry
    return {
        "lies at": _code(entry.evidence.uri if entry.evidence else None) or "nowhere: the entry names none",
        "manifest's sha256": _code(entry.evidence.sha256 if entry.evidence else None),
        "report": _code(entry.report.uri if entry.report else None),
        "links": "not known" if found.unreached else counted(len(found.links), "broken link") if found.links else "all hold",
        "adapter's signature": f"{found.signature.state}: {code_span(found.signature.words, 400)}",
        "signed statement": f"{found.statement.state}: {code_span(found.statement.words, 400)}",
    }


def _registered(found: Audit) -> dict[str, str | None]:
    entry, left = found.of.entry, found.of.entry.days_left(found.today)
    came = found.entered
    if isinstance(came, Entered):
        told = f"{code_span(came.commit)} at {code_span(came.at)} by {code_span(came.by)}: {code_span(came.subject)}"
    else:
        told = code_span(came, 400)
    near = None if left is None else f"in {counted(left, 'day')}" if left >= 0 else "which has passed"
    return {
        "made": _code(entry.registered_at),
        "entered by": told,
        "serves now": _serves(found.of),
        "owner": _code(entry.owner),
        "provider ends it": f"{entry.sunset}, {near}" if near else "no end is known",
    }


def _serves(of: Named) -> str:
    flag = of.entry.flag
    on = f"its flag {code_span(flag.name)} is on for {flag.share:.0%} of keys" if flag and flag.on and flag.share > 0 else None
    if of.default:
        return "everybody by default" + (f", {on}" if on else "")
    return on or (f"nobody: its flag {code_span(flag.name)} is off" if flag else "nobody: it is not the default")


def _training(ran: TrainingRun) -> dict[str, Any]:
    settings = ran.hyperparameters.get("settings")
    return {
        "provider": ran.provider,
        "method": settings.get("method") if isinstance(settings, Mapping) else None,
        "steps": ran.steps,
        "seed": ran.seed,
        "hyperparameters_sha256": hashlib.sha256(orjson.dumps(ran.hyperparameters, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        "dataset": ran.change.model_dump(mode="json"),
        "rows_trained": ran.rows_trained,
    }


def _verdict(opened: Opened) -> dict[str, Any]:
    keys = {"verdict", "summary", "attempt", "alpha", "confidence", "scopes", "safety_bound"}
    return {**opened.verdict.model_dump(mode="json", include=keys), "safety": safety_words(opened.comparison)}


def _bound(opened: Opened | None) -> dict[str, Any] | None:
    bound = opened.manifest.binding if opened else None
    return None if bound is None else bound.model_dump(mode="json", exclude_none=True)


def _approved_by(found: Audit) -> tuple[str, ...]:
    return found.opened.manifest.approved_by if found.opened else found.of.entry.approved_by


def _code(text: object) -> str | None:
    return None if text is None else code_span(text)
