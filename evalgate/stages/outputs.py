"""Outputs of a workflow step, whatever is in them."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from evalgate.errors import NotMeasured


def write_outputs(path: Path | None, told: Mapping[str, str]) -> None:
    """Append outputs to the runner's file; nothing outside a workflow.

    Each value stands between two lines that nobody can guess, so that no value can end early and set another output.

    Raises:
        NotMeasured: the file cannot be written.
    """
    if path is None:
        return
    end = secrets.token_hex(16)
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write("".join(f"{name}<<{end}\n{value}\n{end}\n" for name, value in told.items()))
    except OSError as error:
        raise NotMeasured(f"{path}: outputs cannot be written: {error.strerror}") from error
