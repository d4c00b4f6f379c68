"""`make demo`: two dataset changes meet the gate, on a real model, with the commands that anybody would type.

    .venv/bin/python -P bench/demo/demo.py

Everything happens in .demo/, a copy of this repository's own feature `support-intent`. Run it again and what did not
change is found instead of made.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEMO = ROOT / ".demo"
FEATURE = "support-intent"
EVALGATE = str(Path(sys.executable).with_name("evalgate"))


def main() -> int:
    started = time.monotonic()
    fresh_workspace()
    good = good_change()
    middle = time.monotonic()
    harmful = harmful_change()
    print_ending(good, harmful, middle - started, time.monotonic() - middle)
    return 0


def fresh_workspace() -> None:
    """A copy of the feature without any dataset; earlier runs stay, so that nothing is made twice."""
    DEMO.mkdir(exist_ok=True)
    for name in ("golden", "prompts", "datasets"):
        shutil.rmtree(DEMO / name, ignore_errors=True)
    shutil.copytree(ROOT / "golden", DEMO / "golden")
    shutil.copytree(ROOT / "prompts", DEMO / "prompts")
    shutil.copy(ROOT / "evalgate.yaml", DEMO)
    shutil.copy(ROOT / "models.yaml", DEMO)
    (DEMO / "datasets" / FEATURE).mkdir(parents=True)


def good_change() -> Path:
    """Story 1: the dataset gains a version, the candidate passes and enters the registry."""
    title("Story 1: a good dataset change")
    gain(ROOT / "datasets" / FEATURE / "ft-v1.0.0.jsonl", "ft-v1.0.0.jsonl")
    evalgate("check", "--feature", FEATURE)
    run = story(expected=0)
    evalgate("registry", "promote", os.path.relpath(run, DEMO), "--feature", FEATURE)
    flag = f"{FEATURE}-ft-v1.0.0"
    off = evalgate("registry", "resolve", FEATURE).strip()
    on = evalgate("registry", "resolve", FEATURE, "--flag", f"{flag}=on").strip()
    demand(off == "base" and on == "ft-v1.0.0", f"resolve should answer base, then ft-v1.0.0; it said {off}, {on}")
    print("Nobody is served by the new variant until its flag is on. The team is content and rolls it out fully:")
    evalgate("registry", "rollout", FEATURE, "--variant", "ft-v1.0.0", "--share", "1")
    return run


def harmful_change() -> Path:
    """Story 2: a well-formed dataset that teaches wrong labels and obedience; the gate stops it."""
    title("Story 2: a harmful dataset change")
    print("Version 1.1.0 calls refunds invoices and broken items product questions, and obeys unsafe requests.")
    gain(HERE / "harmful.jsonl", "ft-v1.1.0.jsonl")
    before = digest(DEMO / "models.yaml")
    evalgate("check", "--feature", FEATURE)
    run = story(expected=1)
    evalgate("registry", "promote", os.path.relpath(run, DEMO), "--feature", FEATURE, expected=2)
    demand(digest(DEMO / "models.yaml") == before, "the registry must be untouched")
    print("models.yaml is untouched.")
    return run


def story(*, expected: int) -> Path:
    """`evalgate run` on the newest dataset; the run folder that it names."""
    printed = evalgate("run", "--feature", FEATURE, "--format", "json", expected=expected, show=False)
    return Path(json.loads(printed)["run"])


def evalgate(*arguments: str, expected: int = 0, show: bool = True) -> str:
    """Run a command in the workspace as a person would; its stdout. Ends the demo when it leaves with another code."""
    print(f"\n$ evalgate {' '.join(arguments)}", flush=True)
    environment = {**os.environ, "EVALGATE_CACHE": os.environ.get("EVALGATE_CACHE", str(ROOT / ".cache" / "evalgate"))}
    done = subprocess.run([EVALGATE, *arguments], cwd=DEMO, stdout=subprocess.PIPE, text=True, env=environment, check=False)
    if show:
        print(done.stdout, end="")
    print(f"(exit code {done.returncode})")
    demand(done.returncode == expected, f"exit code {expected} was expected")
    return done.stdout


def gain(source: Path, name: str) -> None:
    shutil.copy(source, DEMO / "datasets" / FEATURE / name)
    print(f"datasets/{FEATURE}/ gains {name}")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def demand(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"demo: {otherwise}; the lines above say why. Everything is in {DEMO}")


def title(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}", flush=True)


def print_ending(good: Path, harmful: Path, first: float, second: float) -> None:
    title("What to look at")
    for name, run, seconds in (("good", good, first), ("harmful", harmful, second)):
        verdict = json.loads((run / "verdict.json").read_text())["verdict"]
        print(f"{name:<8} {verdict:<6} {seconds:5.0f} s   {os.path.relpath(run, ROOT)}/report.html (and report.md, comment.md)")
    print(f"registry                 {os.path.relpath(DEMO / 'models.yaml', ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
