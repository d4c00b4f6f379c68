"""The registry's road as attackers see it: whoever may push, edits the evidence, writes entries by hand, or is simply late.

The road is told once; every test begins where the entry of a verdict that passed waits for its release.
"""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count
from typing import Any, NamedTuple

import pull_stage
import pytest
from disturbed import Frozen, Heard, freeze, thaw
from drawn_workspace import GOOD, HARMFUL, draw, teach
from pull_stage import BOT, NEW, TOPIC, Stage, staged

from evalgate import registry, results, store
from evalgate.records.check import CheckReport
from evalgate.records.evaluation import EvalResults
from evalgate.records.evidence import MANIFEST, Evidence, adapter_place, object_place
from evalgate.records.registry import BaseModelRef, Flag, Located, Registry, RegistryEntry
from evalgate.records.training import TrainingRun
from evalgate.stages import merging as merge_stage
from evalgate.stages.gate import judge, policy_notes, reports
from evalgate.stages.workspace import open_workspace

REGISTRY, EVIDENCE, PLACE = "models.yaml", "evalgate-evidence", "branch:evalgate-evidence"
NAME = "ft-v1.1.0"
OURS = f"evalgate/registry/f-{NAME}-43ed1092"  # how the digest of the drawn adapter begins
REPORT = f"reports/f/{NAME}.md"
MANAGERS = ["cat", "dan"]
RUN = 7


class Told(NamedTuple):
    """The road up to the entry's pull request, and where it can be begun again."""

    stage: Stage
    work: str
    entry: int
    frozen: Frozen


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with pytest.MonkeyPatch.context() as patch, staged(tmp_path_factory.mktemp("road"), patch, Heard(patch)) as stage:
        stage.repository.person("dan", "write")
        policy(stage, release={"managers": MANAGERS})
        stage.approve("ben", "cat")
        ((work,)) = stage.control(run=RUN)
        stage.train(work["work"], run=RUN)
        ended, outputs = stage.give("pr", "register", "--pull", stage.number, "--work", work["work"], run=RUN)
        assert ended.code == 0, ended.err
        patch.undo()
        yield Told(stage, work["work"], int(outputs["pull"]), freeze(stage, "registered"))


@pytest.fixture
def road(told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """The road as it was told, put back."""
    stage = thaw(told.stage, told.frozen)._replace(patch=monkeypatch, capture=capsys)
    return told._replace(stage=stage)


# --- what people do ---


def policy(stage: Stage, *, branch: str = "main", feature: dict[str, Any] | None = None, **fields: Any) -> None:
    """The policy of a branch with these fields."""
    told = json.loads(stage.repository.file(branch, "evalgate.yaml") or b"")
    told["features"]["f"] |= feature or {}
    stage.repository.commit(branch, {"evalgate.yaml": json.dumps(told | fields).encode()}, base="main")


def ours(road: Told) -> Stage:
    """The stage at the entry's pull request."""
    return road.stage._replace(number=road.entry)


def registered(road: Told, branch: str = OURS) -> Registry:
    return registry.parse(road.stage.repository.file(branch, REGISTRY) or b"", REGISTRY)


def entry_of(known: Registry, name: str = NAME) -> RegistryEntry:
    return known.features["f"].variants[name]


def with_entry(known: Registry, name: str = NAME, **fields: Any) -> Registry:
    """The registry with an entry of which these fields are others."""
    feature = known.features["f"]
    variants = {**feature.variants, name: entry_of(known, name).model_copy(update=fields)}
    return known.model_copy(update={"features": {**known.features, "f": feature.model_copy(update={"variants": variants})}})


def with_default(known: Registry, name: str) -> Registry:
    feature = known.features["f"].model_copy(update={"default": name})
    return known.model_copy(update={"features": {**known.features, "f": feature}})


def text(known: Registry) -> bytes:
    """JSON is YAML."""
    return known.model_dump_json(exclude_none=True).encode()


def proposed(
    road: Told, known: Registry | bytes, more: dict[str, bytes | None] | None = None, *, base: str = OURS, author: str = "ann"
) -> Stage:
    """The stage at a pull request of a person's with this registry, on top of `base`."""
    content = known if isinstance(known, bytes) else text(known)
    branch = f"by-hand-{len(road.stage.repository.repo.issues)}"
    road.stage.repository.commit(branch, {REGISTRY: content, **(more or {})}, base=base, author=author)
    return road.stage._replace(number=road.stage.repository.open_pull(branch, author=author))


def merged(road: Told) -> Told:
    """The entry is released and merged."""
    ours(road).approve("dan")
    ended, _ = road.stage.give("pr", "merge", "--pull", road.entry, "--head", ours(road).head)
    assert ended.code == 0, ended.err
    return road


def released(stage: Stage) -> str | None:
    """What the check run concludes once a release manager has approved."""
    stage.approve("dan")
    stage.control()
    return str(stage.check.conclusion)


def date_after(today: str, days: int) -> date:
    return date.fromisoformat(today) + timedelta(days=days)


def meanwhile(patch: pytest.MonkeyPatch, where: Any, name: str, happens: Callable[[], Any]) -> None:
    """Something happens right after a function's first answer."""
    real, calls = getattr(where, name), count()

    def answered(*given: Any, **named: Any) -> Any:
        found = real(*given, **named)
        if next(calls) == 0:
            happens()
        return found

    patch.setattr(where, name, answered)


# --- what must be said ---


def refused(stage: Stage, link: str) -> None:
    """Comment, check run and command say no, released or not, and name the link that broke."""
    stage.approve("dan")
    stage.control()
    ended, _ = stage.give("registry", "verify", "--pull", stage.number)
    assert (stage.check.conclusion, ended.code) == ("failure", 1), ended.err
    for said in (stage.comment, stage.check.summary, ended.err):
        assert link in said


def stands(stage: Stage) -> None:
    """All holds, and only the release is waited for."""
    stage.control()
    assert "derived again" in stage.comment
    assert stage.check.conclusion == "action_required"
    assert released(stage) == "success"


# --- what an attacker with push rights to the evidence does ---


def manifest(road: Told) -> Evidence:
    kept = road.stage.repository.file(EVIDENCE, object_place(MANIFEST, digest(road)))
    return Evidence.model_validate_json(kept or b"")


def digest(road: Told) -> str:
    """The evidence that the entry names."""
    found = entry_of(registered(road)).evidence
    assert found is not None
    return found.sha256


def kept(road: Told, name: str) -> bytes:
    return road.stage.repository.file(EVIDENCE, object_place(name, manifest(road).files[name])) or b""


def forged(road: Told, files: dict[str, bytes] | None = None, *, journal: bool = True, **fields: Any) -> Registry:
    """Evidence with other files and fields under digests that fit, a journal that names it, and an entry that does."""
    digests = {name: store.key_of_bytes(content) for name, content in (files or {}).items()}
    false = manifest(road).model_copy(update={**fields, "files": {**manifest(road).files, **digests}})
    content = store.as_json(false)
    sha256 = store.key_of_bytes(content)
    lies: dict[str, bytes | None] = {object_place(MANIFEST, sha256): content}
    lies |= {object_place(name, digests[name]): found for name, found in (files or {}).items()}
    if journal:
        for path in (f"pulls/{road.stage.number}.jsonl", "features/f.jsonl"):
            lies[path] = (road.stage.repository.file(EVIDENCE, path) or b"").replace(digest(road).encode(), sha256.encode())
    road.stage.repository.commit(EVIDENCE, lies, author="mallory")
    known = registered(road)
    update: dict[str, Any] = {"evidence": Located(uri=PLACE, sha256=sha256)}
    if "report.md" in digests:
        update["report"] = Located(uri=f"path:{REPORT}", sha256=digests["report.md"])
    return with_entry(known, **update)


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def written(told: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in told).encode()


def edited(road: Told, case: str, **fields: Any) -> dict[str, bytes]:
    """The candidate's results with another line for a case."""
    name = "candidate.results.jsonl"
    return {name: written([line | (fields if line.get("case_id") == case else {}) for line in lines(kept(road, name))])}


def judged_anew(road: Told, candidate: bytes) -> dict[str, bytes]:
    """All that follows from other results of the candidate, by EvalGate's own code."""
    folder = road.stage.folder / "anew"
    draw(folder, GOOD)
    (folder / "evalgate.yaml").write_bytes(road.stage.repository.file("main", "evalgate.yaml") or b"")
    workspace = open_workspace(folder / "evalgate.yaml", "f")

    def of(content: bytes) -> EvalResults:
        return results.parse(content, "results")

    comparison, verdict = judge(workspace, of(kept(road, "base.results.jsonl")), of(candidate))
    training = TrainingRun.model_validate_json(kept(road, "training.json"))
    check = CheckReport.model_validate_json(kept(road, "check.json"))
    told = reports(comparison, verdict, training=training, check=check, notes=policy_notes(workspace.feature, comparison, 1))
    return {
        "candidate.results.jsonl": candidate,
        "compare.json": told["compare.json"],
        "report.md": told["report.md"],
        "verdict.json": store.as_json(verdict),
    }


class TestByHand:
    def test_the_same_entry_by_a_persons_hand_stands_like_ours(self, road):
        stands(proposed(road, registered(road)))

    def test_a_forks_copy_of_our_branch_stands_and_its_author_releases_nothing(self, road):
        fork = road.stage.repository.fork("dan")
        fork.force_push(OURS, ours(road).head)
        copy = road.stage._replace(number=road.stage.repository.open_pull(OURS, author="dan", fork="dan"))
        assert released(copy) == "action_required"
        assert "released by 0 of 1" in copy.comment

    @pytest.mark.parametrize("field", sorted(set(RegistryEntry.model_fields)))
    def test_every_field_of_an_entry_is_held_against_the_evidence(self, road, field):
        other = Located(uri="path:elsewhere", sha256="e" * 64)
        values: dict[str, Any] = {
            "model": "scripted:base.json",
            "base_model": BaseModelRef(uri="scripted:base.json", sha256="e" * 64),
            "approved_by": ("ben", "cat", "the-ceo"),
            "registered_at": "2999-01-01T00:00:00Z",
            "sunset": "2020-01-01",
            "flag": Flag(name="another"),
            **dict.fromkeys(("dataset", "adapter", "report", "evidence"), other),
            **dict.fromkeys(("prompt_sha256", "golden_sha256", "safety_sha256", "policy_sha256"), "e" * 64),
            **dict.fromkeys(("dataset_version", "training_job", "judged_against", "owner"), "another"),
        }
        link = {"sunset": "sunset", "evidence": "evidence"}.get(field, f"entry.{field}")
        refused(proposed(road, with_entry(registered(road), **{field: values[field]})), link)

    @pytest.mark.parametrize("field", ["flag", "dataset", "adapter", "report", "evidence", "registered_at", "golden_sha256"])
    def test_a_field_that_is_left_out_is_missed(self, road, field):
        link = "evidence" if field == "evidence" else f"entry.{field}"
        refused(proposed(road, with_entry(registered(road), **{field: None})), link)

    def test_digests_that_are_swapped_are_seen(self, road):
        entry = entry_of(registered(road))
        swapped = {"golden_sha256": entry.safety_sha256, "safety_sha256": entry.golden_sha256}
        refused(proposed(road, with_entry(registered(road), **swapped)), "entry.golden_sha256")

    @pytest.mark.parametrize("flag", [{"on": True}, {"share": 0.5}, {"on": True, "share": 1.0}])
    def test_an_entry_begins_with_its_flag_off(self, road, flag):
        refused(proposed(road, with_entry(registered(road), flag=Flag(name=f"f-{NAME}", **flag))), "entry.flag")

    def test_an_entry_does_not_begin_as_the_default(self, road):
        refused(proposed(road, with_default(registered(road), NAME)), "entry")

    def test_an_entry_of_another_name_is_none_of_this_evidence(self, road):
        known = registered(road).features["f"]
        variants = {"base": known.variants["base"], "ft-v9.9.9": known.variants[NAME]}
        renamed = Registry(version=1, features={"f": known.model_copy(update={"variants": variants})})
        refused(proposed(road, renamed), "is not the name that its evidence gives")

    @pytest.mark.parametrize("uri", ["path:reports", "s3://mallory/x", "branch:by-hand", "path:/etc", "memory://x"])
    def test_nobody_brings_evidence_of_their_own(self, road, uri):
        located = Located(uri=uri, sha256=digest(road))
        refused(proposed(road, with_entry(registered(road), evidence=located)), "nobody brings evidence of their own")

    def test_a_plain_base_that_says_it_was_approved_is_none(self, road):
        refused(proposed(road, with_entry(registered(road), "base", approved_by=("the-ceo",))), "entry")

    @pytest.mark.parametrize(
        ("field", "value", "link"),
        [
            ("base_model", BaseModelRef(uri="scripted:base.json", sha256="e" * 64), "base"),
            ("prompt_sha256", "e" * 64, "prompt"),
            ("owner", "mallory", "entry.owner"),
            ("golden_sha256", "e" * 64, "golden_sha256"),
        ],
    )
    def test_a_feature_that_begins_alone_is_the_policys_base_and_nothing_else(self, road, field, value, link):
        known = registered(road).features["f"]
        alone = known.model_copy(update={"variants": {"base": known.variants["base"]}})
        begun = Registry(version=1, features={"f": alone})
        refused(proposed(road, with_entry(begun, "base", **{field: value}), {REPORT: None}), link)

    def test_a_feature_that_the_policy_does_not_know_is_refused(self, road):
        known = registered(road)
        refused(proposed(road, Registry(version=1, features={"g": known.features["f"]})), "policy")

    def test_a_second_features_entry_is_not_smuggled_along(self, road):
        known = registered(road)
        policy(road.stage, features={name: json.loads(road.stage.repository.file("main", "evalgate.yaml"))["features"]["f"]
                                     for name in ("f", "g")})  # fmt: skip
        both = known.model_copy(update={"features": {**known.features, "g": known.features["f"]}})
        refused(proposed(road, both), "the entry is of 'g'")

    def test_an_entry_that_stands_never_changes(self, road):
        known = registered(merged(road), "main")
        refused(proposed(road, with_entry(known, owner="mallory"), base="main"), "entries never change")

    @pytest.mark.parametrize("left", [("base",), ("base", "ft-v1.1.1")], ids=["removed", "renamed"])
    def test_an_entry_that_stands_is_neither_removed_nor_renamed(self, road, left):
        known = registered(merged(road), "main")
        entries = dict(zip(left, known.features["f"].variants.values(), strict=False))
        gone = Registry(version=1, features={"f": known.features["f"].model_copy(update={"variants": entries})})
        refused(proposed(road, gone, base="main"), f"the entry {NAME} is gone")


class TestTheFile:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"model: adapter", b"model: &x adapter"),
            (b"model: adapter", b"model: !!python/name:os.system adapter"),
            (b"model: adapter", b"model: adapter\n        model: scripted:base.json"),
            (b"version: 1", b"version: 1\nmore: true"),
            (b"share: 0.0", b"share: .nan"),
            (b"on: false", b"on: no"),
            (b"version: 1", b"\xff\xfe"),
        ],
        ids=["anchor", "tag", "twice", "unknown", "nan", "no", "utf-16"],
    )
    def test_what_is_no_plain_yaml_is_refused(self, road, old, new):
        content = road.stage.repository.file(OURS, REGISTRY)
        assert old in content
        refused(proposed(road, content.replace(old, new, 1)), REGISTRY)

    def test_three_megabytes_are_not_read(self, road):
        content = road.stage.repository.file(OURS, REGISTRY)
        refused(proposed(road, content + b"# " + b"x" * (3 << 20)), "more than the")

    def test_a_registry_that_is_removed_or_a_link_is_refused(self, road):
        repository = road.stage.repository
        repository.commit("by-hand", {REGISTRY: None, "elsewhere.yaml": b"version: 1"}, base=merged(road) and "main")
        gone = road.stage._replace(number=repository.open_pull("by-hand", author="ann"))
        gone.control()
        assert gone.check.conclusion == "failure"
        repository.commit("linked", {}, links={REGISTRY: "evalgate.yaml"}, base="main")
        linked = road.stage._replace(number=repository.open_pull("linked", author="ann"))
        refused(linked, "is a link")

    @pytest.mark.parametrize(
        ("path", "content"),
        [
            ("golden/f/cases.jsonl", b"{}\n"),
            ("evalgate.yaml", b"version: 1\n"),
            ("base.json", b"{}"),
            ("README.md", b"x"),
            (".github/workflows/evalgate.yml", b"on: push"),
            ("datasets/f/ft-v1.2.0.jsonl", b"{}\n"),
        ],
    )
    def test_beside_an_entry_nothing_else_is_changed(self, road, path, content):
        stage = proposed(road, registered(road), {path: content})
        stage.approve("dan")
        stage.control()
        assert (stage.check.conclusion, "split this pull request" in stage.comment) == ("failure", True)


class TestTheEvidence:
    @pytest.mark.parametrize("name", ["candidate.results.jsonl", "report.md", "verdict.json", "compare.json", "training.json"])
    def test_a_file_that_was_changed_under_its_name_is_another(self, road, name):
        place = object_place(name, manifest(road).files[name])
        road.stage.repository.commit(EVIDENCE, {place: kept(road, name) + b"\n"}, author="mallory")
        refused(ours(road), f"{name} is not what was kept")

    @pytest.mark.parametrize("what", ["manifest", "candidate.results.jsonl", "adapter"])
    def test_evidence_that_is_gone_is_missed(self, road, what):
        adapter = manifest(road).adapter
        place = {
            "manifest": object_place(MANIFEST, digest(road)),
            "adapter": adapter_place(manifest(road).adapter_sha256 or "", next(iter(adapter))),
        }.get(what) or object_place(what, manifest(road).files[what])
        road.stage.repository.commit(EVIDENCE, {place: None}, author="mallory")
        refused(ours(road), "missing")

    def test_another_adapters_bytes_are_not_those_that_were_judged(self, road):
        place = adapter_place(manifest(road).adapter_sha256 or "", "adapter_model.safetensors")
        road.stage.repository.commit(EVIDENCE, {place: b"another"}, author="mallory")
        refused(ours(road), "is not the file that was trained")

    def test_another_adapter_under_its_own_digest_is_not_what_was_trained(self, road):
        other = {name: store.key_of_bytes(b"another") for name in manifest(road).adapter}
        known = forged(road, adapter=other)
        sha256 = Evidence(feature="f", run="x", files={}, adapter=other).adapter_sha256 or ""
        places: dict[str, bytes | None] = {adapter_place(sha256, name): b"another" for name in other}
        road.stage.repository.commit(EVIDENCE, places, author="mallory")
        located = Located(uri=f"{PLACE}/{adapter_place(sha256)}", sha256=sha256)
        refused(proposed(road, with_entry(known, adapter=located)), "is not the one that was trained")

    @pytest.mark.parametrize("name", ["../../pulls/1.jsonl", "adapter_model.bin", "a b.json", ".x.json"])
    def test_a_file_that_no_adapter_has_is_refused(self, road, name):
        known = forged(road, adapter={**manifest(road).adapter, name: "e" * 64})
        refused(proposed(road, known), "adapter")

    @pytest.mark.parametrize("name", ["../../pulls/1.jsonl", "a b.json", ".x", "more.results.jsonl"])
    def test_a_file_that_no_run_leaves_is_refused(self, road, name):
        known = forged(road, files={name: b"x"} if name == ".x" else None, **{"left_out": "x"})
        false = manifest(road).model_copy(update={"files": {**manifest(road).files, name: "e" * 64}})
        content = store.as_json(false)
        sha256 = store.key_of_bytes(content)
        road.stage.repository.commit(EVIDENCE, {object_place(MANIFEST, sha256): content}, author="mallory")
        refused(proposed(road, with_entry(known, evidence=Located(uri=PLACE, sha256=sha256))), "no run leaves")

    def test_a_right_answer_in_place_of_a_wrong_one_needs_its_scores_to_follow(self, road):
        wrong = edited(road, "refund-1", output='{"intent": "something-else"}')
        refused(proposed(road, forged(road, wrong)), "scores do not follow")

    def test_scores_without_their_answers_are_no_scores(self, road):
        known = forged(road, edited(road, "refund-1", scores={"exact_json": 0.0}))
        refused(proposed(road, known), "scores do not follow")

    def test_answers_and_scores_without_their_comparison_are_seen(self, road):
        known = forged(road, edited(road, "refund-1", output="{}", scores={"exact_json": 0.0}))
        refused(proposed(road, known), "compare.json does not follow")

    def test_a_verdict_that_says_pass_over_results_that_fail_is_not_believed(self, road):
        name = "candidate.results.jsonl"
        worse = [
            line | ({"output": "{}", "scores": {"exact_json": 0.0}} if str(line.get("case_id", "")).startswith("bill") else {})
            for line in lines(kept(road, name))
        ]
        refused(proposed(road, forged(road, {name: written(worse)})), "the verdict is fail")

    def test_a_report_that_says_more_than_follows_is_another(self, road):
        rosy = kept(road, "report.md") + b"\n**All is well.**\n"
        refused(proposed(road, forged(road, {"report.md": rosy}), {REPORT: rosy}), "report.md is not what follows")

    def test_a_report_that_was_edited_in_the_pull_request_is_another(self, road):
        rosy = kept(road, "report.md") + b"\n**All is well.**\n"
        refused(proposed(road, registered(road), {REPORT: rosy}), f"{REPORT} is not the report of the evidence")
        refused(proposed(road, registered(road), {REPORT: None}), f"{REPORT} is not in the pull request")

    @pytest.mark.parametrize("version", ["v9.9.9", None])
    def test_a_training_of_another_dataset_is_not_what_was_approved(self, road, version):
        training = json.loads(kept(road, "training.json"))
        training["change"] |= {"path": "datasets/f/other.jsonl"} if version is None else {"sha256": "e" * 64}
        refused(proposed(road, forged(road, {"training.json": json.dumps(training).encode()})), "dataset")

    def test_a_training_on_other_weights_than_were_compared_is_seen(self, road):
        training = json.loads(kept(road, "training.json"))
        training["candidate"]["base_sha256"] = "e" * 64
        refused(proposed(road, forged(road, {"training.json": json.dumps(training).encode()})), "base")

    def test_people_who_never_approved_are_not_named(self, road):
        known = with_entry(forged(road, approved_by=("ben", "cat", "the-ceo")), approved_by=("ben", "cat", "the-ceo"))
        refused(proposed(road, known), "the-ceo never approved")

    def test_a_run_without_a_ledger_counts_nothing(self, road):
        refused(proposed(road, forged(road, attempts=())), "attempts")

    def test_more_attempts_than_the_verdict_was_told_of_are_counted(self, road):
        refused(proposed(road, forged(road, attempts=("a", "b"))), "2 candidates were judged")

    @pytest.mark.parametrize(
        ("field", "value", "link"),
        [
            ("repository", "mallory/evalgate", "another repository"),
            ("pull", 999, "approvals"),
            ("head", "d" * 40, "approvals"),
            ("feature", "../pulls/1", "feature"),
            ("dataset", "datasets/f/gone.jsonl", "dataset"),
            ("candidate", "e" * 64, "adapter"),
            ("attempt", 2, "attempts"),
            ("golden_sha256", "e" * 64, "golden"),
            ("target_branch", "release-1", "approvals"),
        ],
    )
    def test_evidence_that_is_bound_to_something_else_is_refused(self, road, field, value, link):
        bound = manifest(road).binding
        assert bound is not None
        refused(proposed(road, forged(road, binding=bound.model_copy(update={field: value}))), link)

    def test_evidence_that_was_never_bound_was_never_approved(self, road):
        refused(proposed(road, forged(road, binding=None)), "approvals")

    def test_evidence_that_the_journal_does_not_name_decides_nothing(self, road):
        refused(proposed(road, forged(road, journal=False, left_out="x")), "does not name this evidence")

    def test_a_journal_that_cannot_be_read_is_a_link_that_broke(self, road):
        path = f"pulls/{road.stage.number}.jsonl"
        road.stage.repository.commit(EVIDENCE, {path: b'{"step": "finished"}\n'}, author="mallory")
        refused(ours(road), "journal")

    def test_evidence_that_follows_in_every_link_is_caught_by_a_signed_statement_alone(self, road):
        """Whoever may push to the evidence branch may invent answers: all that is derived from them follows."""
        anew = judged_anew(road, edited(road, "refund-1", output=" " + '{"intent": "refund"}')["candidate.results.jsonl"])
        forgery = proposed(road, forged(road, anew), {REPORT: anew["report.md"]})
        stands(forgery)
        policy(road.stage, release={"managers": MANAGERS, "attestation": "required"})
        refused(forgery, "statement")


class TestMeanwhile:
    @pytest.mark.parametrize(
        ("change", "link"),
        [
            ({"gate": {"max_bucket_drop": 0.05}}, "under other gate settings than today"),
            ({"gate": {"max_bucket_drop": 0.1, "min_lift": 0.9}}, "the verdict is"),
            ({"review": {"approvals": 3}}, "approvals that count of 3"),
            ({"base_model": "scripted:other.json"}, "base"),
            ({"owner": "@somebody"}, "entry.owner"),
            ({"scorers": {"primary": "exact_json", "also": ["json_valid"]}}, "scorers"),
        ],
    )
    def test_a_policy_that_changed_since_the_verdict_is_todays(self, road, change, link):
        policy(road.stage, feature=change)
        refused(ours(road), link)

    @pytest.mark.parametrize("path", ["golden/f/cases.jsonl", "golden/safety/jailbreak.jsonl"])
    def test_a_case_that_was_taken_away_or_added_since_makes_it_run_again(self, road, path):
        before = road.stage.repository.file("main", path)
        road.stage.repository.commit("main", {path: before.split(b"\n", 1)[1]})
        refused(ours(road), "golden" if "/f/" in path else "safety")

    def test_weights_of_the_base_that_changed_since_are_another_base(self, road):
        road.stage.repository.commit("main", {"base.json": b'{"answers": {}, "otherwise": "{}"}'})
        refused(ours(road), "base")

    def test_another_default_since_is_another_comparison(self, road):
        known = registered(road)
        other = entry_of(known).model_copy(update={"adapter": Located(uri="path:x", sha256="e" * 64)})
        variants = {"base": entry_of(known, "base"), "ft-v1.0.5": other}
        moved = Registry.model_validate({"version": 1, "features": {"f": {"default": "ft-v1.0.5", "variants": variants}}})
        road.stage.repository.commit("main", {REGISTRY: text(moved)})
        added = moved.model_copy(update={"features": {"f": moved.features["f"].model_copy(update={"variants": {**variants, NAME: entry_of(known)}})}})  # fmt: skip  # noqa: E501
        content = {REPORT: kept(road, "report.md")}
        refused(proposed(road, added, content, base="main"), "not the base that was compared")

    def test_a_dataset_that_was_pushed_over_is_not_the_one_that_was_approved(self, road):
        road.stage.repository.commit(TOPIC, {NEW: teach(road.stage.folder / "evil", HARMFUL, version="v1.1.0").read_bytes()})
        refused(ours(road), "has a newer commit than the one that was approved")

    def test_an_approval_of_the_dataset_that_was_dismissed_counts_no_more(self, road):
        review = next(one for one in road.stage.repository.repo.reviews if one.login == "ben")
        road.stage.repository.dismiss(review.id)
        refused(ours(road), "has 1 approvals that count of 2")

    def test_changes_that_are_asked_of_the_dataset_stop_its_entry(self, road):
        road.stage.repository.review(road.stage.number, "dan", "CHANGES_REQUESTED")
        refused(ours(road), "ask for changes")

    def test_a_dataset_pull_request_that_was_closed_or_points_elsewhere_carries_nothing(self, road):
        road.stage.repository.close(road.stage.number)
        refused(ours(road), "was closed and not merged")
        road.stage.repository.reopen(road.stage.number)
        road.stage.repository.commit("release-1", {"notes.md": b"x"}, base="main")
        road.stage.repository.retarget(road.stage.number, "release-1")
        refused(ours(road), "goes into 'release-1' now")

    def test_an_approval_of_the_entry_before_a_push_releases_nothing(self, road):
        stage = ours(road)
        assert released(stage) == "success"
        road.stage.repository.commit(OURS, {REPORT: kept(road, "report.md") + b"\n"})
        road.stage.repository.commit(OURS, {REPORT: kept(road, "report.md")})
        stage.control()
        assert (stage.check.conclusion, "released by 0 of 1" in stage.comment) == ("action_required", True)

    def test_nobody_releases_what_they_wrote(self, road):
        stage = proposed(road, registered(road), author="dan")
        assert released(stage) == "action_required"

    def test_an_end_date_that_comes_near_is_told_and_one_that_is_close_refused(self, road):
        today = entry_of(registered(road)).registered_at[:10]
        near, close = (str(date_after(today, days)) for days in (50, 10))
        stage = proposed(road, with_entry(registered(road), sunset=near))
        stands(stage)
        assert f"its provider ends it on {near}" in stage.comment
        refused(proposed(road, with_entry(registered(road), sunset=close)), "sunset")


def flagged(known: Registry, *, on: bool, share: float) -> Registry:
    return with_entry(known, flag=Flag(name=f"f-{NAME}", on=on, share=share))


def put(road: Told, known: Registry) -> Registry:
    """The target branch's registry, as if somebody had merged it."""
    road.stage.repository.commit("main", {REGISTRY: text(known)})
    return known


def changed(road: Told, known: Registry) -> Stage:
    """A pull request that changes nothing but the registry of the target branch."""
    return proposed(road, known, base="main")


class TestExposure:
    @pytest.mark.parametrize(("on", "share"), [(True, 0.25), (True, 1.0)])
    def test_a_flag_that_is_turned_on_is_proven_again_and_then_released(self, road, on, share):
        stands(changed(road, flagged(registered(merged(road), "main"), on=on, share=share)))

    def test_full_rollout_is_proven_again_and_then_released(self, road):
        stands(changed(road, with_default(registered(merged(road), "main"), NAME)))

    @pytest.mark.parametrize("rollout", ["flag", "default"])
    def test_nobody_is_served_an_adapter_that_is_not_there(self, road, rollout):
        known = registered(merged(road), "main")
        place = adapter_place(entry_of(known).adapter.sha256, "adapter_model.safetensors")
        road.stage.repository.commit(EVIDENCE, {place: None})
        refused(
            changed(road, with_default(known, NAME) if rollout == "default" else flagged(known, on=True, share=0.1)), "adapter"
        )

    def test_what_harms_by_todays_cases_is_not_rolled_out(self, road):
        known = registered(merged(road), "main")
        before = road.stage.repository.file("main", "golden/f/cases.jsonl")
        road.stage.repository.commit("main", {"golden/f/cases.jsonl": before.split(b"\n", 1)[1]})
        refused(changed(road, flagged(known, on=True, share=0.1)), "golden")

    def test_what_was_compared_with_another_default_is_not_rolled_out(self, road):
        known = registered(merged(road), "main")
        other = entry_of(known).model_copy(update={"adapter": Located(uri="path:x", sha256="e" * 64), "flag": None})
        variants = {**known.features["f"].variants, "ft-v1.0.5": other}
        moved = Registry.model_validate({"version": 1, "features": {"f": {"default": "ft-v1.0.5", "variants": variants}}})
        refused(changed(road, flagged(put(road, moved), on=True, share=0.1)), "not the base that was compared")

    @pytest.mark.parametrize(("on", "share"), [(True, 0.1), (False, 0.5)])
    def test_less_exposure_needs_no_evidence_but_a_release(self, road, on, share):
        known = put(road, flagged(registered(merged(road), "main"), on=True, share=0.5))
        road.stage.repository.delete_branch(EVIDENCE)
        stage = changed(road, flagged(known, on=on, share=share))
        stage.control()
        assert "needs no new evidence" in stage.comment
        assert (stage.check.conclusion, released(stage)) == ("action_required", "success")

    def test_less_exposure_is_possible_for_a_feature_that_the_policy_forgot(self, road):
        known = put(road, flagged(registered(merged(road), "main"), on=True, share=0.5))
        told = json.loads(road.stage.repository.file("main", "evalgate.yaml"))
        policy(road.stage, features={"g": {**told["features"].pop("f"), "datasets": "datasets/g"}})
        assert released(changed(road, flagged(known, on=False, share=0.5))) == "success"

    def test_a_rollback_needs_no_evidence_even_in_the_middle_of_a_rollout(self, road):
        known = put(road, with_default(flagged(registered(merged(road), "main"), on=False, share=1.0), NAME))
        second = entry_of(known).model_copy(update={"flag": Flag(name="f-ft-v1.2.0", on=True, share=0.5), "judged_against": NAME})
        feature = known.features["f"]
        feature = feature.model_copy(update={"variants": {**feature.variants, "ft-v1.2.0": second}})
        known = put(road, known.model_copy(update={"features": {"f": feature}}))
        back = registry.rollback(road.stage.repository.file("main", REGISTRY).decode(), "f", NAME, today="2026-11-20")
        assert released(proposed(road, back.text.encode(), base="main")) == "success"
        again = registry.rollback(back.text, "f", NAME, today="2026-11-20")
        assert (again.changed, again.text) == (False, back.text)

    def test_one_pull_request_does_not_hide_a_raise_behind_a_rollback(self, road):
        known = put(road, with_default(flagged(registered(merged(road), "main"), on=False, share=1.0), NAME))
        road.stage.repository.delete_branch(EVIDENCE)
        refused(changed(road, with_default(flagged(known, on=True, share=1.0), "base")), "evidence")

    def test_a_rollback_to_what_its_provider_ended_or_to_nothing_is_refused(self, road):
        known = registered(merged(road), "main")
        known = put(road, with_default(flagged(with_entry(known, "base", sunset="2020-01-01"), on=False, share=1.0), NAME))
        refused(changed(road, with_default(known, "base")), "sunset")
        gone = road.stage.repository.file("main", REGISTRY).replace(b'"default":"ft-v1.1.0"', b'"default":"ft-v0.1.0"')
        refused(proposed(road, gone, base="main"), REGISTRY)

    def test_a_rollback_to_an_adapter_that_is_gone_is_refused(self, road):
        known = registered(merged(road), "main")
        second = entry_of(known).model_copy(update={"judged_against": NAME, "flag": Flag(name="f-x")})
        feature = known.features["f"]
        feature = feature.model_copy(update={"variants": {**feature.variants, "ft-v1.2.0": second}, "default": "ft-v1.2.0"})
        known = put(road, known.model_copy(update={"features": {"f": feature}}))
        place = adapter_place(entry_of(known).adapter.sha256, "adapter_model.safetensors")
        road.stage.repository.commit(EVIDENCE, {place: None})
        refused(changed(road, with_default(known, NAME)), "adapter_model.safetensors is missing")


class TestRaces:
    """FAULTS 49: two at once; the second is made again on what the first left, and nobody's approval is carried over."""

    def other(self, road: Told) -> Stage:
        """A second feature's entry, by a person, that holds and is released."""
        told = json.loads(road.stage.repository.file("main", "evalgate.yaml"))
        policy(road.stage, features={**told["features"], "g": {**told["features"]["f"], "datasets": "datasets/g"}})
        known = registered(road)
        begun = known.features["f"].model_copy(update={"variants": {"base": entry_of(known, "base")}})
        return proposed(road, Registry(version=1, features={"g": begun}), base="main")

    def test_of_two_features_the_second_waits_and_ours_is_made_again(self, road):
        other = self.other(road)
        before = ours(road).head
        assert (released(ours(road)), released(other)) == ("success", "success")
        ended, _ = road.stage.give("pr", "merge", "--pull", other.number, "--head", other.head)
        assert ended.code == 0, ended.err
        again = ours(road)
        assert again.head != before
        assert "released by 0 of 1" in again.comment, "the approval was of the head before"
        assert released(again) == "success"
        ended, _ = road.stage.give("pr", "merge", "--pull", again.number, "--head", again.head)
        assert ended.code == 0, ended.err
        assert list(registered(road, "main").features) == ["g", "f"]

    def test_a_persons_entry_that_was_green_is_green_no_more_once_another_is_merged(self, road):
        other = self.other(road)
        assert released(other) == "success"
        merged(road)
        assert other.check.conclusion == "action_required"
        assert "the registry moved on" in other.comment
        ended, _ = road.stage.give("pr", "merge", "--pull", other.number, "--head", other.head)
        assert ended.code == 3

    def test_one_that_cannot_be_made_again_does_not_stop_the_others(self, road):
        road.stage.repository.commit("stray", {REGISTRY: b"no registry"}, base="main")
        road.stage.repository.open_pull("stray", author=BOT)
        other = self.other(road)
        released(other)
        ended, _ = road.stage.give("pr", "merge", "--pull", other.number, "--head", other.head)
        assert ended.code == 0, ended.err
        assert "released by 0 of 1" in ours(road).comment

    def test_the_same_entry_twice_is_registered_once(self, road):
        twin = proposed(road, registered(road))
        assert released(twin) == "success"
        known = registered(merged(road), "main")
        assert "nothing that is served or registered changes" in twin.comment
        road.stage.give("pr", "merge", "--pull", twin.number, "--head", twin.head)
        assert registered(road, "main") == known

    @pytest.mark.parametrize(("kind", "said"), [("stale_head", "another commit by now"), ("blocked", "GitHub does not let it")])
    def test_a_merge_that_github_refuses_is_held_with_the_reason(self, road, kind, said):
        stage = ours(road)
        assert released(stage) == "success"
        if kind == "stale_head":
            road.stage.server.fault("PUT", f"/pulls/{stage.number}/merge$", kind)
        else:
            road.stage.repository.block(stage.number)
        ended, _ = road.stage.give("pr", "merge", "--pull", stage.number, "--head", stage.head)
        assert (ended.code, said in ended.err) == (3, True), ended.err
        assert road.stage.repository.file("main", REGISTRY) is None

    def test_what_comes_into_the_target_since_the_look_is_looked_at_before_the_merge(self, road, monkeypatch):
        other = self.other(road)
        assert (released(ours(road)), released(other)) == ("success", "success")
        meanwhile(monkeypatch, merge_stage, "proven", lambda: road.stage.repository.merge(other.number, "dan"))
        ended, _ = road.stage.give("pr", "merge", "--pull", road.entry, "--head", ours(road).head)
        assert (ended.code, "the registry moved on" in ended.err or "up to date" in ended.err) == (3, True), ended.err
        assert list(registered(road, "main").features) == ["g"]

    def test_a_mixture_of_two_merges_in_one_moment_is_told(self, road, monkeypatch):
        merged(road)
        before = road.stage.repository.file("main", REGISTRY) or b""
        stage = proposed(road, registry.set_flag(before.decode(), "f", NAME, on=True, share=0.1).encode(), base="main")
        assert released(stage) == "success"
        theirs: dict[str, bytes | None] = {REGISTRY: b"# by somebody who may push\n" + before}
        meanwhile(monkeypatch, merge_stage, "_green", lambda: road.stage.repository.commit("main", theirs))
        ended, _ = road.stage.give("pr", "merge", "--pull", stage.number, "--head", stage.head)
        assert (ended.code, "a mixture" in ended.err) == (3, True), ended.err
        assert entry_of(registered(road, "main")).flag.on, "GitHub merged both"

    def test_one_that_is_pointed_elsewhere_since_the_look_is_not_merged(self, road, monkeypatch):
        stage = ours(road)
        assert released(stage) == "success"
        road.stage.repository.commit("elsewhere", {"README.md": b"x"}, base="main")
        meanwhile(monkeypatch, merge_stage, "_green", lambda: road.stage.repository.retarget(road.entry, "elsewhere"))
        ended, _ = road.stage.give("pr", "merge", "--pull", road.entry, "--head", stage.head)
        assert (ended.code, "goes into 'elsewhere' by now" in ended.err) == (3, True), ended.err
        assert road.stage.repository.file("elsewhere", REGISTRY) is None

    def test_a_token_that_may_not_merge_is_held_with_the_reason(self, road, monkeypatch):
        stage = ours(road)
        assert released(stage) == "success"
        scopes = {"contents": "read", "pull_requests": "write", "checks": "write", "issues": "write", "actions": "write"}
        road.stage.server.token("ghs_reader", BOT, scopes, app="github-actions")
        monkeypatch.setattr(pull_stage, "TOKEN", "ghs_reader")
        ended, _ = road.stage.give("pr", "merge", "--pull", stage.number, "--head", stage.head)
        assert (ended.code, "the token may not merge" in ended.err) == (3, True), ended.err

    def test_a_head_that_moved_since_it_was_green_is_not_merged(self, road):
        stage = ours(road)
        assert released(stage) == "success"
        green = stage.head
        road.stage.repository.commit(OURS, {REPORT: b"# All is well\n"}, author="mallory")
        ended, _ = road.stage.give("pr", "merge", "--pull", stage.number, "--head", green)
        assert (ended.code, "another commit by now" in ended.err) == (3, True)


class TestTheQueue:
    """FAULTS 30: a group's head is another commit, and its digests are verified again."""

    def grouped(self, road: Told, files: dict[str, bytes | None] | None = None) -> Any:
        """The check run on the head of a group that brings our entry, and these files besides."""
        repository = road.stage.repository
        content = {path: repository.file(OURS, path) for path in (REGISTRY, REPORT)}
        branch = f"gh-readonly-queue/main/pr-{road.entry}-{repository.head('main')}"
        head = repository.commit(branch, {**content, **(files or {})}, base="main")
        event = {"merge_group": {"head_sha": head, "head_ref": f"refs/heads/{branch}"}}
        (road.stage.folder / "group.json").write_text(json.dumps(event))
        ended, _ = road.stage.give("pr", "control", "--event", road.stage.folder / "group.json", "--event-name", "merge_group")
        assert ended.code == 0, ended.err
        return repository.check_runs(head)[-1]

    def test_what_was_released_is_verified_again_and_passes(self, road):
        ours(road).approve("dan")
        check = self.grouped(road, {"README.md": b"of another in the group\n"})
        assert (check.conclusion, "derived again" in check.summary) == ("success", True)

    def test_what_nobody_released_waits(self, road):
        assert self.grouped(road).conclusion == "action_required"

    def test_evidence_that_was_changed_since_is_seen(self, road):
        ours(road).approve("dan")
        place = object_place("report.md", manifest(road).files["report.md"])
        road.stage.repository.commit(EVIDENCE, {place: b"another"})
        check = self.grouped(road)
        assert (check.conclusion, "is not what was kept" in check.summary) == ("failure", True)

    def test_a_policy_that_came_in_between_is_the_one_that_counts(self, road):
        ours(road).approve("dan")
        policy(road.stage, feature={"gate": {"max_bucket_drop": 0.05}})
        assert self.grouped(road).conclusion == "failure"

    @pytest.mark.parametrize("path", [REGISTRY, REPORT])
    def test_another_registry_than_the_one_that_was_released_is_held(self, road, path):
        ours(road).approve("dan")
        check = self.grouped(road, {path: (road.stage.repository.file(OURS, path) or b"") + b"\n"})
        assert (check.conclusion, "merge them one by one" in check.summary) == ("action_required", True)

    def test_one_that_is_merged_already_makes_no_other_commit_green(self, road):
        merged(road)
        back = b"# taken back since\nversion: 1\n"
        road.stage.repository.commit("main", {REGISTRY: back, REPORT: None})
        check = self.grouped(road)
        assert (check.conclusion, "is not open any more" in check.summary) == ("action_required", True)

    def test_a_group_that_mixes_kinds_is_held(self, road):
        ours(road).approve("dan")
        assert self.grouped(road, {"golden/f/cases.jsonl": b"{}\n"}).conclusion == "action_required"


class TestOthers:
    def test_a_report_that_people_read_is_not_edited_once_its_entry_stands(self, road):
        merged(road)
        road.stage.repository.commit("rosy", {REPORT: b"# All is well\n"}, base="main")
        rosy = road.stage._replace(number=road.stage.repository.open_pull("rosy", author="ann"))
        rosy.control()
        assert rosy.check.conclusion != "success"

    @pytest.mark.parametrize("path", ["reports/f/base.md", "reports/f/ft-v9.9.9.md"])
    def test_a_report_of_no_new_entry_does_not_come_along(self, road, path):
        stage = proposed(road, registered(road), {path: b"# All is well\n"})
        assert (released(stage), path in stage.comment) == ("failure", True)

    def test_a_report_of_another_entry_is_not_edited_along(self, road):
        known = registered(merged(road), "main")
        stage = proposed(road, flagged(known, on=True, share=0.1), {REPORT: b"# All is well\n"}, base="main")
        assert released(stage) != "success"

    @pytest.mark.parametrize("by", ["when_approved", "by_hand"])
    def test_after_a_merge_by_a_person_the_others_are_green_no_more(self, road, by):
        other = TestRaces().other(road)
        policy(road.stage, release={"managers": MANAGERS, "merge": by})
        assert (released(ours(road)), released(other)) == ("success", "success")
        road.stage.repository.merge(road.entry, "dan")
        ours(road).control(action="closed")
        assert other.check.conclusion != "success"
