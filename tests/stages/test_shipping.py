"""What travels to a cluster with a job: the workspace, never a secret; the same files and words are the same job."""

import subprocess

import pytest
from drawn_workspace import GOOD, draw

from evalgate.errors import PolicyError
from evalgate.stages.shipping import READY, may_travel, pack, shipment

RUN = ("run", "--feature", "f")


@pytest.fixture
def workspace(tmp_path):
    return draw(tmp_path / "w", GOOD)


def sent(workspace, words=RUN, **more):
    return shipment(workspace, words, **{"lock": None, "cache": None, **more})


class TestShipment:
    def test_holds_the_workspace_and_the_command_on_the_cluster_that_runs_it(self, workspace, tmp_path):
        ship = sent(workspace)
        assert ship.files == (
            "base.json",
            "datasets/f/ft-v1.0.0.jsonl",
            "evalgate.yaml",
            "golden/f/cases.jsonl",
            "golden/safety/jailbreak.jsonl",
        )
        assert ship.entrypoint == READY + "cd workspace && exec python -P -m evalgate run --feature f --ray auto"
        pack(workspace, ship, tmp_path / "there")
        assert [path.name for path in (tmp_path / "there").iterdir()] == ["workspace"]
        assert (tmp_path / "there/workspace/evalgate.yaml").read_bytes() == (workspace / "evalgate.yaml").read_bytes()

    def test_the_same_files_and_words_are_the_same_job(self, workspace):
        assert sent(workspace).name == sent(workspace).name

    @pytest.mark.parametrize("change", ["base.json", "datasets/f/ft-v1.0.0.jsonl"])
    def test_a_changed_byte_is_another_job(self, workspace, change):
        before = sent(workspace).name
        (workspace / change).write_bytes((workspace / change).read_bytes() + b"\n")
        assert sent(workspace).name != before

    def test_other_words_and_other_packages_are_other_jobs(self, workspace, tmp_path):
        (tmp_path / "lock.txt").write_text("torch==2.13.0  # the CPU build\n\nray==2.60.0\n")
        named = {sent(workspace).name, sent(workspace, ("run",)).name, sent(workspace, cache="/mnt/cache").name}
        locked = sent(workspace, lock=tmp_path / "lock.txt")
        assert len({*named, locked.name}) == 4
        assert locked.environment == {"pip": {"packages": ["torch==2.13.0", "ray==2.60.0"], "pip_check": False}}

    def test_where_to_work_is_not_said_twice(self, workspace):
        assert sent(workspace, ("run", "--ray", "off")).entrypoint.count("--ray") == 1
        assert "--ray" not in sent(workspace, ("check",)).entrypoint

    def test_words_that_a_shell_would_read_are_quoted(self, workspace):
        assert sent(workspace, ("run", "--feature", "a; curl x|sh")).entrypoint.endswith("--feature 'a; curl x|sh' --ray auto")

    @pytest.mark.parametrize("words", [(), ("registry", "promote"), ("pr", "finish"), ("ray", "submit"), ("--help",)])
    def test_only_commands_that_work_from_files_are_sent(self, workspace, words):
        with pytest.raises(PolicyError, match="say what to run"):
            sent(workspace, words)

    def test_a_lock_file_without_versions_is_refused(self, workspace, tmp_path):
        (tmp_path / "lock.txt").write_text("torch>=2\n")
        with pytest.raises(PolicyError, match="'torch>=2' is no package with its version"):
            sent(workspace, lock=tmp_path / "lock.txt")


class TestSecrets:
    @pytest.mark.parametrize(
        "name",
        [".env", ".env.local", "keys/adapters.pem", "tls.KEY", ".ssh/config", ".git/config", ".netrc", ".aws/credentials",
         "credentials.json", "id_ed25519", "runs/r/report.md", ".venv/bin/python", ".ray/auth_token"],
    )  # fmt: skip
    def test_never_travels(self, name):
        assert not may_travel(name)

    @pytest.mark.parametrize("name", ["evalgate.yaml", "golden/f/cases.jsonl", "datasets/keys/ft.jsonl", "prompts/monkey.md"])
    def test_what_a_run_reads__does(self, name):
        assert may_travel(name)

    def test_what_git_ignores_and_links_stay_here(self, workspace):
        subprocess.run(["git", "init", "-q", str(workspace)], check=True)
        (workspace / ".gitignore").write_text("private.json\n")
        (workspace / "private.json").write_text("{}")
        (workspace / "link.json").symlink_to("/etc/hostname")
        assert not {"private.json", "link.json"} & set(sent(workspace).files)
        assert ".gitignore" in sent(workspace).files


def test_a_node_without_evalgate__is_no_verdict(tmp_path):
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    line = READY + "exec python -P -m evalgate run"
    assert subprocess.run(["sh", "-c", line], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False).returncode == 3
