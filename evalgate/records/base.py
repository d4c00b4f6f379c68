"""What every record has in common: frozen, strict, no unknown field, no NaN."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A sha256 in 64 lower-case hex digits."""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
"""A share in [0, 1]."""


class Record(BaseModel):
    """A frozen fact of one stage, written as JSON and read back strictly."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        ser_json_inf_nan="constants",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        protected_namespaces=(),
    )


def digest_over(files: Mapping[str, str]) -> str:
    """Digest over files given as name -> sha256: sha256 of sorted "<sha256>  <name>" lines, as sha256sum writes them."""
    return hashlib.sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()).hexdigest()


def is_day(text: str) -> bool:
    """True for a day as ISO writes it, such as 2026-11-02, and for nothing else."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def problems_of(error: ValidationError) -> list[str]:
    """What is wrong with one line that should be a record, in plain words, without its location."""
    return [_explain(item) for item in error.errors(include_url=False)]


def _explain(item: Mapping[str, Any]) -> str:
    field = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        need = "a case needs an expectation: " if field == "expected" else ""
        return f"{need}`{field}` is missing"
    if item["type"] == "extra_forbidden":
        return f"unknown field `{field}`"
    return f"{f'`{field}`: ' if field else ''}{str(item['msg']).removeprefix('Value error, ')}"
