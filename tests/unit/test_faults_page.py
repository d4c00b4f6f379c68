"""docs/faults.md names tests that exist, and a row for each fault that its heading promises."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/faults.md").read_text()
ROWS = {17, *range(23, 39), 40, *range(43, 50)}


def test_every_row__is_there_once_with_a_test():
    rows = re.findall(r"^\| (\d+) \|.*\| (.+) \|$", PAGE, re.MULTILINE)
    assert sorted(int(number) for number, _ in rows) == sorted(ROWS)
    assert all("`test_" in tests for _, tests in rows)


def test_every_test__exists():
    written = {name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert set(re.findall(r"`(test_\w+)`", PAGE)) - written == set()
