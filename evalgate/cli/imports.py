"""evalgate import."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from evalgate.cli.options import format_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED
from evalgate.imports import Imported, Wanted
from evalgate.judgement.wording import counted
from evalgate.results import content_sha256
from evalgate.stages import importing as stage
from evalgate.suites import SUITE_NAME

MEANT_FOR = {
    "filter": ("lm-eval",),
    "task": ("lm-eval", "inspect"),
    "provider": ("promptfoo",),
    "prompt": ("promptfoo",),
    "epoch": ("inspect", "promptfoo"),
}
"""Options that not every program's files know."""


@click.command(name="import")
@click.argument("program", type=click.Choice(["lm-eval", "inspect", "promptfoo"]))
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--feature", required=True, help="The feature that was asked, as the policy calls it.")
@click.option("--variant", default=None, help="Who answered, e.g. base. Default: what the file calls the model.")
@click.option("--metric", default=None, help="The score to take, where there are several. promptfoo: pass by default.")
@click.option("--filter", default=None, help="lm-eval: the answer filter.")
@click.option("--task", default=None, help="lm-eval, inspect: the task.")
@click.option("--provider", default=None, help="promptfoo: the provider, by label or id.")
@click.option("--prompt", default=None, help="promptfoo: the prompt, by label.")
@click.option("--epoch", type=click.IntRange(1), default=None, help="Which of several answers to one question.")
@click.option("--id", "identity", default=None, help="The field with the case's id. Default: the program's own id.")
@click.option("--bucket", "buckets", multiple=True, metavar="NAME=FIELD", help="A bucket, and the field that holds its value.")
@click.option("--cluster", default=None, help="The field that groups paraphrases of one question.")
@click.option("--suite", default="golden", show_default=True, help="golden, safety or safety/NAME.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The results file to write.")
@format_option
def import_results(program: stage.Program, path: Path, buckets: tuple[str, ...], out: Path, output: str, **asked: Any) -> int:
    """Make a results file out of what lm-eval, inspect or promptfoo wrote.

    FILE is lm-eval's samples_<task>_<date>.jsonl (its results_<date>.json is read where it lies beside it), a log of inspect,
    or what promptfoo wrote with -o out.json. Fields are those of the question: lm-eval's doc, inspect's metadata, promptfoo's
    vars and metadata. The registry refuses evidence that was imported: the file does not say what answered.
    """
    for name in (name for name, programs in MEANT_FOR.items() if asked[name] is not None and program not in programs):
        raise click.UsageError(f"--{name} means nothing for {program}: it is for {', '.join(MEANT_FOR[name])}")
    if SUITE_NAME.fullmatch(asked["suite"]) is None:
        raise click.UsageError("--suite is golden, safety, or one of them with /NAME behind it")
    imported = stage.import_results(program, path, Wanted(buckets=_buckets(buckets), **asked))
    stage.write_imported(out, imported)
    if output == "json":
        machine(_told(imported, out))
    _say(imported, out)
    return PASSED


def _buckets(given: tuple[str, ...]) -> dict[str, str]:
    """Bucket -> field; a name alone is both."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, field = text.partition("=")
        if not name or (sign and not field) or name in found:
            raise click.UsageError(f"--bucket {text}: give each bucket once, as NAME=FIELD")
        found[name] = field or name
    return found


def _told(imported: Imported, out: Path) -> dict[str, Any]:
    """What became of the file, for other programs."""
    header, counts = imported.results.header, Counter(case.status for case in imported.results.cases)
    return {
        "out": str(out),
        "feature": header.feature,
        "variant": header.variant_name,
        "score": imported.score,
        "cases": len(imported.results.cases),
        **{status: counts[status] for status in ("scored", "unscorable", "errored")},
        "results_sha256": content_sha256(imported.results),
        "notes": list(imported.notes),
    }


def _say(imported: Imported, out: Path) -> None:
    """The same for people, and what comes next."""
    header, counts = imported.results.header, Counter(case.status for case in imported.results.cases)
    scores = [value for case in imported.results.cases for value in case.scores.values()]
    mean = f", mean {sum(scores) / len(scores):.3f}" if scores else ""
    say(f"{out}: {counted(len(imported.results.cases), 'case')} of {header.variant_name}, scored by {imported.score}{mean}")
    for status in ("unscorable", "errored"):
        if counts[status]:
            why = Counter(case.note for case in imported.results.cases if case.status == status)
            say(f"{counts[status]} {status}: " + "; ".join(f"{note} ({n})" for note, n in why.most_common(3)))
    for note in imported.notes:
        say(f"note: {note}")
    say(f"next: evalgate gate --base BASE --candidate CANDIDATE --feature {header.feature} --out DIR, one of them {out}")
