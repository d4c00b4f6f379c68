"""`registry rollback`: one command, one changed line, and the lines to type next."""

import json
import shlex
import shutil
import subprocess

import pytest
from commands import files

from evalgate import registry
from evalgate.errors import RegistryError
from evalgate.records.registry import BaseModelRef, Flag, RegistryEntry
from evalgate.stages.rollback import adapter_beside, next_steps, rollback
from evalgate.weights import adapter_digest

SHA = "ab" * 32
TODAY = "2026-11-02"
ROLLOUT = ("registry", "rollout", "f", "--variant", "ft-v1.0.0")


def adapter(folder, content="weights"):
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(content)
    (folder / "adapter_config.json").write_text("{}")
    return adapter_digest(folder)


def variant(name, against, uri, sha256, share):
    return f"""\
      {name}:
        model: adapter
        base_model: {{uri: m, sha256: {SHA}}}
        prompt_sha256: {SHA}
        adapter: {{uri: '{uri}', sha256: {sha256}}}
        judged_against: {against}
        flag: {{name: f-{name}, on: false, share: {share}}}  # what routes
"""


@pytest.fixture
def served(tmp_path):
    """A registry whose default v2 was judged against v1, which was judged against the base; adapters lie beside it."""
    one, two = (adapter(tmp_path / "runs" / name / "adapter", name) for name in ("v1", "v2"))
    (tmp_path / "models.yaml").write_text(
        f"# ours\nversion: 1\nfeatures:\n  f:\n    default: v2   # who is served\n    variants:\n"
        f"      base: {{model: m, base_model: {{uri: m, sha256: {SHA}}}, prompt_sha256: {SHA}}}\n"
        + variant("v1", "base", "path:runs/v1/adapter", one, "1.0")
        + variant("v2", "v1", "path:runs/v2/adapter", two, "1.0")
    )
    return tmp_path


@pytest.fixture
def promoted(tmp_path):
    """A registry as promote writes it: a base, and a candidate with its flag off."""
    base = RegistryEntry(model="m", base_model=BaseModelRef(uri="m", sha256=SHA), prompt_sha256=SHA)
    candidate = base.model_copy(update={"model": "adapter", "judged_against": "base", "flag": Flag(name="f-ft-v1.0.0")})
    (tmp_path / "models.yaml").write_text(registry.add_variant("", "f", "ft-v1.0.0", candidate, base=("base", base)))
    return tmp_path


class TestCommand:
    def test_full_rollout__is_taken_back_by_one_line_and_told_what_to_do_next(self, evalgate, served):
        before = (served / "models.yaml").read_text()
        ended = evalgate(served, "registry", "rollback", "f")
        assert (ended.code, ended.out) == (0, "")
        assert (served / "models.yaml").read_text() == before.replace("default: v2   #", "default: v1   #")
        assert ended.err == (
            "models.yaml: f: v1 is the default again in place of v2\n"
            "  git add -- models.yaml\n"
            "  git commit -m 'Roll back f: v2 taken back, v1 is the default' -- models.yaml\n"
            "  git push origin HEAD:refs/heads/rollback-f-v2\n"
            "then open a pull request: only exposure is lowered, so `registry verify` asks for no evidence\n"
        )

    def test_twice__is_the_same_as_once_and_ends_well(self, evalgate, served):
        evalgate(served, "registry", "rollback", "f")
        before = files(served)
        ended = evalgate(served, "registry", "rollback", "f")
        assert (ended.code, files(served)) == (0, before)
        told = "f: v2 was rolled back already, v1 is served; to take back v1 too say --variant v1"
        assert ended.err == f"models.yaml: {told}\n"

    def test_json__says_the_same(self, evalgate, served):
        told = json.loads(evalgate(served, "registry", "rollback", "f", "--format", "json").out)
        assert told == {
            "feature": "f",
            "taken_back": ["v2"],
            "serves": "v1",
            "changed": True,
            "words": "f: v1 is the default again in place of v2",
            "next": [
                "git add -- models.yaml",
                "git commit -m 'Roll back f: v2 taken back, v1 is the default' -- models.yaml",
                "git push origin HEAD:refs/heads/rollback-f-v2",
            ],
        }
        again = json.loads(evalgate(served, "registry", "rollback", "f", "--format", "json").out)
        assert (again["changed"], again["taken_back"], again["next"]) == (False, [], [])

    def test_rolled_out_and_taken_back__leaves_what_was_there_but_the_share(self, evalgate, promoted):
        before = (promoted / "models.yaml").read_text()
        for share, kept in (("0.25", "0.25"), ("1", "1.0")):
            ended = evalgate(promoted, *ROLLOUT, "--share", share, "--format", "json")
            full = share == "1"
            told = {"feature": "f", "variant": "ft-v1.0.0", "default": full, "on": not full, "share": float(share)}
            assert json.loads(ended.out) == told
            assert ended.err == f"models.yaml: f ft-v1.0.0 {'is the default now' if full else 'on for 25%'}\n"
            assert evalgate(promoted, "registry", "rollback", "f").code == 0
            assert (promoted / "models.yaml").read_text() == before.replace("share: 0.0", f"share: {kept}")
            assert evalgate(promoted, "registry", "resolve", "f", "--key", "x").out == "base\n"

    def test_flag_turned_off_by_hand__is_what_a_rollback_would_have_done(self, evalgate, promoted):
        evalgate(promoted, *ROLLOUT, "--share", "0.25")
        ended = evalgate(promoted, *ROLLOUT, "--off", "--format", "json")
        told = {"feature": "f", "variant": "ft-v1.0.0", "default": False, "on": False, "share": 0.25}
        assert (json.loads(ended.out), ended.err) == (told, "models.yaml: f ft-v1.0.0 off\n")
        assert "f: ft-v1.0.0 was rolled back already" in evalgate(promoted, "registry", "rollback", "f").err

    def test_nothing_rolled_out__is_told(self, evalgate, promoted):
        ended = evalgate(promoted, "registry", "rollback", "f")
        assert (ended.code, ended.err) == (2, "error: f serves base, nothing was rolled out: nothing to roll back\n")

    def test_wrong_names__are_the_callers(self, evalgate, served):
        for wrong in (("g",), ("f", "--variant", "v9"), ("f", "--registry", "gone.yaml")):
            assert evalgate(served, "registry", "rollback", *wrong).code == 2

    def test_lines_to_type__do_what_they_say_in_a_real_repository(self, evalgate, served):
        def git(*words):
            return subprocess.run(["git", "-C", str(served), *words], capture_output=True, text=True, check=True).stdout

        subprocess.run(["git", "init", "-q", "--bare", str(served / "origin.git")], check=True)
        git("init", "-q", "-b", "main")
        for key, value in (("user.name", "x"), ("user.email", "x@example.org"), ("commit.gpgsign", "false")):
            git("config", key, value)
        git("remote", "add", "origin", str(served / "origin.git"))
        git("add", "models.yaml")
        git("commit", "-q", "-m", "first")
        (served / "stray").write_text("staged by somebody, and no part of this")
        git("add", "stray")
        told = json.loads(evalgate(served, "registry", "rollback", "f", "--format", "json").out)
        for line in told["next"]:
            subprocess.run(shlex.split(line), cwd=served, capture_output=True, check=True)
        pushed = git("--git-dir", str(served / "origin.git"), "log", "-1", "--numstat", "--format=%s", "rollback-f-v2")
        assert pushed.split("\n") == ["Roll back f: v2 taken back, v1 is the default", "", "1\t1\tmodels.yaml", ""]


class TestWhatWouldBeServed:
    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            (shutil.rmtree, "its adapter path:runs/v1/adapter is not there"),
            (lambda place: (place / "adapter_config.json").write_text("{ }"), "has digest"),
            (lambda place: (place / "adapter_config.json").unlink(), "not an adapter, adapter_config.json missing"),
            (lambda place: (place / "extra.bin").write_text("x"), "extra.bin is a pickle"),
        ],
        ids=["gone", "changed", "incomplete", "pickle"],
    )
    def test_adapter_that_is_not_what_was_judged__is_refused_and_nothing_is_written(self, evalgate, served, spoil, told):
        spoil(served / "runs" / "v1" / "adapter")
        before = files(served)
        ended = evalgate(served, "registry", "rollback", "f")
        assert (ended.code, files(served)) == (2, before)
        assert "f is not rolled back to v1: " in ended.err
        assert told in ended.err
        assert "roll another variant out (base)" in ended.err

    def test_flag__is_turned_off_whatever_became_of_the_default_and_that_is_told(self, evalgate, served):
        path = served / "models.yaml"
        text = path.read_text().replace("default: v2", "default: v1")
        path.write_text(registry.set_flag(text, "f", "v2", on=True, share=0.5))
        shutil.rmtree(served / "runs" / "v1")
        ended = evalgate(served, "registry", "rollback", "f")
        assert ended.code == 0
        assert "the flag of v2 is off, v1 is the default; but v1 may not be servable: its adapter" in ended.err

    def test_other_places__are_asked_of_whoever_knows_them(self, served):
        path = served / "models.yaml"
        path.write_text(path.read_text().replace("path:runs/v1", "s3://bucket/v1"))
        before = path.read_bytes()
        asked = []
        with pytest.raises(RegistryError, match="f is not rolled back to v1: the bucket is gone; bring it back"):
            rollback(path, "f", today=TODAY, still_there=lambda entry: asked.append(entry.adapter.uri) or "the bucket is gone")
        assert (asked, path.read_bytes()) == (["s3://bucket/v1/adapter"], before)
        assert rollback(path, "f", today=TODAY).serves == "v1"

    def test_absolute_path__is_looked_at_where_it_is(self, tmp_path):
        sha = adapter(tmp_path / "far" / "adapter")
        known = registry.parse(
            f"version: 1\nfeatures:\n  f:\n    default: v\n    variants:\n"
            f"{variant('v', 'base', f'path:{tmp_path}/far/adapter', sha, '0')}".encode(),
            "x",
        )
        assert adapter_beside(known.features["f"].variants["v"], tmp_path / "elsewhere") is None


class TestLinesToType:
    def test_names_from_the_file__stay_one_word_each_in_a_shell(self, tmp_path):
        hostile = "x'; touch /tmp/owned; '$(id)`id`"
        done = registry.Rollback("", (hostile,), "-base", True, "")
        lines = next_steps(tmp_path / "my repo" / "-models.yaml", hostile, done)
        words = [shlex.split(line) for line in lines]
        where = str(tmp_path / "my repo")
        assert words[0] == ["git", "-C", where, "add", "--", "-models.yaml"]
        assert words[1][:5] == ["git", "-C", where, "commit", "-m"]
        assert words[1][5:] == [f"Roll back {hostile}: {hostile} taken back, -base is the default", "--", "-models.yaml"]
        assert words[2][5].startswith("HEAD:refs/heads/rollback-x-touch-tmp-owned-id-id")
