"""`evalgate doctor`, given as a person gives it: in folders, and on repositories of the GitHub test server.

Every request goes through the proxy that holds it to GitHub's own description, where that is installed.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from commands import Ended
from drawn_workspace import GOOD, draw
from github_server import DrawnRepository, GithubServer, routing
from github_server.answers import Answer, Call, paged
from github_server.routing import REPO, Route
from node_tools import INSTALLED, Contract, prism

from evalgate.cli.main import _run
from evalgate.review.ground import Registering
from evalgate.stages import first_run, init
from evalgate.stages.doctor import workflow_of

TOKEN, BLIND, READER = "ghp_all", "ghs_nothing", "ghs_read"
USES = f"octo/gate@{'1' * 40}"
ACTIONS = 15368
OWNERS = b"* @octo/all\n/.github/ @octo/release\n"
REGISTRY = b"version: 1\nfeatures: {}\n"
REVIEWED = {"type": "pull_request", "parameters": {
    "required_approving_review_count": 1, "dismiss_stale_reviews_on_push": False, "require_code_owner_review": True,
    "require_last_push_approval": False, "required_review_thread_resolution": False, "allowed_merge_methods": ["merge"],
}}  # fmt: skip
NAMES = [
    "required-check", "pinned-app", "pull-requests-only", "code-owner-review", "environment", "workflow-token",
    "workflow-approvals", "registry-environment", "policy", "registry", "code-owners", "check-workflow", "trusted-workflow",
    "evidence-branch", "merge-queue", "registry-opens", "release-managers", "attestation", "adapter-key",
]  # fmt: skip


def required(app: int | None = ACTIONS) -> dict[str, Any]:
    check = {"context": "EvalGate"} if app is None else {"context": "EvalGate", "integration_id": app}
    more = {"strict_required_status_checks_policy": True, "do_not_enforce_on_create": False, "required_status_checks": [check]}
    return {"type": "required_status_checks", "parameters": more}


def codeowners_errors(call: Call) -> Answer:
    return Answer(200, {"errors": []})


def branch_policies(call: Call) -> Answer:
    row = {"id": 1, "node_id": "x", "name": "main", "type": "branch"}
    return paged(call, [row], dict, key="branch_policies")


VARIABLES: dict[str, dict[str, str]] = {}
"""Repository -> name -> value."""


def variables(call: Call) -> Answer:
    at = {"created_at": call.repo.created, "updated_at": call.repo.created}
    named = VARIABLES.get(call.repo.full_name, {})
    return paged(call, [*named], lambda name: {"name": name, "value": named[name], **at}, key="variables")


MORE = [
    Route("GET", REPO + "/codeowners/errors", codeowners_errors, "contents:read"),
    Route("GET", REPO + "/environments/[^/]+/deployment-branch-policies", branch_policies, "actions:read"),
    Route("GET", REPO + "/actions/variables", variables, "variables:read"),
]
"""Endpoints that nothing else asks for."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GithubServer, Contract | None]]:
    with pytest.MonkeyPatch.context() as patch, GithubServer(tmp_path_factory.mktemp("server")) as server:
        patch.setattr(routing, "COMPILED", [*((one, re.compile(one.path)) for one in MORE), *routing.COMPILED])
        server.token(TOKEN, "ann")
        server.token(BLIND, "github-actions[bot]", {}, app="github-actions")
        server.token(
            READER, "github-actions[bot]", {"contents": "read", "actions": "read", "checks": "read"}, app="github-actions"
        )
        with prism(server.url) if INSTALLED else nullcontext() as contract:
            if contract is not None:
                server.public_url = contract.url
            yield server, contract


@pytest.fixture
def server(stage: tuple[GithubServer, Contract | None]) -> Iterator[GithubServer]:
    """Ends a test in which a request was wrong by GitHub's description, or changed something."""
    server, contract = stage
    yield server
    left = contract.taken() if contract is not None else []
    assert not left, "\n".join(map(str, left))
    assert server.effects() == 0


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A repository of this test's own."""
    return f"octo/{tmp_path.name}"


@pytest.fixture
def doctor(
    server: GithubServer, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """The command on the repository, in this process."""

    def call(*arguments: str, token: str = TOKEN) -> Ended:
        monkeypatch.setenv("GITHUB_API_URL", server.public_url)
        monkeypatch.setenv("GITHUB_TOKEN", token)
        monkeypatch.delenv("EVALGATE_AUTHOR", raising=False)
        capsys.readouterr()
        code = _run(["doctor", "--repository", name, *arguments])
        return Ended(code, *capsys.readouterr())

    return call


def with_app(written: dict[str, bytes]) -> dict[str, bytes]:
    """The workflows, with the token of a GitHub App for the job that opens pull requests on the registry."""
    given = b"command: register\n          github-token: ${{ steps.app.outputs.token }}\n          author: our-app[bot]\n"
    assert any(b"command: register\n" in text for text in written.values())
    return {path: text.replace(b"command: register\n", given) for path, text in written.items()}


def policy_with(folder: Path, **release: Any) -> bytes:
    """The policy of the drawing, with this part on who releases."""
    told = json.loads((folder / "source/evalgate.yaml").read_bytes())
    return json.dumps({**told, "release": release}, indent=1).encode()


@pytest.fixture
def good(server: GithubServer, name: str, tmp_path: Path) -> DrawnRepository:
    """A repository that lacks nothing."""
    source = draw(tmp_path / "source", GOOD)
    for path, content in {**with_app(init.workflows(USES)), ".github/CODEOWNERS": OWNERS, "models.yaml": REGISTRY}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(content)
    repository = server.repository(name)
    head = repository.import_tree(source)
    repository.commit("evalgate-evidence", {"README.md": b"journal\n"}, "first step")
    repository.rules("main", required(), REVIEWED, {"type": "deletion"})
    repository.rules("evalgate-evidence", {"type": "deletion"}, {"type": "non_fast_forward"})
    for environment in ("evalgate", "evalgate-registry"):
        limit = {"protected_branches": False, "custom_branch_policies": True}
        repository.environment(environment, deployment_branch_policy=limit)
    repository.add_check(head, "EvalGate", "success", external_id="evalgate/7/abc")
    return repository


@pytest.fixture
def bare(server: GithubServer, name: str) -> DrawnRepository:
    """A repository that has nothing but a first commit, and GitHub's most open settings."""
    repository = server.repository(name)
    repository.commit("main", {"README.md": b"hello\n"}, "first")
    repository.workflow_permissions(default_workflow_permissions="write", can_approve_pull_request_reviews=True)
    return repository


def states(ended: Ended) -> dict[str, str]:
    return {point["name"]: point["state"] for point in json.loads(ended.out)}


def test_doctor__finds_nothing_missing_in_a_repository_that_lacks_nothing(doctor, good):
    ended = doctor("--format", "json")
    assert json.loads(ended.out) == [
        {"name": name, "state": "ok", "means": means, "todo": ""}
        for name, means in {
            "required-check": "nothing merges into main before EvalGate is green, up to date or queued",
            "pinned-app": "EvalGate must come from app 15368, as our check runs come from github-actions (15368); a job of that"
            " name in any workflow comes from it too: let .github/workflows have owners, or post as your own app",
            "pull-requests-only": "main changes by pull requests only",
            "code-owner-review": "code owners must approve what they own; stale approvals stay, which EvalGate does not need:"
            " it counts by commit",
            "environment": "only main may use its secrets",
            "workflow-token": "workflows that ask for nothing get a token that can only read",
            "workflow-approvals": "workflows open and approve no pull requests, so registry changes want an app's token, or a"
            " person who opens them",
            "registry-environment": "only main may use the environment evalgate-registry, which may hold the token of a GitHub"
            " App",
            "policy": "evalgate.yaml can be read",
            "registry": "models.yaml can be read",
            "code-owners": "policy, suites, prompts, registry, workflows and CODEOWNERS itself have owners",
            "check-workflow": "EvalGate check listens to pull requests",
            "trusted-workflow": ".github/workflows/evalgate.yml starts when EvalGate check ends, and on commands",
            "evidence-branch": "evalgate-evidence is there, and nothing stops the bot from writing to it",
            "merge-queue": "EvalGate check listens to merge_group; a queue is not in use as far as rulesets say",
            "registry-opens": "`register` opens pull requests as our-app[bot], as the workflow says; whose token it is given is"
            " not seen here",
            "release-managers": "no release managers are named: anybody with write access who wrote none of the commits may"
            " release, one approval",
            "attestation": "evalgate.yaml asks for no signed statement of a verdict",
            "adapter-key": "evalgate.yaml names no key, so no adapter has to be signed",
        }.items()
    ]
    assert ended.code == 0
    assert ended.err.splitlines()[-1] == "19 ok"


def test_doctor__says_for_everything_that_a_bare_repository_lacks_how_to_set_it(doctor, bare):
    ended = doctor("--format", "json")
    assert ended.code == 1
    fine = ("evidence-branch", "merge-queue", "registry-opens")
    assert states(ended) == dict.fromkeys(NAMES, "missing") | dict.fromkeys(fine, "ok")
    assert all(point["todo"] for point in json.loads(ended.out) if point["state"] != "ok")
    lines = doctor().err.splitlines()
    assert [line[0] for line in lines[:-1]] == [*"✗→" * 13, *"✓" * 3, *"✗→" * 3]
    assert lines[-1] == "3 ok, 16 missing"


def test_doctor__takes_what_a_token_may_not_see_for_unknown_and_never_for_ok(doctor, good):
    good.rules("main")
    ended = doctor("--format", "json", token=BLIND)
    assert ended.code == 3
    assert states(ended) == dict.fromkeys(NAMES, "unknown")
    needs = {point["name"]: point["todo"].split(";")[0] for point in json.loads(ended.out)}
    assert needs["environment"] == "give the token `Actions: read`"
    assert (
        needs["workflow-token"]
        == "give the token `Administration: read`, a person's or an app's: a workflow's own cannot have it"
    )
    assert needs["policy"] == "give the token `Contents: read`"


def test_doctor__sees_rules_without_any_permission_but_that_of_metadata(doctor, good):
    ended = doctor("--format", "json", token=READER)
    assert ended.code == 3
    hidden = {name for name, state in states(ended).items() if state != "ok"}
    assert hidden == {"workflow-token", "workflow-approvals"}


def test_doctor__does_not_let_one_broken_answer_hide_the_rest(server, doctor, good, name, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.fault("GET", f"{name}/environments$", "500", times=9)
    ended = doctor("--format", "json")
    assert {name for name, state in states(ended).items() if state != "ok"} == {"environment", "registry-environment"}


def test_doctor__reports_a_required_check_that_any_app_may_post(doctor, good):
    good.rules("main", required(app=None), REVIEWED)
    ended = doctor("--format", "json")
    (lacks,) = [point for point in json.loads(ended.out) if point["state"] != "ok"]
    assert ended.code == 1
    assert lacks["name"] == "pinned-app"
    assert lacks["means"] == "any app, token or workflow may post a green EvalGate"


def test_doctor__reads_branch_protection_as_it_reads_rulesets(doctor, good):
    good.rules("main")
    checks = {"strict": True, "contexts": ["EvalGate"], "checks": [{"context": "EvalGate", "app_id": ACTIONS}]}
    reviews = {"dismiss_stale_reviews": True, "require_code_owner_reviews": True, "required_approving_review_count": 1}
    good.protect("main", required_status_checks=checks, required_pull_request_reviews=reviews)
    ended = doctor("--format", "json")
    told = {point["name"]: point["means"] for point in json.loads(ended.out)}
    assert ended.code == 0
    assert told["pull-requests-only"] == "main changes by pull requests only, administrators may push past it"
    assert told["code-owner-review"] == "code owners must approve what they own; a push takes approvals back"


def test_doctor__finds_an_evidence_branch_that_the_bot_cannot_write_to(doctor, good):
    good.protect("evalgate-evidence", ["EvalGate"])
    assert states(doctor("--format", "json"))["evidence-branch"] == "missing"


def test_doctor__looks_for_the_trusted_workflow_on_the_default_branch_and_for_all_else_on_the_target(doctor, good):
    good.commit(
        "next", {"evalgate.yaml": b"version: 2\n", "models.yaml": None, ".github/CODEOWNERS": None}, links={"CODEOWNERS": "x"}
    )
    good.commit("main", {".github/workflows/evalgate.yml": None, ".github/workflows/odd.yml": b"- no workflow\n"})
    ended = doctor("--branch", "next", "--format", "json")
    found = {point["name"]: point for point in json.loads(ended.out)}
    assert found["policy"]["means"] == "evalgate.yaml cannot be read: EvalGate judges nothing"
    assert found["policy"]["todo"].startswith("mend evalgate.yaml:1: ")
    assert found["registry"]["means"] == "next has no models.yaml: nothing says what is served"
    assert found["code-owners"]["means"].startswith("nobody owns evalgate.yaml, models.yaml, .github/workflows")
    assert found["check-workflow"]["state"] == "ok"
    assert found["trusted-workflow"]["means"] == "no workflow on main starts when EvalGate check ends: nothing is ever decided"


@pytest.mark.parametrize(
    ("on", "events", "follows"),
    [
        ("push", {"push"}, ()),
        ("[push, merge_group]", {"push", "merge_group"}, ()),
        ("{workflow_run: {workflows: EvalGate check}}", {"workflow_run"}, ("EvalGate check",)),
        ("{workflow_run: {workflows: [a, b]}}", {"workflow_run"}, ("a", "b")),
        ("", set(), ()),
    ],
)
def test_workflow__is_read_in_every_form_that_github_takes(on, events, follows):
    assert workflow_of("w.yml", f"on: {on}\n") == ("w.yml", "w.yml", events, follows, ())


@pytest.mark.parametrize(
    ("arguments", "token", "code", "words"),
    [
        (("--branch", "nowhere"), TOKEN, 2, "has no branch 'nowhere'"),
        ((), "expired", 3, "the token is not valid"),
    ],
)
def test_doctor__says_what_keeps_it_from_looking_at_all(doctor, bare, arguments, token, code, words):
    ended = doctor(*arguments, token=token)
    assert ended.code == code
    assert words in ended.err


# --- the registry's half ---


def found_by(ended: Ended) -> dict[str, dict[str, str]]:
    return {point["name"]: point for point in json.loads(ended.out)}


def test_doctor__asks_for_an_app_or_a_setting_where_the_workflow_is_as_it_was_written(doctor, good):
    good.commit("main", init.workflows(USES), "as written")
    ended = doctor("--format", "json")
    assert {name for name, state in states(ended).items() if state != "ok"} == {"registry-opens"}
    assert found_by(ended)["registry-opens"]["means"].startswith("workflows may not open pull requests")
    good.workflow_permissions(can_approve_pull_request_reviews=True)
    assert {name for name, state in states(doctor("--format", "json")).items() if state != "ok"} == {"workflow-approvals"}


def test_doctor__tells_the_two_environments_apart(doctor, good):
    good.environment("evalgate-registry")
    assert {name for name, state in states(doctor("--format", "json")).items() if state != "ok"} == {"registry-environment"}


def test_doctor__asks_of_each_release_manager_what_they_may_do(doctor, good, tmp_path):
    for login, permission in {"bo": "write", "cy": "maintain", "di": "read"}.items():
        good.person(login, permission)
    good.commit("main", {"evalgate.yaml": policy_with(tmp_path, managers=["bo", "Bo", "cy"], approvals=2)}, "managers")
    found = found_by(doctor("--format", "json"))["release-managers"]
    assert found["means"] == "bo, cy may release, 2 approvals; each of them has write access"
    good.person("ci", "write", kind="Bot")
    good.commit("main", {"evalgate.yaml": policy_with(tmp_path, managers=["bo", "di", "ci", "@cy"])}, "wrong ones")
    ended = doctor("--format", "json")
    assert {name for name, state in states(ended).items() if state != "ok"} == {"release-managers"}
    assert found_by(ended)["release-managers"]["means"] == (
        "approvals of some release managers never count: di has no write access, ci is a bot, @cy has no write access"
    )
    good.commit("main", {"evalgate.yaml": policy_with(tmp_path, managers=["bo", "Bo"], approvals=2)}, "one twice")
    assert "names one release manager" in found_by(doctor("--format", "json"))["release-managers"]["means"]


def test_doctor__takes_a_release_manager_who_is_not_shown_for_unknown(server, doctor, good, name, tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    good.person("bo", "write")
    good.commit("main", {"evalgate.yaml": policy_with(tmp_path, managers=["bo"])}, "managers")
    server.fault("GET", f"{name}/collaborators/bo/permission$", "500", times=9)
    assert found_by(doctor("--format", "json"))["release-managers"]["state"] == "unknown"


def test_doctor__looks_for_what_must_be_signed_and_with_what(doctor, good, name, tmp_path):
    signed = policy_with(tmp_path, attestation="required", adapter_key="keys/adapters.pub")
    good.commit("main", {"evalgate.yaml": signed}, "ask for signatures")
    ended = doctor("--format", "json")
    assert {name for name, state in states(ended).items() if state != "ok"} == {"attestation", "adapter-key"}
    assert found_by(ended)["attestation"]["means"] == (
        "verdicts must be signed, and the repository's variable EVALGATE_ATTEST is not true: no entry can be merged"
    )
    VARIABLES[name] = {**{f"V{number}": "x" for number in range(30)}, "EVALGATE_ATTEST": "true"}
    good.commit("main", {"keys/adapters.pub": b"a key\n"}, "the key")
    assert doctor().code == 0
    hidden = found_by(doctor("--format", "json", token=READER))["attestation"]
    assert hidden["todo"].startswith("give the token `Variables: read`; ")
    silent = {path: text.replace(b"attest: ", b"unlike: ") for path, text in with_app(init.workflows(USES)).items()}
    good.commit("main", silent, "an older workflow")
    assert "passes no `attest`" in found_by(doctor("--format", "json"))["attestation"]["means"]


def test_doctor__takes_who_releases_from_the_default_branch_and_the_key_from_the_target(doctor, good, tmp_path):
    good.commit("next", {"evalgate.yaml": policy_with(tmp_path, managers=["nobody"])}, "its own managers")
    good.commit("main", {"evalgate.yaml": policy_with(tmp_path, adapter_key="a.pub"), "a.pub": b"a key\n"}, "a key")
    good.rules("next", required(), REVIEWED)
    found = found_by(doctor("--branch", "next", "--format", "json"))
    assert found["release-managers"]["means"].startswith("no release managers are named")
    assert found["adapter-key"]["means"] == (
        "adapters must be signed with the key in a.pub, and next has no such file: no entry can be merged"
    )
    good.commit("main", {"evalgate.yaml": b"version: 2\n"}, "broken")
    found = found_by(doctor("--branch", "next", "--format", "json"))
    assert found["policy"]["state"] == "ok"
    assert {name for name in found if "main has no evalgate.yaml that can be read" in found[name]["means"]} == {
        "release-managers", "attestation", "adapter-key",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("jobs", "registers"),
    [
        ("{r: {steps: [{uses: ./.github/actions/registry, with: {command: register, attest: true}}]}}", [(None, None, "true")]),
        (
            "{r: {steps: [{uses: o/r/.github/actions/registry@abc, with: {command: register, github-token: t, author: a}}]}}",
            [("t", "a", None)],
        ),
        ("{m: {steps: [{uses: ./.github/actions/registry, with: {command: merge}}]}}", []),
        ("{r: {steps: [{uses: o/my.github/actions/registry-x@abc, with: {command: register}}]}}", []),
        ("{r: {steps: [{uses: ./.github/actions/registry}, odd, {run: x}]}, s: odd, t: {steps: odd}}", []),
        ("odd", []),
    ],
)
def test_workflow__tells_with_what_its_steps_register(jobs, registers):
    found = workflow_of("w.yml", f"on: push\njobs: {jobs}\n")
    assert found is not None
    assert found.registers == tuple(Registering(*one) for one in registers)


# --- folders ---


@pytest.fixture
def in_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    def call(folder: Path, *arguments: str) -> Ended:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("GITHUB_TOKEN", raising=False)
        code = _run(["doctor", *arguments])
        return Ended(code, *capsys.readouterr())

    return call


def test_doctor__without_a_repository_finds_a_whole_folder_ready(in_folder, tmp_path):
    folder = draw(tmp_path, GOOD, owner="ml", prompt="prompt.md")
    (folder / "prompt.md").write_text("Answer in JSON.\n")
    (folder / "models.yaml").write_bytes(REGISTRY)
    init.put(init.workflows(USES), folder)
    ended = in_folder(folder, "--format", "json")
    assert ended.code == 0, ended.err
    assert states(ended) == dict.fromkeys(
        [
            "policy", "f.base_model", "f.owner", "f.prompt", "f.datasets", "f.golden", "f.safety", "registry",
            "workflow evalgate-check.yml", "workflow evalgate.yml",
        ],
        "ok",
    )  # fmt: skip


def test_doctor__without_a_repository_says_what_an_empty_folder_lacks(in_folder, tmp_path):
    ended = in_folder(tmp_path, "--format", "json")
    assert ended.code == 1
    found = json.loads(ended.out)
    assert {point["name"] for point in found} == {
        "policy", "registry", "workflow evalgate-check.yml", "workflow evalgate.yml",
    }  # fmt: skip
    assert all(point["state"] == "missing" and point["todo"] for point in found)


def test_doctor__without_a_repository_names_each_thing_that_cannot_be_used(in_folder, tmp_path):
    folder = draw(tmp_path, "refund: ++*3 | safety/jailbreak: ++*2", gate={"max_bucket_drop": 0.05})
    (folder / "models.yaml").write_text("version: 9\n")
    (folder / "datasets/f/ft-v1.1.0.jsonl").write_text("{}\n")
    (folder / "golden/safety/jailbreak.jsonl").write_text("nonsense\n")
    init.put(init.workflows("."), folder)
    (folder / ".github/workflows/evalgate.yml").write_text("name: EvalGate\n")
    ended = in_folder(folder, "--format", "json")
    todo = {point["name"]: point["todo"] for point in json.loads(ended.out) if point["state"] == "missing"}
    assert ended.code == 1
    assert set(todo) == {
        "f.owner", "f.prompt", "f.datasets", "f.golden", "f.safety", "registry", "workflow evalgate.yml",
    }  # fmt: skip
    assert "needs at least" in todo["f.golden"]
    assert "is not what this version of EvalGate writes" in todo["workflow evalgate.yml"]


def test_doctor__without_a_repository_reports_a_policy_that_cannot_be_read_and_packages_that_are_not_there(
    in_folder, tmp_path, monkeypatch
):
    (tmp_path / "evalgate.yaml").write_text("version: 1\nfeatures: {'a b': {}, f: {scorer: x}}\n")
    policy = json.loads(in_folder(tmp_path, "--format", "json").out)[0]
    assert policy["state"] == "missing"
    assert "unknown key features.f.scorer" in policy["todo"]
    (tmp_path / "evalgate.yaml").write_text("version: 1\nfeatures: {'a b': {}, f: {}}\n")
    monkeypatch.setattr(
        first_run, "requires", lambda _: ["click>=8", 'no-such-package>=1; extra == "local"', 'x; extra == "dev"']
    )
    found = {point["name"]: point for point in json.loads(in_folder(tmp_path, "--format", "json").out)}
    assert found["extras"]["means"] == "a model is tuned here, and no-such-package cannot be imported"
    assert found["a b.policy"]["state"] == "missing"
    assert found["f.golden"]["todo"] == "evalgate.yaml: features.f.golden is missing: name it there"


def test_doctor__takes_a_branch_only_with_a_repository(in_folder, tmp_path):
    ended = in_folder(tmp_path, "--branch", "main")
    assert ended.code == 2
    assert "--branch needs --repository" in ended.err
