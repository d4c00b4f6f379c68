"""Claims about `evalgate paths`: asked before any training, written down, and never more than was measured."""

import io
import json
import sys

import pytest
from commands import files, run_folder
from drawn_workspace import draw, row, write_lines

from evalgate.models.retrieval import Index, informed, passages_of
from evalgate.records.suite import Message

DRAWING = "refund: -+*45 ++*15 | bill: -+*45 ++*15 | safety/jailbreak: ++*20"
DOCS = {"name": "docs", "kind": "retrieval", "documents": "documents", "top": 2}
SAME = {"name": "v2", "kind": "prompt", "prompt": "v2.md"}
HOST = {"name": "host", "kind": "endpoint", "model": "m-1", "base_url": "http://127.0.0.1:9/v1", "key": "HOST_KEY"}
RULES = "# Refund\n\nA refund is asked for.\n\n# Bill\n\nA bill is asked for.\n"


def prepare(folder, *contenders, helps=True, **policy):
    """A workspace whose base answers rightly when it is shown passages, where `helps`."""
    draw(folder, DRAWING, contenders=list(contenders), **policy)
    (folder / "v2.md").write_text("Answer with one JSON object.")
    (folder / "documents").mkdir(exist_ok=True)
    (folder / "documents" / "rules.md").write_text(RULES)
    script = json.loads((folder / "base.json").read_text())
    index = Index(passages_of({"rules.md": RULES}))
    for line in (folder / "golden/f/cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        shown = informed([Message(role="user", content=case["input"])], index, 2)[-1].content
        script["answers"][shown] = json.dumps(case["expected"]) if helps else script["answers"][case["input"]]
    (folder / "base.json").write_text(json.dumps(script))
    return folder


def reviewed(folder, count=600):
    """A dataset of reviewed rows."""
    rows = [row(f"ticket {i}:", json.dumps({"intent": ["refund", "bill"][i % 2]})) for i in range(count)]
    for one in rows:
        one["metadata"]["reviewed_by"] = ["octocat"]
    write_lines(folder / "datasets/f/ft-v1.0.0.jsonl", rows)


def page(folder):
    return (folder / "paths" / "f.md").read_text()


KNOWN = {"paths": {"must_cite": False, "facts_change_monthly": False, "stable_for_a_year": True}}


class TestTheAdvice:
    def test_retrieval_that_is_shown_to_suffice__means_do_not_train_yet(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS, **KNOWN)
        ended = evalgate(tmp_path, "paths")
        assert ended.code == 0
        assert "do not train yet: docs (retrieval) already reaches base and 3.0 points more: 100.0 % right" in ended.err
        assert "| `docs` | retrieval | reaches | 120 | 0 | 100.0% |" in page(tmp_path)
        assert "0 in 20" in page(tmp_path), "safety suites are asked too"
        assert ended.out == ""

    def test_contenders_that_do_not_suffice__leave_training_worth_trying(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS, SAME, helps=False, **KNOWN)
        reviewed(tmp_path)
        ended = evalgate(tmp_path, "paths", "--target", "0.9", "--format", "json")
        assert ended.code == 0
        told = json.loads(ended.out)
        assert told["choice"] == "train"
        assert {one["name"]: one["state"] for one in told["reached"]} == {"base": "below", "docs": "below", "v2": "below"}
        assert told["document"] == str(tmp_path / "paths" / "f.md")

    def test_nothing_is_trained_and_no_run_begun(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS)
        evalgate(tmp_path, "paths")
        assert not (tmp_path / "runs").exists()

    def test_no_contender__asks_base_and_says_what_is_missing(self, evalgate, tmp_path):
        prepare(tmp_path)
        ended = evalgate(tmp_path, "paths")
        assert ended.code == 0
        assert "name contenders: Nothing cheaper was tried" in ended.err

    def test_base_is_what_the_registry_serves__and_the_untuned_model_a_row_of_its_own(self, evalgate, passed):
        assert evalgate(passed, "registry", "promote", run_folder(passed)).code == 0
        assert evalgate(passed, "registry", "rollout", "f", "--variant", "ft-v1.0.0").code == 0
        told = json.loads(evalgate(passed, "paths", "--format", "json").out)
        assert [(one["name"], one["accuracy"]) for one in told["reached"]] == [("base", 1.0), ("reference", 0.25)]


class TestNotMeasured:
    def test_nothing_but_a_host_out_of_reach__is_3_and_the_document_says_why(self, evalgate, tmp_path):
        prepare(tmp_path, HOST, **KNOWN)
        ended = evalgate(tmp_path, "paths")
        assert ended.code == 3
        assert "`host` was not measured (`errored: HOST_KEY is not set" in page(tmp_path)

    def test_one_of_two__is_0_and_names_the_other(self, evalgate, tmp_path):
        prepare(tmp_path, SAME, HOST, **KNOWN)
        ended = evalgate(tmp_path, "paths", "--target", "0.9")
        assert ended.code == 0
        assert "unclear: host was not measured" in ended.err

    @pytest.mark.parametrize(
        "wrong",
        [{**SAME, "prompt": "nowhere.md"}, {**DOCS, "documents": "nowhere"}, {**HOST, "kind": "structured", "key": None}],
        ids=["prompt", "documents", "schema"],
    )
    def test_what_the_policy_names_and_is_not_there__is_2(self, evalgate, tmp_path, wrong):
        prepare(tmp_path, {key: value for key, value in wrong.items() if value is not None})
        assert evalgate(tmp_path, "paths").code == 2
        assert not (tmp_path / "paths").exists()


class TestTheTask:
    def test_policy_answers__are_used_and_options_go_before_them(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS, paths={"must_cite": True})
        assert json.loads(evalgate(tmp_path, "paths", "--format", "json").out)["choice"] == "retrieval"
        told = json.loads(evalgate(tmp_path, "paths", "--need-not-cite", "--unstable", "--format", "json").out)
        assert told["choice"] == "do not train yet"
        assert [(one["answer"], one["by"]) for one in told["questions"]] == [(False, "option"), (None, None), (False, "option")]

    def test_without_a_terminal__nobody_is_asked_and_the_document_says_so(self, evalgate, tmp_path, monkeypatch):
        prepare(tmp_path, DOCS)
        monkeypatch.setattr(sys, "stdin", io.StringIO("yes\nyes\nyes\n"))
        assert evalgate(tmp_path, "paths").code == 0
        assert page(tmp_path).count("| not answered |") == 3

    def test_on_a_terminal__what_is_open_is_asked_and_unknown_is_an_answer(self, evalgate, tmp_path, monkeypatch):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        prepare(tmp_path, DOCS, paths={"must_cite": False})
        monkeypatch.setattr(sys, "stdin", Terminal("unknown\nno\n"))
        ended = evalgate(tmp_path, "paths", "--format", "json")
        told = json.loads(ended.out)
        assert [(one["answer"], one["by"]) for one in told["questions"]] == [(False, "policy"), (None, None), (False, "terminal")]

    def test_reviewed_rows__are_counted_once_each(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS, helps=False)
        reviewed(tmp_path, 30)
        told = json.loads(evalgate(tmp_path, "paths", "--format", "json").out)
        assert (told["rows"], told["reviewed_rows"]) == (30, 30)

    def test_no_dataset_yet__is_no_fault(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS, helps=False, datasets=None)
        ended = evalgate(tmp_path, "paths")
        assert ended.code == 0
        assert "There is no dataset yet" in ended.err

    def test_rows_that_teach_prices__warn_by_line_and_show_no_text(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS)
        rows = [row(f"What is the price of article {i}?", f"{i * 37 % 99 + 1}.{i * 53 % 90 + 10} pounds") for i in range(100)]
        write_lines(tmp_path / "datasets/f/ft-v1.0.0.jsonl", rows)
        evalgate(tmp_path, "paths")
        assert "> [!WARNING]" in page(tmp_path)
        assert "such as lines 1, 2, 3" in page(tmp_path)
        assert "pounds" not in page(tmp_path)


class TestTheDocument:
    def test_asked_twice__gives_the_same_bytes_without_asking_again_and_says_so(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS, SAME)
        evalgate(tmp_path, "paths")
        first = files(tmp_path / "paths")
        ended = evalgate(tmp_path, "paths")
        assert files(tmp_path / "paths") == first
        assert "nothing is generated" in ended.err
        assert "the document that stood there was written on the same results" in ended.err

    def test_another_folder__gives_the_same_bytes(self, evalgate, tmp_path):
        pages = []
        for name in ("here", "there/deep"):
            folder = prepare(tmp_path / name, DOCS, SAME)
            evalgate(folder, "paths")
            pages.append(page(folder))
        assert pages[0] == pages[1]

    def test_other_documents__make_other_results_and_say_so(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS)
        evalgate(tmp_path, "paths")
        (tmp_path / "documents" / "rules.md").write_text("# Refund\n\nNothing.\n")
        assert "was written on other results" in evalgate(tmp_path, "paths").err

    def test_out__names_another_place(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS)
        assert evalgate(tmp_path, "paths", "--out", "decisions/f.md").code == 0
        assert (tmp_path / "decisions" / "f.md").exists()
        assert not (tmp_path / "paths").exists()

    def test_digests__of_base_suites_and_every_result_are_in_it(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS)
        told = json.loads(evalgate(tmp_path, "paths", "--format", "json").out)
        digests = [told["results_sha256"], told["base_sha256"], told["dataset_sha256"], *told["suites"].values()]
        assert all(digest in page(tmp_path) for digest in (*digests, *(one["results_sha256"] for one in told["reached"])))

    def test_hostile_documents__leave_no_trace_in_the_page(self, evalgate, tmp_path):
        prepare(tmp_path, DOCS)
        (tmp_path / "documents" / "<img src=x>.md").write_text("refund bill ## Approved\n\n<script>alert(1)</script> @octocat")
        assert evalgate(tmp_path, "paths").code == 0
        assert not any(mark in page(tmp_path) for mark in ("<img", "<script", "@octocat", "Approved"))
