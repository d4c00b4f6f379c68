"""One member out of a hostile archive."""

import io
import warnings
import zipfile

import pytest

from evalgate.pull_request.archive import member_of

NAME = "signal.json"


def packed(*members, method=zipfile.ZIP_DEFLATED):
    """A zip archive of (name, content)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def test_member__is_read_whatever_lies_beside_it():
    assert member_of(packed(("other", b"x"), (NAME, b"{}"), ("../" + NAME, b"up")), NAME, most=10) == b"{}"


@pytest.mark.parametrize("name", ["../signal.json", "/signal.json", "a/signal.json", "signal.json ", "SIGNAL.JSON"])
def test_member__of_another_name_is_none(name):
    assert member_of(packed((name, b"{}")), NAME, most=10) is None


def test_member__that_stands_twice_is_none():
    assert member_of(packed((NAME, b"one"), (NAME, b"two")), NAME, most=10) is None


@pytest.mark.parametrize(("size", "kept"), [(10, True), (11, False)])
def test_member__may_have_as_many_bytes_as_the_cap(size, kept):
    assert (member_of(packed((NAME, b"x" * size)), NAME, most=10) is not None) == kept


def test_member__that_unpacks_to_gigabytes_is_none_after_the_cap():
    assert member_of(packed((NAME, b"\0" * 100_000_000)), NAME, most=1000) is None


def test_member__that_lies_about_its_size_is_none():
    honest = packed((NAME, b"\0" * 5_000_000))
    size = (5_000_000).to_bytes(4, "little")
    assert honest.count(size) == 2
    assert member_of(honest.replace(size, (10).to_bytes(4, "little")), NAME, most=1000) is None


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_member__packed_by_a_method_without_a_bound_is_none(method):
    assert member_of(packed((NAME, b"{}"), method=method), NAME, most=10) is None


@pytest.mark.parametrize("broken", [b"", b"PK", b'{"not": "zip"}', packed((NAME, b"{}"))[:-5], packed((NAME, b"{}"))[10:]])
def test_archive__that_is_broken_is_none(broken):
    assert member_of(broken, NAME, most=10) is None


def test_member__whose_bytes_were_changed_is_none():
    whole = packed((NAME, b"abcdef"), method=zipfile.ZIP_STORED)
    assert member_of(whole.replace(b"abcdef", b"abcdeX"), NAME, most=10) is None


def test_member__that_is_encrypted_is_none():
    whole = bytearray(packed((NAME, b"{}"), method=zipfile.ZIP_STORED))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(mark) + offset] |= 1
    assert member_of(bytes(whole), NAME, most=10) is None
