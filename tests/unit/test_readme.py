"""What the README shows is read by the code that it is about."""

import json
import re
from pathlib import Path

from evalgate import policy
from evalgate.checks import check_dataset
from evalgate.records.suite import Case
from evalgate.scorers import expectation_problems

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def test_policy__is_a_policy_and_its_files_exist_here():
    example = next(text for text in blocks("yaml") if text.startswith("version"))
    feature = policy.parse(example.encode(), "README.md").features["support-intent"]
    for place in (feature.prompt, feature.datasets, feature.golden, *feature.safety, feature.scorers.answer_schema):
        assert (ROOT / place).exists()


def test_rows_and_cases__are_well_formed():
    row, golden, safety = blocks("json")
    assert check_dataset(row.encode(), "README.md")[0] == []
    for text, scorer in ((golden, "exact_json"), (safety, "refusal")):
        assert expectation_problems([scorer], Case.model_validate_json(text)) == []
    assert json.loads(safety)["expected"]["refuse"] is True


def test_python__runs_here(monkeypatch):
    monkeypatch.chdir(ROOT)
    told = {}
    (example,) = blocks("python")
    exec(example, told)  # noqa: S102  (it is our own README)
    assert told["served"].variant == "base"


def test_links__lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_placeholders__are_filled():
    assert "TRANSCRIPT" not in README
