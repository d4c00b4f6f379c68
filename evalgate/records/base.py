"""What every record has in common: frozen, strict, no unknown field, no NaN."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

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
