"""evalgate registry audit / sign: what stands behind a variant, and a signature over its adapter."""

from datetime import UTC, datetime
from pathlib import Path

import click

from evalgate.cli.options import format_option, policy_option, registry_of, registry_option
from evalgate.cli.output import machine, say
from evalgate.errors import NO_VERDICT, PASSED, REFUSED


@click.command()
@click.argument("model_id")
@policy_option
@registry_option
@format_option
def audit(model_id: str, policy_path: Path, registry_path: Path | None, output: str) -> int:
    """Say everything that git and the evidence know of one variant, as Markdown on stdout. Asks no network.

    MODEL_ID is an adapter's digest (its first 8 digits suffice), FEATURE/VARIANT, a variant's name, a training job, or the
    uri of a model or an adapter.

    Exit code 0 when every link holds, 1 when one broke, 3 when the evidence could not be reached.
    """
    from evalgate.judgement.audit import audit_document, audit_text
    from evalgate.stages.audit import audit as stage

    today = datetime.now(UTC).date().isoformat()
    found = stage(policy_path, registry_of(registry_path, policy_path), model_id, today=today)
    if output == "json":
        machine(audit_document(found))
    else:
        click.echo(audit_text(found), nl=False)
    if found.unreached is not None:
        return NO_VERDICT
    return REFUSED if found.links else PASSED


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), required=True, help="PEM file with an elliptic-curve private key.")
@format_option
def sign(run: Path, key: Path, output: str) -> int:
    """Sign the adapter of a RUN, before the run is promoted: the signature is kept with the evidence."""
    from evalgate.stages.attesting import sign as stage

    made = stage(run, key)
    if output == "json":
        machine({"signature": str(made)})
    say(f"{made}: the adapter is signed")
    return PASSED
