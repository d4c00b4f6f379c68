"""One member of a zip archive that somebody else packed: read in memory, never extracted."""

import io
import zipfile
import zlib

_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of the other methods zipfile unpacks a whole block at a time, however much comes out."""
_ENCRYPTED = 0x1


def member_of(packed: bytes, name: str, *, most: int) -> bytes | None:
    """The bytes of the one member that is called exactly `name`.

    None where there is none, where there are two, and for all that no honest packer makes: a broken archive, an
    encrypted member, one that unpacks to more than `most` bytes.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            found = [member for member in archive.infolist() if member.filename == name]
            if len(found) != 1 or found[0].compress_type not in _BOUNDED or found[0].flag_bits & _ENCRYPTED:
                return None
            with archive.open(found[0]) as stream:  # the size that the archive claims is not asked
                content = stream.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError):
        return None
    return content if len(content) <= most else None
