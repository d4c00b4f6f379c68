"""The whole story with its variants on a real cluster: the verdict is the same, and what was finished is never asked again."""

import re
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from ray_head import ray_head

from evalgate.cluster import Where, Workers, pooled
from evalgate.stages import story
from evalgate.stages.workspace import open_workspace

sys.path.append(str(Path(__file__).parents[1] / "stages"))
from commands import judged, process, run_folder
from drawn_workspace import draw

cloudpickle.register_pickle_by_value(sys.modules[__name__])
STORY = "refund: -+*90 ++*60 | bill: -+*90 ++*60 | safety/jailbreak: ++*40"
CASES = 340


@pytest.fixture(scope="module")
def head():
    with ray_head(cpus=2) as up:
        yield up


def test_run_on_a_cluster__comes_to_the_same_files_as_in_this_process(head, tmp_path):
    here, there = (draw(tmp_path / name, STORY, evaluate={"workers": 2}) for name in ("here", "there"))
    assert process(here, "run").code == 0
    ended = process(there, "run", "--ray", head.address, "--metrics", "m.prom")
    assert ended.code == 0, ended.err
    assert f"ray: {head.address}: 1 nodes, 2 CPUs" in ended.err
    assert judged(run_folder(there)) == judged(run_folder(here))
    assert f'cases_answered_total{{feature="f"}} {2 * CASES}' in (there / "m.prom").read_text()


def test_cluster_that_is_not_there__is_no_verdict(tmp_path):
    draw(tmp_path, STORY, evaluate={"workers": 2})
    ended = process(tmp_path, "run", "--ray", "127.0.0.1:1")
    assert ended.code == 3
    assert "cannot be reached" in ended.err


def test_head_that_vanishes_while_variants_answer__is_no_verdict_and_the_next_run_asks_only_the_rest(tmp_path):
    draw(tmp_path, STORY, evaluate={"workers": 2})

    def slowly(make):
        def load():
            work = make()

            def worked(piece):
                time.sleep(1.0)
                yield from work(piece)

            return worked

        return load

    with ray_head(cpus=2) as doomed:

        def executor(make, pieces):
            for answered, found in enumerate(pooled(Where(doomed.address), Workers(1))(slowly(make), pieces), start=1):
                yield found
                if answered == 2 * 64 + 1:
                    doomed.kill()

        places = story.Places(tmp_path / "runs", tmp_path / "models.yaml", tmp_path / "cache")
        workspace = open_workspace(tmp_path / "evalgate.yaml", None)
        told = story.run(workspace, places, progress=lambda *_: None, executor=executor)
        assert told.verdict.verdict == "inconclusive"
    ended = process(tmp_path, "run")
    assert ended.code == 0, ended.err
    found = [int(count) for count in re.findall(r"(\d+) of \d+ answers found", ended.err)]
    assert sum(found) >= 128
