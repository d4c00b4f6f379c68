"""`make demo` itself: both stories on the real model, and a second run that makes nothing twice."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("bench", "datasets", "golden", "prompts", "evalgate.yaml", "models.yaml")


def demo(folder: Path, cache: Path) -> tuple[int, str, float]:
    began = time.monotonic()
    environment = {**os.environ, "EVALGATE_CACHE": str(cache)}
    command = [sys.executable, "-P", str(folder / "bench/demo/demo.py")]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    sys.stdout.write(done.stdout)
    return done.returncode, done.stdout, time.monotonic() - began


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_demo__tells_both_stories_and_makes_nothing_twice(cache, tmp_path):
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part)
        else:
            shutil.copy(source, tmp_path / part)
    code, told, first = demo(tmp_path, cache)
    assert code == 0
    assert "pass: +" in told
    assert "`intent/damaged_item`, `intent/refund`" in told.split("Story 2")[1]
    assert "models.yaml is untouched." in told
    code, again, second = demo(tmp_path, cache)
    assert code == 0
    assert again.count("nothing is trained") == 2
    assert again.count("nothing is generated") == 5, "base and candidate, then base, candidate and reference"
    assert second < first / 5
