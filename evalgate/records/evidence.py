"""What a verdict rests on, kept for good: every file under its digest, and one manifest that names them all.

At an evidence place (a branch, a folder, a bucket) lie

    objects/<ab>/<sha256>.<suffix>     one file, named by its own bytes: a manifest, results, a report
    adapters/<sha256>/<file>           one adapter, named by the digest over its files

so the same bytes are kept once, and whoever knows a digest knows where to look and what must be there.
"""

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field

from evalgate.records.base import Record, Sha256, digest_over
from evalgate.records.binding import Binding

MANIFEST = "evidence.json"
"""Role of the manifest itself."""


class Evidence(Record):
    """The manifest: its own digest is all that an entry or a step of the journal must know."""

    schema_version: Literal[1] = Field(default=1, alias="schema", description="version of this file's shape")
    feature: str = Field(description="the feature")
    run: str = Field(description="name of the run folder")
    files: dict[str, Sha256] = Field(description="name in the run folder, e.g. base.results.jsonl -> sha256")
    adapter: dict[str, Sha256] = Field(default_factory=dict, description="file of the adapter -> sha256")
    binding: Binding | None = Field(default=None, description="what was approved; none for a run outside of a pull request")
    approved_by: tuple[str, ...] = Field(default=(), description="whose approval of that commit counted when it was judged")
    attempts: tuple[str, ...] = Field(
        default=(),
        description="what was judged against this base, in order and this last: digests of candidates, or keys of work",
    )
    left_out: str | None = Field(default=None, description="what could not be kept, and why; for people")

    @property
    def adapter_sha256(self) -> str | None:
        """Digest over the adapter's files; None where none is kept."""
        return digest_over(self.adapter) if self.adapter else None

    @property
    def places(self) -> dict[str, Sha256]:
        """Everything that the manifest names: place -> sha256 of the bytes that must lie there."""
        kept = {object_place(name, sha256): sha256 for name, sha256 in self.files.items()}
        return kept | {adapter_place(self.adapter_sha256 or "", name): sha256 for name, sha256 in self.adapter.items()}


def object_place(name: str, sha256: str) -> str:
    """Where a file lies; `name` lends it the suffix by which people's tools know it."""
    return f"objects/{sha256[:2]}/{sha256}{PurePosixPath(name).suffix}"


def adapter_place(adapter_sha256: str, name: str = "") -> str:
    """Where an adapter lies, or one file of it."""
    return f"adapters/{adapter_sha256}" + (f"/{name}" if name else "")
