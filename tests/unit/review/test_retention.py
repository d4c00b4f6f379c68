"""What evidence must be kept."""

from datetime import UTC, datetime, timedelta

import pytest
from drawn_evidence import evidence, registry, sha256, step
from hypothesis import given
from hypothesis import strategies as st

from evalgate.review.retention import adapters, elsewhere, kept, prunable

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
DIGESTS = [sha256(b"%d" % number) for number in range(8)]


def at(days):
    """The time that many days before NOW."""
    return (NOW - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def of(*steps, registries=(), open_pulls=(), keep_days=90):
    return kept(steps, registries, open_pulls, now=NOW, keep_days=keep_days)


def test_kept__is_what_any_entry_of_any_registry_names_however_old_the_step():
    steps = [step(f"{n}", name="finished", at=at(900), evidence=digest) for n, digest in enumerate(DIGESTS[:3])]
    assert of(*steps) == frozenset()
    assert of(*steps, registries=[registry(DIGESTS[0]), registry(DIGESTS[2], DIGESTS[5])]) == {DIGESTS[n] for n in (0, 2, 5)}


def test_kept__is_what_any_step_of_an_open_pull_request_names():
    old = [step("1", name="finished", pull=7, at=at(900), evidence=DIGESTS[0]), step("2", pull=7, at=at(900))]
    assert of(*old, open_pulls={8}) == frozenset()
    assert of(*old, open_pulls={7}) == {DIGESTS[0]}


@pytest.mark.parametrize(
    ("days", "stays"), [(0, True), (-3, True), (89, True), (90, True), (90 + 1 / 86_400, False), (91, False)]
)
def test_kept__is_what_is_no_older_than_the_policy_says(days, stays):
    assert of(step("1", name="finished", at=at(days), evidence=DIGESTS[0])) == ({DIGESTS[0]} if stays else frozenset())


@pytest.mark.parametrize("when", ["", "soon", "2026-13-45T00:00:00Z"])
def test_kept__is_what_does_not_say_when_it_was(when):
    assert of(step("1", name="finished", at=when, evidence=DIGESTS[0])) == {DIGESTS[0]}


def test_kept__a_time_without_a_zone_is_utc():
    assert of(step("1", at="2026-08-22T08:00:00", evidence=DIGESTS[0])) == {DIGESTS[0]}
    assert of(step("1", at="2026-08-22T07:59:59.999999", evidence=DIGESTS[0])) == frozenset()


def test_elsewhere__is_what_only_entries_of_another_place_name():
    here, there = registry(DIGESTS[0], DIGESTS[1]), registry(DIGESTS[1], DIGESTS[2], DIGESTS[3], place="s3://bucket/e")
    steps = [step("1", name="finished", at=at(900), evidence=DIGESTS[3]), step("2")]
    assert elsewhere(steps, [here, there], "branch:evalgate-evidence") == {DIGESTS[2]}


def test_prunable__is_never_the_journal_nor_anything_that_is_no_evidence():
    places = {"pulls/1.jsonl": 1, "features/f.jsonl": 1, "pulls/1/x.json": 1, "README.md": 1, "objects.txt": 1, "objects/a": 2}
    assert prunable(places, ()) == {"objects/a": 2}


def test_prunable__is_no_adapter_that_an_entry_names_even_where_its_manifest_does_not():
    digest = sha256(b"adapter")
    places = {f"adapters/{digest}/a.json": 1, f"adapters/{DIGESTS[0]}/a.json": 2}
    assert prunable(places, (), adapters([registry(DIGESTS[1], adapter=digest)])) == {f"adapters/{DIGESTS[0]}/a.json": 2}


RUNS = [evidence(f"{n}", report_md=b"%d" % (n // 2), adapter={"a.json": b"%d" % (n // 3)}) for n in range(8)]
"""Runs that share reports and adapters with one another."""


@given(
    steps=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 400), st.none() | st.integers(0, 7)), max_size=12),
    registered=st.lists(st.sets(st.integers(0, 7)), max_size=3),
    open_pulls=st.sets(st.integers(1, 4)),
    keep_days=st.integers(1, 300),
)
def test_prunable__nothing_that_is_referred_to_is_ever_in_it(steps, registered, open_pulls, keep_days):
    entries = [
        step(f"{n}", name="finished", pull=pull, at=at(days), evidence=None if run is None else RUNS[run].sha256)
        for n, (pull, days, run) in enumerate(steps)
    ]
    registries = [registry(*(RUNS[run].sha256 for run in runs)) for runs in registered]
    digests = of(*entries, registries=registries, open_pulls=open_pulls, keep_days=keep_days)
    needed = {run for runs in registered for run in runs}
    needed |= {run for pull, days, run in steps if run is not None and (pull in open_pulls or days <= keep_days)}
    assert digests == {RUNS[run].sha256 for run in needed}
    everything = {place: len(content) for run in RUNS for place, content in run.files.items()}
    marked = {place for run in RUNS if run.sha256 in digests for place in run.manifest.places}
    goes = prunable(everything, marked | {place for run in needed for place in RUNS[run].files})
    assert set(everything) - set(goes) == {place for run in needed for place in RUNS[run].files}
