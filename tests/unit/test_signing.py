"""Signatures over adapters and over verdicts: what is good, and every way in which it is not."""

import copy
import json
import os
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from drawn_sigstore import REPOSITORY, SIGNED_AT, WORKFLOW, Sigstore
from hypothesis import given
from hypothesis import strategies as st

from evalgate import weights
from evalgate.errors import NotMeasured, PolicyError, RegistryError
from evalgate.records.statement import Descriptor, DigestSet, Predicate, Statement, Subject
from evalgate.signing import sign_adapter, verify_adapter, verify_bundle

SUBJECTS = {"ft-v1.1.0": "a" * 64, "evidence.json": "b" * 64}
CONFIGURATION = (Descriptor(name="policy", digest=DigestSet(sha256="c" * 64)),)
OURS = Sigstore()


def key(folder, name, made=None, password=None):
    """Paths of a private and a public key."""
    made = made or ec.generate_private_key(ec.SECP256R1())
    locked = pem.BestAvailableEncryption(password) if password else pem.NoEncryption()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(made.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked))
    public.write_bytes(made.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture
def keys(tmp_path):
    return key(tmp_path, "ours")


@pytest.fixture
def adapter(tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "README.md").write_text("made by a library\n")
    return folder


@pytest.fixture
def signed(adapter, keys):
    sign_adapter(adapter, keys[0])
    return adapter


class TestAdapter:
    @pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
    def test_what_was_signed__is_good(self, tmp_path, adapter, curve):
        private, public = key(tmp_path, "any", ec.generate_private_key(curve))
        assert sign_adapter(adapter, private) == adapter / "model.sig"
        assert verify_adapter(adapter, public) is None

    def test_signature__changes_no_digest(self, adapter, keys):
        before = weights.adapter_digest(adapter)
        sign_adapter(adapter, keys[0])
        assert weights.adapter_digest(adapter) == before
        assert not list(adapter.glob(".model.sig*"))

    def test_files_that_shape_no_answer__may_come_and_go(self, signed, keys):
        (signed / "README.md").unlink()
        (signed / "notes.md").write_text("mine")
        (signed / "checkpoint-3").mkdir()
        (signed / "checkpoint-3" / "optimizer.json").write_text("{}")
        assert verify_adapter(signed, keys[1]) is None

    def test_signing_again__replaces_the_signature(self, signed, keys):
        (signed / "adapter_config.json").write_text('{"r": 2}')
        sign_adapter(signed, keys[0])
        assert verify_adapter(signed, keys[1]) is None

    def test_no_signature__is_said(self, adapter, keys):
        assert "is not signed" in verify_adapter(adapter, keys[1])

    def test_another_key__is_said(self, tmp_path, signed):
        assert "was signed with another key" in verify_adapter(signed, key(tmp_path, "theirs")[1])

    @pytest.mark.parametrize("name", ["adapter_config.json", "tokenizer.json", ".hidden.json", "chat.jinja"])
    def test_other_bytes__are_named(self, signed, keys, name):
        (signed / name).write_text("other")
        assert f"{name} differ from what was signed" in verify_adapter(signed, keys[1])

    def test_missing_file__is_named(self, adapter, keys):
        (adapter / "tokenizer.json").write_text("{}")
        sign_adapter(adapter, keys[0])
        (adapter / "tokenizer.json").unlink()
        assert "tokenizer.json differ" in verify_adapter(adapter, keys[1])

    def test_signature_that_names_our_key__but_is_not_made_with_it__is_said(self, tmp_path, signed, keys):
        found = json.loads((signed / "model.sig").read_text())
        theirs = tmp_path / "theirs"
        shutil.copytree(signed, theirs)
        sign_adapter(theirs, key(tmp_path, "theirs")[0])
        found["dsseEnvelope"] = json.loads((theirs / "model.sig").read_text())["dsseEnvelope"]
        (signed / "model.sig").write_text(json.dumps(found))
        assert "does not hold under" in verify_adapter(signed, keys[1])

    def test_signature_without_the_name_of_a_key__is_none(self, signed, keys, capsys):
        found = json.loads((signed / "model.sig").read_text())
        del found["verificationMaterial"]["publicKey"]["hint"]
        (signed / "model.sig").write_text(json.dumps(found))
        assert "is no signature" in verify_adapter(signed, keys[1])
        assert capsys.readouterr().out == ""

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"dsseEnvelope": {"payload": "e30="}}', b"[" * 5000])
    def test_file_that_is_no_signature__is_said(self, signed, keys, content):
        (signed / "model.sig").write_bytes(content)
        assert "is no signature" in verify_adapter(signed, keys[1])

    def test_signature_of_another_adapter__is_other_bytes(self, tmp_path, signed, keys):
        other = tmp_path / "other"
        shutil.copytree(signed, other)
        (other / "adapter_model.safetensors").write_bytes(b"other weights")
        assert "adapter_model.safetensors differ" in verify_adapter(other, keys[1])

    def test_key_that_is_none__is_wrong_input(self, tmp_path, signed):
        rsa_key = key(tmp_path, "rsa", rsa.generate_private_key(65537, 2048))
        small = key(tmp_path, "small", ec.generate_private_key(ec.SECP192R1()))
        locked = key(tmp_path, "locked", password=b"secret")
        text = tmp_path / "text.pem"
        text.write_text("hello")
        for private in (rsa_key[0], small[0], locked[0], text, tmp_path / "nothing", tmp_path):
            with pytest.raises(PolicyError, match="openssl ecparam"):
                sign_adapter(signed, private)
        for public in (rsa_key[1], small[1], text, tmp_path / "nothing", tmp_path):
            with pytest.raises(PolicyError, match="openssl ecparam"):
                verify_adapter(signed, public)

    def test_folder_that_is_no_adapter__is_refused(self, tmp_path, keys):
        (tmp_path / "empty").mkdir()
        with pytest.raises(RegistryError, match="not an adapter"):
            sign_adapter(tmp_path / "empty", keys[0])
        with pytest.raises(RegistryError, match="not an adapter"):
            verify_adapter(tmp_path / "empty", keys[1])

    def test_link__is_never_signed(self, tmp_path, adapter, keys):
        (tmp_path / "elsewhere.json").write_text("{}")
        (adapter / "tokenizer.json").symlink_to(tmp_path / "elsewhere.json")
        with pytest.raises(RegistryError, match="cannot be signed"):
            sign_adapter(adapter, keys[0])
        assert not (adapter / "model.sig").exists()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_folder_that_cannot_be_written__is_not_measured(self, adapter, keys):
        adapter.chmod(0o500)
        with pytest.raises(NotMeasured, match="cannot be written"):
            sign_adapter(adapter, keys[0])
        adapter.chmod(0o700)


def said(result="PASSED", subjects=SUBJECTS, **changed):
    predicate = Predicate(result=result, configuration=CONFIGURATION, passed_tests=("safety safety",), **changed)
    named = tuple(Subject(name=name, digest=DigestSet(sha256=sha256)) for name, sha256 in subjects.items())
    return Statement(subject=named, predicate=predicate)


def payload(found=None):
    """As the action writes it: no key in our order."""
    return json.dumps((found or said()).model_dump(by_alias=True, exclude_none=True)).encode()


@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    path = tmp_path_factory.mktemp("trust") / "trusted_root.json"
    path.write_text(OURS.trusted_root())
    return path


@pytest.fixture(scope="module")
def look(trust):
    """Verify a bundle as the registry would."""

    def verify(bundle, **changed):
        wanted = {"repository": REPOSITORY, "workflow": WORKFLOW, "trust": trust, **changed}
        subjects = wanted.pop("subjects", SUBJECTS)
        content = bundle if isinstance(bundle, bytes) else json.dumps(bundle).encode()
        return verify_bundle(content, subjects, **wanted)

    return verify


class TestBundle:
    def test_our_workflows_statement__is_good(self, look):
        assert look(OURS.bundle(payload())) is None
        assert look(OURS.bundle(payload()), predicate=said().predicate) is None

    @pytest.mark.parametrize(
        "made",
        [
            {"repository": "evil/evalgate"},
            {"repository": "octo/evalgate-2"},
            {"workflow": ".github/workflows/evil.yml@refs/heads/main"},
            {"workflow": ".github/workflows/evalgate.yml@refs/heads/topic"},
            {"workflow": ".github/workflows/evalgate.yml@refs/pull/7/merge"},
            {"source": ("evil/caller", "refs/heads/main")},
            {"source": (REPOSITORY, "refs/heads/topic")},
            {"issuer": "https://accounts.example.com"},
        ],
        ids=str,
    )
    def test_another_signer__is_said(self, look, made):
        assert f"was not signed by {REPOSITORY}/{WORKFLOW}" in look(OURS.bundle(payload(), **made))

    def test_bundle_of_another_sigstore__does_not_hold(self, look):
        assert "the signature does not hold" in look(Sigstore().bundle(payload()))

    def test_statement_that_was_changed__does_not_hold(self, look):
        bundle = OURS.bundle(payload())
        bundle["dsseEnvelope"]["payload"] = OURS.bundle(payload(said(url="https://evil.example")))["dsseEnvelope"]["payload"]
        assert "the signature does not hold" in look(bundle)

    def test_signature_after_the_certificates_end__does_not_hold(self, look):
        assert "the signature does not hold" in look(OURS.bundle(payload(), logged=SIGNED_AT + timedelta(hours=1)))

    def test_log_that_was_told_something_else__does_not_hold(self, look):
        assert "the signature does not hold" in look(OURS.bundle(payload(), logged_payload=b"{}"))

    @pytest.mark.parametrize("part", ["signedEntryTimestamp", "hashes", "checkpoint"])
    def test_log_entry_of_another_log__does_not_hold(self, look, part):
        bundle, other = OURS.bundle(payload()), Sigstore().bundle(payload())
        for name in ("inclusionPromise", "inclusionProof"):
            for field, value in other["verificationMaterial"]["tlogEntries"][0][name].items():
                if field == part:
                    bundle["verificationMaterial"]["tlogEntries"][0][name][field] = value
        if part == "hashes":
            bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["hashes"] = []
        assert "the signature does not hold" in look(bundle)

    def test_certificate_that_no_log_has_seen__does_not_hold(self, look, tmp_path):
        root = json.loads(OURS.trusted_root())
        root["ctlogs"] = json.loads(Sigstore().trusted_root())["ctlogs"]
        (tmp_path / "root.json").write_text(json.dumps(root))
        assert "the signature does not hold" in look(OURS.bundle(payload()), trust=tmp_path / "root.json")

    @pytest.mark.parametrize(
        "subjects",
        [
            {"ft-v1.1.0": "a" * 64},
            {**SUBJECTS, "evidence.json": "f" * 64},
            {**SUBJECTS, "more": "f" * 64},
            {"ft-v1.2.0": "a" * 64, "evidence.json": "b" * 64},
        ],
        ids=str,
    )
    def test_statement_about_something_else__is_said(self, look, subjects):
        assert "is about something else" in look(OURS.bundle(payload()), subjects=subjects)

    @pytest.mark.parametrize("result", ["FAILED", "WARNED"])
    def test_statement_that_did_not_pass__is_said(self, look, result):
        assert look(OURS.bundle(payload(said(result)))) == f"what was signed says {result}"

    def test_statement_that_does_not_follow_from_the_evidence__is_said(self, look):
        assert "configuration, url differ" in look(
            OURS.bundle(payload()),
            predicate=Predicate(result="PASSED", configuration=(), url="u", passed_tests=("safety safety",)),
        )

    @pytest.mark.parametrize(
        "content",
        [b"", b"hello", b"[]", b"{}", b'{"_type": "https://in-toto.io/Statement/v1"}', b"\xff\xfe", b"[" * 10_000],
        ids=repr,
    )
    def test_payload_that_is_no_statement_of_ours__is_said(self, look, content):
        assert "is no test result of EvalGate's" in look(OURS.bundle(content))

    def test_statement_of_another_kind__is_said(self, look):
        document = json.loads(payload())
        document["predicateType"] = "https://slsa.dev/provenance/v1"
        assert "is no test result of EvalGate's" in look(OURS.bundle(json.dumps(document).encode()))

    def test_payload_of_another_type__is_said(self, look):
        assert "no in-toto statement but 'text/plain'" in look(OURS.bundle(payload(), kind="text/plain"))

    def test_bundle_without_an_entry_in_a_log__names_the_tool_for_it(self, look):
        bundle = OURS.bundle(payload())
        del bundle["verificationMaterial"]["tlogEntries"]
        assert "gh attestation verify" in look(bundle)

    @pytest.mark.parametrize(
        "content", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"mediaType": 1}'], ids=lambda c: repr(c[:20])
    )
    def test_what_is_no_bundle__is_said(self, look, content):
        assert "is no Sigstore bundle" in look(content)

    @given(st.data())
    def test_bundle_with_one_value_changed__is_refused_or_says_the_same(self, look, data):
        bundle = copy.deepcopy(BUNDLE)
        path = data.draw(st.sampled_from(LEAVES))
        holder = bundle
        for step in path[:-1]:
            holder = holder[step]
        strange = st.one_of(st.none(), st.text(max_size=9), st.integers(), st.just([]), st.just({}), st.just("AAAA"))
        value = str(holder[path[-1]])
        at = data.draw(st.integers(0, len(value) - 1))
        flipped = st.just(value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :])
        holder[path[-1]] = data.draw(st.one_of(flipped, flipped, strange))
        answer = look(bundle, predicate=said().predicate)
        assert answer is None or isinstance(answer, str)
        if path[0] == "dsseEnvelope" and bundle != BUNDLE and "keyid" not in path:
            assert answer is not None or decoded(bundle) == decoded(BUNDLE)

    @pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", None])
    def test_trusted_root_that_is_none__is_wrong_input(self, look, tmp_path, content):
        path = tmp_path / "root.json"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(PolicyError, match="no trusted root"):
            look(OURS.bundle(payload()), trust=path)

    def test_sigstores_own_trusted_root__is_read_without_a_network_and_does_not_know_us(self, look, tmp_path, monkeypatch):
        for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.setattr("socket.socket.connect", None)
        assert "the signature does not hold" in look(OURS.bundle(payload()), trust=None)

    def test_home_that_cannot_be_written__is_not_measured(self, look, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        with pytest.raises(NotMeasured, match="give one as a file"):
            look(OURS.bundle(payload()), trust=None)


BUNDLE = OURS.bundle(payload())


def leaves(found, path=()):
    """The path of every value in a JSON document."""
    if isinstance(found, dict | list):
        for name, value in found.items() if isinstance(found, dict) else enumerate(found):
            yield from leaves(value, (*path, name))
    else:
        yield path


LEAVES = sorted(leaves(BUNDLE), key=str)


def decoded(bundle):
    import base64

    envelope = bundle["dsseEnvelope"]
    return base64.b64decode(envelope["payload"]), base64.b64decode(envelope["signatures"][0]["sig"]), envelope["payloadType"]


WITHOUT = """
import sys
from pathlib import Path
sys.modules.update(dict.fromkeys(("sigstore", "model_signing")))
from evalgate.errors import NotMeasured
from evalgate import signing
adapter = Path(sys.argv[1])
calls = (
    lambda: signing.sign_adapter(adapter, adapter),
    lambda: signing.verify_adapter(adapter, adapter),
    lambda: signing.verify_bundle(b"", {}, repository="o/r", workflow="w@r"),
)
for call in calls:
    try:
        call()
    except NotMeasured as error:
        print(error)
"""


def test_without_the_packages__nothing_is_measured_and_the_extra_is_named(adapter):
    done = subprocess.run([sys.executable, "-P", "-c", WITHOUT, str(adapter)], capture_output=True, text=True, check=True)
    assert done.stdout.count("pip install 'evalgate-ft[sign]'") == 3


def test_command_line__starts_without_them():
    look = "import sys, evalgate.cli.main; print(sorted({'sigstore', 'model_signing', 'evalgate.signing'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tests_of_signing__use_no_key_that_lies_in_the_repository():
    root = Path(__file__).resolve().parents[2]
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert [name for name in listed.splitlines() if name.endswith((".pem", ".key", ".sig"))] == []
