"""Evidence, opened: what lies at a place under a digest, with every byte held against the digest that names it."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import ValidationError

from evalgate import results, store, weights
from evalgate.errors import RegistryError, WrongInputError
from evalgate.judgement.compare import Beside
from evalgate.ports import Shelf
from evalgate.records.base import Sha256
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.evaluation import EvalResults
from evalgate.records.evidence import MANIFEST, Evidence, adapter_place, object_place
from evalgate.records.link import Link
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict
from evalgate.stages.beside_files import read_beside
from evalgate.stages.gathering import odd_file


class Told(NamedTuple):
    """Evidence, opened: every file has the digest that the manifest says."""

    sha256: Sha256
    """Of the manifest."""
    manifest: Evidence
    base: EvalResults
    candidate: EvalResults
    beside: Beside
    """What was measured beside base and candidate."""
    training: TrainingRun
    check: CheckReport | None
    comparison: Comparison
    verdict: Verdict
    report: bytes


class BrokenChainError(RegistryError):
    """Evidence cannot even be opened; `links` says where the chain breaks."""

    def __init__(self, *links: Link) -> None:
        super().__init__(*(f"{link.name}: {link.words}" for link in links))
        self.links = links


def read_evidence(shelf: Shelf, sha256: Sha256) -> Told:
    """What lies at a place under the digest of a manifest.

    Raises:
        BrokenChainError: something is missing, is another, or cannot be read.
        NotMeasured: the place cannot be reached.
    """
    manifest = manifest_of(shelf, sha256)
    odd = odd_file(manifest.files)  # each is held in memory: nobody chooses how many
    if odd is not None:
        raise BrokenChainError(Link("evidence", f"names a file {odd!r}, which no run leaves"))
    files = {name: read_file(shelf, manifest, name) for name in manifest.files}
    try:
        return Told(
            sha256=sha256,
            manifest=manifest,
            base=results.parse(files["base.results.jsonl"], "base.results.jsonl"),
            candidate=results.parse(files["candidate.results.jsonl"], "candidate.results.jsonl"),
            beside=read_beside(files),
            training=TrainingRun.model_validate_json(files["training.json"]),
            check=CheckReport.model_validate_json(files["check.json"]) if "check.json" in files else None,
            comparison=Comparison.model_validate_json(files["compare.json"]),
            verdict=Verdict.model_validate_json(files["verdict.json"]),
            report=files["report.md"],
        )
    except KeyError as error:
        raise BrokenChainError(Link("evidence", f"{error.args[0]} is not in it: a verdict rests on raw results")) from error
    except (ValidationError, WrongInputError) as error:
        raise BrokenChainError(Link("evidence", f"cannot be read: {str(error)[:300]}")) from error


def manifest_of(shelf: Shelf, sha256: Sha256) -> Evidence:
    """The manifest under a digest.

    Raises:
        BrokenChainError: it is missing, another, or none.
        NotMeasured: the place cannot be reached.
    """
    content = _read(shelf, object_place(MANIFEST, sha256), sha256, "the manifest")
    try:
        return Evidence.model_validate_json(content)
    except ValidationError as error:
        raise BrokenChainError(Link("evidence", f"the manifest {sha256} cannot be read as one")) from error


def adapter_links(manifest: Evidence, sha256: Sha256 | None, shelf: Shelf) -> Iterator[Link]:
    """Whether the adapter with this digest is what the manifest names, and lies there byte for byte."""
    kept = manifest.adapter_sha256
    if kept is None:
        yield Link("adapter", f"was not kept: {manifest.left_out or 'nobody says why'}")
        return
    if kept != sha256:
        yield Link("adapter", f"the one that is kept ({kept}) is not the one that was trained ({sha256})")
    odd = odd_adapter_file(manifest)
    if odd is not None:
        yield Link("adapter", f"{odd!r} is no file of an adapter: only safetensors and what lies beside them is loaded")
        return
    for name, digest in manifest.adapter.items():
        content = shelf.read(adapter_place(kept, name))
        if content is None:
            yield Link("adapter", f"{name} is missing at {adapter_place(kept)}")
        elif store.key_of_bytes(content) != digest:
            yield Link("adapter", f"{name} at {adapter_place(kept)} is not the file that was trained")


def odd_adapter_file(manifest: Evidence) -> str | None:
    """The first file of the adapter with a name that no adapter's file has; None where all are such as are loaded."""
    plain, loaded = store.PLAIN_NAME.fullmatch, weights.SHAPES_ANSWERS
    return next((name for name in manifest.adapter if not plain(name) or not name.endswith(loaded)), None)


def read_file(shelf: Shelf, manifest: Evidence, name: str) -> bytes:
    """A file that a manifest names.

    Raises:
        KeyError: it names none of that name.
        BrokenChainError: the file is missing, or another.
        NotMeasured: the place cannot be reached.
    """
    digest = manifest.files[name]
    return _read(shelf, object_place(name, digest), digest, name)


def _read(shelf: Shelf, place: str, sha256: Sha256, what: str) -> bytes:
    content = shelf.read(place)
    if content is None:
        raise BrokenChainError(Link("evidence", f"{what} is missing: nothing lies at {place}"))
    if store.key_of_bytes(content) != sha256:
        raise BrokenChainError(Link("evidence", f"{what} is not what was kept: the bytes at {place} are others"))
    return content
