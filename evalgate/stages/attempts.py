"""The ledger of a machine: which candidates of a feature were judged against a base, in order, so that retrying is counted.

Runs of pull requests are counted by the journal instead; see `review.work.attempt`.
"""

from pathlib import Path

from pydantic import Field, ValidationError

from evalgate import jsonl, store
from evalgate.errors import DatasetError
from evalgate.records.base import Record, Sha256
from evalgate.records.evaluation import EvalResults, Variant


class _Judged(Record):
    base: str = Field(description="what the candidate was judged against")
    candidate: Sha256 = Field(description="digest of its adapter")


def counted(runs: Path, feature: str, base: EvalResults, candidate: str) -> tuple[str, ...]:
    """The candidates judged against `base` so far, this one last; it is noted before anybody sees its verdict.

    The same candidate again is the same attempt.

    Raises:
        DatasetError: the ledger is no ledger.
        NotMeasured: it cannot be written.
    """
    path = ledger_path(runs, feature)
    with store.only_one(path.parent):
        known = _read(path)
        here = _Judged(base=_name(base), candidate=candidate)
        if here not in known:
            known.append(here)
            store.write(path, b"".join(one.model_dump_json().encode() + b"\n" for one in known))
    return _until(known, here)


def counted_in(folder: Path, feature: str, base: EvalResults, candidate: EvalResults) -> int:
    """Which attempt the candidate of a run folder is, by the ledger beside it; the first one where no adapter is named.

    Raises:
        DatasetError: the ledger is no ledger.
        NotMeasured: it cannot be written.
    """
    variant = candidate.header.variant
    if not (folder / "training.json").exists() or not isinstance(variant, Variant) or variant.adapter_sha256 is None:
        return 1
    return len(counted(folder.absolute().parent, feature, base, variant.adapter_sha256))


def judged_until(runs: Path, feature: str, base: EvalResults, candidate: str) -> tuple[str, ...]:
    """The same, without noting anything; nothing where the ledger does not know the candidate.

    Raises:
        DatasetError: the ledger is no ledger.
    """
    return _until(_read(ledger_path(runs, feature)), _Judged(base=_name(base), candidate=candidate))


def ledger_path(runs: Path, feature: str) -> Path:
    """Where the ledger of a feature lies: beside its run folders."""
    return runs / ".attempts" / f"{feature}.jsonl"


def _until(known: list[_Judged], here: _Judged) -> tuple[str, ...]:
    of_base = [one.candidate for one in known if one.base == here.base]
    return tuple(of_base[: of_base.index(here.candidate) + 1]) if here in known else ()


def _read(path: Path) -> list[_Judged]:
    found = []
    for line in jsonl.read(store.read(path) if path.exists() else b""):
        try:
            if line.problem is not None:
                raise ValueError(line.problem.message)
            found.append(_Judged.model_validate(line.value))
        except (ValueError, ValidationError) as error:
            told = (
                f"{path}:{line.number}: is no line of the ledger of attempts: put back what was there; it counts what was tried"
            )
            raise DatasetError(told) from error
    return found


def _name(base: EvalResults) -> str:
    """What base is, by its weights; a base that does not say is one of its own."""
    variant = base.header.variant
    return store.key_of(variant.model_sha256, variant.adapter_sha256) if isinstance(variant, Variant) else variant
