"""inspect's logs: JSON (`--log-format json`) or `.eval`, a zip of JSON files.

Of each sample this is read, shortened: `{"id": "refund-1", "epoch": 1, "input": "...", "target": "refund", "metadata":
{"intent": "refund"}, "scores": {"match": {"value": "C"}}, "output": {"completion": "refund"}, "error": null}`

A grade becomes a number as inspect's own `value_to_float` has it for C, I, P and N: 1, 0, 0.5, 0. What that function turns
into 0 because it cannot read it, a list or the word "maybe", is "unscorable" here.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evalgate.errors import DatasetError
from evalgate.imports import document
from evalgate.imports.cases import SMALLER_IS_BETTER, Found, Imported, Wanted, chosen, notes_on, results_of, share
from evalgate.imports.document import mapping

GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partly correct, no answer."""
READABLE = 2
"""The version of inspect's log format that is read."""
ZSTD = 93
"""How inspect packs a `.eval` since 2025; no part of Python before 3.14 reads it."""
MOST_MEMBERS = 100_000
MOST_UNPACKED = 2_000_000_000
"""Bytes of all members of a zip together."""
MOST_TOKENS = 10**12
"""Tokens of one sample; results hold no whole number above 64 bits."""
KEPT = ("id", "epoch", "input", "target", "metadata", "scores", "output", "error", "invalidation")
"""What is read of a sample; its events can be a hundred times as long."""
DECODING = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "stop_seqs",
    "num_choices",
    "reasoning_effort",
    "reasoning_tokens",
)
SELF_GRADING = ("model_graded_qa", "model_graded_fact")
"""Scorers that ask the model under test to grade itself unless another is named."""


class Log(NamedTuple):
    """What a log holds, whichever format it has."""

    head: Mapping[str, Any]
    """Status, eval, plan, results."""
    samples: Sequence[tuple[str, Mapping[str, Any]]]
    """(where it stands, sample)."""

    @property
    def spec(self) -> Mapping[str, Any]:
        """What was run: model, dataset, scorers."""
        return mapping(self.head.get("eval"))


def read(content: bytes, path: str, wanted: Wanted) -> Imported:
    """The results in a log.

    Raises:
        DatasetError: it is no log with samples, several scores or epochs are there and none is named, a model graded
            itself, the zip cannot be read, or an id stands twice.
    """
    log = _zipped(content, path) if content.startswith(b"PK") else _plain(content, path)
    if log.head.get("version") != READABLE:
        raise DatasetError(f"{path}: not a log of inspect in format {READABLE}: write it again with `inspect log convert`")
    task = chosen("task", wanted.task, [str(log.spec.get("task", ""))], path)
    metric = chosen("metric", wanted.metric, _scores(log), path)
    if metric.lower() in SMALLER_IS_BETTER:
        raise DatasetError(f"{path}: {metric} cannot be judged: smaller is better, and a gate needs a share of right answers")
    scorer = _scorer(log, metric)
    _refuse_own_grade(log, scorer, metric, path)
    epoch = _epoch(log, wanted, path)
    results = results_of(
        (*_found(log, metric, epoch), *_never_run(log, epoch, path)),
        wanted,
        variant=wanted.variant or str(log.spec.get("model", "")),
        score=metric,
        environment=_environment(log, task, metric, scorer),
        path=path,
    )
    status = log.head.get("status")
    ended = [] if status == "success" else [f"the run's own status is {str(status)[:20]!r}: what it never asked is errored"]
    return Imported(results, metric, (*ended, *notes_on(results, wanted)))


def _plain(content: bytes, path: str) -> Log:
    told = mapping(document.parse(content, path))
    samples = told.get("samples")
    if not isinstance(samples, list) or not samples:
        raise DatasetError(f"{path}: no samples in it: not a log of inspect, or one written with --no-log-samples")
    return Log(told, [(f"{path}: samples[{number}]", _kept(sample)) for number, sample in enumerate(samples)])


def _zipped(content: bytes, path: str) -> Log:
    """A log out of a zip, read in memory; the names in it are only compared and shown, never opened as paths."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = _members(archive, path)
            if "header.json" not in members:
                raise DatasetError(f"{path}: no header.json in it: the run did not end, or it is no log of inspect")
            head = mapping(document.parse(archive.read(members["header.json"]), f"{path}: header.json"))
            names = [name for name in members if re.fullmatch(r"samples/[^/]+\.json", name)]
            samples = [(f"{path}: {n}", _kept(document.parse(archive.read(members[n]), f"{path}: {n}"))) for n in names]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as error:
        raise DatasetError(f"{path}: a zip that cannot be read: {error}") from error
    if not samples:
        raise DatasetError(f"{path}: no samples in it: written with --no-log-samples, or only its header is there")
    return Log(head, samples)


def _members(archive: zipfile.ZipFile, path: str) -> dict[str, zipfile.ZipInfo]:
    """Name -> member, when there are not too many, none is too long and none stands twice; a read ends where it says."""
    listed = archive.infolist()
    if len(listed) > MOST_MEMBERS or sum(member.file_size for member in listed) > MOST_UNPACKED:
        raise DatasetError(f"{path}: more than {MOST_MEMBERS:,} files or {MOST_UNPACKED:,} bytes in it: import fewer at a time")
    if any(member.compress_type == ZSTD for member in listed):
        raise DatasetError(
            f"{path}: packed with zstd, which is not read here: `inspect log convert {path} --to json --output-dir .` "
            "writes it as JSON, and so does a run with --log-format json"
        )
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in listed):
        raise DatasetError(f"{path}: packed in a way that inspect does not use")
    if long := [member.filename for member in listed if member.file_size > document.MOST_BYTES]:
        raise DatasetError(f"{path}: {long[0]!r} in it is longer than {document.MOST_BYTES:,} bytes")
    members = {member.filename: member for member in listed}
    if len(members) < len(listed):
        raise DatasetError(f"{path}: a file stands twice in it: this is not what inspect wrote")
    return members


def _kept(sample: Any) -> dict[str, Any]:
    return {key: value for key, value in mapping(sample).items() if key in KEPT}


def _scores(log: Log) -> list[str]:
    """The scores that samples have: a scorer's name, and with a dot behind it the name of one value of several."""
    names: dict[str, None] = {}
    for _, sample in log.samples:
        for name, score in mapping(sample.get("scores")).items():
            value = mapping(score).get("value")
            names.update(dict.fromkeys([f"{name}.{key}" for key in value] if isinstance(value, dict) else [name]))
    return list(names)


def _scorer(log: Log, metric: str) -> Mapping[str, Any]:
    """What the log says of the scorer behind a score; a second one of its name has a number behind it in the samples."""
    listed = log.spec.get("scorers")
    told = [mapping(scorer) for scorer in listed] if isinstance(listed, list) else []
    name = metric.partition(".")[0]
    alike = [scorer for scorer in told if re.fullmatch(re.escape(str(scorer.get("name", ""))) + r"\d*", name)]
    return next((scorer for scorer in alike if _asks(scorer, log) == [log.spec.get("model")]), alike[0] if alike else {})


def _asks(scorer: Mapping[str, Any], log: Log) -> list[Any]:
    """The models that a scorer asks for a grade."""
    options = mapping(scorer.get("options"))
    role = options.get("model_role", "grader")
    named = options.get("model") or mapping(log.spec.get("model_roles")).get(role if isinstance(role, str) else "grader")
    asked = [mapping(one).get("model", one) for one in (named if isinstance(named, list) else [named]) if one is not None]
    grades = str(scorer.get("name", "")).rpartition("/")[2] in SELF_GRADING
    return asked or ([log.spec.get("model")] if grades else [])


def _refuse_own_grade(log: Log, scorer: Mapping[str, Any], metric: str, path: str) -> None:
    if log.spec.get("model") in _asks(scorer, log):
        raise DatasetError(
            f"{path}: {metric} is the grade that {log.spec.get('model')} gave itself: name another grader "
            "(--model-role grader=...) and run it again"
        )


def _epoch(log: Log, wanted: Wanted, path: str) -> int:
    """The epoch to take.

    Raises:
        DatasetError: there are several and none is named, or the one that is named is not there.
    """
    there = sorted({epoch for _, sample in log.samples if isinstance(epoch := sample.get("epoch"), int)})
    if wanted.epoch in there:
        return int(wanted.epoch or 0)
    if wanted.epoch is None and len(there) == 1:
        return there[0]
    told = ", ".join(map(str, there[:20])) or "none"
    raise DatasetError(
        f"{path}: the epochs in it are {told}: a gate pairs one answer with one answer, a mean of several is none; "
        "choose one with --epoch"
    )


def _found(log: Log, metric: str, epoch: int) -> Iterator[Found]:
    for place, sample in log.samples:
        if sample.get("epoch") != epoch:
            continue
        identity, output = sample.get("id"), mapping(sample.get("output"))
        if not isinstance(identity, str | int):
            raise DatasetError(f"{place}: a sample without an id")
        usage = mapping(output.get("usage"))
        error, invalid = sample.get("error"), sample.get("invalidation")
        score, why_not = _grade(mapping(sample.get("scores")), metric)
        if error is not None or invalid is not None:
            score, why_not = None, _words(error) if error is not None else "the sample was declared invalid"
        yield Found(
            place=place,
            case_id=str(identity),
            fields=mapping(sample.get("metadata")),
            asked=(_question(sample.get("input")), json.dumps(sample.get("target"))),
            score=score,
            why_not=why_not,
            errored=error is not None,
            output=str(output["completion"]) if error is None and isinstance(output.get("completion"), str) else None,
            tokens_in=_count(usage.get("input_tokens")),
            tokens_out=_count(usage.get("output_tokens")),
        )


def _never_run(log: Log, epoch: int, path: str) -> Iterator[Found]:
    """The samples that the run was to ask and that its log does not have: it broke off, and they are not forgotten."""
    listed = mapping(log.spec.get("dataset")).get("sample_ids")
    if not isinstance(listed, list):
        if log.head.get("status") != "success":
            raise DatasetError(f"{path}: the run broke off, and the log does not say which samples were left: run it again")
        return
    there = {str(sample.get("id")) for _, sample in log.samples if sample.get("epoch") == epoch}
    for identity in dict.fromkeys(map(str, listed)):
        if identity not in there:
            yield Found(
                place=path, case_id=identity, fields={}, asked=(), errored=True, why_not="the run ended before it was asked"
            )


def _question(given: Any) -> str:
    """What was asked, without the ids that inspect gives to the messages of a conversation anew in each run."""
    turns = [(mapping(turn).get("role"), mapping(turn).get("content")) for turn in given] if isinstance(given, list) else given
    return json.dumps(turns, sort_keys=True)


def _grade(scores: Mapping[str, Any], metric: str) -> tuple[float | None, str]:
    """(score, "") or (None, why there is none)."""
    name, score = metric, mapping(scores.get(metric))
    value = score.get("value")
    if not score and "." in metric:
        name, _, key = metric.rpartition(".")
        score = mapping(scores.get(name))
        value = mapping(score.get("value")).get(key)
    if value is None:
        return None, f"no score {metric}"
    if isinstance(value, str) and value in GRADES:
        return GRADES[value], ""
    number, why_not = share(value, metric)
    reason = score.get("reason") or score.get("explanation")
    return number, f"{why_not} ({reason})" if why_not and isinstance(reason, str) else why_not


def _environment(log: Log, task: str, metric: str, scorer: Mapping[str, Any]) -> dict[str, str]:
    """What must be equal between two runs that are compared."""
    version = mapping(log.spec.get("packages")).get("inspect_ai", "")
    settings = {**mapping(log.spec.get("model_generate_config")), **mapping(mapping(log.head.get("plan")).get("config"))}
    options = {key: value for key, value in mapping(scorer.get("options")).items() if isinstance(value, str | int | float)}
    known = {
        "program": f"inspect-ai {version}".strip(),
        "task": task,
        "task_version": str(log.spec.get("task_version", "")),
        "score": metric,
        "scorer": json.dumps(options, sort_keys=True) if options else "",
        "grader": ", ".join(map(str, _asks(scorer, log))),
        "decoding": json.dumps({key: settings[key] for key in DECODING if settings.get(key) is not None}, sort_keys=True),
    }
    return {name: text for name, text in known.items() if text}


def _words(error: Any) -> str:
    """What an error says, without its traceback."""
    return str(mapping(error).get("message", error))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS else None
