"""GitHub's own description between PyGithub and our test server, and `emulate` beside it.

The tests of everything that talks to GitHub stand on `github_server`. Here that server is held to what GitHub says of
itself, answer by answer, and so is every request of the client that EvalGate uses.
"""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import requests
from github import Auth, Github, GithubException, InputGitTreeElement
from github.PullRequest import PullRequest
from github.Repository import Repository
from github_server import DrawnRepository, GithubServer, routes_issues, routes_pulls
from github_server.git import git
from github_server.routing import ROUTES, Route
from node_tools import Contract, Exempt, Violation, emulate, free_port, needs_node, prism

pytestmark = needs_node

APP = {"contents": "write", "pull_requests": "write", "issues": "write", "checks": "write", "actions": "write"}
NOT_DESCRIBED = {
    ("GET", "_storage"): "not GitHub's API: the storage that an artifact's address leads to",
    ("GET", "/git/refs/"): "the way to a single ref before /git/ref/: answered still, described no more",
}
"""Routes of the test server that GitHub's description does not know, and why they are there."""
EXEMPT: tuple[Exempt, ...] = ()
"""Answers of the test server that the description forbids and that stay so, each with its reason."""
ROW = b'{"text": "hello"}\n'
WORKFLOW = b"on: {workflow_dispatch: {}}\n"
ANNOTATION = {"path": "data/rows.jsonl", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "EG202"}
OUTPUT = {"title": "Pass", "summary": "All held.", "text": "More.", "annotations": [ANNOTATION]}


class Stage(NamedTuple):
    """The test server with the proxy before it."""

    server: GithubServer
    contract: Contract

    def client(self, token: str) -> Github:
        """A client whose every request goes through the proxy."""
        return client(self.contract.url, token)


def client(url: str, token: str) -> Github:
    """PyGithub without its pauses and second tries."""
    return Github(base_url=url, auth=Auth.Token(token), retry=None, seconds_between_requests=0, seconds_between_writes=0)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    with GithubServer(tmp_path_factory.mktemp("github"), public_url=f"http://127.0.0.1:{port}") as server:
        server.token("t-ann", "ann")
        server.token("t-bob", "bob")
        server.token("t-app", "github-actions[bot]", APP, app="github-actions")
        with prism(server.url, port, EXEMPT) as contract:
            yield Stage(server, contract)


@pytest.fixture(autouse=True)
def nothing_forbidden(request: pytest.FixtureRequest) -> Iterator[None]:
    """Ends a test that left a violation, at that test and not at the last one of the module."""
    yield
    if "stage" in request.fixturenames:
        left = request.getfixturevalue("stage").contract.taken()
        assert not left, "\n".join(map(str, left))


# --- every endpoint of the test server answers as GitHub says ---


class Place(NamedTuple):
    """A repository with one of everything, and what the parts of an address stand for in it."""

    repository: DrawnRepository
    parts: dict[str, str]


def place(server: GithubServer, name: str) -> Place:
    drawn = server.repository(f"octo/{name}")
    files: dict[str, bytes | None] = {"README.md": b"hello\n", "data/rows.jsonl": ROW, ".github/workflows/e.yml": WORKFLOW}
    first = drawn.commit("main", files, "first")
    head = drawn.commit("more/rows", {"data/rows.jsonl": ROW * 2}, "more rows")
    for login, permission in {"ann": "write", "bob": "maintain"}.items():
        drawn.person(login, permission)
    number = drawn.open_pull("more/rows", author="ann", body="More rows.")
    drawn.label(number, "dataset")
    drawn.protect("main", ["EvalGate"])
    drawn.rules("main", {"type": "deletion"})
    drawn.ruleset(name="main")
    drawn.environment("production")
    server.team("octo", "ml", {"bob": "active"})
    comment, check = drawn.comment(number, "bob", "/evalgate run"), drawn.add_check(head, "EvalGate", "success")
    drawn.react(comment, "bob", "eyes")
    drawn.check_runs(head)[0].annotations.append(ANNOTATION)
    run = drawn.add_run(77, head, head_branch="more/rows", status="in_progress", conclusion=None)
    parts = {
        "owner": "octo",
        "repo": name,
        "org": "octo",
        "team": "ml",
        "login": "bob",
        "branch": "main",
        "environment": "production",
    }
    ids = {"number": number, "comment": comment, "check": check, "run": run, "ruleset": 1}
    ids |= {"artifact": drawn.add_artifact(run, "evalgate-run", b"PK"), "review": drawn.review(number, "bob")}
    ids |= {"reaction": drawn.repo.comments[comment].reactions[0].id}
    shas = {"first": first, "head": head, "sha": head, "ref": "heads/more/rows", "basehead": "main...more/rows"}
    parts |= {name: str(number) for name, number in ids.items()} | shas
    return Place(
        drawn,
        parts
        | {"branch": "main", "environment": "production", "path": "data/rows.jsonl", "workflow": "e.yml", "label": "dataset"},
    )


BODIES: dict[str, Callable[[dict[str, str]], Any]] = {
    "post_pull": lambda _: {"title": "A change", "head": "other", "base": "main", "body": "Why.", "draft": True},
    "patch_pull": lambda _: {"title": "Another title", "state": "closed"},
    "post_reviewers": lambda _: {"reviewers": ["bob"]},
    "post_review": lambda at: {"body": "Fine.", "event": "COMMENT", "commit_id": at["head"]},
    "put_dismissal": lambda _: {"message": "The head moved.", "event": "DISMISS"},
    "put_merge": lambda at: {"sha": at["head"], "merge_method": "squash", "commit_title": "Rows", "commit_message": "More."},
    "post_issue": lambda _: {"title": "Watch", "body": "The floor was crossed.", "labels": ["evalgate"]},
    "patch_issue": lambda _: {"state": "closed", "labels": ["dataset", "checked"]},
    "post_comment": lambda _: {"body": "Checked."},
    "patch_comment": lambda _: {"body": "Checked again."},
    "post_reaction": lambda _: {"content": "rocket"},
    "post_labels": lambda _: {"labels": ["checked"]},
    "post_check": lambda at: {"name": "New", "head_sha": at["head"], "status": "in_progress", "output": OUTPUT},
    "patch_check": lambda _: {"status": "completed", "conclusion": "neutral", "output": OUTPUT},
    "post_ref": lambda at: {"ref": "refs/heads/new/branch", "sha": at["first"]},
    "patch_ref": lambda at: {"sha": at["first"], "force": True},
    "post_blob": lambda _: {"content": base64.b64encode(ROW).decode(), "encoding": "base64"},
    "post_tree": lambda at: {"base_tree": at["first"], "tree": [{"path": "x", "mode": "100644", "type": "blob", "content": "x"}]},
    "post_commit": lambda at: {"message": "by hand", "tree": at["tree"], "parents": [at["first"]]},
    "put_contents": lambda _: {"message": "A file", "content": base64.b64encode(ROW).decode(), "branch": "other"},
    "post_dispatch": lambda _: {"ref": "main"},
}
PARTS: dict[str, dict[str, str]] = {
    "get_checks": {"ref": "head"},
    "get_blob": {"sha": "blob"},
    "get_tree": {"sha": "tree"},
    "put_contents": {"path": "new_path"},
}
"""Where a part of an address stands for something else than elsewhere."""


def address(route: Route, parts: dict[str, str]) -> str:
    """An address that the route takes."""
    name = route.act.__name__
    own = parts | {part: parts[other] for part, other in PARTS.get(name, {}).items()}
    pattern = route.path.replace("(?:", "").replace(")?", "")
    return re.sub(r"\(\?P<(\w+)>[^)]*\)?", lambda found: own[found[1]], pattern)


DESCRIBED = [one for one in ROUTES if not any(one.method == method and path in one.path for method, path in NOT_DESCRIBED)]


@pytest.mark.parametrize("route", DESCRIBED, ids=[one.act.__name__ for one in DESCRIBED])
def test_what_an_endpoint_answers_is_what_github_describes(stage: Stage, route: Route) -> None:
    name = route.act.__name__
    at = place(stage.server, f"{name}-{ROUTES.index(route)}")
    at.repository.commit("other", {"other.txt": b"x"})
    if name == "put_merge":
        at.repository.protect("main")
    trees = {"tree": f"{at.parts['head']}^{{tree}}", "blob": f"{at.parts['head']}:data/rows.jsonl"}
    parts = at.parts | {what: object_id(at, name) for what, name in trees.items()}
    parts |= {"new_path": "data/new.jsonl", "sha256": "3f" * 32}
    token = "t-app" if "check" in name else "t-bob"
    url = stage.contract.url + address(route, parts)
    body = BODIES[name](parts) if route.method in {"POST", "PUT", "PATCH"} and name != "post_cancel" else None
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
    answer = requests.request(route.method, url, json=body, headers=headers, timeout=30, allow_redirects=False)
    assert answer.status_code < 400 or name == "get_merged", answer.text  # 404 is how it says no
    (seen,) = [
        one for one in stage.contract.exchanges() if one["request"] == f"{route.method} {url.removeprefix(stage.contract.url)}"
    ]
    assert seen["status"] == answer.status_code


def object_id(at: Place, name: str) -> str:
    """The id of a git object of the place's repository."""
    return git(at.repository.repo.folder, "rev-parse", name).decode().strip()


# --- what the client that EvalGate uses asks for ---


class Scene(NamedTuple):
    """A repository with a pull request, as its people's clients see it."""

    ann: Repository
    bob: Repository
    app: Repository
    pull: PullRequest


@pytest.fixture
def scene(stage: Stage) -> Iterator[Scene]:
    name = f"octo/scene-{len(stage.server.world.repositories)}"
    drawn = stage.server.repository(name)
    drawn.commit("main", {"README.md": b"hello\n"}, "first")
    drawn.commit("rows", {"data/rows.jsonl": ROW}, "rows")
    with ExitStack() as clients:
        seen = [clients.enter_context(stage.client(token)).get_repo(name) for token in ("t-ann", "t-bob", "t-app")]
        yield Scene(*seen, seen[0].create_pull(base="main", head="rows", title="Rows", body="More rows."))


def test_a_pull_request_its_files_reviews_and_merge(scene: Scene) -> None:
    pull = scene.bob.get_pull(scene.pull.number)
    assert [(file.filename, file.status, file.additions) for file in pull.get_files()] == [("data/rows.jsonl", "added", 1)]
    assert [commit.sha for commit in pull.get_commits()] == [pull.head.sha]
    scene.pull.create_review_request(reviewers=["bob"])
    pull.create_review(body="Fine.", event="APPROVE")
    assert [(one.user.login, one.state, one.commit_id) for one in pull.get_reviews()] == [("bob", "APPROVED", pull.head.sha)]
    assert not pull.is_merged()
    assert pull.merge(sha=pull.head.sha, merge_method="squash").merged
    assert pull.is_merged()
    assert scene.ann.get_pulls(state="closed", sort="updated", direction="desc", base="main")[0].number == pull.number


def test_one_comment_found_again_edited_and_reacted_to(scene: Scene) -> None:
    pull = scene.app.get_pull(scene.pull.number)
    made = pull.create_issue_comment("<!-- evalgate: one comment -->\nChecked.")
    (found,) = [one for one in pull.get_issue_comments() if one.user.login == "github-actions[bot]"]
    found.edit("<!-- evalgate: one comment -->\nChecked again.")
    assert scene.app.get_issue(pull.number).get_comment(made.id).body.endswith("Checked again.")
    assert found.create_reaction("eyes").content == "eyes"
    assert [one.content for one in found.get_reactions()] == ["eyes"]
    pull.add_to_labels("dataset")
    assert [label.name for label in pull.get_labels()] == ["dataset"]
    found.delete()


def test_a_check_run_with_annotations(scene: Scene) -> None:
    check = scene.app.create_check_run("EvalGate", scene.pull.head.sha, status="in_progress", details_url="https://example.com/1")
    check.edit(status="completed", conclusion="failure", output=OUTPUT)
    (found,) = scene.app.get_commit(scene.pull.head.sha).get_check_runs(check_name="EvalGate", filter="latest")
    assert (found.status, found.conclusion, found.output.annotations_count) == ("completed", "failure", 1)
    assert [(one.path, one.message) for one in found.get_annotations()] == [("data/rows.jsonl", "EG202")]


def test_a_commit_by_hand_and_a_branch_for_it(scene: Scene) -> None:
    start = scene.app.get_branch("main").commit
    blob = scene.app.create_git_blob(base64.b64encode(b"\x00\xff").decode(), "base64")
    element = InputGitTreeElement("models/m.bin", "100644", "blob", sha=blob.sha)
    tree = scene.app.create_git_tree([element], base_tree=scene.app.get_git_tree(start.commit.tree.sha))
    commit = scene.app.create_git_commit("A registry entry", tree, [scene.app.get_git_commit(start.sha)])
    ref = scene.app.create_git_ref("refs/heads/evalgate/promote", commit.sha)
    again = scene.app.create_git_commit("And another", tree, [commit])
    ref.edit(again.sha)
    assert scene.app.get_git_ref("heads/evalgate/promote").object.sha == again.sha
    assert [one.ref for one in scene.app.get_git_matching_refs("heads/evalgate")] == ["refs/heads/evalgate/promote"]
    assert scene.app.compare("main", "evalgate/promote").ahead_by == 2
    assert base64.b64decode(scene.app.get_git_blob(blob.sha).content) == b"\x00\xff"
    ref.delete()


def test_files_by_the_contents_api(scene: Scene) -> None:
    made = scene.app.create_file("models/a b.yaml", "add", "served: base\n", branch="rows")["content"]
    scene.app.update_file("models/a b.yaml", "change", "served: tuned\n", made.sha, branch="rows")
    assert scene.app.get_contents("models/a b.yaml", ref="rows").decoded_content == b"served: tuned\n"
    assert [one.path for one in scene.app.get_contents("models", ref="rows")] == ["models/a b.yaml"]
    with pytest.raises(GithubException) as refused:
        scene.app.get_contents("nowhere.yaml")
    assert refused.value.status == 404


# --- the proxy is not blind ---

WRONG: dict[str, tuple[Callable[[Scene], Any], str]] = {
    "conclusion": (lambda at: check(at, conclusion="green"), "conclusion must be equal to one of the allowed values"),
    "annotation level": (lambda at: check(at, output=annotated(annotation_level="bad")), "annotation_level must be equal to one"),
    "annotation without a line": (lambda at: check(at, output=annotated(start_line=None)), "start_line must be integer"),
    "51 annotations": (
        lambda at: check(at, output={**OUTPUT, "annotations": [ANNOTATION] * 51}),
        "must NOT have more than 50 items",
    ),
    "output without a summary": (lambda at: check(at, output={"title": "t"}), "must have required property 'summary'"),
    "reaction": (lambda at: at.pull.create_issue_comment("hi").create_reaction("party"), "content must be equal to one of"),
    "review": (lambda at: at.pull.create_review(body="x", event="LIKE"), "event must be equal to one of the allowed values"),
    "merge method": (lambda at: at.pull.merge(merge_method="octopus"), "merge_method must be equal to one of"),
    "misspelt field": (lambda at: asked(at, "POST", "/issues", {"title": "x", "label": ["x"]}), "found 'label'"),
    "field missing": (lambda at: asked(at, "POST", "/git/refs", {"ref": "refs/heads/x"}), "must have required property 'sha'"),
    "unknown parameter": (lambda at: asked(at, "GET", "/pulls?stat=open", None), "takes no query parameter stat"),
    "unknown state": (lambda at: asked(at, "GET", "/pulls?state=merged", None), "state must be equal to one of"),
    "unknown operation": (lambda at: asked(at, "POST", "/pulls/1/approve", {}), "knows no such operation"),
}


def check(at: Scene, **fields: Any) -> Any:
    return at.app.create_check_run("EvalGate", at.pull.head.sha, **fields)


def annotated(**fields: Any) -> dict[str, Any]:
    return {**OUTPUT, "annotations": [{**ANNOTATION, **fields}]}


def asked(at: Scene, method: str, path: str, body: dict[str, Any] | None) -> Any:
    return at.app.requester.requestJsonAndCheck(method, at.app.url + path, input=body)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_request_that_github_forbids_is_caught_and_goes_no_further(stage: Stage, scene: Scene, wrong: str) -> None:
    ask, message = WRONG[wrong]
    assert stage.contract.taken() == []
    effects = stage.server.effects()
    with pytest.raises(GithubException) as refused:
        ask(scene)
    found = stage.contract.taken()
    assert refused.value.status == 422
    assert {one.side for one in found} == {"request"}
    assert any(message in one.message for one in found), found
    assert stage.server.effects() == effects + (wrong == "reaction")  # the comment that it was for


SPOILT: dict[str, tuple[ModuleType, str, Callable[[Scene], Any]]] = {
    "comment": (routes_issues, "comment_shape", lambda at: at.pull.create_issue_comment("hi")),
    "issue": (routes_issues, "issue_shape", lambda at: at.ann.get_issue(at.pull.number)),
    "pull request": (routes_pulls, "pull_shape", lambda at: at.ann.get_pull(at.pull.number)),
    "pull requests": (routes_pulls, "pull_simple_shape", lambda at: list(at.ann.get_pulls())),
}


@pytest.mark.parametrize("what", SPOILT)
def test_an_answer_that_github_would_not_give_is_caught(
    stage: Stage, scene: Scene, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    module, shape, ask = SPOILT[what]
    whole = getattr(module, shape)
    monkeypatch.setattr(module, shape, lambda *where: {**whole(*where), "created_at": 7, "user": {}})
    with suppress(GithubException, TypeError, AttributeError):  # PyGithub may stumble over it too
        ask(scene)
    found = stage.contract.taken()
    assert {one.side for one in found} == {"answer"}
    assert any(re.fullmatch(r"Response body property (0\.)?created_at must be string", one.message) for one in found), found
    assert any(
        re.fullmatch(r"Response body property (0\.)?user must have required property 'login'", one.message) for one in found
    )


def test_a_violation_fails_the_block_even_where_the_client_swallows_it(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="knows no such operation"), prism(stage.server.url) as contract:
        assert requests.get(contract.url + "/nothing", timeout=30).status_code == 422


def test_a_connection_that_is_lost_is_lost_for_the_client_too(stage: Stage, scene: Scene) -> None:
    stage.server.fault("GET", f"/{scene.ann.name}/pulls$", "response_lost")
    with pytest.raises(requests.ConnectionError):
        list(scene.ann.get_pulls())
    assert len(list(scene.ann.get_pulls())) == 1


# --- emulate, another GitHub of its own making, does the same ---

SEED = {
    "tokens": {"t-ann": {"login": "ann", "scopes": ["repo", "user"]}, "t-bob": {"login": "bob", "scopes": ["repo", "user"]}},
    "github": {
        "users": [{"login": "ann"}, {"login": "bob"}],
        "repos": [{"owner": "ann", "name": "evalgate", "auto_init": True}],
    },
}


class Ground(NamedTuple):
    """ann/evalgate on one of the two servers, with what the steps have made so far."""

    ann: Repository
    bob: Repository
    app: Repository
    made: dict[str, Any]

    @property
    def pull(self) -> PullRequest:
        return self.ann.get_pull(self.made["pull"])


def opened(at: Ground) -> Any:
    at.ann.create_git_ref("refs/heads/rows", at.ann.get_git_ref("heads/main").object.sha)
    at.ann.create_file("data/rows.jsonl", "rows", ROW.decode(), branch="rows")
    pull = at.ann.create_pull(base="main", head="rows", title="Rows", body="More.")
    at.made["pull"] = pull.number
    return pull.number, pull.state, pull.title, pull.body, pull.user.login, pull.head.ref, pull.base.ref, pull.draft, pull.merged


def commented(at: Ground) -> Any:
    made = at.pull.create_issue_comment("Checked.")
    made.edit("Checked again.")
    return [(one.user.login, one.body) for one in at.pull.get_issue_comments()]


def checked(at: Ground) -> Any:
    made = at.app.create_check_run("EvalGate", at.pull.head.sha, status="in_progress")
    before = made.status, made.conclusion
    made.edit(status="completed", conclusion="neutral", output={"title": "t", "summary": "s", "annotations": [ANNOTATION]})
    found = at.app.get_commit(at.pull.head.sha).get_check_runs()
    return before, [(one.name, one.status, one.conclusion, one.output.annotations_count) for one in found]


def pushed(at: Ground) -> Any:
    head = at.ann.get_branch("rows").commit
    tree = at.ann.create_git_tree([InputGitTreeElement("x", "100644", "blob", content="x")], base_tree=head.commit.tree)
    commit = at.ann.create_git_commit("by hand", tree, [head.commit])
    at.made["pushed"] = commit.sha
    return commit.message, sorted(one.path for one in tree.tree), at.ann.get_git_commit(commit.sha).parents[0].sha == head.sha


def moved(at: Ground) -> Any:
    at.ann.get_git_ref("heads/rows").edit(at.made["pushed"])
    return at.pull.head.sha == at.made["pushed"]


STEPS: dict[str, Callable[[Ground], Any]] = {
    "repository": lambda at: (at.ann.full_name, at.ann.default_branch, at.ann.private, at.ann.owner.login),
    "ref": lambda at: (at.ann.get_git_ref("heads/main").ref, at.ann.get_git_ref("heads/main").object.type),
    "no such ref": lambda at: at.ann.get_git_ref("heads/nowhere"),
    "pull request": opened,
    "head": lambda at: at.pull.head.sha == at.ann.get_branch("rows").commit.sha,
    "mergeable": lambda at: (at.pull.mergeable, at.pull.mergeable_state),
    "open pull requests": lambda at: [one.number for one in at.ann.get_pulls(state="open")],
    "pull request's files": lambda at: [(one.filename, one.status) for one in at.pull.get_files()],
    "file": lambda at: at.ann.get_contents("data/rows.jsonl", ref="rows").decoded_content,
    "folder": lambda at: [one.path for one in at.ann.get_contents("data", ref="rows")],
    "no such file": lambda at: at.ann.get_contents("data/rows.jsonl", ref="main"),
    "pull request of an unknown head": lambda at: at.ann.create_pull(base="main", head="unknown", title="x", body="x").number,
    "comment": commented,
    "no such comment": lambda at: at.ann.get_issue(at.made["pull"]).get_comment(987654),
    "reaction": lambda at: at.pull.get_issue_comments()[0].create_reaction("eyes").content,
    "review": lambda at: at.bob.get_pull(at.made["pull"]).create_review(body="Fine.", event="APPROVE").state,
    "reviews": lambda at: [(one.user.login, one.state, one.commit_id == at.pull.head.sha) for one in at.pull.get_reviews()],
    "review of one's own": lambda at: at.pull.create_review(body="Fine.", event="APPROVE").state,
    "check run": checked,
    "commit by hand": pushed,
    "branch moved": moved,
    "merge of another head": lambda at: at.pull.merge(sha=at.made["pushed"][::-1]),
    "merge": lambda at: at.pull.merge(merge_method="squash").merged,
    "merged": lambda at: (at.pull.merged, at.pull.state),
    "merged, asked for itself": lambda at: at.pull.is_merged(),
    "merged file": lambda at: at.ann.get_contents("data/rows.jsonl", ref="main").decoded_content,
    "merge again": lambda at: at.pull.merge().merged,
}
"""One after another on the same repository; what a step gives back holds no ids, urls or times."""

DIFFERENT = {
    "pull request's files": "emulate lists no files of a pull request",
    "pull request of an unknown head": "emulate makes the branch; GitHub answers 422",
    "reaction": "emulate has no reactions",
    "review of one's own": "emulate lets authors approve themselves; GitHub answers 422",
    "branch moved": "emulate takes no ref with a slash for PATCH, and a pull request's head does not follow pushes",
    "merge of another head": "emulate answers 422; GitHub answers 409",
    "merged, asked for itself": "emulate answers 404 whatever was merged",
    "merge again": "emulate answers 422; GitHub answers 405",
}
"""Where emulate is not like GitHub, and how GitHub is, by its documentation."""


def played(url: str, app: str) -> dict[str, Any]:
    """What every step gives back on a server, or (refused, status)."""
    with client(url, "t-ann") as ann, client(url, "t-bob") as bob, client(url, app) as bot:
        at = Ground(*(one.get_repo("ann/evalgate") for one in (ann, bob, bot)), made={})
        return {name: result(step, at) for name, step in STEPS.items()}


def result(step: Callable[[Ground], Any], at: Ground) -> Any:
    try:
        return step(at)
    except GithubException as refused:
        return "refused", refused.status


def test_emulate_and_the_test_server_do_the_same(stage: Stage) -> None:
    stage.server.repository("ann/evalgate").commit("main", {"README.md": b"# evalgate\n"}, "first")
    stage.server.repository("ann/evalgate").person("bob", "write")
    ours = played(stage.contract.url, "t-app")
    with emulate(SEED) as url:
        theirs = played(url, "t-ann")  # emulate has no rule that check runs are for apps alone
    differing = {name: (ours[name], theirs[name]) for name in STEPS if ours[name] != theirs[name]}
    assert set(differing) == set(DIFFERENT), differing
    refusals = {name: value[1] for name, value in ours.items() if isinstance(value, tuple) and value[:1] == ("refused",)}
    assert refusals == {
        "no such ref": 404,
        "no such file": 404,
        "no such comment": 404,
        "pull request of an unknown head": 422,
        "review of one's own": 422,
        "merge of another head": 409,
        "merge again": 405,
    }


def test_violations_can_be_exempt_only_for_answers_of_one_operation_with_a_reason() -> None:
    exempt = Exempt("GET /user", "Response body .*", "why")
    seen = Violation("GET /user", "GET /user", 200, "answer", "body", "Response body must be object")
    assert exempt.covers(seen)
    assert not exempt.covers(seen._replace(side="request"))
    assert not exempt.covers(seen._replace(operation="GET /users"))
    assert not exempt.covers(seen._replace(message="Response header"))
