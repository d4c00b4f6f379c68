"""What the checks say of a dataset."""

from typing import Literal

from pydantic import Field

from evalgate.records.base import Record
from evalgate.records.change import DatasetChange

Severity = Literal["error", "hold", "warning", "note"]


class Finding(Record):
    """One fault on one line."""

    code: str = Field(pattern=r"^EG\d{3}$", description="the fault's code, e.g. EG102")
    severity: Severity = Field(description="error refuses the dataset; hold needs a person; warning and note inform")
    path: str = Field(description="the file")
    line: int = Field(ge=0, description="line number from 1; 0 when the whole file is meant")
    message: str = Field(description="what is wrong and what to do, safe to print")


class CheckReport(Record):
    """All findings on the files that were checked."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file's shape")
    change: DatasetChange | None = Field(default=None, description="the dataset change; none for bare files")
    rows: int = Field(ge=0, description="rows read, faulty ones counted")
    findings: tuple[Finding, ...] = Field(description="in order of file and line")

    @property
    def refused(self) -> bool:
        """True when any finding is an error."""
        return any(finding.severity == "error" for finding in self.findings)
