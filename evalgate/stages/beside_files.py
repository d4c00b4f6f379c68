"""What was measured beside base and candidate, as it lies in a run folder and in the evidence."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from evalgate import results, store
from evalgate.errors import DatasetError
from evalgate.judgement.compare import Beside
from evalgate.records.evaluation import PeoplesMean, Preferences, Probe

REFERENCE, PREFERENCES, LATENCY, PEOPLE = "reference.results.jsonl", "preferences.json", "latency.json", "people.json"
BESIDE = (REFERENCE, PREFERENCES, LATENCY, PEOPLE)
CONTENDER = re.compile(r"contender-([a-z0-9][a-z0-9._-]{0,40})\.results\.jsonl")
_PEOPLE = TypeAdapter(tuple[PeoplesMean, ...])


def beside_files(beside: Beside) -> dict[str, bytes]:
    """File name in a run folder -> bytes."""
    files = {f"contender-{name}.results.jsonl": results.serialise(told) for name, told in beside.contenders.items()}
    if beside.reference is not None:
        files[REFERENCE] = results.serialise(beside.reference)
    if beside.preferences is not None:
        files[PREFERENCES] = store.as_json(beside.preferences)
    if beside.probe is not None:
        files[LATENCY] = store.as_json(beside.probe)
    if beside.people:
        files[PEOPLE] = _PEOPLE.dump_json(beside.people, indent=2) + b"\n"
    return files


def write_beside(folder: Path, beside: Beside) -> None:
    """Every file in its place; what an earlier run left there and this one did not measure is taken away.

    Raises:
        NotMeasured: the folder cannot be written.
    """
    files = beside_files(beside)
    for name in names_beside(folder):
        if name not in files:
            (folder / name).unlink()
    for name, content in files.items():
        store.write(folder / name, content)


def write_people(folder: Path, people: tuple[PeoplesMean, ...]) -> None:
    """people.json alone; where there is nothing to say it is taken away.

    Raises:
        NotMeasured: the folder cannot be written.
    """
    if people:
        store.write(folder / PEOPLE, beside_files(Beside(people=people))[PEOPLE])
    else:
        (folder / PEOPLE).unlink(missing_ok=True)


def names_beside(folder: Path) -> list[str]:
    """The names in a folder under which such files lie, sorted."""
    return sorted(path.name for path in folder.glob("*.json*") if path.name in BESIDE or CONTENDER.fullmatch(path.name))


def find_beside(folder: Path) -> Beside:
    """What lies beside base and candidate in a folder.

    Raises:
        DatasetError, PolicyError: a file is not what its name says.
    """
    try:
        return read_beside({name: store.read(folder / name) for name in names_beside(folder)})
    except ValidationError as error:
        raise DatasetError(f"{folder}: {error.title} cannot be read: {str(error)[:300]}") from error


def read_beside(files: Mapping[str, bytes]) -> Beside:
    """What lay beside base and candidate, from the bytes of a run's files by name.

    Raises:
        DatasetError, PolicyError: results that are none.
        pydantic.ValidationError: a record that is none.
    """
    contenders = {
        match[1]: results.parse(content, name) for name, content in sorted(files.items()) if (match := CONTENDER.fullmatch(name))
    }
    return Beside(
        reference=results.parse(files[REFERENCE], REFERENCE) if REFERENCE in files else None,
        probe=Probe.model_validate_json(files[LATENCY]) if LATENCY in files else None,
        preferences=Preferences.model_validate_json(files[PREFERENCES]) if PREFERENCES in files else None,
        contenders=contenders,
        people=_PEOPLE.validate_json(files[PEOPLE]) if PEOPLE in files else (),
    )
