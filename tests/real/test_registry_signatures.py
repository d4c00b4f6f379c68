"""What is signed on the registry's road: the adapter with a key, the verdict as a statement that GitHub keeps."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec
from github_server.routes_attestations import attestations
from pull_stage import staged

from evalgate import signing

sys.path.append(str(Path(__file__).parents[1] / "unit"))  # the Sigstore of our own is drawn there
from drawn_sigstore import Sigstore

OURS = Sigstore()


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    root = tmp_path / "root.json"
    root.write_text(OURS.trusted_root())
    monkeypatch.setattr(signing, "verify_bundle", partial(signing.verify_bundle, trust=root))
    with staged(tmp_path, monkeypatch, capsys) as stage:
        yield stage


def rule(stage, files=None, **release):
    """The target branch's policy asks for this."""
    policy = json.loads(stage.repository.file("main", "evalgate.yaml"))
    told = json.dumps({**policy, "release": {"merge": "by_hand", **release}}).encode()
    stage.repository.commit("main", {"evalgate.yaml": told, **(files or {})}, "rules")


def keys(folder, name="ours"):
    """Private key file, public key bytes."""
    made, private = ec.generate_private_key(ec.SECP256R1()), folder / f"{name}.pem"
    private.write_bytes(made.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()))
    return private, made.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def judged(stage, sign=None, run=7):
    """The key of the work on the pull request, which has its verdict; its adapter signed with `sign` where that is given."""
    stage.approve("ben", "cat")
    ((work),) = stage.control(run=run)
    if sign is None:
        stage.train(work["work"], run=run)
        return work["work"]

    class Signing(type(stage)):
        def give(self, *arguments, run=1):
            if arguments[:2] == ("pr", "finish"):
                (training,) = stage.folder.glob("work-*/runs/*/training.json")
                signed, _ = stage.give("registry", "sign", training.parent, "--key", sign)
                assert signed.code == 0, signed.err
            return stage.give(*arguments, run=run)

    Signing(*stage).train(work["work"], run=run)
    return work["work"]


def stated(stage, work):
    """The folder that the statement was written into; None where there is none."""
    ended, told = stage.give(
        "pr", "statement", "--pull", stage.number, "--work", work, "--into", stage.folder / "statement", run=7
    )
    assert ended.code == 0, ended.err
    return Path(told["statement"]) if told["statement"] else None


def register(stage, work):
    return stage.give("pr", "register", "--pull", stage.number, "--work", work, run=7)


def looked(stage, number):
    """What the check would say of the registry's pull request."""
    ended, _ = stage.give("registry", "verify", "--pull", number, "--format", "json")
    assert ended.code != 70, ended.err
    return json.loads(ended.out) if ended.out else {"headline": ended.err, "conclusion": None}


def subject(folder):
    return json.loads((folder / "statement.json").read_text())["subject"][0]["digest"]["sha256"]


@pytest.fixture
def proposed(stage):
    """The number of the registry's pull request under a policy that asks for a statement, and the statement's folder."""
    rule(stage, attestation="required")
    work = judged(stage)
    folder = stated(stage, work)
    ended, told = register(stage, work)
    assert ended.code == 0, ended.err
    return int(told["pull"]), folder


class TestStatement:
    def test_its_files_are_what_the_signer_takes(self, proposed):
        said = json.loads((proposed[1] / "statement.json").read_text())
        assert json.loads((proposed[1] / "predicate.json").read_text()) == said["predicate"]
        lines = [f"{one['digest']['sha256']}  {one['name']}\n" for one in said["subject"]]
        assert (proposed[1] / "subjects.sha256").read_text() == "".join(lines)
        assert said["predicate"]["result"] == "PASSED"
        assert said["predicate"]["url"].startswith("https://github.com/octo/evalgate/blob/evalgate-evidence/objects/")

    def test_none_where_one_is_required__is_refused(self, stage, proposed):
        said = looked(stage, proposed[0])
        assert said["conclusion"] == "failure"
        assert "no signed statement of this verdict" in said["headline"]

    def test_ours__is_accepted_and_others_beside_it_do_no_harm(self, stage, proposed):
        number, folder = proposed
        payload = (folder / "statement.json").read_bytes()
        others = [{"mediaType": "nonsense"}, Sigstore().bundle(payload)]
        with attestations({subject(folder): [*others, OURS.bundle(payload)]}):
            assert looked(stage, number)["conclusion"] == "action_required"

    @pytest.mark.parametrize(
        "changed", [{"workflow": ".github/workflows/mine.yml@refs/heads/main"}, {"repository": "mallory/evalgate"}], ids=str
    )
    def test_signed_by_another_workflow__is_refused(self, stage, proposed, changed):
        number, folder = proposed
        with attestations({subject(folder): [OURS.bundle((folder / "statement.json").read_bytes(), **changed)]}):
            said = looked(stage, number)
        assert (said["conclusion"], "was not signed by octo/evalgate" in said["headline"]) == ("failure", True)

    def test_of_another_verdict__is_refused(self, stage, proposed):
        number, folder = proposed
        told = json.loads((folder / "statement.json").read_text())
        told["predicate"]["configuration"] = told["predicate"]["configuration"][1:]
        with attestations({subject(folder): [OURS.bundle(json.dumps(told).encode())]}):
            assert "does not follow from the evidence" in looked(stage, number)["headline"]

    def test_nobody_asks_for_one__none_is_needed_and_a_false_one_is_refused_all_the_same(self, stage, monkeypatch):
        work = judged(stage)
        folder = stated(stage, work)
        number = int(register(stage, work)[1]["pull"])
        assert looked(stage, number)["conclusion"] == "action_required"
        with attestations({subject(folder): [Sigstore().bundle((folder / "statement.json").read_bytes())]}):
            assert looked(stage, number)["conclusion"] == "failure"
            monkeypatch.setitem(sys.modules, "sigstore", None)
            assert looked(stage, number)["conclusion"] == "action_required", "it cannot be looked at, and nobody asks"

    def test_no_pass__nothing_to_sign(self, stage):
        stage.approve("ben", "cat")
        ((work),) = stage.control(run=7)
        assert stated(stage, work["work"]) is None


class TestAdapterKey:
    def test_signed_with_it__is_registered_and_holds(self, stage, tmp_path):
        private, public = keys(tmp_path)
        rule(stage, {"keys/adapters.pub": public}, adapter_key="keys/adapters.pub")
        ended, told = register(stage, judged(stage, private))
        assert ended.code == 0, ended.err
        assert looked(stage, int(told["pull"]))["conclusion"] == "action_required"

    def test_not_signed__is_not_registered(self, stage, tmp_path):
        rule(stage, {"keys/adapters.pub": keys(tmp_path)[1]}, adapter_key="keys/adapters.pub")
        ended, _ = register(stage, judged(stage))
        assert (ended.code, "signature: the adapter is not signed" in ended.err) == (2, True)

    def test_another_key_since_it_was_proposed__is_refused(self, stage, tmp_path):
        private, public = keys(tmp_path)
        rule(stage, {"keys/adapters.pub": public}, adapter_key="keys/adapters.pub")
        number = int(register(stage, judged(stage, private))[1]["pull"])
        rule(stage, {"keys/adapters.pub": keys(tmp_path, "theirs")[1]}, adapter_key="keys/adapters.pub")
        said = looked(stage, number)
        assert said["conclusion"] == "failure"
        assert "was signed with another key than keys/adapters.pub" in said["headline"]
        assert str(tmp_path) not in said["headline"]

    def test_key_that_the_target_branch_does_not_have__is_refused(self, stage, tmp_path):
        rule(stage, adapter_key="keys/none.pub")
        ended, _ = register(stage, judged(stage))
        assert "keys/none.pub, which release.adapter_key names, is no file of the repository" in ended.err
