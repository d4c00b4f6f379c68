"""`make lint-workflows`: the shipped workflows are clean for every linter, and every linter can say no, at the right line."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from node_tools import needs_node

REPOSITORY = Path(__file__).parents[2]
PROGRAM = REPOSITORY / "tests/node/lint_workflows.py"
LINTERS = ("actionlint", "parser", "zizmor", "schemas", "shellcheck")
WORKFLOW, ACTION, SCRIPT = ".github/workflows/w.yml", ".github/actions/a/action.yml", ".github/actions/a/say"

GOOD = {
    WORKFLOW: """\
name: Good
on:
  pull_request:
permissions: {}
concurrency:
  group: ${{ github.workflow }}-${{ github.ref }}
  cancel-in-progress: true
jobs:
  first:
    name: First
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1  # v7.0.1
        with:
          persist-credentials: false
      - uses: ./.github/actions/a  # zizmor: ignore[self-repository] as in the shipped workflows
        with:
          word: hello
  second:
    name: Second
    needs: first
    runs-on: ubuntu-latest
    timeout-minutes: 5
    steps:
      - env:
          TITLE: ${{ github.event.pull_request.title }}
        run: |
          echo "the title is"
          echo "$TITLE"
""",
    ACTION: """\
name: Say
description: Say a word.
inputs:
  word:
    description: The word.
    required: true
runs:
  using: composite
  steps:
    - shell: bash
      env:
        WORD: ${{ inputs.word }}
      run: bash "$GITHUB_ACTION_PATH/say"
""",
    SCRIPT: '#!/usr/bin/env bash\nset -euo pipefail\necho "$WORD"\n',
}


class Said(NamedTuple):
    """What the linters said: exit code, everything, and what each has against something."""

    code: int
    text: str
    against: dict[str, str]


class Fault(NamedTuple):
    """One change for the worse, and the linters that must see it, with how many lines above the change they see it."""

    name: str
    path: str
    old: str
    new: str
    seen_by: dict[str, int]


FAULTS = (
    Fault("unknown event", WORKFLOW, "  pull_request:", "  pull_requests:", {"actionlint": 0, "parser": 0, "schemas": 0}),
    Fault("unknown context", WORKFLOW, "github.ref }}", "github.reff }}", {"actionlint": 0, "parser": 0}),
    Fault("broken expression", WORKFLOW, "github.workflow }}", "github.workflow == }}", {"actionlint": 0, "parser": 0}),
    Fault("undefined needs", WORKFLOW, "needs: first", "needs: fist", {"actionlint": 2, "parser": 0}),
    Fault(
        "unknown key",
        WORKFLOW,
        "    name: Second",
        "    named: Second",
        {"actionlint": 0, "parser": 0, "schemas": 0, "zizmor": 1},
    ),
    Fault("unquoted variable", WORKFLOW, 'echo "$TITLE"', "echo $TITLE", {"shellcheck": 0}),
    Fault(
        "injection", WORKFLOW, 'echo "$TITLE"', 'echo "${{ github.event.pull_request.title }}"', {"actionlint": 2, "zizmor": 0}
    ),
    Fault(
        "unpinned action", WORKFLOW, "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1  # v7.0.1", "checkout@v7", {"zizmor": 0}
    ),
    Fault("unknown input", WORKFLOW, "          word: hello", "          world: hello", {"parser": 0}),
    Fault("unknown context in an action", ACTION, "inputs.word }}", "input.word }}", {"parser": 0}),
    Fault("unknown key in an action", ACTION, "  using: composite", "  using: composited", {"parser": 0, "schemas": 0}),
    Fault("unquoted variable in an action", ACTION, '"$GITHUB_ACTION_PATH/say"', "$GITHUB_ACTION_PATH/say", {"shellcheck": 0}),
    Fault("unquoted variable in a script", SCRIPT, 'echo "$WORD"', "echo $WORD", {"shellcheck": 0}),
)

Lint = Callable[..., Said]


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """Runs the linters over a small repository, with parts of it changed."""

    def run(changed: dict[str, str] | None = None) -> Said:
        for path, text in {**GOOD, **(changed or {})}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        return said(tmp_path)

    return run


def said(*roots: Path) -> Said:
    """What `make lint-workflows` would say of these roots."""
    done = subprocess.run([sys.executable, "-P", PROGRAM, *roots], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    parts = re.split(r"^== (\w+)\n", done.stdout, flags=re.MULTILINE)[1:]
    return Said(done.returncode, done.stdout + done.stderr, dict(zip(parts[::2], parts[1::2], strict=True)))


@needs_node
def test_what_is_shipped_is_clean_and_all_of_it_was_looked_at() -> None:
    clean = said(REPOSITORY)
    workflows, actions = list(REPOSITORY.glob(".github/workflows/*")), list(REPOSITORY.glob(".github/actions/*/action.yml"))
    assert clean.code == 0, clean.text
    assert f": {len(workflows)} workflows, {len(actions) + 1} actions, " in clean.text
    assert clean.text.strip().endswith(f"clean for {', '.join(LINTERS)}")


@needs_node
def test_what_the_faults_are_put_into_is_clean(lint: Lint) -> None:
    clean = lint()
    assert (clean.code, clean.against) == (0, {}), clean.text
    assert "1 workflows, 1 actions, 1 scripts" in clean.text


@needs_node
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_seen_by_these_linters_and_at_its_line(lint: Lint, fault: Fault) -> None:
    good = GOOD[fault.path]
    assert good.count(fault.old) == 1
    line = good[: good.index(fault.old)].count("\n") + 1
    found = lint({fault.path: good.replace(fault.old, fault.new)})
    assert (found.code, set(found.against)) == (1, set(fault.seen_by)), found.text
    for linter, above in fault.seen_by.items():
        # a schema's findings name the place in the document and not the line
        place = re.escape(fault.path) + (r"::\$\.\w+" if linter == "schemas" else rf":{line - above}:\d+")
        assert re.search(place, found.against[linter]), found.against[linter]


@needs_node
@pytest.mark.parametrize("path", [WORKFLOW, ACTION])
def test_what_is_no_yaml_is_refused(lint: Lint, path: str) -> None:
    found = lint({path: GOOD[path] + "  - [\n"})
    assert found.code == 1
    assert {"parser", "schemas", "zizmor"} <= set(found.against)


def test_an_empty_folder_is_not_a_clean_one(tmp_path: Path) -> None:
    assert said(tmp_path).code == 2
    assert "no workflow and no action to lint" in said(tmp_path).text


@needs_node
def test_every_root_is_looked_at(lint: Lint, tmp_path: Path) -> None:
    lint({WORKFLOW: GOOD[WORKFLOW].replace("needs: first", "needs: fist")})
    assert said(REPOSITORY, tmp_path).code == 1
