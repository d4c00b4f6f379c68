"""lm-eval's `samples_<task>_<date>.jsonl`, one line a question and filter, written with `--log_samples`.

One raw line, shortened: `{"doc_id": 0, "doc": {"id": "refund-1"}, "target": "0", "arguments": {...}, "resps":
[[["-39.03", "False"]]], "filter": "none", "metrics": ["acc"], "doc_hash": "c51...", "target_hash": "5fe...", "acc": 0.0}`

Which way a score is better, the model and the version stand in `results_<date>.json` of the same run.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evalgate.errors import DatasetError
from evalgate.imports import document
from evalgate.imports.cases import SMALLER_IS_BETTER, Found, Imported, Wanted, chosen, notes_on, results_of, share
from evalgate.imports.document import mapping

NAME = re.compile(r"samples_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl")
LARGER_IS_BETTER = re.compile(r"acc(_\w+)?|exact(_match)?|em|f1|pass@\d+|rouge\w*|(inst|prompt)_level_(strict|loose)_acc")
"""Scores whose direction is known without the run's results file."""
IN_PROCESS = frozenset({"hf", "hf-auto", "huggingface", "hf-multimodal", "vllm", "vllm-vlm", "sglang", "mamba_ssm", "dummy"})
"""Kinds of models that answer in lm-eval's own process: an empty answer of theirs is an answer."""


class Summary(NamedTuple):
    """What the results file of the same run says, as far as it is there."""

    told: Mapping[str, Any]
    task: str

    @property
    def larger_is_better(self) -> Mapping[str, Any]:
        """Metric -> true, false, or null when lm-eval cannot tell."""
        return mapping(mapping(self.told.get("higher_is_better")).get(self.task))

    def of_task(self, key: str) -> str:
        """What a table by task says of this task; empty where it says nothing."""
        return str(mapping(self.told.get(key)).get(self.task, ""))


def summary_name(name: str) -> str | None:
    """How the name of the run's results file ends, from the samples file's name; None when it was renamed."""
    found = NAME.fullmatch(name)
    return f"_{found['date']}.json" if found else None


def read(content: bytes, path: str, wanted: Wanted, summary: tuple[str, bytes] | None = None) -> Imported:
    """The results in a samples file; `summary` is name and bytes of the run's results file.

    Raises:
        DatasetError: it is no samples file, several metrics or filters are there and none is named, a metric cannot be
            used, the model is not known and not named, or an id stands twice.
    """
    if content[:2] == b"{\n":
        raise DatasetError(f"{path}: this is the run's summary: give samples_<task>_<date>.jsonl (run with --log_samples)")
    rows = [(place, _row(value, place)) for place, value in document.parse_lines(content, path)]
    if not rows:
        raise DatasetError(f"{path}: no cases in it")
    told = _summary(summary, _task(path, wanted), path)
    which = chosen("filter", wanted.filter, sorted({row["filter"] for _, row in rows}), path)
    rows = [(place, row) for place, row in rows if row["filter"] == which]
    metric = _metric(rows, wanted, told, path)
    variant = wanted.variant or told.told.get("model_name")
    if not isinstance(variant, str) or not variant:
        raise DatasetError(
            f"{path}: who answered is not known: name it with --variant, or put results_<date>.json of the run beside it"
        )
    results = results_of(
        _found(rows, metric, local=str(told.told.get("model_source")) in IN_PROCESS),
        wanted,
        variant=variant,
        score=metric,
        environment=_environment(told, metric, which),
        path=path,
    )
    alone = [] if told.told else ["results_<date>.json of the run is not beside it: version and settings are not known"]
    return Imported(results, f"{metric} (filter {which})", (*alone, *notes_on(results, wanted)))


def _row(value: Any, place: str) -> Mapping[str, Any]:
    """One line, with the keys that cannot be missing."""
    row = mapping(value)
    kinds: dict[str, type] = {"doc_id": int, "doc": dict, "filter": str, "doc_hash": str, "target_hash": str}
    wrong = [key for key, kind in kinds.items() if not isinstance(row.get(key), kind)]
    if wrong:
        raise DatasetError(f"{place}: not a line of lm-eval's samples: {', '.join(wrong)} missing; run it with --log_samples")
    return row


def _task(path: str, wanted: Wanted) -> str:
    """The task's name, from the file's name or as it is named."""
    named = NAME.fullmatch(path.rpartition("/")[2])
    if named is not None and wanted.task not in (None, named["task"]):
        raise DatasetError(f"{path}: there is no task {wanted.task!r} in it; there are: {named['task']!r}")
    return wanted.task or (named["task"] if named else "")


def _summary(summary: tuple[str, bytes] | None, task: str, path: str) -> Summary:
    if summary is None:
        return Summary({}, task)
    told = mapping(document.parse(summary[1], summary[0]))
    if task not in mapping(told.get("configs")):
        raise DatasetError(f"{summary[0]}: says nothing of the task {task!r} of {path}: they are not of the same run")
    return Summary(told, task)


def _metric(rows: Sequence[tuple[str, Mapping[str, Any]]], wanted: Wanted, told: Summary, path: str) -> str:
    """The metric to take: one that is a number for each question and of which more is better."""
    listed = [row["metrics"] for _, row in rows if isinstance(row.get("metrics"), list)]
    names = list(dict.fromkeys(name for metrics in listed for name in metrics if isinstance(name, str)))
    refused = {name: why for name in names if (why := _refusal(name, rows, told))}
    if wanted.metric in refused:
        raise DatasetError(f"{path}: {wanted.metric} cannot be judged: {refused[wanted.metric]}")
    usable = [name for name in names if name not in refused]
    also = "".join(f"; not {name!r}: {why}" for name, why in refused.items())
    return chosen("metric", wanted.metric, usable, path, also=also)


def _refusal(metric: str, rows: Sequence[tuple[str, Mapping[str, Any]]], told: Summary) -> str:
    """Why a metric cannot be judged; empty when it can."""
    if told.larger_is_better.get(metric) is False or metric in SMALLER_IS_BETTER:
        return "smaller is better, and a gate needs a share of right answers"
    if not any(isinstance(row.get(metric), int | float) for _, row in rows):
        return "it has no number for each question, only one for all together"
    if told.larger_is_better.get(metric) is not True and not LARGER_IS_BETTER.fullmatch(metric):
        return "whether more is better is not known: put results_<date>.json of the run beside the file"
    return ""


def _environment(told: Summary, metric: str, which: str) -> dict[str, str]:
    """What must be equal between two runs that are compared."""
    settings = mapping(mapping(told.told.get("configs")).get(told.task)).get("generation_kwargs")
    known = {
        "program": f"lm-eval {told.told.get('lm_eval_version', '')}".strip(),
        "task": told.task,
        "task_version": told.of_task("versions"),
        "score": metric,
        "filter": which,
        "examples": told.of_task("n-shot"),
        "decoding": json.dumps(settings, sort_keys=True) if settings else "",
        "decoding_given": json.dumps(given, sort_keys=True)
        if (given := mapping(told.told.get("config")).get("gen_kwargs"))
        else "",
    }
    return {name: text for name, text in known.items() if text}


def _found(rows: Sequence[tuple[str, Mapping[str, Any]]], metric: str, *, local: bool) -> Iterator[Found]:
    for place, row in rows:
        score, why_not = share(row.get(metric), metric)
        output, lost = _answer(row)
        if lost or (output == "" and not local):
            score, why_not = None, lost or "the answer is empty, which is what lm-eval writes when a provider gave none"
        yield Found(
            place=place,
            case_id=f"{row['doc_id']}-{row['doc_hash'][:12]}",
            fields=row["doc"],
            asked=(row["doc_hash"], row["target_hash"]),
            score=score,
            why_not=why_not,
            errored=output is None and bool(lost),
            output=output,
        )


def _answer(row: Mapping[str, Any]) -> tuple[str | None, str]:
    """(the answer, "") or (what there is, why it is none): of several choices the likeliest, otherwise the text."""
    replies = [reply[0] if isinstance(reply, list) and reply else reply for reply in _listed(row.get("resps"))]
    if not replies or any(reply is None for reply in replies):
        return None, "the model gave no answer"
    if isinstance(replies[0], str):
        return replies[0], ""
    likelihoods = [_number(reply[0]) if isinstance(reply, list) and reply else math.nan for reply in replies]
    if any(math.isnan(value) for value in likelihoods):
        return "", "a likelihood that the model gave is no number"
    best = max(range(len(likelihoods)), key=likelihoods.__getitem__)
    choice = mapping(mapping(row.get("arguments")).get(f"gen_args_{best}")).get("arg_1")
    return ("" if choice is None else str(choice).strip()) or f"choice {best}", ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float:
    """A number that may stand as text; NaN for anything else."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
