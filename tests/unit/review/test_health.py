"""Every point in each of its states: facts in, findings out."""

import pytest

from evalgate.review import ground as known
from evalgate.review.ground import App, Branch, Environment, Files, Ground, Guard, Required, Unseen, Workflow, WorkflowToken
from evalgate.review.health import points
from evalgate.stages.seen import CHECK

HIDDEN = Unseen("Administration: read", "GitHub answered 403: no")
PINNED = Required("EvalGate", 15368, strict=True)
CLASSIC, RULES = Guard("branch protection"), Guard("rulesets")
FULL = Guard("rulesets", there=True, checks=(PINNED,), pull_request=True, code_owners=True)
DARK = Guard("branch protection", unseen=HIDDEN)
LOCKED, PROTECTED = Guard("branch protection", there=True), Environment(reviewers=False, branches="protected")
MAIN = Branch("main", "c0ffee", (CLASSIC, FULL))
JOURNAL = Branch("evalgate-evidence", "decade", (CLASSIC, RULES))
GOOD = Ground(
    repository="octo/evalgate",
    private=False,
    target=MAIN,
    default=MAIN,
    environment=Environment(reviewers=False, branches="selected", patterns=("main",)),
    token=WorkflowToken(writes=False, approves=False),
    posted=(App(15368, "github-actions"),),
    owner_errors=(),
    evidence=(JOURNAL,),
)
CHECKING = Workflow(".github/workflows/c.yml", "EvalGate check", frozenset({"pull_request", "merge_group"}), ())
DECIDING = Workflow(".github/workflows/d.yml", "EvalGate", frozenset({"workflow_run", "issue_comment"}), ("EvalGate check",))
FILES = Files(
    paths=frozenset(
        {"evalgate.yaml", "models.yaml", "CODEOWNERS", "golden/f/a.jsonl", "prompts/f.md", ".github/workflows/c.yml"}
    ),
    policy="evalgate.yaml",
    registry="models.yaml",
    policy_problems=(),
    registry_problems=(),
    codeowners="* @octo/ml\n",
    guarded=("evalgate.yaml", "models.yaml", "golden/f", "prompts/f.md", ".github/workflows", "CODEOWNERS"),
    evidence=("branch:evalgate-evidence",),
    workflows=(CHECKING, DECIDING),
    target_workflows=(CHECKING, DECIDING),
)


def on(*guards, **more):
    """A repository whose target branch, its default one too, has these guards."""
    branch = Branch("main", "c0ffee", guards)
    return GOOD._replace(target=branch, default=branch, **more)


def rules(**fields):
    return on(CLASSIC, FULL._replace(**fields))


def room(reviewers=False, branches="all", patterns=()):
    return GOOD._replace(environment=Environment(reviewers, branches, patterns))


def journal(*guards, commit="decade"):
    return GOOD._replace(evidence=(Branch("evalgate-evidence", commit, guards),))


def files(**fields):
    return FILES._replace(**fields)


def owned(text):
    return files(codeowners=text)


def without(workflow, **fields):
    """The files with one workflow changed."""
    changed = tuple(one._replace(**fields) if one is workflow else one for one in (CHECKING, DECIDING))
    return files(workflows=changed, target_workflows=changed)


DEAF = without(CHECKING, events=frozenset({"pull_request"}))
ANY = (Required("EvalGate", None, strict=False),)
STATES = [
    ("required-check", "ok", GOOD, FILES),
    ("required-check", "ok", on(Guard("branch protection", checks=(PINNED,)), RULES), FILES),
    ("required-check", "ok", on(DARK._replace(checks=(PINNED,)), RULES), FILES),
    ("pinned-app", "ok", on(DARK._replace(checks=(PINNED,)), RULES), FILES),
    ("required-check", "missing", rules(checks=()), FILES),
    ("required-check", "missing", rules(checks=(PINNED._replace(name="EvalGate check"),)), FILES),
    ("required-check", "unknown", on(DARK, RULES), FILES),
    ("required-check", "unknown", on(CLASSIC, RULES._replace(unseen=HIDDEN)), FILES),
    ("pinned-app", "ok", GOOD, FILES),
    ("pinned-app", "ok", GOOD._replace(posted=()), FILES),
    ("pinned-app", "ok", on(DARK, FULL), FILES),
    ("pinned-app", "ok", on(Guard("branch protection", checks=ANY), FULL), FILES),
    ("pinned-app", "missing", rules(checks=ANY), FILES),
    ("pinned-app", "missing", rules(checks=(PINNED._replace(app=7),)), FILES),
    ("pinned-app", "missing", GOOD._replace(posted=(App(7, "gate"),)), FILES),
    ("pinned-app", "unknown", GOOD._replace(posted=HIDDEN), FILES),
    ("pinned-app", "unknown", rules(checks=(PINNED._replace(app=7),))._replace(posted=()), FILES),
    ("pinned-app", "unknown", on(DARK, RULES), FILES),
    ("pull-requests-only", "ok", GOOD, FILES),
    ("pull-requests-only", "missing", rules(pull_request=False), FILES),
    ("pull-requests-only", "unknown", on(DARK, RULES), FILES),
    ("code-owner-review", "ok", GOOD, FILES),
    ("code-owner-review", "missing", rules(code_owners=False), FILES),
    ("code-owner-review", "unknown", on(DARK, RULES), FILES),
    ("environment", "ok", GOOD, FILES),
    ("environment", "ok", room(reviewers=True), FILES),
    ("environment", "ok", on(LOCKED, FULL, environment=PROTECTED), FILES),
    ("environment", "missing", GOOD._replace(environment=None), FILES),
    ("environment", "missing", room(), FILES),
    ("environment", "missing", room(branches="selected", patterns=("main", "tag:v*")), FILES),
    ("environment", "missing", room(branches="selected"), FILES),
    ("environment", "missing", on(CLASSIC, RULES, environment=PROTECTED), FILES),
    ("environment", "unknown", GOOD._replace(environment=HIDDEN), FILES),
    ("environment", "unknown", room(branches="selected", patterns=HIDDEN), FILES),
    ("environment", "unknown", room(branches="protected"), FILES),
    ("environment", "unknown", on(DARK, RULES, environment=PROTECTED), FILES),
    ("workflow-token", "ok", GOOD, FILES),
    ("workflow-token", "missing", GOOD._replace(token=WorkflowToken(writes=True, approves=False)), FILES),
    ("workflow-token", "unknown", GOOD._replace(token=HIDDEN), FILES),
    ("workflow-approvals", "ok", GOOD, FILES),
    ("workflow-approvals", "missing", GOOD._replace(token=WorkflowToken(writes=False, approves=True)), FILES),
    ("workflow-approvals", "unknown", GOOD._replace(token=HIDDEN), FILES),
    ("policy", "ok", GOOD, FILES),
    ("policy", "missing", GOOD, files(policy_problems=None)),
    ("policy", "missing", GOOD, files(policy_problems=("evalgate.yaml:3: unknown key", "evalgate.yaml:4: another"))),
    ("policy", "unknown", GOOD, HIDDEN),
    ("registry", "ok", GOOD, FILES),
    ("registry", "missing", GOOD, files(registry_problems=None)),
    ("registry", "missing", GOOD, files(registry_problems=("models.yaml:1: no version",))),
    ("registry", "unknown", GOOD, HIDDEN),
    ("code-owners", "ok", GOOD, FILES),
    ("code-owners", "missing", GOOD, owned(None)),
    ("code-owners", "missing", GOOD, owned("* @octo/ml\n/golden/f/\n")),
    ("code-owners", "missing", GOOD, owned("* @octo/ml\n/golden/f/*\n/golden/f/a.jsonl @octo/ml\n")),
    ("code-owners", "missing", GOOD, owned("* @octo/ml\n/.github/\n")),
    ("code-owners", "missing", GOOD._replace(owner_errors=("line 1: Unknown owner",)), FILES),
    ("code-owners", "unknown", GOOD._replace(owner_errors=HIDDEN), FILES),
    ("code-owners", "unknown", GOOD, HIDDEN),
    ("check-workflow", "ok", GOOD, FILES),
    ("check-workflow", "missing", GOOD, without(CHECKING, name="Check")),
    ("check-workflow", "missing", GOOD, without(CHECKING, events=frozenset({"push"}))),
    ("check-workflow", "missing", GOOD._replace(target=MAIN._replace(name="next")), files(target_workflows=(DECIDING,))),
    ("check-workflow", "unknown", GOOD, HIDDEN),
    ("trusted-workflow", "ok", GOOD, FILES),
    ("trusted-workflow", "missing", GOOD, without(DECIDING, follows=("Check",))),
    ("trusted-workflow", "missing", GOOD, without(DECIDING, events=frozenset({"workflow_run"}))),
    ("trusted-workflow", "unknown", GOOD, HIDDEN),
    ("evidence-branch", "ok", GOOD, FILES),
    ("evidence-branch", "ok", journal(CLASSIC, RULES, commit=None), FILES),
    ("evidence-branch", "ok", journal(CLASSIC, RULES._replace(blocks=("creation",))), FILES),
    ("evidence-branch", "ok", GOOD._replace(evidence=()), files(evidence=("s3://evidence",))),
    ("evidence-branch", "missing", journal(CLASSIC._replace(blocks=("pull_request",)), RULES), FILES),
    ("evidence-branch", "unknown", journal(CLASSIC, RULES._replace(blocks=("creation",)), commit=None), FILES),
    ("evidence-branch", "unknown", journal(CLASSIC, RULES._replace(blocks=("update",))), FILES),
    ("evidence-branch", "unknown", journal(DARK, RULES), FILES),
    ("evidence-branch", "unknown", journal(CLASSIC, RULES, commit=HIDDEN), FILES),
    ("evidence-branch", "unknown", GOOD, HIDDEN),
    ("merge-queue", "ok", rules(queue=True), FILES),
    ("merge-queue", "ok", on(DARK, RULES), FILES),
    ("merge-queue", "ok", GOOD, DEAF),
    ("merge-queue", "missing", rules(queue=True), DEAF),
    ("merge-queue", "unknown", on(DARK, RULES), DEAF),
    ("merge-queue", "unknown", on(LOCKED, RULES), DEAF),
    ("merge-queue", "unknown", GOOD, HIDDEN),
]  # fmt: skip


def point(name, ground, held):
    (found,) = [one for one in points(ground, held) if one.name == name]
    return found


@pytest.mark.parametrize(("name", "state", "ground", "held"), STATES)
def test_point__has_the_state_that_the_facts_give_it(name, state, ground, held):
    found = point(name, ground, held)
    assert found.state == state, found
    assert bool(found.todo) == (state != "ok")
    assert found.means


def test_points__are_each_tried_in_all_three_states():
    tried = {(name, state) for name, state, _, _ in STATES}
    assert tried == {(one.name, state) for one in points(GOOD, FILES) for state in ("ok", "missing", "unknown")}


def test_unknown__names_the_permission_and_what_github_said():
    found = point("workflow-token", GOOD._replace(token=HIDDEN), FILES)
    assert found.means == "this token does not see whether workflows that ask for nothing get a token that can write"
    assert found.todo == (
        "give the token `Administration: read`, a person's or an app's: a workflow's own cannot have it; GitHub answered 403: no"
    )


def test_unknown__asks_for_no_permission_where_that_is_not_what_failed():
    found = point("workflow-token", GOOD._replace(token=Unseen(None, "the connection broke")), FILES)
    assert found.todo == "ask again later; the connection broke"


def test_refusal__never_turns_into_ok():
    """Whatever else is known: with a fact hidden, no point is better than with the fact."""
    order = ("missing", "unknown", "ok")
    bare = on(CLASSIC, RULES, environment=None, posted=(), evidence=(JOURNAL,))
    hidden = on(DARK, RULES._replace(unseen=HIDDEN), environment=HIDDEN, token=HIDDEN, posted=HIDDEN, owner_errors=HIDDEN)
    for seen, dark in zip(points(bare, FILES), points(hidden, HIDDEN), strict=True):
        assert dark.state == "unknown", dark
        assert order.index(seen.state) >= 0


def test_branch_names__are_words_of_a_shell_line():
    odd = GOOD._replace(environment=None, default=MAIN._replace(name="a b;rm"))
    assert "-f name='a b;rm'" in point("environment", odd, FILES).todo


def test_several_evidence_branches__are_as_healthy_as_the_worst():
    blocked = Branch("locked", "c0ffee", (CLASSIC._replace(blocks=("update",)), RULES))
    found = point("evidence-branch", GOOD._replace(evidence=(JOURNAL, blocked)), FILES)
    assert found.state == "missing"
    assert "locked" in found.means


def test_required_reviewers__are_said_to_need_a_plan_on_private_repositories():
    private = GOOD._replace(environment=None, private=True)
    assert "required reviewers need GitHub Enterprise" in point("environment", private, FILES).todo


def test_check__has_the_name_that_the_controller_gives_it():
    assert known.CHECK == CHECK
