"""One snappy block: taken apart by the format's own description, whatever stands in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.pull_request.attestations import unpacked


def varint(number):
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(found) + bytes([number])


def literal(content):
    size = len(content) - 1
    if size < 60:
        return bytes([size << 2]) + content
    width = (size.bit_length() + 7) // 8
    return bytes([(59 + width) << 2]) + size.to_bytes(width, "little") + content


def copied(offset, size, width):
    """A copy whose offset stands in `width` bytes; width 1 has eleven bits of offset and sizes from 4 to 11."""
    if width == 1:
        return bytes([1 | (size - 4) << 2 | offset >> 8 << 5, offset & 0xFF])
    return bytes([{2: 2, 4: 3}[width] | (size - 1) << 2]) + offset.to_bytes(width, "little")


@st.composite
def blocks(draw):
    """A block and what it stands for."""
    plain, packed = bytearray(), b""
    for _ in range(draw(st.integers(0, 6))):
        if plain and draw(st.booleans()):
            width = draw(st.sampled_from([1, 2, 4]))
            size = draw(st.integers(4, 11) if width == 1 else st.integers(1, 64))
            offset = draw(st.integers(1, min(len(plain), 2047)))
            for _ in range(size):
                plain.append(plain[-offset])
            packed += copied(offset, size, width)
        else:
            content = draw(st.binary(min_size=1, max_size=90)) * draw(st.sampled_from([1, 1, 5, 900]))
            plain += content
            packed += literal(content)
    return varint(len(plain)) + packed, bytes(plain)


@given(blocks())
def test_block__stands_for_these_bytes(drawn):
    packed, plain = drawn
    assert unpacked(packed, most=1 << 20) == plain
    assert unpacked(packed, most=len(plain)) == plain


def test_block_from_elsewhere__stands_for_the_same():
    """`Wikipedia is a free, web-based, …`: the example that the format's article takes apart byte by byte begins like this."""
    assert unpacked(bytes.fromhex("0a") + bytes.fromhex("0c") + b"Wiki" + bytes.fromhex("0904"), most=99) == b"WikiWikiWi"


@given(blocks(), st.integers(0, 50))
def test_block_of_more_than_is_read__is_none(drawn, most):
    packed, plain = drawn
    assert (unpacked(packed, most=most) is None) == (len(plain) > most)


def test_block_that_grows_without_end__is_not_taken_apart():
    assert unpacked(varint(1 << 31) + literal(b"x") + copied(1, 64, 2) * 999, most=1 << 20) is None
    with pytest.raises(ValueError, match="ends after"):
        unpacked(varint(5) + literal(b"x") + copied(1, 64, 2) * 999_999, most=1 << 20)


@given(blocks(), st.data())
def test_block_that_breaks_off__is_an_error(drawn, data):
    packed, plain = drawn
    if plain:
        with pytest.raises(ValueError, match="a block"):
            unpacked(packed[: data.draw(st.integers(0, len(packed) - 1))], most=1 << 20)


@given(st.binary(max_size=60))
def test_any_bytes__are_a_block_or_an_error(content):
    try:
        found = unpacked(content, most=1000)
    except ValueError:
        return
    assert found is None or len(found) <= 1000


@pytest.mark.parametrize(
    "packed", [b"", b"\x80", b"\xff" * 9, varint(4) + copied(1, 4, 1), varint(5) + literal(b"x") + copied(0, 4, 2)]
)
def test_what_is_no_block__is_an_error(packed):
    with pytest.raises(ValueError, match="a block"):
        unpacked(packed, most=1 << 40)
