"""The matrix's rows on a judge: its replies are kept, too, and what it is told counts."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from cache.cells import Cell
from cache.changed_case import workspace
from cache.counted import counted

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/real"))

from judge_server import ChatServer, grade, shown_to

JUDGED = (("judge: nothing", "0, no grade"), ("judge: its rubric", "0, all grades"), ("judge: its model", "0, all grades"))
"""Rows, and what must be made anew."""
KEY = "JUDGE_KEY"
SELF_TEST = 7
"""Requests of a judge's self-test, made anew in every run on purpose."""


def strict(body: Any) -> str:
    """Right is what says the reference, and nothing else is any good."""
    shown = shown_to(body)
    return grade(5 if same(shown["answer"], shown["reference"]) else 1)


def same(answer: str, reference: object) -> bool:
    try:
        return answer == reference or json.loads(answer) == reference
    except ValueError:
        return False


def judged(scratch: Path) -> list[Cell]:
    """The rows, through `evalgate run` on a scripted model and a judge that listens here."""
    os.environ[KEY] = "bench"
    with ChatServer(strict) as server:
        first = _drawn(scratch / "first", server.url)
        filled = counted(first, scratch / "cache", "run")
        cells = []
        for number, fields in enumerate(({}, {"rubric": "Only the shortest answer is good."}, {"model": "judge-2"})):
            place = scratch / str(number)
            cache = shutil.copytree(scratch / "cache", place / "cache")
            server.model = fields.get("model", "judge-1")
            before = server.calls
            ran = counted(_drawn(place / "w", server.url, **fields), cache, "run")
            graded = server.calls - before - SELF_TEST
            if "\nerror: " in filled.said + ran.said or not filled.questions:
                cells.append(Cell("failed", 0, (filled.said + ran.said)[-400:]))
            elif ran.questions or (graded and not fields):
                cells.append(Cell("needless", ran.questions, f"{graded} grades"))
            else:
                cells.append(Cell("ok" if bool(graded) == bool(fields) else "stale", 0, f"{graded} grades"))
    return cells


def _drawn(folder: Path, url: str, *, rubric: str = "A good answer is the reference.", model: str = "judge-1") -> Path:
    workspace(folder)
    (folder / "rubric.md").write_text(rubric)
    policy = json.loads((folder / "evalgate.yaml").read_text())
    feature = policy["features"]["f"]
    feature["scorers"]["also"] = ["judge"]
    feature["judge"] = {"model": model, "base_url": url, "key": KEY, "mode": "pointwise", "rubric": "rubric.md"}
    (folder / "evalgate.yaml").write_text(json.dumps(policy))
    return folder
