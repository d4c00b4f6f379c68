"""From a regression to a dataset row: only in other words than the golden case's, and only once a person has corrected it.

A golden case that becomes a training row teaches the exam. So a row is made from a new question (`paraphrase`) that is not
nearly a held-out one, and from the answer that a person gives (`corrected`).
"""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import orjson
from pydantic import Field, ValidationError

from evalgate import jsonl
from evalgate.checks import check_dataset
from evalgate.checks.rows import normalised
from evalgate.records.base import Record, is_day, problems_of
from evalgate.records.suite import Message
from evalgate.redaction import mask

LONGEST = 8_000
"""Characters of a paraphrase; beyond, comparing it with every held-out text takes too long."""
ALIKE = 0.8
"""Likeness from which a paraphrase is nearly the held-out text: 2 x matching characters (words, in long texts) / all."""
BY_WORDS = 1_500
"""Characters from which texts are compared word by word."""
CONTAINED = 24
"""Characters of a held-out text that must not stand whole in a paraphrase."""
_WORD = re.compile(r"\w+|[^\w\s]")


class Regression(Record):
    """One line of regressions.jsonl: a case for a person to look at, and what that person writes into it.

    One raw line: `{"case_id": "refund-017", "suite": "golden", "buckets": ["intent/refund"], "messages": [{"role": "user",
    "content": "give one back"}], "expected": {"intent": "refund"}, "base_output": "...", "candidate_output": "...",
    "finding": "", "corrected": null, "paraphrase": null, "reviewer": "", "reviewed_at": null}`
    """

    case_id: str = Field(description="the case")
    suite: str = Field(description="its suite")
    buckets: tuple[str, ...] = Field(description="its bucket names")
    messages: tuple[Message, ...] = Field(description="what was asked, masked; empty where no suite says it")
    expected: Any = Field(description="what was expected, masked; null where no suite says it")
    base_output: str | None = Field(description="what base said, masked")
    candidate_output: str | None = Field(description="what the candidate said, masked")
    finding: str = Field(default="", description="what went wrong, in a person's words")
    corrected: str | None = Field(default=None, description="the answer that should have been given; null: nothing to learn")
    paraphrase: str | None = Field(default=None, description="a new question of the same kind, in other words")
    reviewer: str | tuple[str, ...] = Field(default="", description="who looked: a login, or several")
    reviewed_at: str | None = Field(default=None, description="when, ISO date; null: the day the row is made")

    @property
    def reviewers(self) -> tuple[str, ...]:
        """The logins, without @ and without empty ones."""
        named = (self.reviewer,) if isinstance(self.reviewer, str) else self.reviewer
        return tuple(login for login in (name.strip().removeprefix("@") for name in named) if login)


class Backlog(NamedTuple):
    """What became of a file of regressions."""

    rows: tuple[dict[str, Any], ...]
    """Dataset rows, in the file's order."""
    waiting: int
    """Lines without a corrected answer."""
    problems: tuple[str, ...]
    """What is wrong, with file and line."""


def dataset_rows(content: bytes, path: str, held_out: Mapping[str, str], today: str) -> Backlog:
    """The dataset rows of all corrected lines.

    Args:
        content: The file's bytes.
        path: The file's name in problems.
        held_out: Golden and safety texts: name -> a user's turn. The turns in the file's own lines count too.
        today: ISO date for lines that say no `reviewed_at`.
    """
    lines, problems = _read(content, path)
    texts = {**held_out, **{f"{line.suite}/{line.case_id}": turn for line in lines.values() for turn in _asked(line)}}
    known = {name: normalised(text) for name, text in texts.items()}
    corrected = {number: line for number, line in lines.items() if line.corrected is not None}
    rows = {number: _row(line, today) for number, line in corrected.items()}
    for number, line in corrected.items():
        problems += [f"{path}:{number}: {told}" for told in _refused(line, known, held_out)]
    problems += _faults(rows, path)
    return Backlog(tuple(rows.values()), len(lines) - len(corrected), tuple(problems))


def nearest(text: str, held_out: Mapping[str, str]) -> str | None:
    """The name of a held-out text (normalised) that `text` equals, holds, or nearly is; None where it is new."""
    mine = normalised(text)
    by_letters, by_words = (SequenceMatcher(None, [], part, autojunk=False) for part in (list(mine), _WORD.findall(mine)))
    for name, other in held_out.items():
        long = max(len(mine), len(other)) > BY_WORDS
        if _holds(mine, other) or _alike(by_words if long else by_letters, _WORD.findall(other) if long else list(other)):
            return name
    return None


def masked(value: Any) -> Any:
    """A JSON value with every text in it masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(key): masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list | tuple) else value


def _read(content: bytes, path: str) -> tuple[dict[int, Regression], list[str]]:
    """Line number -> line, and what is wrong with the others."""
    lines, problems = {}, []
    for line in jsonl.read(content, controls=True):  # what models said may hold some; what becomes a row may not
        if line.problem is not None:
            problems.append(f"{path}:{line.number}: {line.problem.message}")
            continue
        try:
            lines[line.number] = Regression.model_validate_json(orjson.dumps(line.value))
        except ValidationError as error:
            problems.extend(f"{path}:{line.number}: {told}" for told in problems_of(error))
    return lines, problems


def _refused(line: Regression, known: Mapping[str, str], held_out: Mapping[str, str]) -> list[str]:
    """Why a corrected line is no row yet."""
    told = []
    if not line.reviewers:
        told.append("no `reviewer`: say who corrected it")
    if not line.finding.strip():
        told.append("no `finding`: say what went wrong, in a sentence")
    if line.reviewed_at is not None and not is_day(line.reviewed_at):
        told.append("`reviewed_at` is no day: write it as 2026-11-02")
    if not line.messages and not any(name.partition("#")[0] == f"{line.suite}/{line.case_id}" for name in held_out):
        told.append("nobody knows what the case asks: name the policy that has it with --policy")
    if not (line.paraphrase or "").strip():
        return [*told, "no `paraphrase`: write a new question of the same kind; the golden case itself must not be trained on"]
    assert line.paraphrase is not None  # noqa: S101  (it was looked at above)
    if len(line.paraphrase) > LONGEST:
        return [*told, f"`paraphrase` has more than {LONGEST:,} characters: shorten it"]
    near = nearest(line.paraphrase, known)
    if near is not None:
        told.append(f"`paraphrase` repeats the held-out case {near} or nearly does: ask the same in other words")
    return told


def _holds(mine: str, other: str) -> bool:
    """True where two normalised texts are the same, or one of some length stands whole in the other."""
    short, long = sorted((mine, other), key=len)
    return mine == other or (len(short) >= CONTAINED and short in long)


def _alike(matcher: SequenceMatcher[str], parts: list[str]) -> bool:
    """True where most letters (or words) are the same in the same order; cheap upper bounds first."""
    matcher.set_seq1(parts)
    return matcher.real_quick_ratio() > ALIKE and matcher.quick_ratio() > ALIKE and matcher.ratio() > ALIKE


def _row(line: Regression, today: str) -> dict[str, Any]:
    """A line of OpenAI's chat format."""
    asked = {"role": "user", "content": line.paraphrase or ""}
    reviewed = {"source": "human", "reviewed_by": list(line.reviewers), "reviewed_at": line.reviewed_at or today}
    return {"messages": [asked, {"role": "assistant", "content": line.corrected or ""}], "metadata": reviewed}


def _faults(rows: Mapping[int, dict[str, Any]], path: str) -> list[str]:
    """What the dataset checks refuse in the rows, each on its line of the file; what is held out was looked at before."""
    lines = [orjson.dumps(rows[n]) if n in rows else b"" for n in range(1, max(rows, default=0) + 1)]
    found = check_dataset(b"\n".join(lines), path)[0]
    asked = {number: row["messages"][0]["content"].strip() for number, row in rows.items()}
    return [f"{path}:{f.line}: {f.code} {f.message}" for f in found if f.severity == "error" and asked.get(f.line)]


def _asked(line: Regression) -> Sequence[str]:
    return [turn.content for turn in line.messages if turn.role == "user"]
