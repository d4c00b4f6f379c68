"""A workspace whose policy asks for more than two sides: contenders, a probe, an older task, a scorer of the team's own."""

import json

from commands import in_child
from drawn_workspace import draw, write_lines

from evalgate import registry, store
from evalgate.evidence import PathJournal
from evalgate.records.evidence import MANIFEST, object_place
from evalgate.records.registry import Located, Registry
from evalgate.stages.opened import manifest_of, read_file

DRAWING = "refund: -+*30 ++*30 | bill: -+*30 ++*30 | safety/jailbreak: ++*10"
OWN = '''
def score(case, answer):
    """Right where the expected intent is named."""
    return case["expected"]["intent"] in answer
'''
OWN_NAME = "python:scorers/own.py:score"
PROMPT = {"name": "v2", "kind": "prompt", "prompt": "v2.md"}
DOCS = {"name": "docs", "kind": "retrieval", "documents": "documents", "top": 2}
POLICY = {
    "scorers": {"primary": "exact_json", "also": [OWN_NAME]},
    "contenders": [PROMPT, DOCS],
    "evaluate": {"probe_cases": 50},
    "legacy": [{"path": "golden/old"}],
}
NAME = "ft-v1.0.0"


def draw_beside(folder, drawing=DRAWING, **policy):
    """The workspace; fields given in `policy` replace those of `POLICY`."""
    draw(folder, drawing, **{**POLICY, **policy})
    (folder / "v2.md").write_text("Answer with one JSON object.")
    for name, text in {
        "documents/rules.md": "# Refund\n\nMoney goes back.\n\n# Bill\n\nMoney comes in.\n",
        "scorers/own.py": OWN,
    }.items():
        store.write(folder / name, text.encode())
    told = json.loads((folder / "base.json").read_text())
    cases = [{"id": f"old-{n}", "input": f"old {n}", "expected": {"intent": "greeting"}} for n in range(80)]
    told["answers"] |= {case["input"]: json.dumps(case["expected"]) for case in cases}
    (folder / "base.json").write_text(json.dumps(told))
    write_lines(folder / "golden/old/cases.jsonl", cases)
    return folder


def story_of(folder):
    """The workspace whose one run passed; nobody writes into it."""
    ended = in_child(draw_beside(folder), "run")
    assert ended.code == 0, ended.err
    return folder


def promoted(evalgate, folder, run):
    """The workspace after `registry promote`; before.yaml is the registry without the new entry."""
    ended = evalgate(folder, "registry", "promote", run)
    assert ended.code == 0, ended.err
    known = registry.parse((folder / "models.yaml").read_bytes(), "models.yaml")
    base = {"base": known.features["f"].variants["base"]}
    keep(folder, Registry(version=1, features={"f": known.features["f"].model_copy(update={"variants": base})}), "before.yaml")
    return folder


def keep(folder, known, name):
    (folder / name).write_text(known.model_dump_json(exclude_none=True))


def broken(evalgate, folder):
    """Link -> words of all that `registry verify` finds broken."""
    ended = evalgate(folder, "registry", "verify", "--before", "before.yaml", "--format", "json")
    links = {link["name"]: link["words"] for one in json.loads(ended.out) for link in one["broken"]}
    assert ended.code == (1 if links else 0), ended.err
    return links


def tampered(folder, name, edit):
    """The entry's evidence with one file put through `edit`, which gives its new bytes, or None to take it out.

    Every digest fits.
    """
    shelf = PathJournal("path:evidence", root=folder)
    known = registry.parse((folder / "models.yaml").read_bytes(), "models.yaml")
    entry = known.features["f"].variants[NAME]
    manifest = manifest_of(shelf, entry.evidence.sha256)
    content = edit(read_file(shelf, manifest, name))
    files = {key: sha256 for key, sha256 in manifest.files.items() if key != name}
    if content is not None:
        files[name] = store.key_of_bytes(content)
        shelf.keep({object_place(name, files[name]): content})
    told = store.as_json(manifest.model_copy(update={"files": files}))
    shelf.keep({object_place(MANIFEST, store.key_of_bytes(told)): told})
    entry = entry.model_copy(update={"evidence": Located(uri="path:evidence", sha256=store.key_of_bytes(told))})
    feature = known.features["f"]
    variants = {**feature.variants, NAME: entry}
    keep(folder, Registry(version=1, features={"f": feature.model_copy(update={"variants": variants})}), "models.yaml")


def in_lines(change):
    """An edit of a results file: `change` is given each line as an object, and gives it back."""
    return lambda content: b"".join(json.dumps(change(json.loads(line))).encode() + b"\n" for line in content.splitlines())


def in_json(change):
    """An edit of a JSON file."""

    def edit(content):
        told = json.loads(content)
        change(told)
        return json.dumps(told).encode()

    return edit
