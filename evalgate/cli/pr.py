"""evalgate pr."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from evalgate import settings, store
from evalgate.cli.options import format_option
from evalgate.cli.output import CODES, EXIT_OF, machine, progress_bar, say, say_standing
from evalgate.cli.reach import connected, here_of
from evalgate.errors import NO_VERDICT, PASSED, DatasetError
from evalgate.records.standing import Standing
from evalgate.review.signals import Signal, guessed, signal_of
from evalgate.stages.outputs import add_summary, write_outputs
from evalgate.stages.publish import publish

if TYPE_CHECKING:
    from evalgate.pull_request.client import Remote
    from evalgate.stages.seen import Here

LARGEST_EVENT = 32 << 20

pull_option = click.option("--pull", "number", type=click.IntRange(1), required=True, help="Number of the pull request.")
work_option = click.option("--work", required=True, help="Key of the work, as the controller gave it.")
event_option = click.option(
    "--event", type=click.Path(path_type=Path), required=True, help="The event file, as GitHub writes it."
)
event_name_option = click.option(
    "--event-name", default=None, help="The event's name, such as issue_comment. Default: $GITHUB_EVENT_NAME, else by its shape."
)


def on_github(command: Callable[..., int]) -> Callable[..., int]:
    """A command that is given `remote` and `here`, made of three options and the surroundings."""

    @click.option("--policy", default="evalgate.yaml", show_default=True, help="The policy file, from the repository's root.")
    @click.option("--registry", default="models.yaml", show_default=True, help="The registry, from the repository's root.")
    @click.option("--repository", default=None, help="owner/name. Default: $GITHUB_REPOSITORY.")
    @wraps(command)
    def called(*, policy: str, registry: str, repository: str | None, **given: Any) -> int:

        remote, known = connected(repository)
        return command(remote=remote, here=here_of(policy, registry, known), **given)

    return called


@click.group()
def pr() -> None:
    """What workflows call on a pull request."""


@pr.command()
@click.option("--result", type=click.Path(path_type=Path), required=True, help="What `evalgate check|run --format json` printed.")
@click.option("--comment", type=click.Path(path_type=Path), required=True, help="File to write the comment's body to.")
@format_option
def summary(result: Path, comment: Path, output: str) -> int:
    """Write the job summary, the step's outputs and the body of the pull-request comment."""
    known = settings.from_environ()
    published = publish(result, comment, outputs=known.github_output, summary=known.github_summary)
    if output == "json":
        machine({"verdict": published, "comment": str(comment)})
    say(f"{comment}: {published}")
    return PASSED


@pr.command()
@event_option
@event_name_option
@on_github
@format_option
def trigger(remote: "Remote", here: "Here", *, event: Path, event_name: str | None, output: str) -> int:
    """Print what the controller would decide, with its reasons. Nothing is changed.

    Exit code 0 when nothing is waited for, 1 when the pull request is refused, 3 when it waits for somebody.
    """
    from evalgate.stages.controller import pulls_of
    from evalgate.stages.proof import proven
    from evalgate.stages.trigger import look

    standings = [proven(look(remote, number, here)).standing for number in pulls_of(remote, _signal(event, event_name))]
    if output == "json":
        machine([standing.model_dump(mode="json") for standing in standings])
    for standing in standings:
        say_standing(standing)
    if not standings:
        say(f"{event}: points to no pull request: nothing to do")
    return max((CODES[standing.conclusion] for standing in standings if not standing.start), default=PASSED)


@pr.command()
@event_option
@event_name_option
@on_github
@format_option
def control(remote: "Remote", here: "Here", *, event: Path, event_name: str | None, output: str) -> int:
    """Make comment and check run true, and begin the work that may begin. Exit code 0 when that was done."""
    from evalgate.stages.controller import control as stage
    from evalgate.stages.controller import matrix, merges

    ended = stage(remote, _signal(event, event_name), here)
    told = {"works": orjson.dumps(matrix(ended)).decode(), "merges": orjson.dumps(merges(ended)).decode()}
    told |= {"conclusion": _conclusion([one.standing for one in ended])}
    write_outputs(settings.from_environ().github_output, told)
    if output == "json":
        machine([{**one.standing.model_dump(mode="json"), "work": one.work} for one in ended])
    for one in ended:
        say_standing(one.standing)
        add_summary(settings.from_environ().github_summary, one.body)
    return PASSED


@pr.command()
@pull_option
@work_option
@click.option("--into", type=click.Path(path_type=Path), required=True, help="Empty folder for the workspace.")
@on_github
@format_option
def take(remote: "Remote", here: "Here", *, number: int, work: str, into: Path, output: str) -> int:
    """Take over work: write the approved files into a folder, by commit and digest. Exit code 3 when it is not to be done."""
    from evalgate.stages.handover import take as stage

    taken = stage(remote, number, work, into.absolute(), here, cache=settings.from_environ().cache)
    told = {name: "" if value is None else str(value) for name, value in taken._asdict().items()}
    write_outputs(settings.from_environ().github_output, told)
    if output == "json":
        machine(told)
    say(f"{into}: {taken.kind} of {taken.feature}, attempt {taken.attempt}")
    return PASSED


@pr.command()
@pull_option
@work_option
@click.option("--step", type=click.Choice(["evaluating"]), required=True, help="What begins now.")
@click.option("--training", type=click.Path(path_type=Path), required=True, help="training.json of the training that ended.")
@on_github
def step(remote: "Remote", here: "Here", *, number: int, work: str, step: str, training: Path) -> int:
    """Note that the training is over. Exit code 3 when the work was superseded or cancelled meanwhile."""
    from evalgate.stages.handover import trained

    ended = trained(remote, number, work, training, here)
    say_standing(ended.standing)
    return PASSED


@pr.command("measure-suite")
@click.option("--workspace", type=click.Path(path_type=Path), required=True, help="The folder that `pr take` wrote.")
@click.option("--policy", type=click.Path(path_type=Path), default=Path("evalgate.yaml"), help="The policy, from that folder.")
@click.option("--registry", type=click.Path(path_type=Path), default=Path("models.yaml"), help="The registry, from there.")
@click.option("--feature", "features", required=True, help="The features, separated by a comma and a space.")
@format_option
def measure_suite(workspace: Path, policy: Path, registry: Path, features: str, output: str) -> int:
    """Ask what is served the questions of a changed suite. Needs no token and writes nothing on GitHub."""
    from evalgate.stages.compose import BEFORE
    from evalgate.stages.suite_change import Desk, measure

    settings.tame_libraries()
    root = workspace.absolute()
    after = root / policy
    before = root.with_name(root.name + BEFORE) / after.relative_to(root)
    with progress_bar() as progress:
        known = settings.from_environ()
        desk = Desk(root / registry, known.cache, progress, say, known.origin)
        done = measure(before, after, features.split(", "), desk)
    if output == "json":
        machine(done._asdict())
    say(done.measured)
    return PASSED


@pr.command()
@pull_option
@work_option
@click.option("--result", type=click.Path(path_type=Path), required=True, help="What the evaluation printed as JSON.")
@on_github
@format_option
def finish(remote: "Remote", here: "Here", *, number: int, work: str, result: Path, output: str) -> int:
    """Keep the verdict and its evidence, and tell the pull request. The exit code is the verdict's."""
    from evalgate.stages.finishing import finish as stage

    done = stage(remote, number, work, result, here)
    write_outputs(settings.from_environ().github_output, done.outputs)
    add_summary(settings.from_environ().github_summary, done.body)
    if output == "json":
        machine(done.outputs)
    say(done.words)
    return EXIT_OF.get(done.outputs["verdict"], PASSED if done.measured else NO_VERDICT)


@pr.command()
@pull_option
@work_option
@click.option("--job-result", required=True, help="What became of the job: success, failure, cancelled or skipped.")
@on_github
def settle(remote: "Remote", here: "Here", *, number: int, work: str, job_result: str) -> int:
    """The last word: what a job left open is failed, whatever became of it. Exit code 3 when there is no verdict."""
    from evalgate.stages.handover import settle as stage

    ended = stage(remote, number, work, job_result, here)
    say_standing(ended.standing)
    add_summary(settings.from_environ().github_summary, ended.body)
    return CODES[ended.standing.conclusion]


@pr.command()
@pull_option
@work_option
@click.option("--into", type=click.Path(path_type=Path), required=True, help="Folder for the statement's files.")
@on_github
@format_option
def statement(remote: "Remote", here: "Here", *, number: int, work: str, into: Path, output: str) -> int:
    """Write the statement of work that ended in a pass, for whoever signs it; its evidence is derived again first."""
    from evalgate.stages.registering import state as stage

    done = stage(remote, number, work, here, into.absolute())
    write_outputs(settings.from_environ().github_output, {"statement": str(done.folder or "")})
    if output == "json":
        machine({"statement": str(done.folder) if done.folder else None, "words": done.words})
    say(done.words)
    return PASSED


@pr.command()
@pull_option
@work_option
@on_github
@format_option
def register(remote: "Remote", here: "Here", *, number: int, work: str, output: str) -> int:
    """Open the pull request on the registry for work that ended in a pass, once; its evidence is derived again first."""
    from evalgate.stages.registering import register as stage

    done = stage(remote, number, work, here)
    write_outputs(settings.from_environ().github_output, {"pull": str(done.pull or "")})
    if output == "json":
        machine(done._asdict())
    say(done.words)
    return PASSED


@pr.command()
@pull_option
@click.option("--head", required=True, help="The commit that is to be merged, in full; no other one is.")
@on_github
def merge(remote: "Remote", here: "Here", *, number: int, head: str) -> int:
    """Merge a pull request that is green, at one exact commit. Exit code 3 when it is not merged, with the reason."""
    from evalgate.stages.merging import merge as stage

    say_standing(stage(remote, number, head, here).standing)
    return PASSED


def _signal(event: Path, name: str | None) -> Signal:
    """What the event file says.

    Raises:
        DatasetError: it is none.
    """
    content = store.read(event)
    try:
        told = orjson.loads(content) if len(content) <= LARGEST_EVENT else None
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict):
        raise DatasetError(f"{event}: is no event file: give the one at $GITHUB_EVENT_PATH")
    return signal_of(name or settings.from_environ().github_event or guessed(told), told)


def _conclusion(standings: Sequence[Standing]) -> str:
    return (standings[-1].conclusion or "in_progress") if standings else "none"
