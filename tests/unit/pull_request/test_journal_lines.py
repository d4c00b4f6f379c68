"""What may go with a step onto a branch."""

import pytest
from drawn_evidence import ADAPTER, evidence, sha256

from evalgate.errors import NotMeasured
from evalgate.pull_request import journal_lines
from evalgate.records.evidence import object_place


def test_files__under_their_digests_are_accepted():
    journal_lines.check_files({})
    journal_lines.check_files(evidence(report_md=b"# Report\n", adapter=ADAPTER).files)


def test_files__elsewhere_are_refused():
    with pytest.raises(ValueError, match="no place of evidence"):
        journal_lines.check_files({"pulls/12.jsonl": b"{}\n"})


def test_files__larger_than_github_takes_are_refused_with_another_place():
    content = bytes(journal_lines.LARGEST + 200_000)
    place = object_place("x.bin", sha256(content))
    with pytest.raises(NotMeasured) as refused:
        journal_lines.check_files({place: content})
    says = "100.2 MB: GitHub takes no file over 100 MB: set `evidence:` to s3://, gs:// or a folder"
    assert str(refused.value) == f"{place}: {says}"
