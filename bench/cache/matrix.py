"""P9: stale hits and needless misses of the result cache, and of the caches of lm-eval and inspect, over one mutation matrix.

    .venv/bin/python -P bench/cache/matrix.py [--others .others/bin/python] [--out docs/cache-matrix.md]

Each row: the subject as it was fills a cache; then one thing is changed, or nothing that matters, and it is asked again.
Stale: an answer or a score is reused that an empty cache would not give, or that was made with other weights, tokens or
settings. Needless: what could have been reused is generated again. A line a row on stderr, everything as JSON on stdout;
1 when ours has either. What is generated is counted inside the tools, not taken from what they say.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cache import subject
from cache.cells import Cell, Filled, cell_of, emptied, filled
from cache.counted import World, counted
from cache.judged import JUDGED, judged
from cache.mutations import MUTATIONS, Mutation, Setting, laid, mutated

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("lm-eval", "inspect")
MARKS = {"ok": "ok", "stale": "STALE", "needless": "NEEDLESS", "failed": "FAILED", "none": "-"}


class Asked(NamedTuple):
    """One run of `evalgate evaluate`."""

    questions: int
    answers: list[Any]
    """Of every case its id, answer and scores."""


def ours(master: Path, scratch: Path) -> list[Cell]:
    """Every mutation, through `evalgate evaluate`."""
    known: Filled = {}
    return [_our_cell(known, master, scratch, mutation) for mutation in MUTATIONS]


def _our_cell(known: Filled, master: Path, scratch: Path, mutation: Mutation) -> Cell:
    """Asked with the cache that the unchanged subject filled, and once more with an empty one: both must say the same."""
    place = laid(mutation, master, scratch)
    try:
        cache = filled(known, mutation, scratch, lambda new: _asked(place, new, mutation.before))
        place = mutated(mutation, place, scratch)
        again = _asked(place, cache, mutation.setting)

        def is_same() -> bool:
            return again.answers == _asked(place, emptied(scratch / "empty"), mutation.setting).answers

        return cell_of(mutation, again.questions, is_same=is_same)
    except RuntimeError as error:
        return Cell("failed", 0, str(error))
    finally:
        shutil.rmtree(place)


def _asked(place: Path, cache: Path, setting: Setting) -> Asked:
    """The candidate, asked by a command of its own; the run's record is written anew, as whoever trains it anew does."""
    subject.write_policy(place, model=setting.model, dtype=setting.dtype, max_new_tokens=setting.tokens, batch_rows=setting.batch)
    _seal(place, setting)
    out = place / "out.results.jsonl"
    out.unlink(missing_ok=True)
    world = World(dict(setting.versions), setting.moment, setting.zone)
    named = ("--feature", "f", "--variant", f"candidate:{setting.run}", "--out", out, "--format", "json")
    ran = counted(place, cache, "evaluate", *named, world=world)
    if ran.code:
        raise RuntimeError(ran.said[-400:])
    assert bool(ran.questions) == bool(ran.passes), "what answers was counted in two ways, which contradict each other"
    lines = [json.loads(line) for line in out.read_text().splitlines()[1:]]
    return Asked(ran.questions, [(one["case_id"], one["output"], one.get("scores")) for one in lines])


def _seal(place: Path, setting: Setting) -> None:
    """training.json of what lies there now."""
    from evalgate.prompts import prompt_sha256
    from evalgate.records.change import DatasetChange
    from evalgate.records.training import Candidate, TrainingRun
    from evalgate.stages.workspace import open_workspace, read_prompt
    from evalgate.weights import adapter_digest, digest

    run = place / setting.run
    record = TrainingRun(
        provider="peft",
        change=DatasetChange(feature="f", path="d.jsonl", version="v1.0.0", sha256="a" * 64, rows=1),
        prompt_sha256=prompt_sha256(read_prompt(open_workspace(place / "evalgate.yaml", "f"))),
        candidate=Candidate(
            base_model=f"path:{setting.model}",
            base_sha256=digest(place / setting.model),
            adapter="adapter",
            adapter_sha256=adapter_digest(run / "adapter"),
        ),
        hyperparameters={},
        seed=0,
        rows_trained=1,
        rows_validated=0,
        steps=0,
        tokens_seen=0,
        tokens_trained=0,
        loss=(),
        validation_loss=(),
        seconds=0,
        versions={},
    )
    (run / "training.json").write_text(record.model_dump_json(by_alias=True))


def peers(python: Path, master: Path, scratch: Path) -> dict[str, list[Cell]]:
    """The same through lm-eval's `use_cache` and inspect's `cache`, by the interpreter that has them."""
    told: dict[str, list[Cell]] = {}
    for name in PEERS if python.exists() else ():
        print(f"{name}: the same", file=sys.stderr)
        command = [str(python), "-P", str(ROOT / "bench/cache/peers.py"), name, str(master), str(scratch / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{name}: could not be run: {done.stderr[-2_000:]}", file=sys.stderr)
            continue
        told[name] = [Cell(*cell) for cell in json.loads(done.stdout.splitlines()[-1])]
    return told


def table(rows: list[tuple[str, str]], columns: dict[str, list[Cell]]) -> list[str]:
    """The matrix as Markdown; `rows` are names, and what must be generated."""
    lines = ["| changed | must be generated |" + "".join(f" {name} |" for name in columns), "|---|---|" + "---|" * len(columns)]
    for place, (name, asks) in enumerate(rows):
        cells = [column[place] for column in columns.values()]
        shown = [MARKS[cell.mark] + (f" ({cell.asked})" if cell.mark in ("needless", "stale") else "") for cell in cells]
        lines.append(f"| {name} | {asks} |" + "".join(f" {one} |" for one in shown))
    counts = [[sum(cell.mark == mark for cell in column) for mark in ("stale", "needless")] for column in columns.values()]
    lines.append("| **stale / needless** | **0 / 0** |" + "".join(f" **{stale} / {needless}** |" for stale, needless in counts))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", type=Path, default=ROOT / ".others/bin/python", help="An interpreter that has the peers.")
    parser.add_argument("--tokenizer", type=Path, default=None, help="A folder with SmolLM2's tokenizer.")
    parser.add_argument("--out", type=Path, default=None, help="Where to write the table as Markdown.")
    given = parser.parse_args()
    known = sorted((ROOT / ".cache/evalgate/dense").glob("*"))
    if given.tokenizer is None and not known:
        sys.exit("no tokenizer: run `make demo` once, or name a folder with --tokenizer")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        _apart(lambda: subject.build(scratch / "master", given.tokenizer or known[0]))
        import evalgate.models.transformers_model  # loaded once, before every command forks
        import evalgate.stages.evaluate  # noqa: F401

        columns = {"EvalGate": [*ours(scratch / "master", scratch / "ours"), *judged(scratch / "judged")]}
        for peer, cells in peers(given.others, scratch / "master", scratch).items():
            columns[peer] = [*cells, *(Cell("none", 0, "its judge is asked anew each time") for _ in JUDGED)]
    rows = [*((one.name, str(one.asks)) for one in MUTATIONS), *JUDGED]
    lines = table(rows, columns)
    print("\n".join(lines), file=sys.stderr)
    told = {name: {row[0]: cell._asdict() for row, cell in zip(rows, column, strict=True)} for name, column in columns.items()}
    for name, column in told.items():
        for row, cell in column.items():
            if cell["mark"] == "failed":
                print(f"{name}: {row}: {cell['note']}", file=sys.stderr)
    if given.out is not None:
        given.out.write_text("\n".join(lines) + "\n")
    print(json.dumps({"date": datetime.now(UTC).date().isoformat(), "matrix": told}, indent=2))
    return 0 if all(cell.mark == "ok" for cell in columns["EvalGate"]) else 1


def _apart(act: Callable[[], object]) -> None:
    """Done in a forked copy, so that no thread of a computation is left in this process when commands are forked from it."""
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("the subject could not be built")


if __name__ == "__main__":
    sys.exit(main())
