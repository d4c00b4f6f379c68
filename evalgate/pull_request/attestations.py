"""The bundles that the workflow's `actions/attest` left with GitHub, found by the digest of what they are about.

GitHub keeps them as files of their own, packed as one snappy block, and since API version 2026-03-10 names only their address.
What they say is not looked at here: `signing.verify_bundle` does.
"""

from collections.abc import Mapping
from typing import Any

import orjson
import requests

from evalgate.errors import NotMeasured
from evalgate.pull_request.client import TIMEOUT, Remote
from evalgate.pull_request.effects import Refused, asked
from evalgate.pull_request.faults import whole
from evalgate.records.statement import PREDICATE_TYPE

MOST = 4 << 20
"""Bytes of a bundle, packed or not; ours have some ten thousand."""
MOST_PAGES = 10
"""Pages of a hundred."""
_CHUNK = 1 << 16


def bundles(remote: Remote, sha256: str) -> tuple[bytes, ...]:
    """The Sigstore bundles, as JSON, about what has this digest; none where GitHub knows of none.

    One that is larger than any honest one is left out: whoever may attest in the repository can add more.

    Raises:
        Refused: GitHub said no.
        NotMeasured: it could not be asked, or there are more than anybody reads.
    """
    what = f"read the attestations of {sha256[:12]}"
    try:
        return asked(remote, lambda: _read(remote, sha256), what)
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return ()


def unpacked(block: bytes, *, most: int) -> bytes | None:
    """The bytes in one snappy block, after its format description; None where it says that they are more than `most`.

    Raises:
        ValueError: it is no such block.
    """
    length, at = _varint(block)
    if length > most:
        return None
    found = bytearray()
    while at < len(block) and len(found) <= length:
        tag, at = block[at], at + 1
        at = _copy(block, at, tag, found) if tag & 3 else _literal(block, at, tag >> 2, found)
    if len(found) != length or at != len(block):
        raise ValueError(f"a block that ends after {len(found)} of {length} bytes")
    return bytes(found)


def _read(remote: Remote, sha256: str) -> tuple[bytes, ...]:
    address: str | None = f"/repos/{remote.name}/attestations/sha256:{sha256}"
    wanted: dict[str, Any] = {"per_page": 100, "predicate_type": PREDICATE_TYPE}
    rows: list[Mapping[str, Any]] = []
    for _ in range(MOST_PAGES):
        headers, page = remote.repository.requester.requestJsonAndCheck("GET", whole(address, "address"), parameters=wanted)
        rows += page["attestations"]
        address, wanted = _next(headers), {}
        if address is None:
            return tuple(bundle for row in rows if (bundle := _bundle(row)) is not None)
    raise NotMeasured(f"{sha256[:12]} has more than {len(rows)} attestations: look at who makes them")


def _next(headers: Mapping[str, Any]) -> str | None:
    links = requests.utils.parse_header_links(str(headers.get("link") or ""))
    return next((str(link["url"]) for link in links if link.get("rel") == "next"), None)


def _bundle(row: Mapping[str, Any]) -> bytes | None:
    """One bundle: from its address, else as older servers give it; the token stays at home.

    Raises:
        ValueError: neither is there, or what lies at the address is no bundle.
    """
    address = row.get("bundle_url")
    if not address:
        inline = orjson.dumps(whole(row.get("bundle"), "bundle_url"))
        return inline if len(inline) <= MOST else None
    with requests.get(address, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()  # whatever it is, it is not GitHub's word that there is no attestation
        packed = bytearray()
        for chunk in answer.iter_content(_CHUNK):
            packed += chunk
            if len(packed) > MOST:
                return None
    return unpacked(bytes(packed), most=MOST)


def _varint(block: bytes) -> tuple[int, int]:
    """The number at the front, seven bits a byte, and where it ends."""
    value = 0
    for at, byte in enumerate(block[:5]):
        value |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
            return value, at + 1
    raise ValueError("a block without a length")


def _literal(block: bytes, at: int, size: int, found: bytearray) -> int:
    """Take bytes as they stand; sizes from 60 on stand in the next one to four bytes."""
    if size >= 60:
        width = size - 59
        size, at = int.from_bytes(_exactly(block, at, width), "little"), at + width
    found += _exactly(block, at, size + 1)
    return at + size + 1


def _copy(block: bytes, at: int, tag: int, found: bytearray) -> int:
    """Take bytes again that came before; they may reach into those that are being taken."""
    if tag & 3 == 1:
        size, offset, width = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | _exactly(block, at, 1)[0], 1
    else:
        width = 2 if tag & 3 == 2 else 4
        size, offset = (tag >> 2) + 1, int.from_bytes(_exactly(block, at, width), "little")
    if not 0 < offset <= len(found):
        raise ValueError(f"a block that goes back by {offset} of {len(found)} bytes")
    for _ in range(size):
        found.append(found[-offset])
    return at + width


def _exactly(block: bytes, at: int, size: int) -> bytes:
    if at + size > len(block):
        raise ValueError("a block that breaks off")
    return block[at : at + size]
