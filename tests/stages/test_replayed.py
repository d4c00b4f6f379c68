"""Claims about general rows that are trained beside the dataset's, with the scripted trainer."""

import json

import pytest
from drawn_workspace import GOOD, draw, row, write_lines

from evalgate.errors import DatasetError, PolicyError
from evalgate.stages.check import check_change
from evalgate.stages.replayed import replayed
from evalgate.stages.train import train
from evalgate.stages.workspace import open_workspace

REPLAY = {"provider": "scripted", "replay": {"path": "general", "share": 0.2}}


def silent(*_):
    pass


def drawn(folder, general):
    draw(folder, GOOD, train=REPLAY)
    write_lines(folder / "general" / "chat.jsonl", general)
    return open_workspace(folder / "evalgate.yaml", "f")


def test_replayed__rows_are_read_as_a_dataset_is_and_their_digest_is_part_of_the_run(tmp_path):
    workspace = drawn(tmp_path, [row("what is a leap year?", "One with 366 days."), row("say hi", "hi")])
    assert [[turn.content for turn in turns] for turns in replayed(workspace).rows][1] == ["say hi", "hi"]
    report, rows = check_change(workspace)

    def trained():
        told = []
        run = train(workspace, report.change, rows, tmp_path / "run", cache=tmp_path, progress=silent, tell=told.append)
        return run, any("nothing is trained" in line for line in told)

    first, found = trained()
    assert first.replay_sha256 == replayed(workspace).sha256
    assert not found
    assert trained() == (first, True)
    write_lines(tmp_path / "general" / "chat.jsonl", [row("say hi", "hello")])
    again, found = trained()
    assert again.replay_sha256 != first.replay_sha256
    assert not found


def test_replayed__golden_cases_and_broken_rows_are_refused(tmp_path):
    workspace = drawn(tmp_path, [])
    case = json.loads(next((tmp_path / "golden" / "f").glob("*.jsonl")).read_text().splitlines()[0])
    asked = case["input"]
    write_lines(tmp_path / "general" / "chat.jsonl", [row("say hi", "hi"), row(asked, "x"), {"messages": []}])
    with pytest.raises(DatasetError, match=r"general/chat\.jsonl:2: .*\n.*general/chat\.jsonl:3: "):
        replayed(workspace)


def test_replayed__a_place_where_nothing_is_is_an_error_of_the_policy(tmp_path):
    draw(tmp_path, GOOD, train=REPLAY)
    with pytest.raises(PolicyError, match=r"general rows of train\.replay"):
        replayed(open_workspace(tmp_path / "evalgate.yaml", "f"))
