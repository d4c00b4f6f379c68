"""Golden and safety files become suites of cases; every problem at once, each with file and line."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import orjson
from pydantic import ValidationError

from evalgate import jsonl
from evalgate.errors import DatasetError
from evalgate.records.base import problems_of
from evalgate.records.suite import Case, Suite

SUITE_NAME = re.compile(r"(golden|safety)(/[A-Za-z0-9._-]+)?")


def golden_suite(files: Mapping[str, bytes]) -> Suite:
    """The golden suite out of its files (path -> bytes).

    Raises:
        DatasetError: a file is empty or has a faulty case, or an id stands twice.
    """
    return suites_of({"golden": files})[0]


def safety_suites(files: Mapping[str, bytes]) -> list[Suite]:
    """One suite a safety file, named after it: `golden/safety/jailbreak.jsonl` is "safety/jailbreak".

    Raises:
        DatasetError: as for `golden_suite`.
    """
    named: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path, content in files.items():
        named[f"safety/{PurePosixPath(path).stem}"][path] = content
    return suites_of(named)


def suites_of(named: Mapping[str, Mapping[str, bytes]]) -> list[Suite]:
    """Suites by name; problems of all files are raised together."""
    problems: list[str] = []
    suites = []
    for name, files in sorted(named.items()):
        cases = list(_cases(files, problems))
        if SUITE_NAME.fullmatch(name) is None:
            problems.append(f"{min(files)}: a safety file's name becomes a suite's: use letters, digits, dots, dashes")
            continue
        sha = hashlib.sha256(b"".join(hashlib.sha256(files[path]).digest() for path in sorted(files)))
        suites.append(Suite(name=name, sha256=sha.hexdigest(), cases=tuple(cases)))
    if problems:
        raise DatasetError(*problems)
    return suites


def suites_sha256(digests: Mapping[str, str]) -> str:
    """Digest over several suites, from the name and the digest of each."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _cases(files: Mapping[str, bytes], problems: list[str]) -> Iterator[Case]:
    seen: dict[str, str] = {}
    for path in sorted(files):
        before = len(seen), len(problems)
        for line in jsonl.read(files[path]):
            where = f"{path}:{line.number}"
            if line.problem is not None:
                problems.append(f"{where}: {line.problem.message}")
                continue
            case = _case(line.value, where, problems)
            if case is None:
                continue
            if case.id in seen:
                problems.append(f"{where}: the case id {case.id!r} stands twice (first at {seen[case.id]}): rename one")
                continue
            seen[case.id] = where
            yield case
        if before == (len(seen), len(problems)):
            problems.append(f"{path}: no cases in it: an empty suite proves nothing; add cases or take it out of the policy")


def _case(value: Any, where: str, problems: list[str]) -> Case | None:
    try:
        return Case.model_validate_json(orjson.dumps(value))
    except ValidationError as error:
        problems.extend(f"{where}: {problem}" for problem in problems_of(error))
        return None
