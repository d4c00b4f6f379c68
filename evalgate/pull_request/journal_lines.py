"""What may go with a step onto a branch: files under their digests, none larger than GitHub takes."""

from collections.abc import Mapping

from evalgate.errors import NotMeasured
from evalgate.review.evidence_files import refuse_misplaced

LARGEST = 100 * 1000 * 1000
"""Bytes of one file; GitHub refuses more than a hundred megabytes, and its API, in its own words, some that are smaller."""
LARGEST_BLOB = 35 * 1000 * 1000
"""Bytes of one binary file that its blob call is said to take still; people tell of refusals above, GitHub says nothing."""
ELSEWHERE = "set `evidence:` to s3://, gs:// or a folder"
"""What to do about a file that is too large."""


def check_files(files: Mapping[str, bytes]) -> None:
    """Nothing, or an error: the files that go with a step, place -> bytes.

    Raises:
        NotMeasured: one is too large for GitHub.
        ValueError: one does not lie under its digest.
    """
    for name, content in files.items():
        if len(content) > LARGEST:
            raise NotMeasured(f"{name}: {megabytes(content)}: GitHub takes no file over 100 MB: {ELSEWHERE}")
    refuse_misplaced(files)


def megabytes(content: bytes) -> str:
    """The size of some bytes, for people."""
    return f"{len(content) / 1e6:,.1f} MB"
