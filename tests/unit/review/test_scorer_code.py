"""The code of a team's own scorers: it runs where verdicts are made, so it never comes with anything else."""

import pytest
from drawn_pull import POLICY, change, files, policy

from evalgate.review.kinds import Places, change_of, is_scorer_code, scorer_files

DATA, GOLDEN, GATE, MODELS = "+datasets/f/v1.0.0.jsonl", "~golden/f/cases.jsonl", "~evalgate.yaml", "~models.yaml"
OWN = {**POLICY, "scorers": {"primary": "exact_json", "also": ("python:scorers/own.py:score",)}}
OLDER = {**POLICY, "legacy": ({"path": "golden/old", "scorer": "python:scorers/own.py:score"},)}
BESIDE_CASES = {**POLICY, "scorers": {"primary": "python:golden/f/own.py:score"}}
BESIDE_POLICY = {**POLICY, "scorers": {"primary": "python:own.py:score"}}


@pytest.mark.parametrize("feature", [OWN, OLDER], ids=["golden", "older task"])
@pytest.mark.parametrize("code", ["~scorers/own.py", "+scorers/more.py", "-scorers/own.py", "scorers/own.py>attic/own.py"])
@pytest.mark.parametrize("beside", [DATA, GOLDEN, GATE, MODELS])
def test_code_beside_what_is_judged__is_to_be_split(feature, code, beside):
    assert change(f"{code} {beside}", f=feature).kind == "mixed"


@pytest.mark.parametrize("code", ["~scorers/own.py", "+scorers/more.py", "-scorers/own.py", "scorers/own.py>attic/own.py"])
def test_code_alone__is_people_s_to_review_and_nothing_is_measured(code):
    told = change(code, f=OWN)
    assert (told.kind, list(told.parts)) == ("none", ["guarded"])


def test_code_that_moves_into_a_datasets_folder__is_to_be_split():
    assert change("scorers/own.py>datasets/f/v1.0.0.jsonl", f=OWN).kind == "mixed"


def test_code_among_golden_cases__is_code():
    assert change("~golden/f/own.py", f=BESIDE_CASES).kind == "none"
    assert change(f"~golden/f/own.py {GOLDEN}", f=BESIDE_CASES).kind == "mixed"
    assert change(f"~golden/f/own.py {DATA}", f=BESIDE_CASES).kind == "mixed"


def test_code_beside_the_policy__is_code():
    assert change(f"+conftest.py {DATA}", f=BESIDE_POLICY).kind == "mixed"
    assert change(f"+tools/conftest.py {DATA}", f=BESIDE_POLICY).kind == "dataset"


@pytest.mark.parametrize("path", ["scorers/notes.md", "scorers/deep/own.py", "elsewhere/own.py", "scorersx/own.py"])
def test_other_files__are_no_code_of_scorers(path):
    assert not is_scorer_code(path, policy(f=OWN), "")
    assert change(f"~{path} {DATA}", f=OWN).kind == "dataset"


def test_places__begin_in_the_policys_folder():
    known = policy(f=OWN)
    assert scorer_files(known, "ml") == ("ml/scorers/own.py",)
    places = Places("ml/evalgate.yaml", "ml/models.yaml")
    assert change_of(files("~ml/scorers/own.py +ml/datasets/f/x.jsonl"), known, places).kind == "mixed"
    assert change_of(files("~scorers/own.py +ml/datasets/f/x.jsonl"), known, places).kind == "dataset"


def test_files__are_named_once_however_many_functions_they_hold():
    both = {**POLICY, "scorers": {"primary": "python:s/a.py:one", "also": ("python:s/a.py:two", "json_valid", "python:s/b.py:x")}}
    assert scorer_files(policy(f=both, g=both), "") == ("s/a.py", "s/b.py")
