"""`evalgate --help` names every command in its own words, and imports none of them."""

import subprocess
import sys

import click
import pytest

from evalgate.cli.main import COMMANDS, SAID, cli

LONGEST = 1_000


@pytest.mark.parametrize("name", COMMANDS)
def test_help__says_of_each_command_what_the_command_says_of_itself(name):
    command = cli.get_command(click.Context(cli), name)
    assert click.Command(name, help=SAID[name]).get_short_help_str(LONGEST) == command.get_short_help_str(LONGEST)


def test_help__imports_no_command():
    loaded = "import sys; from evalgate.cli.main import _run; _run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-P", "-c", loaded], capture_output=True, text=True, check=True)
    modules = set(done.stderr.split())
    assert "evalgate.cli.main" in modules
    assert not {place.split(":")[0] for place in COMMANDS.values()} & modules
    assert "numpy" not in modules
