"""evalgate registry."""

from datetime import UTC, datetime
from pathlib import Path

import click

from evalgate import registry as registry_file
from evalgate import store
from evalgate.cli.options import feature_option, format_option, policy_option, registry_file_option, registry_of, registry_option
from evalgate.cli.output import machine, say
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
@format_option
def show(feature: str, variant: str | None, path: Path, output: str) -> int:
    """Print what is registered of a FEATURE, or of one VARIANT of it, as JSON in either format."""
    entry = registry_file.feature_of(registry_file.existing(path), feature)
    if variant is not None and variant not in entry.variants:
        raise RegistryError(f"{feature} has no variant {variant!r}; it has {', '.join(entry.variants)}")
    machine((entry.variants[variant] if variant else entry).model_dump(mode="json", exclude_none=True))
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


@registry.command()
@click.argument("run", type=click.Path(path_type=Path))
@policy_option
@feature_option
@registry_option
@format_option
def promote(run: Path, policy_path: Path, feature: str | None, registry_path: Path | None, output: str) -> int:
    """Add the candidate of a RUN that passed, with its flag off. The verdict is derived again from the raw results."""
    from evalgate.stages.promote import promote as stage
    from evalgate.stages.workspace import open_workspace

    path = registry_of(registry_path, policy_path)
    today = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    added = stage(open_workspace(policy_path, feature), run, path, today=today)
    if output == "json":
        machine(added._asdict())
    say(f"{path}: {added.variant} {f'added, flag {added.flag} is off' if added.changed else 'was there already'}")
    return PASSED


@registry.command()
@click.argument("feature")
@click.option("--variant", required=True, help="The variant to route traffic to.")
@click.option(
    "--share", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Share of keys; 1 makes it the default."
)
@click.option("--off", is_flag=True, help="Turn the flag off.")
@registry_file_option
@format_option
def rollout(feature: str, variant: str, share: float, off: bool, path: Path, output: str) -> int:
    """Turn a variant's flag on for a share of the keys; only full rollout changes the default."""
    content = store.read(path)
    registry_file.parse(content, str(path))
    text = registry_file.set_flag(content.decode(), feature, variant, on=not off, share=0.0 if off else share)
    store.write(path, text.encode())
    if output == "json":
        machine({"feature": feature, "variant": variant, "on": not off, "share": 0.0 if off else share})
    say(f"{path}: {feature} {variant} {'off' if off else f'on for {share:.0%}'}")
    return PASSED


def _flag(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    if value not in ("on", "off"):
        raise click.UsageError(f"--flag {text!r}: write NAME=on or NAME=off")
    return name, value == "on"
