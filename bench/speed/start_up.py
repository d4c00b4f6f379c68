"""P11: how long `evalgate --help`, `gate` and `registry verify` take from start to end, as whole processes.

    .venv/bin/python -P bench/speed/start_up.py

`gate` decides on 240 drawn cases a side; `registry verify` reads this repository's registry, where no entry names evidence.
The figure is the least of five: what else the machine does only ever adds. Processor time stands beside it, and as a peer
an interpreter that starts and does nothing.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from speed.figure import Figure, tell
from speed.timed import machine, took
from speed.workplace import EVALGATE, ROOT

ROUNDS = 5
CASES, INTENTS = 240, 8
COMMANDS = {
    "--help": (("--help",), 0.4),
    "gate": (("gate", "--base", "base.jsonl", "--candidate", "candidate.jsonl", "--out", "out"), 1.0),
    "registry verify": (
        ("registry", "verify", "--registry", str(ROOT / "models.yaml"), "--policy", str(ROOT / "evalgate.yaml")),
        1.0,
    ),
}
"""Name -> (arguments, seconds at most)."""


def write_sides(folder: Path) -> None:
    """A policy and two results files, a fifth of the cases different."""
    (folder / "evalgate.yaml").write_text("version: 1\nfeatures: {f: {buckets: [intent]}}\n")
    draw = random.Random(0)  # noqa: S311  (drawn cases, not a secret)
    right = [draw.random() < 0.6 for _ in range(CASES)]
    for side in ("base", "candidate"):
        lines = [{"record": "header", "schema": 1, "feature": "f", "variant": side}]
        for number, is_right in enumerate(right):
            held = is_right if side == "base" or draw.random() < 0.8 else not is_right
            case = {"case_id": f"case-{number}", "buckets": {"intent": f"intent-{number % INTENTS}"}, "status": "scored"}
            lines.append({**case, "scores": {"exact_json": float(held)}, "output": "{}"})
        (folder / f"{side}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def least(command: list[str], folder: Path, codes: tuple[int, ...]) -> tuple[list[float], float]:
    """(wall seconds of every round, least seconds of processor)."""
    rounds = [took(command, folder, {}, codes=codes) for _ in range(ROUNDS)]
    return [round(one.wall, 3) for one in rounds], min(one.processor for one in rounds)


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_sides(folder)
        idle, _ = least([sys.executable, "-P", "-c", "pass"], folder, (0,))
        found = []
        for name, (arguments, most) in COMMANDS.items():
            walls, processor = least([EVALGATE, *arguments], folder, (0, 1, 3))
            note = f"processor {processor:.2f} s; an interpreter that does nothing {min(idle):.2f} s"
            seconds = min(walls)
            told = f"P11 evalgate {name}, seconds (least)"
            found.append(Figure(told, seconds, seconds, max(walls), f"at most {most:g}", seconds <= most, tuple(walls), note))
    return found


if __name__ == "__main__":
    sys.exit(tell(figures(), {"bench": "start_up", "machine": machine()}))
