"""A folder that outlives its machine: mirrored out and in, whole or not seen as whole."""

import pytest

from evalgate.errors import NotMeasured, PolicyError
from evalgate.storage import Place

MARK = "whole.json"


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def read(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=["folder", "memory://"])
def place(request, tmp_path):
    """The same in a folder and in an object store's stand-in."""
    yield Place(str(tmp_path / "stored") if request.param == "folder" else f"memory://{tmp_path.name}")


class TestPlace:
    def test_where_nothing_lies__fetches_nothing(self, place, tmp_path):
        assert place.fetch(tmp_path / "here", last=MARK) == 0

    def test_what_was_sent__is_fetched_byte_for_byte_on_another_machine(self, place, tmp_path):
        write(tmp_path / "one", step_4__model="weights", step_4__whole_json="{}", best="b")
        place.send(tmp_path / "one", last=MARK)
        assert place.fetch(tmp_path / "two", last=MARK) == 3
        assert read(tmp_path / "two") == read(tmp_path / "one")

    def test_what_is_gone_here__goes_there(self, place, tmp_path):
        write(tmp_path / "one", step_2__model="old", step_2__whole_json="{}")
        place.send(tmp_path / "one", last=MARK)
        for path in (tmp_path / "one/step_2").iterdir():
            path.unlink()
        write(tmp_path / "one", step_4__model="new", step_4__whole_json="{}")
        place.send(tmp_path / "one", last=MARK)
        place.fetch(tmp_path / "two", last=MARK)
        assert read(tmp_path / "two") == {"step_4/model": "new", "step_4/whole.json": "{}"}

    def test_after_clearing__nothing_is_left(self, place, tmp_path):
        write(tmp_path / "one", a="1")
        place.send(tmp_path / "one", last=MARK)
        place.clear()
        place.clear()
        assert place.fetch(tmp_path / "two", last=MARK) == 0

    def test_the_mark_is_written_after_everything_that_it_stands_for(self, tmp_path):
        write(tmp_path / "one", a__whole_json="{}", a__z="1", b__whole_json="{}", b__a="1")
        Place(str(tmp_path / "stored")).send(tmp_path / "one", last=MARK)
        made = sorted((path.stat().st_mtime_ns, path.name) for path in (tmp_path / "stored").rglob("*") if path.is_file())
        assert [name for _, name in made][2:] == [MARK, MARK]


def test_a_scheme_that_nothing_reaches__is_a_policy_error():
    with pytest.raises(PolicyError, match=r"train.storage 'nowhere://x'"):
        Place("nowhere://x")


def test_a_place_that_cannot_be_written__is_not_measured(tmp_path):
    write(tmp_path / "one", a="1")
    (tmp_path / "stored").write_text("a file is in the way")
    with pytest.raises(NotMeasured, match="cannot be written"):
        Place(str(tmp_path / "stored")).send(tmp_path / "one", last=MARK)
