"""Where the policy names a key, only signed adapters are promoted, and `registry verify` holds entries to it."""

import shutil

import pytest
from commands import run_folder
from test_registry_audit import ask_for_key, keys


@pytest.fixture
def asked(passed, tmp_path):
    """A run that passed, a policy that names a key, and the private half of it."""
    private, public = keys(tmp_path)
    shutil.copy(public, passed / "adapters.pub")
    ask_for_key(passed, "adapters.pub")
    return passed, private


def promote(evalgate, workspace):
    return evalgate(workspace, "registry", "promote", run_folder(workspace))


def test_not_signed__is_not_promoted(evalgate, asked):
    ended = promote(evalgate, asked[0])
    assert (ended.code, "not promoted: signature: the adapter is not signed" in ended.err) == (2, True)
    assert not (asked[0] / "models.yaml").exists()


def test_signed_with_another_key__is_not_promoted(evalgate, asked, tmp_path):
    evalgate(asked[0], "registry", "sign", run_folder(asked[0]), "--key", keys(tmp_path, "theirs")[0])
    assert "was signed with another key than adapters.pub" in promote(evalgate, asked[0]).err


def test_signed__is_promoted_and_verified_until_the_key_is_another(evalgate, asked, tmp_path):
    workspace, private = asked
    assert evalgate(workspace, "registry", "sign", run_folder(workspace), "--key", private).code == 0
    (workspace / "before.yaml").write_text("version: 1\nfeatures: {}\n")
    assert promote(evalgate, workspace).code == 0
    assert evalgate(workspace, "registry", "verify").code == 0
    assert evalgate(workspace, "registry", "verify", "--before", "before.yaml").code == 0
    shutil.copy(keys(tmp_path, "theirs")[1], workspace / "adapters.pub")
    for more in ((), ("--before", "before.yaml")):
        ended = evalgate(workspace, "registry", "verify", *more)
        assert (ended.code, "signature: adapter: was signed with another key" in ended.err) == (1, True)
