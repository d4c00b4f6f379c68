"""audit and sign on a run that passed: what git and the evidence say, and what a signature is worth."""

import json
import shutil
import subprocess

import pytest
from commands import run_folder
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec

from evalgate.evidence import open_shelf
from evalgate.records.evidence import adapter_place
from evalgate.registry import existing
from evalgate.stages.adapters import fetch_adapter
from evalgate.stages.attesting import signature_links
from evalgate.stages.opened import manifest_of
from evalgate.stages.workspace import open_workspace

NAMED = {"GIT_AUTHOR_NAME": "ann", "GIT_COMMITTER_NAME": "ann", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder, *words):
    given = {**NAMED, "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True, env=given)
    return done.stdout.strip()


def keys(folder, name="ours"):
    """Paths of a private and a public key."""
    made = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(made.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()))
    public.write_bytes(made.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
    return private, public


def ask_for_key(workspace, name):
    policy = workspace / "evalgate.yaml"
    policy.write_text(json.dumps({**json.loads(policy.read_text()), "release": {"adapter_key": name}}))


@pytest.fixture
def audit(evalgate):
    """Exit code and JSON of an audit."""

    def call(folder, model_id="ft-v1.0.0", *more):
        ended = evalgate(folder, "registry", "audit", model_id, "--format", "json", *more)
        return ended.code, json.loads(ended.out) if ended.out else ended.err

    return call


@pytest.fixture
def promoted(evalgate, passed):
    assert evalgate(passed, "registry", "promote", run_folder(passed)).code == 0
    return passed


def evidence_of(workspace):
    """The manifest of the promoted variant, and the shelf that it lies on."""
    entry = existing(workspace / "models.yaml").features["f"].variants["ft-v1.0.0"]
    shelf = open_shelf(entry.evidence.uri, root=workspace)
    return manifest_of(shelf, entry.evidence.sha256), shelf


class TestAudit:
    def test_promoted_run__says_all_and_holds(self, evalgate, promoted):
        ended = evalgate(promoted, "registry", "audit", "f/ft-v1.0.0")
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith("# `f/ft-v1.0.0`\n\n**Holds:** ")
        assert "| dataset | `datasets/f/ft-v1.0.0.jsonl` |" in ended.out
        assert "| `overall` | 80 | 25.0% | 100.0% | +75.0 |" in ended.out
        assert "| entered by | `not in git` |" in ended.out
        assert "| serves now | nobody: its flag `f-ft-v1.0.0` is off |" in ended.out

    def test_every_id_of_it__names_it(self, audit, promoted):
        entry = existing(promoted / "models.yaml").features["f"].variants["ft-v1.0.0"]
        for model_id in (entry.adapter.sha256[:8], entry.training_job, entry.adapter.uri):
            assert audit(promoted, model_id)[1]["variant"] == "ft-v1.0.0"

    def test_unknown_id__is_2_and_lists_what_exists(self, audit, promoted):
        code, told = audit(promoted, "ft-v9.9.9")
        assert (code, "it has f/base, f/ft-v1.0.0" in told) == (2, True)

    def test_plain_base__holds(self, audit, promoted):
        code, told = audit(promoted, "f/base")
        assert (code, told["training"], told["serves"]["default"]) == (0, None, True)

    def test_file_of_the_evidence_that_is_another__is_named_and_1(self, audit, promoted):
        manifest, _ = evidence_of(promoted)
        place = adapter_place(manifest.adapter_sha256, "adapter_config.json")
        (promoted / "evidence" / place).write_text("{}")
        code, told = audit(promoted)
        assert (code, told["holds"], [link["name"] for link in told["broken"]]) == (1, False, ["adapter"])

    def test_evidence_that_is_gone__is_broken_and_the_entry_is_told_all_the_same(self, audit, promoted):
        shutil.rmtree(promoted / "evidence")
        code, told = audit(promoted)
        assert (code, told["broken"][0]["name"], told["entry"]["dataset_version"]) == (1, "evidence", "v1.0.0")

    def test_evidence_that_cannot_be_reached__is_3_and_not_known(self, audit, promoted):
        for name in ("evalgate.yaml", "models.yaml"):
            path = promoted / name
            path.write_text(path.read_text().replace("path:evidence", "branch:evalgate-evidence"))
        code, told = audit(promoted)
        assert (code, told["holds"], told["broken"]) == (3, None, [])
        assert told["unreached"]

    def test_feature_that_the_policy_has_no_more__is_a_broken_link(self, audit, promoted):
        policy = promoted / "evalgate.yaml"
        told = json.loads(policy.read_text())
        policy.write_text(json.dumps({**told, "features": {"g": told["features"]["f"]}}))
        code, told = audit(promoted)
        assert (code, told["broken"][0]["name"]) == (1, "policy")


class TestInGit:
    def test_entry__is_told_by_the_commit_that_brought_it(self, evalgate, audit, passed):
        git(passed, "init", "--quiet", "--initial-branch", "main")
        (passed / "models.yaml").write_text("version: 1\nfeatures: {}\n")
        git(passed, "add", "models.yaml")
        git(passed, "commit", "-qm", "empty")
        evalgate(passed, "registry", "promote", run_folder(passed))
        assert "in no commit yet" in audit(passed)[1]["entered"]["unknown"]
        git(passed, "checkout", "-qb", "topic")
        git(passed, "commit", "-qam", "on a branch")
        git(passed, "checkout", "-q", "main")
        git(passed, "merge", "-q", "--no-ff", "-m", "let | in", "topic")
        merged = git(passed, "rev-parse", "HEAD")
        evalgate(passed, "registry", "rollout", "f", "--variant", "ft-v1.0.0", "--share", "0.5")
        git(passed, "commit", "-qam", "roll out")
        came = audit(passed)[1]["entered"]
        assert (came["commit"], came["by"], came["subject"]) == (merged, "ann", "let | in")
        assert audit(passed, "f/base")[1]["entered"]["commit"] == merged
        assert audit(passed)[1]["serves"]["words"] == "its flag `f-ft-v1.0.0` is on for 50% of keys"

    def test_shallow_clone__does_not_blame_the_commit_that_it_begins_with(self, audit, promoted, tmp_path):
        git(promoted, "init", "--quiet", "--initial-branch", "main")
        git(promoted, "add", "-A")
        git(promoted, "commit", "-qm", "all")
        (promoted / "more").write_text("x")
        git(promoted, "add", "more")
        git(promoted, "commit", "-qm", "more")
        git(tmp_path, "clone", "-q", "--depth", "1", f"file://{promoted}", "clone")
        assert "shallow" in audit(tmp_path / "clone")[1]["entered"]["unknown"]

    def test_settings_of_the_clone__run_nothing(self, audit, promoted, tmp_path):
        git(promoted, "init", "--quiet", "--initial-branch", "main")
        (promoted / ".gitattributes").write_text("*.yaml diff=evil\n")
        git(promoted, "add", "-A")
        git(promoted, "commit", "-qm", "all")
        for setting in ("diff.evil.textconv", "diff.external", "core.fsmonitor", "gpg.program"):
            git(promoted, "config", setting, f"touch {tmp_path}/ran; cat")
        git(promoted, "config", "log.showSignature", "true")
        assert audit(promoted)[1]["entered"]["subject"] == "all"
        assert not (tmp_path / "ran").exists()


class TestSignature:
    @pytest.fixture
    def signed(self, evalgate, passed, tmp_path):
        """The run, signed and promoted under a policy that asks for it; the key lies in the workspace."""
        private, public = keys(tmp_path)
        shutil.copy(public, passed / "adapters.pub")
        ended = evalgate(passed, "registry", "sign", run_folder(passed), "--key", private)
        assert ended.code == 0, ended.err
        ask_for_key(passed, "adapters.pub")
        assert evalgate(passed, "registry", "promote", run_folder(passed)).code == 0
        return passed

    def links(self, workspace):
        opened = open_workspace(workspace / "evalgate.yaml", "f")
        return [link.words for link in signature_links(opened, *evidence_of(workspace))]

    def test_sign__puts_one_file_beside_the_others(self, evalgate, passed, tmp_path):
        before = {path.name for path in (run_folder(passed) / "adapter").iterdir()}
        assert evalgate(passed, "registry", "sign", run_folder(passed), "--key", keys(tmp_path)[0]).code == 0
        assert (run_folder(passed) / "model.sig").is_file()
        assert {path.name for path in (run_folder(passed) / "adapter").iterdir()} == before

    def test_sign__a_folder_without_an_adapter_or_with_no_key_is_2(self, evalgate, passed, tmp_path):
        private, public = keys(tmp_path)
        assert evalgate(passed, "registry", "sign", tmp_path, "--key", private).code == 2
        assert evalgate(passed, "registry", "sign", run_folder(passed), "--key", public).code == 2

    def test_signed__is_kept_and_verified(self, audit, signed):
        code, told = audit(signed)
        assert (code, told["signature"]["state"]) == (0, "verified")
        assert "model.sig" in evidence_of(signed)[0].files
        assert self.links(signed) == []

    def test_adapter_out_of_the_evidence__has_its_signature_with_it(self, signed, tmp_path):
        manifest, shelf = evidence_of(signed)
        folder = fetch_adapter(shelf, manifest, tmp_path / "into")
        assert {path.name for path in folder.iterdir()} == {*manifest.adapter, "model.sig"}
        (folder / "model.sig").write_text("another's")
        fetch_adapter(shelf, manifest, tmp_path / "into")
        assert (folder / "model.sig").read_bytes() == (run_folder(signed) / "model.sig").read_bytes()

    def test_another_key__is_a_broken_link(self, audit, signed, tmp_path):
        shutil.copy(keys(tmp_path, "theirs")[1], signed / "adapters.pub")
        code, told = audit(signed)
        assert (code, told["signature"]["state"]) == (1, "broken")
        assert told["broken"] == [{"name": "signature", "words": told["signature"]["words"]}]
        assert told["signature"]["words"].startswith("adapter: was signed with another key than adapters.pub")

    def test_other_bytes__are_a_broken_link(self, signed):
        manifest, _ = evidence_of(signed)
        (signed / "evidence" / adapter_place(manifest.adapter_sha256, "adapter_config.json")).write_text("{}")
        assert self.links(signed) == ["adapter: adapter_config.json differ from what was signed: fetch the adapter again"]

    @pytest.mark.parametrize("name", ["none.pub", "/etc/hostname", "."])
    def test_key_that_is_no_file_of_the_repository__is_a_broken_link(self, signed, name):
        ask_for_key(signed, name)
        assert "is no file of the repository" in self.links(signed)[0]

    def test_key_that_is_none__is_a_broken_link(self, signed):
        (signed / "adapters.pub").write_text("hello")
        assert "adapters.pub: no public key that can be read" in self.links(signed)[0]

    def test_no_signature_where_one_is_asked_for__is_a_broken_link(self, audit, promoted, tmp_path):
        shutil.copy(keys(tmp_path)[1], promoted / "adapters.pub")
        ask_for_key(promoted, "adapters.pub")
        code, told = audit(promoted)
        assert (code, told["signature"]["state"], told["broken"][0]["name"]) == (1, "absent", "signature")

    def test_nobody_asks__a_signature_is_present_and_not_looked_at(self, evalgate, audit, passed, tmp_path):
        evalgate(passed, "registry", "sign", run_folder(passed), "--key", keys(tmp_path)[0])
        (run_folder(passed) / "model.sig").write_text("no signature at all")
        evalgate(passed, "registry", "promote", run_folder(passed))
        code, told = audit(passed)
        assert (code, told["signature"]["state"]) == (0, "present")
        assert "not looked at: the policy names no release.adapter_key" in told["signature"]["words"]
