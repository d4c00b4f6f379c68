"""`evalgate init`: a policy to start from, the callers that this repository uses itself, and never over somebody's work."""

import json
import re
from pathlib import Path

import pytest
from commands import files, process
from drawn_workspace import row, write_lines
from ruamel.yaml import YAML

from evalgate.errors import PolicyError
from evalgate.stages.init import HERE, WORKFLOWS, put, workflows
from evalgate.stages.workspace import open_workspace, read_prompt, read_suites

REPOSITORY = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PINNED = f"octo/evalgate@{COMMIT}"
CALLER = ".github/workflows/evalgate.yml"


def test_this_repository_uses_the_very_callers_that_it_gives_to_others():
    for path, content in workflows(HERE).items():
        assert (REPOSITORY / path).read_bytes() == content, f"{path}: write it again: evalgate init --workflows --uses . --force"


def test_another_repository_s_callers_differ_in_where_the_actions_come_from_and_in_nothing_else():
    for path, theirs in workflows(PINNED).items():
        kept = [line for line in theirs.decode().splitlines() if "octo/evalgate" not in line]
        ours = [line for line in (REPOSITORY / path).read_text().splitlines() if "./.github/actions/" not in line]
        own_checkout = {number for number, line in enumerate(ours) if "the actions lie there" in line}
        own_checkout |= {number + more for number in own_checkout for more in (1, 2)}
        assert kept == [line for number, line in enumerate(ours) if number not in own_checkout]
        uses = re.findall(r"uses: (\S+)", theirs.decode())
        assert uses, "every action is pinned by a full commit"
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name in uses)


def test_every_action_that_a_caller_uses_is_there_and_takes_what_it_is_given():
    for name in WORKFLOWS:
        jobs = YAML(typ="safe").load(REPOSITORY / ".github/workflows" / name)["jobs"]
        for step in (step for job in jobs.values() for step in job["steps"] if step["uses"].startswith("./")):
            action = YAML(typ="safe").load(REPOSITORY / step["uses"] / "action.yml")
            assert step["with"].keys() <= action["inputs"].keys()
            needed = {key for key, given in action["inputs"].items() if given.get("required")}
            assert needed <= step["with"].keys()


def test_no_step_of_any_action_takes_an_expression_into_its_script():
    for path in [REPOSITORY / "action.yml", *REPOSITORY.glob(".github/actions/*/action.yml")]:
        for step in YAML(typ="safe").load(path)["runs"]["steps"]:
            assert "${{" not in step.get("run", ""), f"{path}: expressions come in through env:"


def test_secrets_of_providers_stand_in_one_job_alone_and_the_untrusted_half_may_only_read():
    for uses in (HERE, PINNED):
        made = {path: YAML(typ="safe").load(text.decode()) for path, text in workflows(uses).items()}
        check, trusted = (made[f".github/workflows/{name}"] for name in WORKFLOWS)
        assert check["jobs"]["check"]["permissions"] == {"contents": "read"}
        assert (check["permissions"], trusted["permissions"]) == ({}, {})
        environments = {name: job["environment"] for name, job in trusted["jobs"].items() if "environment" in job}
        registry = dict.fromkeys(("register", "merge"), "evalgate-registry")
        assert environments == {"train-and-evaluate": "evalgate", **registry}
        said = json.dumps(made)
        assert "secrets." not in said
        assert "pull_request_target" not in said


@pytest.mark.parametrize(
    "uses",
    ["", "octo/evalgate", "octo/evalgate@v1", "octo/evalgate@main", f"octo/evalgate@{COMMIT[:7]}", f"octo@{COMMIT}",
     f"octo/evalgate/sub@{COMMIT}", f"octo/eval gate@{COMMIT}", f"octo/evalgate@{COMMIT}\n      - run: echo", f"./x@{COMMIT}"],
)  # fmt: skip
def test_what_is_not_pinned_by_a_full_commit_is_refused(uses: str):
    with pytest.raises(PolicyError, match="a tag or a branch can be moved"):
        workflows(uses)


def test_twice_is_the_same_as_once_and_nothing_else_is_touched(tmp_path: Path):
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/ci.yml").write_text("theirs\n")
    made = workflows(PINNED)
    assert {done.became for done in put(made, tmp_path)} == {"written"}
    before = files(tmp_path)
    assert {done.became for done in put(made, tmp_path)} == {"unchanged"}
    assert files(tmp_path) == before
    assert before.keys() == {*made, ".github/workflows/ci.yml"}


def test_a_file_that_differs_stays_and_so_does_everything_else_until_it_is_forced(tmp_path: Path):
    made = workflows(PINNED)
    (tmp_path / CALLER).parent.mkdir(parents=True)
    mine = made[CALLER].replace(b"timeout-minutes: 350", b"timeout-minutes: 4000")
    (tmp_path / CALLER).write_bytes(mine)
    told = r"evalgate\.yml: is there already and differs, first in line \d+, .timeout-minutes: 4000"
    with pytest.raises(PolicyError, match=told):
        put(made, tmp_path)
    assert files(tmp_path) == {CALLER: mine}
    assert {done.became for done in put(made, tmp_path, force=True)} == {"written", "replaced"}
    assert files(tmp_path) == made


def test_a_link_is_never_written_through(tmp_path: Path):
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / "elsewhere.yml").write_text("theirs\n")
    (tmp_path / CALLER).symlink_to(tmp_path / "elsewhere.yml")
    with pytest.raises(PolicyError, match="is a link"):
        put(workflows(PINNED), tmp_path, force=True)
    assert (tmp_path / "elsewhere.yml").read_text() == "theirs\n"


def test_the_command_writes_says_what_it_wrote_and_refuses_with_exit_code_2(tmp_path: Path):
    ended = process(tmp_path, "init", "--workflows", "--uses", PINNED, "--format", "json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {"files": [{"path": path, "became": "written"} for path in workflows(PINNED)]}
    assert files(tmp_path) == workflows(PINNED)
    both = ("--feature", "f", "--workflows", "--uses", PINNED)
    for wrong in (
        (),
        ("--workflows",),
        ("--uses", PINNED),
        both,
        ("--workflows", "--uses", "octo/evalgate@v1"),
        ("--feature", "../f"),
    ):
        ended = process(tmp_path, "init", *wrong)
        assert (ended.code, ended.out) == (2, ""), wrong


def test_a_repository_that_starts_from_it_can_be_checked_and_measured(tmp_path: Path):
    ended = process(tmp_path, "init", "--feature", "support-intent")
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert files(tmp_path).keys() == {
        "evalgate.yaml", "models.yaml", "prompts/support-intent.md", "golden/support-intent/cases.jsonl",
    }  # fmt: skip
    workspace = open_workspace(tmp_path / "evalgate.yaml", None)
    assert [turn.role for turn in read_prompt(workspace)] == ["system", *["user", "assistant"] * 2]
    (golden,) = read_suites(workspace)
    assert len(golden.cases) == 3
    write_lines(tmp_path / "datasets/support-intent/ft-v1.0.0.jsonl", [row("may I return it?", '{"intent": "refund"}')])
    ended = process(tmp_path, "check")
    assert ended.code == 0, ended.err
