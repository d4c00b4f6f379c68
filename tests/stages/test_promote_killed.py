"""promote, killed at every file that it puts in place: the registry never names what is not there, and the next call ends it."""

import re
import signal

from commands import Ended, files, in_child, run_folder
from test_survives import die_at

from evalgate import registry
from evalgate.evidence import open_shelf
from evalgate.records.evidence import adapter_place
from evalgate.stages.opened import read_evidence

KEPT = ("evidence/", "reports/", "models.yaml")


def left(workspace):
    """Registry, reports and evidence, the time of the entry apart."""
    found = {path: content for path, content in files(workspace).items() if path.startswith(KEPT)}
    return {path: re.sub(rb"(?<=registered_at: )\S+", b"*", content) for path, content in found.items()}


def lost(workspace):
    """What the registry names and nobody finds."""
    known = registry.load(workspace / "models.yaml")
    entries = [entry for feature in known.features.values() for entry in feature.variants.values() if entry.evidence]
    missing = []
    for entry in entries:
        shelf = open_shelf(entry.evidence.uri, root=workspace)
        told = read_evidence(shelf, entry.evidence.sha256)  # raises where a byte is another
        kept = [adapter_place(entry.adapter.sha256, name) for name in told.manifest.adapter]
        missing += [place for place in kept if shelf.read(place) is None]
        missing += [] if (workspace / entry.report.uri.removeprefix("path:")).read_bytes() == told.report else [entry.report.uri]
    return missing


def test_killed_at_any_file__the_registry_names_nothing_that_is_not_there_and_the_next_call_ends_it(evalgate, passed, tmp_path):
    begun = files(passed)

    def promote(**first) -> Ended:
        return in_child(passed, "registry", "promote", run_folder(passed), **first)

    def back():
        for path in files(passed):
            if path not in begun:
                (passed / path).unlink()

    assert promote().code == 0
    whole = left(passed)
    assert "models.yaml" in whole
    died = 0
    while True:
        back()
        ended = promote(first=lambda left=died: die_at(left))
        if ended.code == 0:
            break
        died += 1
        assert ended.code == -signal.SIGKILL, ended.err
        assert lost(passed) == []
        assert not (passed / "models.yaml").exists(), "it is the last file"
        assert promote().code == 0
        assert left(passed) == whole
        assert lost(passed) == []
    assert died == len(whole)
