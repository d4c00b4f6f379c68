"""What a run rests on, gathered from its folder to be kept: every file under its digest, and the manifest that names them."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from evalgate import store, weights
from evalgate.records.base import Sha256
from evalgate.records.binding import Binding
from evalgate.records.evidence import MANIFEST, Evidence, adapter_place, object_place
from evalgate.records.policy import MOST_CONTENDERS
from evalgate.signing import SIGNATURE
from evalgate.stages.beside_files import BESIDE, CONTENDER, names_beside

RAW = ("base.results.jsonl", "candidate.results.jsonl")
ROLES = (
    *RAW,
    *BESIDE,
    "check.json",
    "training.json",
    "compare.json",
    "verdict.json",
    "report.md",
    SIGNATURE,
)
"""Of a run folder: all that the verdict is derived from, what people open, and the adapter's signature."""


class Gathered(NamedTuple):
    """What is to be kept."""

    manifest: Evidence
    sha256: Sha256
    """Digest of the manifest as it is kept."""
    files: dict[str, bytes]
    """Place -> bytes, the manifest's among them."""


def gather(
    folder: Path,
    feature: str,
    *,
    attempts: tuple[str, ...],
    binding: Binding | None = None,
    approved_by: tuple[str, ...] = (),
    largest: int | None = None,
) -> Gathered:
    """A run's evidence. An adapter with a file over `largest` bytes is left out, and the manifest says so.

    Raises:
        PolicyError, RegistryError: the run folder is not whole.
    """
    contenders = [name for name in names_beside(folder) if CONTENDER.fullmatch(name)]
    there = [name for name in (*ROLES, *contenders) if (folder / name).exists() or name in RAW]
    files = {name: store.read(folder / name) for name in there}
    adapter, left_out = _adapter(folder / "adapter", largest)
    manifest = Evidence(
        feature=feature,
        run=folder.name,
        files={name: store.key_of_bytes(content) for name, content in files.items()},
        adapter={name: store.key_of_bytes(content) for name, content in adapter.items()},
        binding=binding,
        approved_by=approved_by,
        attempts=attempts,
        left_out=left_out,
    )
    return _kept(manifest, files, adapter)


def odd_file(names: Collection[str]) -> str | None:
    """The first name that no run leaves; None where all are such as runs leave, and not too many of them."""
    contenders = [name for name in names if CONTENDER.fullmatch(name)]
    odd = [name for name in names if name not in ROLES and name not in contenders]
    return odd[0] if odd else contenders[-1] if len(contenders) > MOST_CONTENDERS else None


def gather_report(report: bytes, feature: str, run: str, binding: Binding | None) -> Gathered:
    """What a suite change leaves: a report and nothing else."""
    files = {"report.md": report}
    manifest = Evidence(feature=feature, run=run, files={"report.md": store.key_of_bytes(report)}, binding=binding)
    return _kept(manifest, files, {})


def _adapter(folder: Path, largest: int | None) -> tuple[dict[str, bytes], str | None]:
    if not folder.is_dir():
        return {}, "the run has no adapter"
    weights.adapter_digest(folder)  # refuses what is no adapter, and pickles
    paths = sorted(path for path in folder.iterdir() if path.suffix in weights.SHAPES_ANSWERS)
    over = [path for path in paths if largest is not None and path.stat().st_size > largest]
    if over:
        told = f"{over[0].name} of the adapter has {over[0].stat().st_size / 1e6:.0f} MB, too much for GitHub"
        return {}, f"{told}: set `evidence:` to s3://, gs:// or a folder, and run it again"
    return {path.name: store.read(path) for path in paths}, None


def _kept(manifest: Evidence, files: Mapping[str, bytes], adapter: Mapping[str, bytes]) -> Gathered:
    content = store.as_json(manifest)
    sha256 = store.key_of_bytes(content)
    placed = {object_place(name, manifest.files[name]): found for name, found in files.items()}
    placed |= {adapter_place(manifest.adapter_sha256 or "", name): found for name, found in adapter.items()}
    return Gathered(manifest, sha256, placed | {object_place(MANIFEST, sha256): content})
