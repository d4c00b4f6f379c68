"""evalgate schemas."""

from pathlib import Path

import click

from evalgate import store
from evalgate.cli.output import say
from evalgate.errors import PASSED
from evalgate.stages.schemas import all_schemas


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("schemas"), show_default=True, help="Folder to write to.")
def schemas(out: Path) -> int:
    """Write the JSON Schemas of every file that EvalGate reads or writes."""
    for name, content in all_schemas().items():
        store.write(out / name, content)
        say(str(out / name))
    return PASSED
