"""EG101 to EG107: lines that cannot be read."""

from collections.abc import Iterator

from evalgate.checks.rows import Fault, File
from evalgate.jsonl import Kind
from evalgate.redaction import mask


def encoding(file: File) -> Iterator[Fault]:
    """A fault for each line that is not UTF-8, or begins with a byte-order mark."""
    return _problems(file, "encoding")


def not_json(file: File) -> Iterator[Fault]:
    """A fault for each line that is blank or not JSON; one at line 0 for a file without lines."""
    if not file.rejected and not file.rows:
        yield Fault(0, "no rows: a dataset needs at least one line")
    yield from _problems(file, "syntax", "blank")


def duplicate_key(file: File) -> Iterator[Fault]:
    """A fault for each line on which a key stands twice in one object."""
    return _problems(file, "duplicate_key")


def too_deep(file: File) -> Iterator[Fault]:
    """A fault for each line nested too deep."""
    return _problems(file, "depth")


def number(file: File) -> Iterator[Fault]:
    """A fault for each line with a number that no double or 64-bit integer holds."""
    return _problems(file, "number")


def control(file: File) -> Iterator[Fault]:
    """A fault for each line with control characters or lone surrogates, raw or escaped."""
    return _problems(file, "control", "surrogate")


def too_long(file: File) -> Iterator[Fault]:
    """A fault for each line over the cap of the reader."""
    return _problems(file, "too_long")


def _problems(file: File, *kinds: Kind) -> Iterator[Fault]:
    for line in file.rejected:
        if line.problem and line.problem.kind in kinds:
            yield Fault(line.number, mask(line.problem.message))
