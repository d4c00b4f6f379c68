"""evalgate registry."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from evalgate import registry as registry_file
from evalgate import store
from evalgate.cli.options import format_option, registry_file_option
from evalgate.cli.output import machine, say
from evalgate.cli.registry_audit import audit, sign
from evalgate.cli.registry_evidence import promote, prune, verify
from evalgate.errors import PASSED, RegistryError


@click.group()
def registry() -> None:
    """What every feature serves, and the evidence behind it."""


@registry.command("list")
@registry_file_option
@format_option
def list_(path: Path, output: str) -> int:
    """List features and their variants."""
    known = registry_file.existing(path)
    if output == "json":
        machine(known.model_dump(mode="json", exclude_none=True))
    for feature, entry in known.features.items():
        for name, variant in entry.variants.items():
            flag = (
                f"flag {variant.flag.name} {'on' if variant.flag.on else 'off'} {variant.flag.share:.0%}" if variant.flag else ""
            )
            say(f"{feature}  {name}{'  default' if name == entry.default else ''}  {flag}")
    return PASSED


@registry.command()
@click.argument("feature")
@click.argument("variant", required=False)
@registry_file_option
@click.option("--evidence", is_flag=True, help="Also every file of the evidence, where it lies and whether it is there.")
@format_option
def show(feature: str, variant: str | None, path: Path, evidence: bool, output: str) -> int:
    """Print what is registered of a FEATURE, or of one VARIANT of it, as JSON in either format."""
    entry = registry_file.feature_of(registry_file.existing(path), feature)
    if variant is not None and variant not in entry.variants:
        raise RegistryError(f"{feature} has no variant {variant!r}; it has {', '.join(entry.variants)}")
    told = (entry.variants[variant] if variant else entry).model_dump(mode="json", exclude_none=True)
    if evidence:
        from evalgate.stages.verify_here import evidence_files

        named = {variant: entry.variants[variant]} if variant else entry.variants
        told["evidence_files"] = {name: evidence_files(one, path) for name, one in named.items()}
    machine(told)
    return PASSED


@registry.command()
@click.argument("feature")
@click.option("--key", default=None, help="Who asks; the same key always gets the same side.")
@click.option("--flag", "flags", multiple=True, help="Set a flag in place of the file: NAME=on or NAME=off.")
@registry_file_option
@format_option
def resolve(feature: str, key: str | None, flags: tuple[str, ...], path: Path, output: str) -> int:
    """Say which variant answers for FEATURE; its name is printed on stdout."""
    served = registry_file.resolve(feature, key=key, flags=dict(_flag(f) for f in flags), registry=path)
    if output == "json":
        machine({"feature": feature, "variant": served.variant, "entry": served.entry.model_dump(mode="json", exclude_none=True)})
    else:
        click.echo(served.variant)
    return PASSED


def open_option(command: Any) -> Any:
    """`--open` and `--repository`: a pull request in place of a changed file."""
    command = click.option("--repository", default=None, help="owner/name, with --open. Default: $GITHUB_REPOSITORY.")(command)
    return click.option("--open", "opens", is_flag=True, help="Open a pull request on the default branch; no file is changed.")(
        command
    )


@registry.command()
@click.argument("feature")
@click.option("--variant", required=True, help="The variant to route traffic to.")
@click.option(
    "--share", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Share of keys; 1 makes it the default."
)
@click.option("--off", is_flag=True, help="Turn the flag off; its share stays in the file.")
@open_option
@registry_file_option
@format_option
def rollout(
    feature: str, variant: str, share: float, off: bool, opens: bool, repository: str | None, path: Path, output: str
) -> int:
    """Turn a variant's flag on for a share of the keys; only full rollout changes the default."""

    def change(text: str) -> str:
        return registry_file.set_flag(text, feature, variant, on=not off, share=0.0 if off else share)

    if opens:
        return _opened("rollout", feature, path, repository, output, change)
    content = store.read(path)
    registry_file.parse(content, str(path))
    text = change(content.decode())
    store.write(path, text.encode())
    entry = registry_file.feature_of(registry_file.parse(text.encode(), str(path)), feature)
    default, flag = entry.default == variant, entry.variants[variant].flag
    on, kept = (flag.on, flag.share) if flag else (False, 0.0)
    if output == "json":
        machine({"feature": feature, "variant": variant, "default": default, "on": on, "share": kept})
    how = "is the default now" if default else f"on for {kept * 100:g}%" if on else "off"
    say(f"{path}: {feature} {variant} {how}")
    return PASSED


@registry.command()
@click.argument("feature")
@click.option("--variant", default=None, help="What to take back, where it is not the last rollout.")
@open_option
@registry_file_option
@format_option
def rollback(feature: str, variant: str | None, opens: bool, repository: str | None, path: Path, output: str) -> int:
    """Take back the last rollout of a FEATURE. Twice is the same as once; without --open nothing is pushed."""
    from evalgate.stages.rollback import next_steps
    from evalgate.stages.rollback import rollback as stage

    today = datetime.now(UTC).date().isoformat()
    if opens:
        change = partial(_taken_back, feature=feature, variant=variant, today=today)
        return _opened("rollback", feature, path, repository, output, change)
    done = stage(path, feature, variant, today=today)
    steps = next_steps(path, feature, done) if done.changed else ()
    if output == "json":
        machine({"feature": feature, **{k: v for k, v in done._asdict().items() if k != "text"}, "next": steps})
    say(f"{path}: {done.words}")
    for line in steps:
        say(line, lead="  ")
    if steps:
        say("then open a pull request: only exposure is lowered, so `registry verify` asks for no evidence")
    return PASSED


def _taken_back(text: str, *, feature: str, variant: str | None, today: str) -> str:
    return registry_file.rollback(text, feature, variant, today=today).text


def _opened(what: str, feature: str, path: Path, repository: str | None, output: str, change: Callable[[str], str]) -> int:
    from evalgate.cli.reach import connected, here_of
    from evalgate.stages.proposing import propose_change

    remote, known = connected(repository)
    number = propose_change(remote, here_of("evalgate.yaml", str(path), known), what, feature, change)
    if output == "json":
        machine({"feature": feature, "pull": number})
    say(f"{feature}: nothing to change" if number is None else f"{feature}: {what} is proposed in #{number}")
    return PASSED


def _flag(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if value not in ("on", "off"):
        raise click.UsageError(f"--flag {text!r}: write NAME=on or NAME=off")
    return name, value == "on"


for command in (promote, verify, prune, audit, sign):
    registry.add_command(command)
