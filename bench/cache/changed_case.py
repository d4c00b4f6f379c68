"""P4: how many answers are generated when a verdict is asked for again and N golden cases are nearly what they were.

    .venv/bin/python -P bench/cache/changed_case.py

`evalgate run` on a scripted model, 200 cases, each time with the cache of the first run. One line a figure on stderr, with
its target; all of them as JSON on stdout; 1 when one falls short. Questions are counted where the model answers.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cache.counted import counted

CASES = 200
Case = dict[str, Any]


class Figure(NamedTuple):
    name: str
    value: int
    target: str
    passed: bool


def workspace(folder: Path) -> Path:
    """A scripted base that answers half of the intents wrong, and a dataset that teaches them."""
    feature = {
        "base_model": "scripted:base.json",
        "datasets": "datasets/f",
        "golden": "golden/f",
        "scorers": {"primary": "exact_json"},
        "buckets": ["intent"],
        "train": {"provider": "scripted"},
    }
    known = [case(number) for number in range(CASES)]
    answers = {one["input"]: json.dumps(one["expected"] if number % 2 else {}) for number, one in enumerate(known)}
    rows = [
        {"messages": [{"role": "user", "content": one["input"][:10]}, said(one)], "metadata": {"source": "human"}}
        for one in known
    ]
    _write(folder / "evalgate.yaml", json.dumps({"version": 1, "features": {"f": feature}}))
    _write(folder / "base.json", json.dumps({"answers": answers, "otherwise": "{}"}))
    _write(folder / "datasets/f/ft-v1.0.0.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    write_golden(folder, known)
    return folder


def case(number: int) -> Case:
    intent = {"intent": f"i{number % 4}"}
    return {"id": f"c-{number}", "input": f"case {number:05}: what is it?", "expected": intent, "buckets": intent}


def said(one: Case) -> dict[str, str]:
    return {"role": "assistant", "content": json.dumps(one["expected"])}


def write_golden(folder: Path, cases: list[Case]) -> None:
    _write(folder / "golden/f/cases.jsonl", "".join(json.dumps(one) + "\n" for one in cases))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def changed(cases: list[Case], at: int, **fields: Any) -> list[Case]:
    return [{**one, **fields} if place == at else one for place, one in enumerate(cases)]


CHANGES: tuple[tuple[str, Callable[[list[Case]], list[Case]], int], ...] = (
    ("nothing changed", lambda cases: cases, 0),
    ("one question changed", lambda cases: changed(cases, 7, input="case 00007: and what is it now?"), 2),
    ("one expectation changed", lambda cases: changed(cases, 7, expected={"intent": "i0"}), 0),
    ("one bucket changed", lambda cases: changed(cases, 7, buckets={"intent": "i0"}), 0),
    ("one id changed", lambda cases: changed(cases, 7, id="renamed"), 0),
    ("one case added", lambda cases: [*cases, case(CASES)], 2),
    ("one case removed", lambda cases: cases[:7] + cases[8:], 0),
    ("order changed", lambda cases: cases[::-1], 0),
)
"""What happens to the cases, and how many answers that should cost, over both variants."""


def main() -> int:
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        first = workspace(Path(scratch) / "first")
        known = [case(number) for number in range(CASES)]
        cold = counted(first, Path(scratch) / "cache", "run")
        figures.append(Figure("P4 first run: questions asked", cold.questions, str(2 * CASES), cold.questions == 2 * CASES))
        for name, change, wanted in CHANGES:
            again = Path(scratch) / name
            cache = shutil.copytree(Path(scratch) / "cache", again / "cache")
            write_golden(workspace(again / "w"), change(known))
            ran = counted(again / "w", cache, "run")
            figures.append(Figure(f"P4 {name} of {CASES}: questions asked", ran.questions, str(wanted), ran.questions == wanted))
    for one in figures:
        print(f"{'PASS' if one.passed else 'FAIL'}  {one.name}: {one.value}, target: {one.target}", file=sys.stderr)
    print(json.dumps({"cases": CASES, "figures": [one._asdict() for one in figures]}, indent=2))
    return 0 if all(one.passed for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
