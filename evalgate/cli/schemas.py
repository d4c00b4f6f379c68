"""evalgate schemas."""

from pathlib import Path

import click

from evalgate import store
from evalgate.cli.options import format_option
from evalgate.cli.output import machine, say
from evalgate.errors import PASSED
from evalgate.stages.schemas import all_schemas


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("schemas"), show_default=True, help="Folder to write to.")
@format_option
def schemas(out: Path, output: str) -> int:
    """Write the JSON Schemas of every file that EvalGate reads or writes."""
    made = all_schemas()
    if output == "json":
        machine({"schemas": [str(out / name) for name in made]})
    for name, content in made.items():
        store.write(out / name, content)
        say(str(out / name))
    return PASSED
