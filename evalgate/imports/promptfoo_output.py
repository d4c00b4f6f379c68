"""promptfoo's output (`promptfoo eval -o out.json`): every question under every provider and prompt, in one file.

One raw row of `results.results`, shortened: `{"testIdx": 0, "promptIdx": 1, "success": true, "score": 1, "namedScores":
{"json_valid": 1}, "failureReason": 0, "vars": {"question": "..."}, "testCase": {"description": "refund-1", "assert": [...]},
"response": {"output": "..."}, "gradingResult": {"componentResults": [{"pass": true, "score": 1, "assertion": {...}}]}}`

A test without assertions passes there, and a judge that could not be reached fails the answer; neither is a judgement, so
both are "unscorable" here.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalgate.errors import DatasetError
from evalgate.imports import document
from evalgate.imports.cases import SMALLER_IS_BETTER, Found, Imported, Wanted, chosen, digest, notes_on, results_of, share
from evalgate.imports.document import mapping

READABLE = 3
"""The version of promptfoo's results that is read."""
ERRORED = 2
"""`failureReason` of a row whose provider, or whose test, broke off."""
PASSED, WHOLE = "pass", "score"
"""Not named by the test's author: whether the test passed, and the weighted mean of its assertions."""
MARKS_FAILED_JUDGES = (0, 123, 1)
"""The version that was tried: in it most judges that fail are marked as such."""
JUDGED = re.compile(
    r"llm-rubric|g-eval|factuality|model-graded-.+|answer-relevance|context-.+|conversation-relevance|similar.*|classifier"
    r"|moderation|search-rubric|agent-rubric|trajectory:goal-success|pi|webhook"
)
"""Kinds of assertions that ask a model or a service."""
SAYS_SO = {"model-graded-closedqa": ("The submission ",), "similar": ("Similarity ", "Distance ")}
"""Kinds that do not mark a judge that failed: what their reasons begin with when it did not."""
UNMARKED = ("factuality", "model-graded-factuality")
"""Kinds whose failed judge looks like a wrong answer in every way."""
RELATIVE = re.compile(r"select-.+|max-score")
"""Kinds that hold answers against each other: what they say of one variant hangs on the others in the file."""
BROKE_OFF = (
    "Custom function threw error:",
    "Python code execution failed:",
    "Ruby code execution failed:",
    "Webhook error:",
    "Scoring function error:",
    "Moderation API error:",
)
"""What a reason begins with when an assertion itself broke off."""
RUNTIME_VARS = ("_conversation", "sessionId", "sessionIds")


def read(content: bytes, path: str, wanted: Wanted) -> Imported:
    """The results of one provider under one prompt.

    Raises:
        DatasetError: it is no output of promptfoo, several providers or prompts are there and none is named, the score is
            not there or holds answers against each other, or an id stands twice.
    """
    told = mapping(document.parse(content, path))
    results = mapping(told.get("results"))
    rows = results.get("results")
    if results.get("version") != READABLE or not isinstance(rows, list) or not rows:
        raise DatasetError(
            f"{path}: not an output of promptfoo in version {READABLE}: write it with `promptfoo eval -o out.json`"
        )
    version = str(mapping(told.get("metadata")).get("promptfooVersion", ""))
    placed = [(f"{path}: results[{number}]", mapping(row)) for number, row in enumerate(rows)]
    placed, variant = _column(placed, wanted, path)
    metric = _metric(placed, wanted, path)
    results_found = results_of(
        _repeat(list(_found(placed, metric, version)), wanted, path),
        wanted,
        variant=wanted.variant or variant,
        score=metric,
        environment={"program": f"promptfoo {version}".strip(), "score": metric},
        path=path,
    )
    return Imported(results_found, metric, notes_on(results_found, wanted))


Placed = list[tuple[str, Mapping[str, Any]]]
"""(where it stands, row)."""


def _column(rows: Placed, wanted: Wanted, path: str) -> tuple[Placed, str]:
    """The rows of one provider under one prompt, and what to call them."""
    provider = chosen("provider", wanted.provider, _names(rows, wanted.provider), path)
    rows = [(place, row) for place, row in rows if provider in _provider(row)]
    labels = list(dict.fromkeys(_label(row) for _, row in rows))
    label = chosen("prompt", wanted.prompt, labels, path)
    rows = [(place, row) for place, row in rows if _label(row) == label]
    columns = {str(row.get("promptIdx")) for _, row in rows}
    if len(columns) != 1:
        raise DatasetError(f"{path}: {len(columns)} providers are all called {provider!r}: give each a label and run it again")
    return sorted(rows, key=_order), provider if len(labels) == 1 else f"{provider}, prompt {label[:60]}"


def _order(placed: tuple[str, Mapping[str, Any]]) -> int:
    number = placed[1].get("testIdx")
    return number if isinstance(number, int) else 0


def _provider(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The names that a row's provider goes by: its label first, then its id."""
    told = mapping(row.get("provider"))
    names = dict.fromkeys(str(told[key]) for key in ("label", "id") if told.get(key))
    return tuple(names) or (str(row.get("provider", "")),)


def _names(rows: Placed, wanted: str | None) -> list[str]:
    """What to choose from: every label, or every id where that is what was asked for."""
    names = dict.fromkeys(_provider(row)[0] for _, row in rows)
    ids = {_provider(row)[-1]: None for _, row in rows}
    return list(ids if wanted not in names and wanted in ids else names)


def _label(row: Mapping[str, Any]) -> str:
    prompt = mapping(row.get("prompt"))
    return str(prompt.get("label") or prompt.get("raw") or "")


def _metric(rows: Placed, wanted: Wanted, path: str) -> str:
    """The score to take: whether the test passed unless another is named."""
    named = dict.fromkeys(name for _, row in rows for name in mapping(row.get("namedScores")))
    metric = chosen("metric", wanted.metric or PASSED, [PASSED, WHOLE, *named], path)
    if metric.lower() in SMALLER_IS_BETTER:
        raise DatasetError(f"{path}: {metric} cannot be judged: smaller is better, and a gate needs a share of right answers")
    for place, row in rows:
        if any(RELATIVE.fullmatch(_kind(part)) for part in _parts(row) if _counts(part, metric)):
            raise DatasetError(
                f"{place}: {metric} holds answers against each other (select-best, max-score): no score of one variant"
            )
    return metric


def _found(rows: Placed, metric: str, version: str) -> Iterator[Found]:
    for place, row in rows:
        test = mapping(row.get("testCase"))
        given = {k: v for k, v in mapping(row.get("vars") or test.get("vars")).items() if k not in RUNTIME_VARS}
        metadata = mapping(test.get("metadata"))
        response = mapping(row.get("response"))
        expected = {key: test.get(key) for key in ("assert", "threshold")}
        asked = (json.dumps(given, sort_keys=True), json.dumps(expected, sort_keys=True))
        output = response.get("output")
        errored = output is None
        broken = errored or row.get("failureReason") == ERRORED
        why_not = (_words(row.get("error")) or "no answer in the file") if broken else _unread(row, metric, version)
        score, not_a_share = (None, why_not) if why_not else _score(row, metric)
        yield Found(
            place=place,
            case_id="-".join(filter(None, (str(test.get("description") or "")[:80], digest(*asked)[:8]))),
            fields={"vars": given, "metadata": metadata, **metadata, **given},
            asked=asked,
            score=score,
            why_not=not_a_share,
            errored=errored,
            output=output if isinstance(output, str) or output is None else json.dumps(output, ensure_ascii=False),
        )


def _score(row: Mapping[str, Any], metric: str) -> tuple[float | None, str]:
    """(score, "") or (None, why there is none)."""
    if metric == PASSED:
        return share(row.get("success"), metric)
    if metric == WHOLE:
        return share(row.get("score"), metric)
    named = mapping(row.get("namedScores"))
    return share(named[metric], metric) if metric in named else (None, f"no assertion gives {metric}")


def _unread(row: Mapping[str, Any], metric: str, version: str) -> str:
    """Why what the assertions say is no judgement of the answer; empty when it is one."""
    parts = [part for part in _parts(row) if _counts(part, metric)]
    if not parts:
        return "no assertion looked at the answer" if metric in (PASSED, WHOLE) else f"no assertion gives {metric}"
    if all(mapping(part.get("assertion")).get("weight") == 0 for part in parts):
        return "every assertion has the weight 0"
    reason = _words(mapping(row.get("gradingResult")).get("reason"))
    if reason.startswith(BROKE_OFF):
        return reason
    return next((told for part in parts if (told := _broken(part, version))), "")


def _parts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What each assertion said; those of a set come as one part, with theirs inside."""
    told = mapping(row.get("gradingResult")).get("componentResults")
    return [mapping(part) for part in told] if isinstance(told, list) else []


def _counts(part: Mapping[str, Any], metric: str) -> bool:
    """True when an assertion goes, or may go, into a score: a set, or a name with a template in it, may."""
    named = mapping(part.get("assertion")).get("metric")
    return metric in (PASSED, WHOLE) or named == metric or "componentResults" in part or "{{" in str(named)


def _kind(part: Mapping[str, Any]) -> str:
    return str(mapping(part.get("assertion")).get("type", ""))


def _broken(part: Mapping[str, Any], version: str) -> str:
    """Why one assertion could not judge; empty when it could."""
    inner = part.get("componentResults")
    if isinstance(inner, list):
        return next((told for one in inner if (told := _broken(mapping(one), version))), "")
    if part.get("score") is None:
        return "an assertion gave no number"
    reason = _words(part.get("reason"))
    if mapping(part.get("metadata")).get("graderError") is True or reason.startswith(BROKE_OFF):
        return f"could not be judged: {reason}"
    return _unmarked(part, reason, version)


def _unmarked(part: Mapping[str, Any], reason: str, version: str) -> str:
    """Why a judge that failed cannot be told from a wrong answer; empty when it can, or when there is no judge."""
    kind = _kind(part).removeprefix("not-")
    begins = SAYS_SO.get(kind.partition(":")[0], ())
    failed = part.get("pass") is not True or part.get("score") == 0
    if begins:
        return f"could not be judged: {reason}" if part.get("score") == 0 and not reason.startswith(begins) else ""
    if kind in UNMARKED and (failed or _kind(part).startswith("not-")):
        return f"{kind} does not say whether the answer is wrong or its judge failed: {reason}"
    if failed and JUDGED.fullmatch(kind) and _numbers(version) < MARKS_FAILED_JUDGES:
        return f"promptfoo {version} does not say whether the answer is wrong or its judge failed: {reason}"
    return ""


def _repeat(found: Sequence[Found], wanted: Wanted, path: str) -> list[Found]:
    """Of the answers to one question the one that is wanted; `--repeat` writes them one after the other.

    Raises:
        DatasetError: there are several and none is named, or there are not that many.
    """
    answers: dict[str, list[Found]] = {}
    for case in found:
        answers.setdefault(case.case_id, []).append(case)
    times = sorted({len(several) for several in answers.values()})
    if times == [1] and wanted.epoch in (None, 1):
        return list(found)
    if wanted.epoch is None:
        twice = next(id_ for id_, several in answers.items() if len(several) > 1)
        raise DatasetError(
            f"{path}: {twice!r} was asked {len(answers[twice])} times: a gate pairs one answer with one answer, a mean of "
            "several is none; choose one with --epoch, or give different tests different descriptions"
        )
    if len(times) > 1 or wanted.epoch > times[0]:
        raise DatasetError(f"{path}: not every question was asked {wanted.epoch} times, and all equally often")
    return [several[wanted.epoch - 1] for several in answers.values()]


def _words(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:3])
