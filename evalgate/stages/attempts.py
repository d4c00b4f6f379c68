"""The ledger of a machine: which candidates of a feature were judged against a base, in order, so that retrying is counted.

One line a judgement; see docs/attempts.md. Runs of pull requests are counted by the journal instead; see
`review.work.attempt`.
"""

import hashlib
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import Field, ValidationError

from evalgate import jsonl, results, store
from evalgate.errors import DatasetError, NotMeasured
from evalgate.records.base import Record, Sha256
from evalgate.records.evaluation import CaseResult, EvalResults, Variant
from evalgate.records.suite import Case, Suite

MOST_CASES = 40_000
"""Golden cases that a line names; a line of more would be longer than a line may be, and shares cases with every other."""


CaseName = Annotated[str, Field(pattern=r"^[cn][0-9a-f]{12}$")]


class _Judged(Record):
    """One raw line: `{"base": "<digest>", "candidate": "<digest>", "feature": "f", "cases": ["c0f3a9...", ...]}`"""

    base: str = Field(description="what the candidate was judged against")
    candidate: Sha256 = Field(description="digest of its adapter, else of what it answered")
    feature: str | None = Field(default=None, description="the feature; none: the one that the file is of")
    cases: tuple[CaseName, ...] | None = Field(
        default=None, description="short digests of the golden cases: c of what they ask, n of their names; none: any"
    )


def noted(
    ledger: Path, feature: str, base: EvalResults, candidate: EvalResults, *, suites: Sequence[Suite] = ()
) -> tuple[str, ...]:
    """The candidates that count against `base` so far, this one last; it is noted before anybody sees its verdict.

    The same candidate on the same golden cases again is the same attempt. One without a scored golden case is told its
    number and not noted: nothing was seen. `suites` are the policy's, by whose questions cases are known again.

    Raises:
        DatasetError: the ledger is no ledger.
        PolicyError: something else is in its place.
        NotMeasured: it cannot be written.
    """
    here = _Judged(base=_base(base), candidate=_candidate(candidate), feature=feature, cases=_cases(suites, base, candidate))
    return _noted(ledger, here, seen=any(_is_seen(case) for case in candidate.cases))


def counted_in(
    folder: Path, feature: str, base: EvalResults, candidate: EvalResults, *, suites: Sequence[Suite] = ()
) -> int | None:
    """Which attempt the candidate of a run folder is, by the ledger beside it; None where the folder is no run's.

    Raises:
        DatasetError: the ledger is no ledger.
        NotMeasured: it cannot be written.
    """
    if not (folder / "training.json").exists():
        return None
    return len(noted(ledger_path(folder.absolute().parent, feature), feature, base, candidate, suites=suites))


def judged_until(runs: Path, feature: str, base: EvalResults, candidate: str) -> tuple[str, ...]:
    """The same, without noting anything, until the candidate was judged last; nothing where the ledger does not know it.

    Raises:
        DatasetError: the ledger is no ledger.
    """
    of_base = _of(_read(ledger_path(runs, feature)), _Judged(base=_base(base), candidate=candidate, feature=feature))
    places = [place for place, line in enumerate(of_base) if line.candidate == candidate]
    return _since_all_was_new(of_base[: places[-1] + 1]) if places else ()


def ledger_path(runs: Path, feature: str) -> Path:
    """Where the ledger of a feature lies: beside its run folders."""
    return runs / ".attempts" / f"{feature}.jsonl"


def _noted(ledger: Path, here: _Judged, *, seen: bool) -> tuple[str, ...]:
    with store.only_one(ledger.parent):
        known = _read(ledger)
        of_base = _of(known, here)
        place = next((place for place, line in enumerate(of_base) if _is_again(here, line)), None)
        if place is not None:
            return _since_all_was_new(of_base[: place + 1])
        if seen:
            _refuse_read_only(ledger)
            lines = [line.model_dump_json(exclude_none=True).encode() + b"\n" for line in (*known, here)]
            store.write(ledger, b"".join(lines))
    return _since_all_was_new([*of_base, here])


def _of(known: Sequence[_Judged], here: _Judged) -> list[_Judged]:
    """The lines of the same feature and base."""
    return [line for line in known if line.base == here.base and line.feature in (None, here.feature)]


def _is_again(here: _Judged, line: _Judged) -> bool:
    """True for the same candidate on the same cases, and on cases that one of the two does not name."""
    return line.candidate == here.candidate and (None in (line.cases, here.cases) or line.cases == here.cases)


def _since_all_was_new(lines: Sequence[_Judged]) -> tuple[str, ...]:
    """Candidates from the oldest line on that shares a golden case with the last one, itself or through others between.

    So the count starts again only when every golden case is new. Judging on other cases in between and coming back, or
    taking cases out and putting others in one by one, starts nothing again.
    """
    linked, others = [lines[-1]], list(lines[:-1])
    for one in linked:  # grows as it goes
        linked += [line for line in others if _share(line, one)]
        others = [line for line in others if not _share(line, one)]
    oldest = next(place for place, line in enumerate(lines) if any(line is one for one in linked))
    return tuple(line.candidate for line in lines[oldest:])


def _share(one: _Judged, other: _Judged) -> bool:
    """True where a golden case is in both, and where nobody can tell: cases known by name and cases known by question."""
    if not one.cases or not other.cases or one.cases[0][0] != other.cases[0][0]:
        return True
    return not set(one.cases).isdisjoint(other.cases)


def _read(path: Path) -> list[_Judged]:
    store.refuse_link(path)
    found = []
    for line in jsonl.read(store.read(path) if path.exists() else b""):
        try:
            if line.problem is not None:
                raise ValueError(line.problem.message)
            found.append(_Judged.model_validate_json(orjson.dumps(line.value)))
        except (ValueError, ValidationError) as error:
            told = (
                f"{path}:{line.number}: is no line of the ledger of attempts: put back what was there; it counts what was tried"
            )
            raise DatasetError(told) from error
    return found


def _refuse_read_only(path: Path) -> None:
    """Nothing, or an error: putting a new file in its place would not ask for the old one's permission."""
    if path.exists() and not path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise NotMeasured(f"{path}: is read-only, so this attempt cannot be noted: nothing is judged that is not counted")


def _base(results_of: EvalResults) -> str:
    """What base is: its weights, or what it answered where it does not say."""
    variant = results_of.header.variant
    if isinstance(variant, Variant):
        return store.key_of(variant.model_sha256, variant.adapter_sha256)
    return results.content_sha256(results_of)


def _candidate(results_of: EvalResults) -> str:
    """What the candidate is: its adapter, or what it answered where it does not say."""
    variant = results_of.header.variant
    if isinstance(variant, Variant) and variant.adapter_sha256 is not None:
        return variant.adapter_sha256
    return results.content_sha256(results_of)


def _is_seen(case: CaseResult) -> bool:
    return case.status == "scored" and not case.is_safety


def _cases(suites: Sequence[Suite], *sides: EvalResults) -> tuple[str, ...] | None:
    """Short digests of the golden cases: of what the policy's suites ask, else of the names that the sides give them."""
    asked = [case for suite in suites if suite.name == "golden" for case in suite.cases]
    found = {f"c{_short(_question(case))}" for case in asked}
    if not asked:
        found = {f"n{_short(f'{case.suite} {case.case_id}')}" for side in sides for case in side.cases if not case.is_safety}
    return tuple(sorted(found)) if 0 < len(found) <= MOST_CASES else None


def _question(case: Case) -> str:
    """What is asked and what is expected; how text is spaced and its capitals make no new case."""
    asked = [(turn.role, " ".join(turn.content.split()).casefold()) for turn in case.turns]
    return orjson.dumps([asked, case.expected], option=orjson.OPT_SORT_KEYS).decode()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
