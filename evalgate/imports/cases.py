"""What every reader has in common: what is asked of it, a case as it found it, and how found cases become results."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from evalgate.errors import DatasetError
from evalgate.imports.document import mapping, whole
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader, Status
from evalgate.redaction import mask, safe_line

MOST_PROBLEMS = 50
LONGEST_NAME = 200
"""Characters of a case id, a bucket's value or a cluster."""
LONGEST_OUTPUT = 100_000
"""Characters of an answer that are kept: a line of results holds no more than a mebibyte."""
SMALLER_IS_BETTER = frozenset(
    {"bits_per_byte", "brier", "brier_score", "byte_perplexity", "cer", "cost", "error", "error_rate", "latency", "log_loss"}
    | {"loglikelihood", "loss", "mae", "mse", "nll", "perplexity", "rmse", "ter", "toxicity", "wer", "word_perplexity"}
)
"""Scores by name of which less is better, or which are no share of anything."""


class Wanted(NamedTuple):
    """What is to become of a file."""

    feature: str
    variant: str | None = None
    """Who answered; None takes the file's own name for the model."""
    metric: str | None = None
    """The score to take; may be left out when the file has only one."""
    filter: str | None = None
    """lm-eval's answer filter."""
    task: str | None = None
    """lm-eval's or inspect's task."""
    provider: str | None = None
    """promptfoo's provider, by label or id."""
    prompt: str | None = None
    """promptfoo's prompt, by label."""
    epoch: int | None = None
    """Which of several answers to one question, from 1."""
    identity: str | None = None
    """The field that holds the case's id; None takes the program's own."""
    buckets: Mapping[str, str] = {}
    """Bucket -> the field that holds its value."""
    cluster: str | None = None
    """The field that groups paraphrases."""
    suite: str = "golden"


class Found(NamedTuple):
    """One case as a program tells it."""

    place: str
    """Where it stands, for messages."""
    case_id: str
    """The program's own id, stable between runs."""
    fields: Mapping[str, Any]
    """What buckets, clusters and ids may be taken from."""
    asked: tuple[str, ...]
    """What was asked and what was expected; equal between two runs of one question."""
    score: float | None = None
    """None when there is none that can be used."""
    why_not: str = ""
    """Why there is no score."""
    errored: bool = False
    """The answer was never obtained."""
    output: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


class Imported(NamedTuple):
    """What became of a file."""

    results: EvalResults
    score: str
    """The score that was taken, in the program's words."""
    notes: tuple[str, ...]
    """What whoever imports should know."""


def share(value: Any, name: str) -> tuple[float | None, str]:
    """(score, "") for a truth value or a number in [0, 1]; (None, why not) for anything else: it is not guessed."""
    if isinstance(value, bool):
        return float(value), ""
    if not isinstance(value, int | float):
        return None, f"{name} is no number: {_shown(value)}"
    if not math.isfinite(value):
        return None, f"{name} is {'NaN' if math.isnan(value) else 'infinite'}"
    return (abs(float(value)), "") if 0 <= value <= 1 else (None, f"{name} is {value}, which is outside [0, 1]")


def chosen(what: str, wanted: str | None, there: Sequence[str], path: str, *, also: str = "") -> str:
    """The one of `there` that is wanted, or the only one.

    Raises:
        DatasetError: there are several and none is named, or another is; lists what there is.
    """
    if wanted in there:
        return str(wanted)
    if wanted is None and len(there) == 1:
        return there[0]
    told = ", ".join(repr(name) for name in sorted(there)) or "none"
    problem = f"there is no {what} {wanted!r}" if wanted is not None else f"there is not one {what}: name it with --{what}"
    raise DatasetError(f"{path}: {problem}; there are: {told}{also}")


def digest(*parts: str) -> str:
    """sha256 over texts, their borders included."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")).hexdigest()


def results_of(
    found: Iterable[Found], wanted: Wanted, *, variant: str, score: str, environment: Mapping[str, str], path: str
) -> EvalResults:
    """The results, in the file's order; the header says who answered by a bare name, so that provenance is missing.

    `environment` is what must be equal between base and candidate; a digest of what was asked goes beside it.

    Raises:
        DatasetError: there is no case, an id stands twice, or a field is missing everywhere or cannot be used.
    """
    cases = [_with_identity(case, wanted.identity) for case in found]
    problems = [] if cases else [f"{path}: no cases in it"]
    problems += _twice(cases, path)
    for what, name in (*((f"bucket {n!r}", field) for n, field in wanted.buckets.items()), ("cluster", wanted.cluster)):
        problems += _unusable(cases, what, name, path) if name is not None else []
    if problems:
        raise DatasetError(*problems[:MOST_PROBLEMS])
    asked = sorted(digest(case.case_id, *case.asked) for case in cases)
    header = ResultsHeader(
        record="header",
        schema_version=1,
        feature=wanted.feature,
        variant=whole(variant),
        environment={name: whole(text) for name, text in environment.items()} | {"asked_sha256": digest(*asked)},
    )
    return EvalResults(header=header, cases=tuple(_case(case, wanted, score) for case in cases))


def notes_on(results: EvalResults, wanted: Wanted) -> tuple[str, ...]:
    """What whoever imports should know of the results: cases without a bucket or a cluster."""
    without = {name: sum(name not in case.buckets for case in results.cases) for name in wanted.buckets}
    told = [f"{n} cases have no {name!r}: they count overall, but in no bucket of {name!r}" for name, n in without.items() if n]
    lone = sum(case.cluster is None for case in results.cases) if wanted.cluster is not None else 0
    return (*told, *([f"{lone} cases have no cluster: each counts as one of its own"] if lone else []))


def _case(case: Found, wanted: Wanted, score: str) -> CaseResult:
    """One line of the results file."""
    status: Status = "errored" if case.errored else "unscorable" if case.score is None else "scored"
    output = None if case.output is None else whole(case.output)
    cut = output is not None and len(output) > LONGEST_OUTPUT
    notes = [] if status == "scored" else [safe_line(mask(_first_line(case.why_not)), 300)]
    notes += [f"the answer is cut after {LONGEST_OUTPUT:,} characters"] if cut else []
    buckets = {name: _text(_field(case.fields, field)) for name, field in wanted.buckets.items()}
    return CaseResult(
        case_id=case.case_id,
        suite=wanted.suite,
        cluster=None if wanted.cluster is None else _text(_field(case.fields, wanted.cluster)),
        buckets={name: text for name, text in buckets.items() if text is not None},
        status=status,
        scores={score: case.score} if status == "scored" and case.score is not None else {},
        output=output[:LONGEST_OUTPUT] if output is not None else None,
        note="; ".join(notes) or None,
        tokens_in=case.tokens_in,
        tokens_out=case.tokens_out,
    )


def _with_identity(case: Found, field: str | None) -> Found:
    """The case under the id that its field gives, or its own.

    Raises:
        DatasetError: the field is missing, is no text or number, or is too long.
    """
    text = case.case_id if field is None else _text(_field(case.fields, field))
    if not text:
        raise DatasetError(f"{case.place}: no id in the field {field!r}; {_fields_there(case.fields)}")
    if len(text) > LONGEST_NAME:
        raise DatasetError(f"{case.place}: an id of {len(text):,} characters: use a field that names the case with --id")
    return case._replace(case_id=whole(text))


def _twice(cases: Sequence[Found], path: str) -> list[str]:
    counts = Counter(case.case_id for case in cases)
    return [f"{path}: the case {id_!r} stands {n} times: which one counts is not known" for id_, n in counts.items() if n > 1]


def _unusable(cases: Sequence[Found], what: str, field: str, path: str) -> list[str]:
    """Why a field gives no bucket or no cluster: nobody has it, or a value is no short text."""
    values = [(case.place, _field(case.fields, field)) for case in cases]
    if cases and all(value is None for _, value in values):
        return [f"{path}: no case has the field {field!r} for the {what}; {_fields_there(cases[0].fields)}"]
    return [
        f"{place}: the field {field!r} holds no short text for the {what}: {_shown(value)}"
        for place, value in values
        if value is not None and _text(value) is None
    ]


def _field(fields: Mapping[str, Any], name: str) -> Any:
    """The value of a field, or of a field in a field with dots between; None where there is none."""
    if name in fields:
        return fields[name]
    head, dot, rest = name.partition(".")
    return _field(mapping(fields.get(head)), rest) if dot else None


def _text(value: Any) -> str | None:
    """A text, a number or a truth value as text; None for anything else, and for what is too long to be a name."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float) or len(str(value)) > LONGEST_NAME:
        return None
    return whole(str(value)) or None


def _fields_there(fields: Mapping[str, Any]) -> str:
    told = ", ".join(sorted(str(name) for name in fields)[:30])
    return safe_line(f"the fields are: {told or 'none'}", 300)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:2_000]


def _shown(value: Any) -> str:
    """A value as it may stand in a message: short, masked, on one line."""
    return safe_line(mask(repr(value)[:1_000]), 80)
