"""How fast `resolve` answers, how well it keeps to shares, and whom a larger share moves.

    .venv/bin/python -P bench/resolve.py

One line a figure on stderr, with its target; all of them as JSON on stdout. The peer is the same rules written plainly:
every flag of the record asked in turn. Everything runs in one thread; keys are made before the clock starts.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from evalgate.records.registry import BaseModelRef, Flag, Registry, RegistryEntry, RegistryFeature
from evalgate.registry import BUCKETS, resolve

KEYS = 1_000_000
ROUNDS = 5
SHA = "ab" * 32


class Figure(NamedTuple):
    name: str
    value: float
    target: str
    passed: bool


def registry(share: float, *, on: bool = True, further: int = 0) -> Registry:
    """A feature with a base and a variant; `further` variants before it are registered with their flags off."""
    off = {f"old-{n}": entry(Flag(name=f"f-old-{n}", share=1.0)) for n in range(further)}
    variants = {"base": entry(None), **off, "new": entry(Flag(name="f-new", on=on, share=share))}
    return Registry(version=1, features={"f": RegistryFeature(default="base", variants=variants)})


def entry(flag: Flag | None) -> RegistryEntry:
    return RegistryEntry(model="m", base_model=BaseModelRef(uri="m", sha256=SHA), prompt_sha256=SHA, flag=flag)


def plain(
    feature: str, *, key: str | None = None, flags: Mapping[str, bool] | None = None, registry: Registry
) -> tuple[str, str, RegistryEntry]:
    """The peer: what `resolve` was before it had tables, every flag of the record asked in turn."""
    known = registry.features[feature]
    names = [variant.flag.name for variant in known.variants.values() if variant.flag is not None]
    if any(name not in names for name in flags or {}):
        raise KeyError(feature)
    for name, variant in known.variants.items():
        if variant.flag is not None and serves(variant.flag, key, flags or {}):
            return feature, name, variant
    return feature, known.default, known.variants[known.default]


def serves(flag: Flag, key: str | None, flags: Mapping[str, bool]) -> bool:
    if not flags.get(flag.name, flag.on):
        return False
    share = flag.share if flag.share > 0 or flag.name not in flags else 1.0
    return share >= 1.0 or (key is not None and place(flag.name, key) < share * BUCKETS)


def place(flag: str, key: str) -> int:
    """Where a key stands among the BUCKETS of a flag."""
    return int.from_bytes(hashlib.sha256(f"{flag}\0{key}".encode("utf-8", "surrogatepass")).digest()[:8]) % BUCKETS


def calls_a_second(ask: Callable[..., object], known: Registry, keys: list[str] | list[None]) -> float:
    """Calls in a second of one core's time, the best of some rounds: a busy machine only ever takes away."""
    best = 0.0
    for _ in range(ROUNDS):
        started = time.process_time()
        for key in keys:
            ask("f", key=key, registry=known)
        best = max(best, len(keys) / (time.process_time() - started))
    return best


def on(share: float, keys: list[str]) -> set[str]:
    known = registry(share)
    return {key for key in keys if resolve("f", key=key, registry=known).variant == "new"}


def figures() -> list[Figure]:
    keys = [f"customer-{n}" for n in range(KEYS)]
    some = keys[: KEYS // 5]
    found = []
    for name, known, asked in (
        ("calls a second, a key and a share", registry(0.25), some),
        ("calls a second, a key, and ten flags that are off before it", registry(0.25, further=10), some),
        ("calls a second, no key, everything off", registry(0.0, on=False), [None] * len(some)),
    ):
        speed = calls_a_second(resolve, known, asked)
        found.append(Figure(name, round(speed), "at least 500000", speed >= 500_000))
        ratio = speed / calls_a_second(plain, known, asked)
        found.append(Figure(f"{name}: times the plain rules", round(ratio, 2), "at least 1", ratio >= 1))
    tenth, quarter = on(0.10, keys), on(0.25, keys)
    for share, served in ((0.10, tenth), (0.25, quarter)):
        off_by = abs(len(served) / KEYS - share) * 100
        found.append(Figure(f"share {share:.0%}: percentage points off", round(off_by, 4), "at most 0.2", off_by <= 0.2))
    moved_back, moved = len(tenth - quarter), len(quarter - tenth) / KEYS * 100
    found.append(Figure("10% -> 25%: keys of the 10% that lost it", moved_back, "exactly 0", moved_back == 0))
    found.append(Figure("10% -> 25%: percent of keys moved", round(moved, 4), "15 within 0.2", abs(moved - 15) <= 0.2))
    strays = sum(not 1_000 <= place("f-new", key) < 2_500 for key in quarter - tenth)
    found.append(Figure("10% -> 25%: keys moved that are not of the new 15%", strays, "exactly 0", strays == 0))
    again = on(0.25, keys)
    found.append(Figure("asked again: keys that changed sides", len(again ^ quarter), "exactly 0", again == quarter))
    known = registry(0.25)
    others = sum(plain("f", key=key, registry=known)[1] != ("new" if key in quarter else "base") for key in keys)
    found.append(Figure("answers other than the plain rules give", others, "exactly 0", others == 0))
    return found


def main() -> int:
    found = figures()
    for figure in found:
        print(f"{'PASS' if figure.passed else 'FAIL'}  {figure.name}: {figure.value:,} ({figure.target})", file=sys.stderr)
    print(json.dumps([figure._asdict() for figure in found], indent=2))
    return 0 if all(figure.passed for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
