"""What sort of change a pull request is."""

import itertools

import pytest
from drawn_pull import POLICY, change, files, policy
from hypothesis import given
from hypothesis import strategies as st

from evalgate.records.pull_request import ChangedFile
from evalgate.review.kinds import Change, Places, change_of, inside

OTHER = {"datasets": "datasets/g", "golden": "golden/g"}
DATA, GOLDEN, SAFETY = "+datasets/f/v1.0.0.jsonl", "~golden/f/cases.jsonl", "~golden/safety/x.jsonl"
PROMPT, GATE, MODELS = "~prompts/f.md", "~evalgate.yaml", "~models.yaml"
FLOW, OWNERS, CODE = "+.github/workflows/x.yml", "~CODEOWNERS", "~src/app.py"


def kind(drawing, **features):
    return change(drawing, **features).kind


@pytest.mark.parametrize(
    ("drawing", "expected"),
    [
        (DATA, "dataset"),
        (f"{DATA} {CODE} ~README.md", "dataset"),
        ("-datasets/f/v1.0.0.jsonl", "dataset"),
        ("+datasets/f/deep/down/x.jsonl", "dataset"),
        (GOLDEN, "suite"),
        (SAFETY, "suite"),
        (PROMPT, "suite"),
        (GATE, "suite"),
        (f"{GOLDEN} {PROMPT} {GATE}", "suite"),
        (MODELS, "registry"),
        (f"{MODELS} {CODE}", "registry"),
        (CODE, "none"),
        ("", "none"),
        (FLOW, "none"),
        (f"{OWNERS} {CODE}", "none"),
        ("~datasets/f/README.md", "none"),
    ],
)
def test_kind__is_told_by_the_paths(drawing, expected):
    assert kind(drawing) == expected


@pytest.mark.parametrize(
    "pair", list(itertools.combinations([DATA, GOLDEN, MODELS, FLOW], 2)), ids=lambda pair: f"{pair[0][1:9]}-{pair[1][1:9]}"
)
def test_kind__whatever_is_judged_apart_is_to_be_split(pair):
    assert kind(" ".join(pair)) == "mixed"


@pytest.mark.parametrize("beside", [GOLDEN, SAFETY, PROMPT, GATE, FLOW, OWNERS, "+.github/CODEOWNERS", "~docs/CODEOWNERS"])
def test_kind__golden_sets_policy_workflows_and_owners_never_come_with_data(beside):
    assert kind(f"{DATA} {beside}") == "mixed"


def test_kind__a_workflow_with_a_newline_in_its_name_never_comes_with_data():
    odd = ChangedFile(path=".github/workflows/a\nb.yml", status="added")
    assert change_of((*files(DATA), odd), policy(f=POLICY), Places()).kind == "mixed"


@pytest.mark.parametrize(
    ("drawing", "expected"),
    [
        ("golden/f/x.jsonl>datasets/f/v1.0.0.jsonl", "mixed"),
        ("datasets/f/v1.0.0.jsonl>golden/f/x.jsonl", "mixed"),
        ("datasets/f/v1.0.0.jsonl>attic/x.jsonl", "dataset"),
        ("attic/x.jsonl>datasets/f/v1.0.0.jsonl", "dataset"),
        ("golden/f/x.jsonl>attic/x.jsonl", "suite"),
        ("attic/x.jsonl>golden/f/x.jsonl", "suite"),
        ("models.yaml>old.yaml", "registry"),
        (".github/workflows/x.yml>datasets/f/v1.0.0.jsonl", "mixed"),
    ],
)
def test_kind__a_rename_counts_on_both_sides(drawing, expected):
    assert kind(drawing) == expected


def test_kind__two_features_data_are_to_be_split_and_two_features_suites_are_not():
    both = {"f": POLICY, "g": OTHER}
    assert change("+datasets/f/x.jsonl +datasets/g/x.jsonl", **both)[:2] == ("mixed", ("f", "g"))
    assert change("+golden/g/x.jsonl +golden/f/x.jsonl", **both)[:2] == ("suite", ("f", "g"))
    assert change(GATE, **both)[:2] == ("suite", ("f", "g"))


def test_kind__a_path_that_only_begins_like_a_place_is_outside():
    features = {"f": POLICY | {"datasets": "datasets/support-intent", "golden": "golden/support-intent"}}
    assert kind("+datasets/support-intent-other/x.jsonl", **features) == "none"
    assert kind("+golden/support-intent.old/x.jsonl", **features) == "none"
    assert kind("+x/datasets/support-intent/x.jsonl", **features) == "none"
    assert kind("+datasets/support-intent/x.jsonl", **features) == "dataset"


def test_kind__golden_cases_inside_a_datasets_folder_are_golden():
    assert kind("~data/golden/x.jsonl", f={"datasets": "data", "golden": "data/golden"}) == "suite"


def test_kind__places_begin_in_the_policys_folder():
    places = Places("ml/evalgate.yaml", "ml/models.yaml")
    told = change_of(files("+ml/datasets/f/x.jsonl +datasets/f/x.jsonl"), policy(f=POLICY), places)
    assert told == Change("dataset", ("f",), {"dataset": ("ml/datasets/f/x.jsonl",)}, "ml/datasets/f/x.jsonl")
    assert change_of(files("~ml/models.yaml"), policy(f=POLICY), places).kind == "registry"
    assert change_of(files("~evalgate.yaml"), policy(f=POLICY), places).kind == "none"


def test_dataset__is_the_one_that_is_added_or_changed_and_two_are_to_be_split():
    assert change("+datasets/f/v1.10.0.jsonl -datasets/f/v9.0.0.jsonl").dataset == "datasets/f/v1.10.0.jsonl"
    two = change("+datasets/f/v1.9.0.jsonl +datasets/f/v1.10.0.jsonl")
    assert (two.kind, two.dataset) == ("mixed", None)
    assert change("-datasets/f/v1.0.0.jsonl").dataset is None
    assert change("datasets/f/v1.0.0.jsonl>attic/v1.0.0.jsonl").dataset is None
    assert change(f"{DATA} {GOLDEN}").dataset is None


def test_inside__a_place_may_be_a_file_a_folder_or_everything():
    assert inside("golden/x.jsonl", "golden/x.jsonl")
    assert inside("golden/x.jsonl", "./golden/")
    assert inside("a", ".")
    assert not inside("golden", "golden/x.jsonl")
    assert not inside("goldenx", "golden")


@given(st.permutations([DATA, GOLDEN, PROMPT, MODELS, CODE, FLOW]), st.integers(1, 6))
def test_change__does_not_depend_on_the_order_of_files(drawn, count):
    some = drawn[:count]
    assert change(" ".join(some)) == change(" ".join(sorted(some)))
