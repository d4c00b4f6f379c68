"""Files that are to be kept: each under its digest."""

import pytest
from drawn_evidence import ADAPTER, adapter_files, evidence, sha256

from evalgate.records.evidence import object_place
from evalgate.review.evidence_files import refuse_misplaced

REPORT = b"# Report\n"


def test_files__all_under_their_digests_are_accepted():
    refuse_misplaced({})
    refuse_misplaced(evidence(report_md=REPORT, adapter=ADAPTER).files)
    refuse_misplaced({object_place("LICENSE", sha256(REPORT)): REPORT})


@pytest.mark.parametrize(
    "place",
    [
        "report.md",
        "runs/1/report.md",
        "pulls/12.jsonl",
        "features/support.jsonl",
        "objects/report.md",
        f"objects/{sha256(REPORT)}.md",
        f"objects/../{sha256(REPORT)}.md",
        f"objects/{sha256(REPORT)[:2]}/{sha256(REPORT)}.md/x",
        f"objects/{sha256(REPORT)[:2]}/{sha256(REPORT)}.a b",
        f"objects/{sha256(REPORT)[:2]}/{sha256(REPORT).upper()}.md",
        f"/objects/{sha256(REPORT)[:2]}/{sha256(REPORT)}.md",
        f"adapters/{sha256(REPORT)}",
        f"adapters/{sha256(REPORT)}/../x",
        f"adapters/{sha256(REPORT)}/a/b.json",
        f"adapters/{sha256(REPORT)}/.hidden",
    ],
)
def test_files__at_no_place_of_evidence_are_refused(place):
    with pytest.raises(ValueError, match="no place of evidence"):
        refuse_misplaced({place: REPORT})


def test_files__with_another_content_than_their_place_says_are_refused():
    with pytest.raises(ValueError, match="another digest"):
        refuse_misplaced({object_place("report.md", sha256(REPORT)): b"# Another\n"})
    place = object_place("report.md", sha256(REPORT))
    folder = "00" if place[8:10] != "00" else "11"
    with pytest.raises(ValueError, match="another digest"):
        refuse_misplaced({f"objects/{folder}{place[10:]}": REPORT})


def test_adapter__that_is_not_whole_or_has_a_file_too_many_or_another_is_refused():
    files = adapter_files(ADAPTER)
    first, *others = files
    folder = first.rpartition("/")[0]
    for wrong in (
        {place: files[place] for place in others},
        {**files, f"{folder}/extra.json": b"{}"},
        {**files, first: b"another"},
    ):
        with pytest.raises(ValueError, match=r"the adapter is not whole, or its files have another digest: adapter_config"):
            refuse_misplaced(wrong)
    refuse_misplaced({**files, **adapter_files({"adapter_model.safetensors": b"of another one"})})
