"""Put what the benches printed into docs/speed.md, between its two markers.

    .venv/bin/python -P bench/speed/page.py .bench/speed/out/*.json

Every figure whose name begins with P and a number becomes a line, in that order; a line whose figure is not among the files
says so. All files are of one machine.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
NUMBER = re.compile(r"P(\d+)\b")
ALL = range(1, 12)
"""P1 to P11."""


def lines(documents: Sequence[dict[str, Any]]) -> list[str]:
    """The table of all figures as Markdown; what nobody measured stands there as not measured."""
    found = [(_number(one["name"]), one) for document in documents for one in document.get("figures", [])]
    told = ["| figure | median | from | to | target | met | with |", "|---|---:|---:|---:|---|---|---|"]
    for number in ALL:
        told += [_line(one) for known, one in found if known == number] or [f"| P{number} | not measured | | | | | |"]
    return told


def machine_of(documents: Sequence[dict[str, Any]]) -> str:
    """One line on the machine; empty where no bench said it."""
    known = next((document["machine"] for document in documents if "machine" in document), None)
    if known is None:
        return ""
    versions = ", ".join(f"{name} {version}" for name, version in known["versions"].items() if version)
    hardware = f"{known['processor']}, {known['cores']} cores, {known['memory_gb']} GB"
    return f"{hardware}, Python {known['python']}, {versions}, {known['date']}."


def placed(page: str, table: str) -> str:
    """The page with the table between its markers.

    Raises:
        ValueError: a marker is missing.
    """
    before, rest = page.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _number(name: str) -> int | None:
    match = NUMBER.match(name)
    return None if match is None else int(match[1])


def _line(one: dict[str, Any]) -> str:
    met = {True: "yes", False: "no", None: ""}[one.get("passed")]
    low, high = (one.get(end) for end in ("low", "high"))
    cells = [one["name"], one["value"], low, high, one.get("target", ""), met, one.get("note", "")]
    return "| " + " | ".join("" if cell is None else str(cell).replace("|", "/") for cell in cells) + " |"


def main() -> int:
    documents = [json.loads(told) for path in sys.argv[1:] if (told := Path(path).read_text())]  # empty: the bench broke off
    if not documents:
        sys.exit("name the files that the benches wrote: bench/speed/page.py .bench/speed/out/*.json")
    table = "\n".join([machine_of(documents), "", *lines(documents)])
    PAGE.write_text(placed(PAGE.read_text(), table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
