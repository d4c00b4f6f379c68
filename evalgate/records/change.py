"""A dataset change: what a pull request brings."""

from pydantic import Field

from evalgate.records.base import Record, Sha256


class DatasetChange(Record):
    """One version of one feature's dataset, bound to its bytes."""

    feature: str = Field(description="what the product calls by name, e.g. support-intent")
    path: str = Field(description="the dataset file, relative to the policy's folder")
    version: str = Field(description="the version in the file's name, e.g. v1.0.0; the file's stem where it has none")
    sha256: Sha256 = Field(description="sha256 of the file's bytes")
    rows: int = Field(ge=0, description="lines of the file")
