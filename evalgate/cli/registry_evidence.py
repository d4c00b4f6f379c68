"""evalgate registry promote / verify: what stands between a verdict and an entry."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evalgate.cli.options import feature_option, format_option, policy_option, registry_of, registry_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED, REFUSED

if TYPE_CHECKING:
    from evalgate.judgement.registry_standing import Proved


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@policy_option
@feature_option
@registry_option
@format_option
def promote(run: Path, policy_path: Path, feature: str | None, registry_path: Path | None, output: str) -> int:
    """Add the candidate of a RUN that passed, with its flag off, and keep its evidence. The verdict is derived again.

    On GitHub the pull request is opened by `evalgate pr register`.
    """
    from evalgate.stages.promote import promote as stage
    from evalgate.stages.workspace import open_workspace

    path = registry_of(registry_path, policy_path)
    added = stage(open_workspace(policy_path, feature), run, path, today=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if output == "json":
        machine(added._asdict())
    kept = f", its evidence is kept at {added.evidence}" if added.changed else ""
    say(f"{path}: {added.variant} {f'added, flag {added.flag} is off{kept}' if added.changed else 'was there already'}")
    return PASSED


@click.command()
@click.argument("feature", required=False)
@click.option("--before", type=click.Path(path_type=Path), default=None, help="The target branch's registry, to verify a change.")
@click.option("--pull", "number", type=click.IntRange(1), default=None, help="A pull request, asked of GitHub instead.")
@click.option("--repository", default=None, help="owner/name, with --pull. Default: $GITHUB_REPOSITORY.")
@policy_option
@registry_option
@format_option
def verify(
    feature: str | None,
    before: Path | None,
    number: int | None,
    repository: str | None,
    policy_path: Path,
    registry_path: Path | None,
    output: str,
) -> int:
    """Derive what the registry says from raw results again; a link that broke is named.

    Alone: every entry, or those of FEATURE, against its evidence. With --before: a change, as a merge would bring it, by the
    policy, prompts and suites beside --policy. With --pull: as the check run does it, approvals and journal included.

    Exit code 0 when all holds, 1 when a link broke, 3 when evidence or GitHub could not be reached or somebody is waited for.
    """
    if number is not None:
        return _verify_pull(number, repository, str(policy_path), str(registry_path or "models.yaml"), output)
    from evalgate.stages.verify_here import verify_change, verify_entries

    path, now = registry_of(registry_path, policy_path), datetime.now(UTC)
    if before is not None:
        proved = verify_change(policy_path, before, path, now=now)
    else:
        proved = verify_entries(policy_path, path, feature, now=now)
    return _told(proved, output)


def _told(proved: "Sequence[Proved]", output: str) -> int:
    from evalgate.judgement.registry_standing import holds

    if output == "json":
        machine([
            {**one.change._asdict(), "holds": holds(one), "broken": [link._asdict() for link in one.broken], "found": one.found}
            for one in proved
        ])  # fmt: skip
    for one in proved:
        say(f"{'holds ' if holds(one) else 'broken'}  {one.change.words}{f': {one.found}' if one.found else ''}")
        for link in one.broken:
            say(f"        {link.name}: {link.words}")
    if not proved:
        say("nothing to verify: no entry names evidence")
    return PASSED if all(holds(one) for one in proved) else REFUSED


def _verify_pull(number: int, repository: str | None, policy: str, registry: str, output: str) -> int:
    from evalgate.cli.output import CODES, say_standing
    from evalgate.cli.reach import connected, here_of
    from evalgate.stages.trigger import look

    remote, known = connected(repository)
    standing = look(remote, number, here_of(policy, registry, known)).standing
    if output == "json":
        machine(standing.model_dump(mode="json"))
    say_standing(standing)
    return CODES[standing.conclusion]


@click.command()
@click.option("--yes", "really", is_flag=True, help="Remove what is listed; without it nothing is removed.")
@click.option("--repository", default=None, help="owner/name. Default: $GITHUB_REPOSITORY.")
@click.option("--policy", default="evalgate.yaml", show_default=True, help="The policy file, from the repository's root.")
@click.option("--registry", "path", default="models.yaml", show_default=True, help="The registry, from the repository's root.")
@format_option
def prune(really: bool, repository: str | None, policy: str, path: str, output: str) -> int:
    """List evidence that no entry and no open pull request refers to, older than the policy's `release.keep_days`."""
    from evalgate.cli.reach import connected, here_of
    from evalgate.stages.prune import prune as stage
    from evalgate.stages.pruning import words

    remote, known = connected(repository)
    done = stage(remote, here_of(policy, path, known), now=datetime.now(UTC), really=really)
    if output == "json":
        machine([{"place": one.place, **one.plan._asdict(), "removed": really} for one in done])
    for one in done:
        say(f"{one.place}:")
        for line in words(one.plan, done=really).splitlines():
            say(line, lead="  ")
    return PASSED
