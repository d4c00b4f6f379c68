"""The registry's road as attackers see it: whoever may push, edits the evidence, writes entries by hand, or is simply late.

The road is told once; every test begins where the entry of a verdict that passed waits for its release.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from disturbed import Frozen, Heard, freeze, thaw
from drawn_workspace import HARMFUL, teach
from pull_stage import BOT, NEW, TOPIC, Stage, staged

from evalgate import registry, store
from evalgate.records.evidence import MANIFEST, Evidence, adapter_place, object_place
from evalgate.records.registry import Flag, Located, Registry, RegistryEntry

REGISTRY, EVIDENCE = "models.yaml", "evalgate-evidence"
NAME = "ft-v1.1.0"
OURS = f"evalgate/registry/f-{NAME}"
REPORT = f"reports/f/{NAME}.md"
RUN = 7


class Told(NamedTuple):
    """The road up to the entry's pull request."""

    stage: Stage
    work: str
    entry: int
    frozen: Frozen


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with (
        pytest.MonkeyPatch.context() as patch,
        staged(tmp_path_factory.mktemp("road"), patch, Heard(patch), release={"managers": ["cat", "dan"]}) as stage,
    ):
        stage.repository.person("dan", "write")
        stage.approve("ben", "cat")
        ((work,)) = stage.control(run=RUN)
        stage.train(work["work"], run=RUN)
        ended, outputs = stage.give("pr", "register", "--pull", stage.number, "--work", work["work"], run=RUN)
        assert ended.code == 0, ended.err
        patch.undo()
        yield Told(stage, work["work"], int(outputs["pull"]), freeze(stage, "registered"))
