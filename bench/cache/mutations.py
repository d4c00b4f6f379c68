"""What is done to a subject, and what a cache should make of it. Standard library alone: the peers' interpreter reads it, too."""

import json
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cache.subject import MODEL, RUN, TOKENS, case, golden, write_golden, write_policy

ADAPTER = f"{RUN}/adapter"
NOON = "2026-11-20T12:00:00+00:00"
WEST = "EST5"
"""A time zone where 20 November begins at five in the morning, UTC."""

LEANING = """\
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import beside

def score(case, output):
    share = json.loads((pathlib.Path(__file__).parent / "beside.json").read_text())
    return share * (len(output) % beside.SEVEN) / 7
"""


class Setting(NamedTuple):
    """What a run is given beside the subject's files."""

    folder: str = "subject"
    """Where the subject lies, below the scratch folder."""
    model: str = MODEL
    run: str = RUN
    dtype: str = "float32"
    tokens: int = TOKENS
    batch: int = 32
    versions: tuple[tuple[str, str], ...] = ()
    """Libraries that say another version."""
    moment: str | None = None
    """What the clock says."""
    zone: str | None = None


class Mutation(NamedTuple):
    """One row of the matrix."""

    name: str
    act: Callable[[Path], object]
    """On the subject's folder."""
    asks: int
    """Answers that must be generated: all 6 when what was changed shapes answers, 0 when it does not."""
    setting: Setting = Setting()
    first: Callable[[Path], object] | None = None
    """Done to the subject before its cache is filled, too."""
    before: Setting = Setting()
    """How the cache is filled."""
    ours_alone: bool = False
    """No cache but ours says anything of it."""


def flipped(path: Path) -> None:
    """The sign of one number in the middle of a safetensors file is the other one; the length stays."""
    content = bytearray(path.read_bytes())
    header = 8 + struct.unpack("<Q", content[:8])[0]
    at = header + (len(content) - header) // 2 // 4 * 4 + 3  # the byte with the sign of a little-endian float32
    content[at] ^= 0x80
    path.write_bytes(bytes(content))


def in_json(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}, indent=2))


def in_text(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new))


def swapped_tokens(path: Path) -> None:
    """Two words of the tokenizer change their numbers."""
    known = json.loads(path.read_text())
    words = known["model"]["vocab"]
    words["ion"], words["words"] = words["words"], words["ion"]
    path.write_text(json.dumps(known))


def touched(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (time.time() + 5_000, time.time() + 5_000))


def renamed(old: str, new: str) -> Callable[[Path], object]:
    def act(folder: Path) -> None:
        (folder / old).rename(folder / new)
        if old == MODEL:
            write_policy(folder, model=new)

    return act


def dated(call: str) -> Callable[[Path], object]:
    """The template writes when it is asked."""

    def act(folder: Path) -> None:
        path = folder / MODEL / "chat_template.jinja"
        path.write_text("{{ strftime_now('" + call + "') }} " + path.read_text())

    return act


def leaning(folder: Path) -> None:
    """The scorer takes a number from a module and another from a file beside it."""
    (folder / "beside.py").write_text("SEVEN = 7\n")
    (folder / "beside.json").write_text("1")
    (folder / "own.py").write_text(LEANING)


def one_case(**fields: object) -> Callable[[Path], object]:
    return lambda folder: write_golden(folder, [{**one, **fields} if one["id"] == "c-2" else one for one in golden(folder)])


def nothing(_folder: Path) -> None:
    """As it was."""


def clock(moment: str, zone: str = "UTC0") -> Setting:
    return Setting(moment=moment, zone=zone)


DAY, MINUTE = dated("%d %b %Y"), dated("%H:%M")
MUTATIONS = (
    Mutation("nothing", nothing, 0),
    Mutation("adapter: one byte, same path and length", lambda at: flipped(at / ADAPTER / "adapter_model.safetensors"), 6),
    Mutation("adapter: `lora_alpha`", lambda at: in_json(at / ADAPTER / "adapter_config.json", lora_alpha=64), 6),
    Mutation("weights: one byte, same path and length", lambda at: flipped(at / MODEL / "model.safetensors"), 6),
    Mutation("tokenizer: two words change numbers", lambda at: swapped_tokens(at / MODEL / "tokenizer.json"), 6),
    Mutation("chat template", lambda at: in_text(at / MODEL / "chat_template.jinja", "assistant\n", "helper\n"), 6),
    Mutation("stop ids", lambda at: in_json(at / MODEL / "generation_config.json", eos_token_id=[2, 198]), 6),
    Mutation("dtype", nothing, 6, Setting(dtype="bfloat16")),
    Mutation("longest answer", nothing, 6, Setting(tokens=5)),
    Mutation("system prompt", lambda at: (at / "prompts/f.md").write_text("Answer in two words.\n"), 6),
    Mutation("engine: another version of transformers", nothing, 6, Setting(versions=(("transformers", "5.99.0"),))),
    Mutation("rows of a batch", nothing, 6, Setting(batch=3), ours_alone=True),
    Mutation("date in the template: a day later", nothing, 6, clock("2026-11-21T12:00:00+00:00"), DAY, clock(NOON)),
    Mutation("date in the template: same day", nothing, 0, clock("2026-11-20T18:00:00+00:00"), DAY, clock(NOON)),
    Mutation(
        "date in the template: midnight passed where we are",
        nothing,
        6,
        clock(NOON, WEST),
        DAY,
        clock("2026-11-20T01:00:00+00:00", WEST),
    ),
    Mutation("time in the template: an hour later", nothing, 6, clock("2026-11-20T13:00:00+00:00"), MINUTE, clock(NOON)),
    Mutation("one question", one_case(input="Quite another question?"), 1),
    Mutation("one case more", lambda at: write_golden(at, [*golden(at), case(9)]), 1),
    Mutation("scorer: its code", lambda at: in_text(at / "own.py", "% 7 / 7", "% 5 / 5"), 0),
    Mutation(
        "scorer: a module that it imports",
        lambda at: (at / "beside.py").write_text("SEVEN = 5\n"),
        0,
        first=leaning,
        ours_alone=True,
    ),
    Mutation(
        "scorer: a file that it reads", lambda at: (at / "beside.json").write_text("0.5"), 0, first=leaning, ours_alone=True
    ),
    Mutation("one expectation", one_case(expected={"n": 99}), 0),
    Mutation("one case less", lambda at: write_golden(at, golden(at)[1:]), 0),
    Mutation("order of the cases", lambda at: write_golden(at, golden(at)[::-1]), 0),
    Mutation("all files touched (mtime)", touched, 0),
    Mutation("model's folder renamed", renamed(MODEL, "other"), 0, Setting(model="other")),
    Mutation("adapter's folder renamed", renamed(RUN, "runs/r2"), 0, Setting(run="runs/r2")),
    Mutation("everything copied elsewhere", nothing, 0, Setting(folder="copy")),
)


def laid(mutation: Mutation, master: Path, scratch: Path) -> Path:
    """Where the subject lies for this mutation's first run, as it was built, what comes first done to it."""
    from cache.subject import fresh

    place = fresh(master, scratch / mutation.before.folder)
    if mutation.first is not None:
        mutation.first(place)
    return place


def mutated(mutation: Mutation, place: Path, scratch: Path) -> Path:
    """Where it lies for the second one, changed."""
    elsewhere = scratch / mutation.setting.folder
    if elsewhere != place:
        place.rename(elsewhere)
    mutation.act(elsewhere)
    return elsewhere
