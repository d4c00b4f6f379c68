"""What the untrusted half left for us: found by commit, read with a cap, believed in nothing."""

from collections.abc import Iterator

import requests
from github import GithubException
from github.Artifact import Artifact

from evalgate.pull_request.archive import member_of
from evalgate.pull_request.client import TIMEOUT, Remote
from evalgate.pull_request.effects import Refused, asked
from evalgate.pull_request.faults import whole

EVENTS = ("pull_request", "pull_request_review")
"""Events whose runs know no secret."""
WRAPPING = 1 << 20
"""Bytes that an archive may have beyond the member that is wanted."""
_CHUNK = 1 << 16


def member(remote: Remote, *, head: str, artifact: str, member: str, most: int) -> bytes | None:
    """One file out of the newest artifact of this name that a run at `head` left.

    None where there is no run, no such artifact (any more), no such file, or one that no honest run leaves: larger than
    `most`, or in an archive larger than that and a megabyte. What it says of itself means nothing.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    found = asked(remote, lambda: _newest(remote, head, artifact), f"find the artifact {artifact!r} at {head[:7]}")
    if found is None:
        return None
    try:
        packed = asked(remote, lambda: _downloaded(remote, found, most + WRAPPING), f"download the artifact {artifact!r}")
    except Refused as refusal:
        if refusal.status not in (404, 410):  # expired or deleted since
            raise
        return None
    return member_of(packed, member, most=most) if packed is not None else None


def _newest(remote: Remote, head: str, name: str) -> Artifact | None:
    runs = remote.repository.get_workflow_runs(head_sha=head)
    known = [run for run in runs if run.head_sha == head and run.event in EVENTS]
    for run in sorted(known, key=lambda run: whole(run.id, "id"), reverse=True):
        left = [one for one in run.get_artifacts() if one.name == name and not one.expired]
        if left:
            return max(left, key=lambda one: whole(one.id, "id"))
    return None


def _downloaded(remote: Remote, artifact: Artifact, most: int) -> bytes | None:
    """The archive, or None as soon as it is seen to be larger than `most`.

    PyGithub would hold all of it in memory, so it only says where the archive lies; the token stays at home.

    Raises:
        ValueError: GitHub names no place.
    """
    if artifact.size_in_bytes > most:  # a claim; the count below is not
        return None
    address = whole(artifact.archive_download_url, "archive_download_url")
    status, headers, said = remote.repository.requester.requestJson("GET", address)
    if status >= 400:
        raise GithubException(status, {"message": said}, headers)
    if "location" not in headers:
        raise ValueError("no address of the archive in the answer")
    with requests.get(headers["location"], stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        return _counted(answer.iter_content(_CHUNK), most)


def _counted(chunks: Iterator[bytes], most: int) -> bytes | None:
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > most:
            return None
    return bytes(found)
