"""evalgate paths."""

import sys
from pathlib import Path

import click

from evalgate import settings
from evalgate.cli.options import feature_option, format_option, policy_option, registry_of, registry_option
from evalgate.cli.output import machine, progress_bar, say
from evalgate.errors import NO_VERDICT, PASSED
from evalgate.judgement.markdown import plain
from evalgate.judgement.paths import nothing_measured
from evalgate.judgement.wording import points
from evalgate.records.paths import PathsDecision, Question, Reached
from evalgate.stages import paths as stage
from evalgate.stages.workspace import open_workspace

YES, NO, UNKNOWN = "yes", "no", "unknown"


@click.command()
@policy_option
@feature_option
@registry_option
@click.option(
    "--target", type=click.FloatRange(0, 1, min_open=True), default=None,
    help="Accuracy to reach, such as 0.90. Default: base and the policy's gate.min_lift more.",
)  # fmt: skip
@click.option("--must-cite/--need-not-cite", default=None, help="Answers must cite their sources.")
@click.option("--facts-change/--facts-stay", default=None, help="The facts in answers change more than monthly.")
@click.option("--stable/--unstable", default=None, help="The wanted behaviour will be the same in a year.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=None,
    help="The decision document. Default: paths/FEATURE.md beside the policy.",
)  # fmt: skip
@format_option
def paths(
    policy_path: Path,
    feature: str | None,
    registry_path: Path | None,
    target: float | None,
    must_cite: bool | None,
    facts_change: bool | None,
    stable: bool | None,
    out: Path | None,
    output: str,
) -> int:
    """Ask what is cheaper than a fine-tune, before anything is trained, and write down what follows.

    Advice, no verdict: exit code 0 whenever something was measured, 3 when nothing was. What the policy leaves open under
    `paths` and no option answers is asked on a terminal.
    """
    workspace = open_workspace(policy_path, feature)._replace(origin=settings.from_environ().origin)
    settings.tame_libraries()
    said = {"must_cite": must_cite, "facts_change_monthly": facts_change, "stable_for_a_year": stable}
    answers = {name: answer for name, answer in said.items() if answer is not None}
    given = stage.Given(answers, target=target)
    given = given._replace(typed=_typed(stage.asked(workspace, given)))
    places = stage.Places(registry_of(registry_path, policy_path), settings.from_environ().cache)
    with progress_bar() as progress:
        decision = stage.decide(workspace, places, given, progress=progress, tell=say, secret=settings.secret)
    document = out or workspace.root / "paths" / f"{workspace.name}.md"
    before = stage.write_document(decision, document)
    if output == "json":
        machine({**decision.model_dump(mode="json"), "document": str(document)})
    _say_decision(decision)
    if before is not None:
        same = "the same results" if before == decision.results_sha256 else "other results"
        say(f"the document that stood there was written on {same}")
    say(f"document: {document}")
    return NO_VERDICT if nothing_measured(decision) else PASSED


def _typed(questions: tuple[Question, ...]) -> dict[str, bool]:
    """Answers to what is still open, where somebody sits at a terminal."""
    if not sys.stdin.isatty():
        return {}
    choice = click.Choice([YES, NO, UNKNOWN])
    said = {one.name: click.prompt(one.asks, type=choice, default=UNKNOWN, err=True) for one in questions if one.answer is None}
    return {name: answer == YES for name, answer in said.items() if answer != UNKNOWN}


def _say_decision(decision: PathsDecision) -> None:
    say(f"{'path':<20} {'state':<13} {'n':>5} {'right':>6}  {'interval':<15} {'lift':>6}")
    for one in decision.reached:
        say(_row(one))
    say(f": {plain(decision.advice[0])}", lead=click.style(decision.choice, bold=True))
    for line in decision.advice[1:]:
        say(plain(line))


def _row(one: Reached) -> str:
    interval = f"{points(one.low)} to {points(one.high)}"
    lift = points(one.lift, signed=True)
    state = "the yardstick" if one.kind == "base" and one.state == "below" else one.state
    return f"{one.name:<20.20} {state:<13} {one.n:>5} {points(one.accuracy):>6}  {interval:<15} {lift:>6}"
