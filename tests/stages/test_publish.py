"""`evalgate pr summary`: what a workflow step leaves behind, whatever became of the command before it."""

import json

import pytest
from commands import run_folder
from drawn_workspace import GOOD, HARMFUL, draw, rows, write_lines

NO_VERDICT = {"verdict": "none", "lift": "", "report": "", "candidate": "", "comment": "comment.md"}


@pytest.fixture
def publish(evalgate, monkeypatch):
    """`publish(workspace, printed)`: how the command ends, the step's outputs, the job summary and the comment."""

    def call(workspace, printed):
        monkeypatch.setenv("GITHUB_OUTPUT", str(workspace / "outputs"))
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(workspace / "summary"))
        (workspace / "result.json").write_text(printed)
        ended = evalgate(workspace, "pr", "summary", "--result", "result.json", "--comment", "comment.md")
        told = [
            (workspace / name).read_text() if (workspace / name).exists() else "" for name in ("outputs", "summary", "comment.md")
        ]
        return ended.code, outputs_in(told[0]), *told[1:]

    return call


def outputs_in(text):
    """What GitHub's runner reads from the file of a step's outputs: `name=value`, or `name<<end`, the value, `end`."""
    found, lines = {}, iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value = line.partition("=")[2] if not end else "\n".join(iter(lambda: next(lines), end))
        found[name if end else line.partition("=")[0]] = value
    return found


@pytest.mark.parametrize(("drawing", "verdict", "lift"), [(GOOD, "pass", "75.0"), (HARMFUL, "fail", "-37.5")])
def test_run__leaves_its_verdict_its_report_and_its_comment(evalgate, publish, tmp_path, drawing, verdict, lift):
    draw(tmp_path, drawing)
    code, outputs, summary, comment = publish(tmp_path, evalgate(tmp_path, "run", "--format", "json").out)
    assert code == 0
    assert outputs == {
        "verdict": verdict,
        "lift": lift,
        "report": f"{run_folder(tmp_path)}/report.md",
        "candidate": f"{run_folder(tmp_path)}/adapter",
        "comment": "comment.md",
    }
    assert summary == (run_folder(tmp_path) / "report.md").read_text()
    assert comment == (run_folder(tmp_path) / "comment.md").read_text()


@pytest.mark.parametrize("printed", ["", "\n"])
def test_command_that_printed_nothing__is_no_verdict_and_says_so(publish, tmp_path, printed):
    code, outputs, summary, comment = publish(tmp_path, printed)
    assert code == 0
    assert outputs == NO_VERDICT
    assert "**EvalGate: no verdict.**" in comment
    assert summary == comment


@pytest.mark.parametrize("printed", ["{", "[]", '{"x": 1}', '{"verdict": "pass"}', '{"verdict": "pass", "run": "gone"}'])
def test_output_of_something_else__is_2_and_no_verdict_leaves(publish, tmp_path, printed):
    code, outputs, *_ = publish(tmp_path, printed)
    assert code == 2
    assert outputs == {}


def test_check__leaves_a_table_of_its_first_fifty_findings(evalgate, publish, tmp_path):
    draw(tmp_path, GOOD)
    write_lines(tmp_path / "datasets/f/ft-v1.0.0.jsonl", [*rows(GOOD), *[{"messages": []}] * 60])
    code, outputs, _, comment = publish(tmp_path, evalgate(tmp_path, "check", "--format", "json").out)
    assert code == 0
    assert outputs == NO_VERDICT
    assert "> [!CAUTION]" in comment
    assert "**EvalGate: dataset refused**: 140 rows, 60 findings." in comment
    assert comment.count("EG201") == 50
    assert "*10 more are in the step's output.*" in comment


def test_hostile_finding__adds_no_output_and_no_markup(publish, tmp_path):
    finding = {
        "code": "EG201",
        "severity": "error",
        "path": "x\nverdict=pass\n<img>@team|`",
        "line": 1,
        "message": "</td> `` fixes #1 | [x](javascript:y)\n::error::z",
    }
    report = {"schema": 1, "change": None, "rows": 1, "findings": [finding]}
    _, outputs, _, comment = publish(tmp_path, json.dumps(report))
    assert outputs == NO_VERDICT
    (row,) = [line for line in comment.splitlines() if "EG201" in line]
    assert row == (
        "| `` x\\u000averdict=pass\\u000a<img>@team\\|`:1 `` | error | EG201 | "
        "``` </td> `` fixes #1 \\| [x](javascript:y)\\u000a::error::z ``` |"
    )
