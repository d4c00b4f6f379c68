"""import: another evaluator's own file becomes a results file."""

from pathlib import Path
from typing import Literal

from evalgate import results, store
from evalgate.errors import DatasetError
from evalgate.imports import Imported, Wanted, inspect_log, lm_eval_samples, promptfoo_output
from evalgate.imports.document import MOST_BYTES

Program = Literal["lm-eval", "inspect", "promptfoo"]


def import_results(program: Program, path: Path, wanted: Wanted) -> Imported:
    """The results in a file that another evaluator wrote.

    Raises:
        PolicyError: it cannot be read.
        DatasetError: it is not such a file, is too long, or what is wanted is not in it.
    """
    content = _read(path)
    if program == "inspect":
        return inspect_log.read(content, str(path), wanted)
    if program == "promptfoo":
        return promptfoo_output.read(content, str(path), wanted)
    beside = _summary(path)
    return lm_eval_samples.read(content, str(path), wanted, None if beside is None else (str(beside), _read(beside)))


def write_imported(out: Path, imported: Imported) -> None:
    """Put the results at `out`, whole or not at all, and as `evalgate gate` reads them.

    Raises:
        PolicyError, NotMeasured: it cannot be written there.
        DatasetError: a line of it would be longer than a results file may have.
    """
    content = results.serialise(imported.results)
    results.parse(content, str(out))
    store.write(out, content)


def _summary(path: Path) -> Path | None:
    """lm-eval's results file of the same run, when it lies beside the samples."""
    ending = lm_eval_samples.summary_name(path.name)
    beside = sorted(path.parent.glob(f"*{ending}")) if ending is not None else []
    return beside[0] if len(beside) == 1 else None


def _read(path: Path) -> bytes:
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise DatasetError(f"{path}: longer than {MOST_BYTES:,} bytes: import fewer cases at a time")
    return store.read(path)
