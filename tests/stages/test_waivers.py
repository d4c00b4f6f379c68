"""Waivers on the whole road: a dated exception lets a run pass, is shown, and ends on its day."""

import json

import pytest
from commands import run_folder
from drawn_beside import broken, in_json, promoted, tampered
from drawn_workspace import draw

from evalgate.stages import chain, promote, story
from evalgate.stages.opened import read_evidence
from evalgate.stages.workspace import open_workspace

DRAWING = "refund: -+*30 ++*30 | bill: -+*30 ++*30 | tiny: ++*3 | safety/jailbreak: ++*10"
FOREVER = "2999-12-31"


def waiver(**fields):
    told = {"rule": "bucket", "scope": "intent/tiny", "owner": "ml-support", "reason": "three cases so far", "expires": FOREVER}
    return {"waivers": [{**told, **fields}]}


def verdict(folder):
    return json.loads((run_folder(folder) / "verdict.json").read_text())


def run_on(folder, day):
    """The story, told on a day."""
    places = story.Places(folder / "runs", folder / "models.yaml", folder / "cache")
    return story.run(open_workspace(folder / "evalgate.yaml", "f"), places, progress=lambda *_: None, today=day)


class TestRun:
    def test_without_one__the_small_bucket_stands_in_the_way(self, evalgate, tmp_path):
        assert evalgate(draw(tmp_path, DRAWING), "run").code == 3

    def test_with_one__passes_and_shows_it_everywhere(self, evalgate, tmp_path):
        ended = evalgate(draw(tmp_path, DRAWING, **waiver()), "run")
        assert ended.code == 0, ended.err
        (waived,) = verdict(tmp_path)["waived"]
        assert (waived["rule"], waived["scope"], waived["owner"]) == ("bucket", "intent/tiny", "ml-support")
        for name in ("report.md", "comment.md"):
            assert "waived by `ml-support`" in (run_folder(tmp_path) / name).read_text()

    @pytest.mark.parametrize("fields", [{"scope": "intent/other"}, {"rule": "overall"}, {"expires": "2020-01-01"}])
    def test_that_covers_something_else_or_has_ended__covers_nothing(self, evalgate, tmp_path, fields):
        assert evalgate(draw(tmp_path, DRAWING, **waiver(**fields)), "run").code == 3

    def test_holds_on_its_last_day_and_not_on_the_next(self, tmp_path):
        draw(tmp_path, DRAWING, **waiver(expires="2026-01-31"))
        assert run_on(tmp_path, "2026-01-31").verdict.verdict == "pass"
        assert run_on(tmp_path, "2026-02-01").verdict.verdict == "inconclusive"

    def test_for_safety__is_refused(self, evalgate, tmp_path):
        ended = evalgate(draw(tmp_path, DRAWING, **waiver(rule="safety")), "run")
        assert (ended.code, "cannot be waived" in ended.err) == (2, True)

    def test_gate__looks_at_the_day_too(self, evalgate, tmp_path):
        evalgate(draw(tmp_path, DRAWING, **waiver()), "run")
        folder = run_folder(tmp_path)
        sides = ("--base", folder / "base.results.jsonl", "--candidate", folder / "candidate.results.jsonl")
        assert evalgate(tmp_path, "gate", *sides, "--out", "out", "--attempt", "1").code == 0
        draw(tmp_path, DRAWING, **waiver(expires="2020-01-01"))
        assert evalgate(tmp_path, "gate", *sides, "--out", "out", "--attempt", "1").code == 3


class TestItsEvidence:
    def test_while_it_lasts__is_promoted_and_holds(self, evalgate, tmp_path):
        evalgate(draw(tmp_path, DRAWING, **waiver()), "run")
        assert broken(evalgate, promoted(evalgate, tmp_path, run_folder(tmp_path))) == {}

    def test_that_ended_since__is_not_promoted(self, evalgate, tmp_path):
        run_on(draw(tmp_path, DRAWING, **waiver(expires="2026-01-31")), "2026-01-31")
        ended = evalgate(tmp_path, "registry", "promote", run_folder(tmp_path))
        assert ended.code == 2
        assert "the waiver of bucket for intent/tiny by ml-support ended on 2026-01-31" in ended.err

    def test_that_ended_after_it_was_promoted__is_named_by_verify(self, evalgate, tmp_path):
        run_on(draw(tmp_path, DRAWING, **waiver(expires="2026-01-31")), "2026-01-31")
        opened = open_workspace(tmp_path / "evalgate.yaml", "f")
        promote.promote(opened, run_folder(tmp_path), tmp_path / "models.yaml", today="2026-01-31")
        (tmp_path / "before.yaml").write_text("version: 1\nfeatures: {}\n")
        assert "ended on 2026-01-31" in broken(evalgate, tmp_path)["waivers"]

    def test_that_ended__is_told_of_an_entry_that_stands(self, tmp_path):
        run_on(draw(tmp_path, DRAWING, **waiver(expires="2026-01-31")), "2026-01-31")
        opened = open_workspace(tmp_path / "evalgate.yaml", "f")
        gathered = promote._gathered(opened, run_folder(tmp_path))
        told = read_evidence(promote._Held(gathered.files), gathered.sha256)
        assert list(chain.derived_again(told, opened, today="2026-01-31")) == []
        assert [link.name for link in chain.derived_again(told, opened, today="2026-02-01")] == ["waivers"]

    @pytest.mark.parametrize(
        ("edit", "link"),
        [
            (lambda told: told.update(today="soon"), "verdict"),
            (lambda told: told.update(today="2026-02-31"), "verdict"),
            (lambda told: told.update(today=None), "verdict"),
            (lambda told: told.update(waived=[]), "verdict"),
        ],
    )
    def test_verdict_that_says_another_day_or_no_exception__is_named(self, evalgate, tmp_path, edit, link):
        evalgate(draw(tmp_path, DRAWING, **waiver()), "run")
        promoted(evalgate, tmp_path, run_folder(tmp_path))
        tampered(tmp_path, "verdict.json", in_json(edit))
        assert link in broken(evalgate, tmp_path)
