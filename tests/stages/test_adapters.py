"""An adapter out of the evidence: whole, and what its manifest says, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from drawn_evidence import ADAPTER, evidence, sha256, step

from evalgate import weights
from evalgate.errors import NotMeasured, RegistryError
from evalgate.evidence import PathJournal
from evalgate.stages.adapters import fetch_adapter

DRAWN = evidence(report_md=b"# Report\n", adapter=ADAPTER)
DIGEST = DRAWN.manifest.adapter_sha256


class Held:
    """A shelf in memory."""

    def __init__(self, files):
        self.files, self.read_names = dict(files), []

    def read(self, name, /):
        self.read_names.append(name)
        return self.files.get(name)


def names(folder):
    return [path.name for path in folder.iterdir()]


def found_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_adapter__lies_under_its_digest_and_is_what_was_kept(tmp_path):
    folder = fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path / "into")
    assert folder == tmp_path / "into" / DIGEST
    assert found_in(tmp_path / "into") == {f"{DIGEST}/{name}": content for name, content in ADAPTER.items()}
    assert weights.adapter_digest(folder) == DIGEST


def test_adapter__that_is_there_whole_is_not_fetched_again(tmp_path):
    fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path)
    assert fetch_adapter(Held({}), DRAWN.manifest, tmp_path) == tmp_path / DIGEST


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "extra.json", "pickle.bin"])
def test_adapter__that_was_changed_where_it_lies_is_put_right(tmp_path, name):
    folder = fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path)
    (folder / name).write_bytes(b"another")
    assert found_in(fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path)) == ADAPTER
    assert names(tmp_path) == [DIGEST]


def test_adapter__a_link_in_its_place_is_not_followed(tmp_path):
    elsewhere = fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path / "elsewhere")
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / DIGEST).symlink_to(elsewhere)
    folder = fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path / "into")
    assert not folder.is_symlink()
    assert found_in(folder) == found_in(elsewhere) == ADAPTER


@pytest.mark.parametrize("place", [place for place in DRAWN.files if place.startswith("adapters/")])
def test_adapter__with_a_file_missing_or_another_leaves_nothing(tmp_path, place):
    with pytest.raises(NotMeasured, match=f"{place}: is not there any more"):
        fetch_adapter(Held({name: DRAWN.files[name] for name in DRAWN.files if name != place}), DRAWN.manifest, tmp_path)
    with pytest.raises(RegistryError, match=f"{place}: has digest {sha256(b'another')}"):
        fetch_adapter(Held({**DRAWN.files, place: b"another"}), DRAWN.manifest, tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["../x.json", "/x.json", "a/b.json", ".x.json", "x.bin", "x.pt", "x.py", "x", "a b.json", "é.json"]
)
def test_adapter__a_file_of_a_name_that_no_adapter_has_is_refused_before_anything_is_read(tmp_path, name):
    hostile = DRAWN.manifest.model_copy(update={"adapter": {**DRAWN.manifest.adapter, name: sha256(b"x")}})
    shelf = Held(DRAWN.files)
    with pytest.raises(RegistryError, match="is no file of an adapter"):
        fetch_adapter(shelf, hostile, tmp_path / "into")
    assert (shelf.read_names, names(tmp_path)) == ([], [])


def test_adapter__that_was_not_kept_says_why(tmp_path):
    none = evidence(report_md=b"x").manifest
    with pytest.raises(NotMeasured, match="the evidence of support holds no adapter: none was trained"):
        fetch_adapter(Held({}), none, tmp_path)
    with pytest.raises(NotMeasured, match="larger than GitHub takes"):
        fetch_adapter(Held({}), none.model_copy(update={"left_out": "larger than GitHub takes"}), tmp_path)


def test_adapter__fetched_by_many_at_once_is_one_whole_folder(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path), range(16)))
    assert set(got) == {tmp_path / DIGEST}
    assert found_in(tmp_path / DIGEST) == ADAPTER
    assert names(tmp_path) == [DIGEST]


def test_adapter__whoever_stops_in_the_middle_leaves_none(tmp_path, monkeypatch):
    class Stopped(BaseException):
        """Killed."""

    real = Path.rename

    def stop(self, target):
        if Path(target).name == DIGEST:
            raise Stopped
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stop)
        with pytest.raises(Stopped):
            fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path)
    assert not (tmp_path / DIGEST).exists()
    assert found_in(fetch_adapter(Held(DRAWN.files), DRAWN.manifest, tmp_path)) == ADAPTER


def test_adapter__comes_from_a_folder_as_well(tmp_path):
    journal = PathJournal(str(tmp_path / "kept"))
    journal.append(step("end", name="finished", evidence=DRAWN.sha256), DRAWN.files)
    assert found_in(fetch_adapter(journal, DRAWN.manifest, tmp_path / "into")) == ADAPTER
