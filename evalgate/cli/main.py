"""The command line: values in, one call, exit code out."""

import sys
from typing import Any

import click

from evalgate.errors import INTERRUPTED, NO_VERDICT, OUR_FAULT, EvalGateError
from evalgate.redaction import mask, safe_line

COMMANDS = {
    "init": "evalgate.cli.init:init",
    "doctor": "evalgate.cli.doctor:doctor",
    "check": "evalgate.cli.check:check",
    "paths": "evalgate.cli.paths:paths",
    "train": "evalgate.cli.train:train",
    "evaluate": "evalgate.cli.evaluate:evaluate",
    "gate": "evalgate.cli.gate:gate",
    "run": "evalgate.cli.run:run",
    "calibrate": "evalgate.cli.calibrate:calibrate",
    "import": "evalgate.cli.imports:import_results",
    "backlog": "evalgate.cli.backlog:backlog",
    "registry": "evalgate.cli.registry:registry",
    "cache": "evalgate.cli.cache:cache",
    "ray": "evalgate.cli.jobs:ray",
    "pr": "evalgate.cli.pr:pr",
    "schemas": "evalgate.cli.schemas:schemas",
}
"""Command -> where it lives; imported only when it is called, so that each starts fast."""
SAID = {
    "init": "Write what a repository needs to begin: a policy, a prompt, a golden set to start from and a registry, "
    "or workflows.",
    "doctor": "Say what is missing, and how to set it.",
    "check": "Say what is wrong with a dataset, line by line.",
    "paths": "Ask what is cheaper than a fine-tune, before anything is trained, and write down what follows.",
    "train": "Fine-tune once: a checked dataset becomes an adapter and training.json.",
    "evaluate": "Ask one variant the golden and safety cases and score its answers.",
    "gate": "Compare two results files, decide, and write the report.",
    "run": "The whole story on this machine: check, train, evaluate, gate, report.",
    "calibrate": "Ask base twice: this suite's own noise, and what the policy can see on it.",
    "import": "Make a results file out of what lm-eval, inspect or promptfoo wrote.",
    "backlog": "Turn the corrected lines of a run's regressions.jsonl into dataset rows.",
    "registry": "What every feature serves, and the evidence behind it.",
    "cache": "Say what is kept between runs: answers and scores by whose they are, and the folders beside them.",
    "ray": "Send a run to a Ray cluster, come back to it, stop it.",
    "pr": "What workflows call on a pull request.",
    "schemas": "Write the JSON Schemas of every file that EvalGate reads or writes.",
}
"""Command -> the first sentence of its docstring, so that `--help` imports none of them."""
LOCAL = ("accelerate", "gguf", "huggingface_hub", "peft", "safetensors", "torch", "transformers")
"""Packages of the extra `local`, which only those need who train and evaluate on this machine."""


class _Commands(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        found: click.Command = getattr(__import__(module, fromlist=[name]), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        left = formatter.width - 6 - max(map(len, COMMANDS))  # as click has it: a margin, the names, two spaces
        with formatter.section("Commands"):
            formatter.write_dl([(name, click.Command(name, help=SAID[name]).get_short_help_str(left)) for name in COMMANDS])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="evalgate-ft", prog_name="evalgate")
def cli() -> None:
    """Turn a dataset change into a verdict and a registry entry.

    Exit codes: 0 pass, 1 the gate says no, 2 what you gave is wrong, 3 no verdict, 70 our own fault, 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> Any:
    try:
        return cli.main(args=arguments, prog_name="evalgate", standalone_mode=False) or 0
    except SystemExit:  # click leaves so when nobody reads what it prints
        return NO_VERDICT
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except EvalGateError as error:
        for problem in error.problems:
            click.echo(f"{click.style('error', fg='red')}: {safe_line(mask(problem), 600)}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        return _not_installed(error)
    except Exception as error:  # the one broad except: everything else is our own fault
        return _our_fault(error)


def _not_installed(error: ModuleNotFoundError) -> int:
    missing = str(error.name).split(".")[0]
    if missing not in LOCAL:
        return _our_fault(error)
    told = f"this needs {missing}, which is not installed: pip install 'evalgate-ft[local]', then run again"
    click.echo(f"{click.style('error', fg='red')}: {told}", err=True)
    return NO_VERDICT


def _our_fault(error: Exception) -> int:
    import traceback

    trace = mask("".join(traceback.format_exception(error)))
    for line in trace.splitlines():
        click.echo(safe_line(line, 2_000), err=True)
    click.echo("this is a fault of EvalGate, not of your files: please report it with the lines above", err=True)
    return OUR_FAULT
