"""Every point in each of its states: facts in, findings out."""

import pytest

from evalgate.records.policy import Release
from evalgate.records.pull_request import Person
from evalgate.review import ground as known
from evalgate.review.ground import (
    App,
    Branch,
    Environment,
    Files,
    Ground,
    Guard,
    Registering,
    Required,
    Unseen,
    Workflow,
    WorkflowToken,
)
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
    registry_environment=Environment(reviewers=False, branches="selected", patterns=("main",)),
    evidence=(JOURNAL,),
)
BY_VARIABLE = "${{ vars.EVALGATE_ATTEST == 'true' }}"
STEP = Registering("${{ steps.app.outputs.token }}", "our-app[bot]", BY_VARIABLE)
OWN = Registering(None, None, BY_VARIABLE)
CHECKING = Workflow(".github/workflows/c.yml", "EvalGate check", frozenset({"pull_request", "merge_group"}), ())
DECIDING = Workflow(
    ".github/workflows/d.yml", "EvalGate", frozenset({"workflow_run", "issue_comment"}), ("EvalGate check",), (STEP,)
)
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
    release=Release(),
)


def on(*guards, **more):
    """A repository whose target branch, its default one too, has these guards."""
    branch = Branch("main", "c0ffee", guards)
    return GOOD._replace(target=branch, default=branch, **more)


def rules(**fields):
    return on(CLASSIC, FULL._replace(**fields))


def room(reviewers=False, branches="all", patterns=()):
    return GOOD._replace(environment=Environment(reviewers, branches, patterns))


def registry_room(reviewers=False, branches="all", patterns=()):
    return GOOD._replace(registry_environment=Environment(reviewers, branches, patterns))


def allowed(ground=GOOD):
    """Workflows may open and approve pull requests."""
    return ground._replace(token=WorkflowToken(writes=False, approves=True))


def registering(*steps, **release):
    """The files with these steps in the trusted workflow, and this part of the policy."""
    return without(DECIDING, registers=steps)._replace(release=Release(**release))


def opening(token):
    """The files with a step that opens pull requests with this token."""
    return registering(Registering(token, "our-app[bot]", BY_VARIABLE))


def attesting(*passed):
    """The files of a policy that asks for signed statements; each step passes this as `attest`."""
    return registering(*(STEP._replace(attest=one) for one in passed), attestation="required")


def releasing(*logins, approvals=1):
    return files(release=Release(managers=logins, approvals=approvals))


def managed(*people):
    return GOOD._replace(managers=people)


def person(login, permission="write", bot=False):
    return Person(login=login, bot=bot, permission=permission)


def keyed(place, *paths):
    return files(release=Release(adapter_key=place), paths=FILES.paths | {*paths})


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
    ("registry-environment", "ok", GOOD, FILES),
    ("registry-environment", "ok", registry_room(reviewers=True), FILES),
    ("registry-environment", "ok", on(LOCKED, FULL, registry_environment=PROTECTED), FILES),
    ("registry-environment", "missing", GOOD._replace(registry_environment=None), FILES),
    ("registry-environment", "missing", registry_room(), FILES),
    ("registry-environment", "missing", registry_room(branches="selected", patterns=("main", "release/*")), FILES),
    ("registry-environment", "missing", on(CLASSIC, RULES, registry_environment=PROTECTED), FILES),
    ("registry-environment", "unknown", GOOD._replace(registry_environment=HIDDEN), FILES),
    ("registry-environment", "unknown", registry_room(branches="selected", patterns=HIDDEN), FILES),
    ("registry-environment", "unknown", registry_room(branches="protected"), FILES),
    ("registry-environment", "unknown", on(DARK, RULES, registry_environment=PROTECTED), FILES),
    ("registry-opens", "ok", GOOD, FILES),
    ("registry-opens", "ok", GOOD._replace(token=HIDDEN), FILES),
    ("registry-opens", "ok", allowed(), registering(OWN)),
    ("registry-opens", "ok", allowed(), HIDDEN),
    ("registry-opens", "missing", GOOD, registering()),
    ("registry-opens", "missing", GOOD, registering(OWN)),
    ("registry-opens", "missing", GOOD, registering(STEP, OWN)),
    ("registry-opens", "missing", GOOD, opening("${{ github.token }}")),
    ("registry-opens", "missing", GOOD, opening("${{ secrets.GITHUB_TOKEN }}")),
    ("registry-opens", "missing", GOOD, opening("${{ secrets.APP || github.token }}")),
    ("registry-opens", "missing", GOOD, opening("")),
    ("registry-opens", "unknown", GOOD, registering(STEP._replace(author=None))),
    ("registry-opens", "unknown", GOOD, registering(STEP._replace(author="ann"))),
    ("registry-opens", "unknown", GOOD, registering(STEP._replace(author="github-actions[bot]"))),
    ("registry-opens", "unknown", GOOD._replace(token=HIDDEN), registering(OWN)),
    ("registry-opens", "unknown", GOOD, HIDDEN),
    ("release-managers", "ok", GOOD, FILES),
    ("release-managers", "ok", managed(person("ann"), person("bo", "admin")), releasing("ann", "bo", approvals=2)),
    ("release-managers", "missing", GOOD, files(release=None)),
    ("release-managers", "missing", managed(person("ann")), releasing("ann", approvals=2)),
    ("release-managers", "missing", managed(person("ann")), releasing("ann", "Ann", approvals=2)),
    ("release-managers", "missing", managed(HIDDEN), releasing("ann", approvals=2)),
    ("release-managers", "missing", managed(person("ann"), person("bo", "read")), releasing("ann", "bo")),
    ("release-managers", "missing", managed(person("ann"), person("nobody", "none")), releasing("ann", "nobody")),
    ("release-managers", "missing", managed(HIDDEN, person("ci[bot]", bot=True)), releasing("ann", "ci[bot]")),
    ("release-managers", "unknown", managed(person("ann"), HIDDEN), releasing("ann", "bo")),
    ("release-managers", "unknown", GOOD, HIDDEN),
    ("attestation", "ok", GOOD, FILES),
    ("attestation", "ok", GOOD, attesting("true")),
    ("attestation", "ok", GOOD._replace(signs="true"), attesting(BY_VARIABLE)),
    ("attestation", "ok", GOOD._replace(signs="True"), attesting("${{vars.evalgate_attest=='true'}}", "true")),
    ("attestation", "missing", GOOD, files(release=None)),
    ("attestation", "missing", GOOD, attesting()),
    ("attestation", "missing", GOOD, attesting(None)),
    ("attestation", "missing", GOOD, attesting("false")),
    ("attestation", "missing", GOOD, attesting("true", None)),
    ("attestation", "missing", GOOD, attesting(BY_VARIABLE)),
    ("attestation", "missing", GOOD._replace(signs="yes"), attesting(BY_VARIABLE)),
    ("attestation", "missing", GOOD._replace(private=True), attesting("true")),
    ("attestation", "unknown", GOOD._replace(signs=HIDDEN), attesting(BY_VARIABLE)),
    ("attestation", "unknown", GOOD._replace(signs="true"), attesting("${{ inputs.sign }}")),
    ("attestation", "unknown", GOOD, HIDDEN),
    ("adapter-key", "ok", GOOD, FILES),
    ("adapter-key", "ok", GOOD, keyed("./keys/a.pub", "keys/a.pub")),
    ("adapter-key", "ok", GOOD, keyed("a.pub", "ml/a.pub")._replace(policy="ml/evalgate.yaml")),
    ("adapter-key", "missing", GOOD, files(release=None)),
    ("adapter-key", "missing", GOOD, keyed("keys/a.pub")),
    ("adapter-key", "missing", GOOD, keyed("keys", "keys/a.pub")),
    ("adapter-key", "missing", GOOD, keyed("a.pub", "a.pub")._replace(policy="ml/evalgate.yaml")),
    ("adapter-key", "missing", GOOD, keyed("/keys/a.pub", "keys/a.pub")),
    ("adapter-key", "unknown", GOOD, HIDDEN),
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
    shut = dict.fromkeys(("environment", "registry_environment", "token", "posted", "owner_errors"), HIDDEN)
    hidden = on(DARK, RULES._replace(unseen=HIDDEN), **shut)
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


def test_registry_environment__is_closed_by_its_own_name():
    found = point("registry-environment", registry_room(), FILES)
    assert found.means == (
        "whoever may push a branch can run a job in the environment evalgate-registry, and take the token of a GitHub App"
        " where it holds one"
    )
    assert "Settings > Environments > evalgate-registry: selected branches, main alone" in found.todo
    assert "environments/evalgate-registry/deployment-branch-policies -f name=main" in found.todo
    assert "environments/evalgate " not in found.todo


def test_registry_opens__says_that_an_apps_token_would_do_and_what_the_setting_costs():
    found = point("registry-opens", GOOD, registering(OWN))
    assert found.means == (
        "workflows may not open pull requests, so no registry entry is ever proposed, unless `register` uses the token of a"
        " GitHub App, which no workflow on main shows"
    )
    assert found.todo == (
        "make the token of a GitHub App in the job `register`, and give it as `github-token` and the app's login as `author`;"
        " or Settings > Actions > General: tick `Allow GitHub Actions to create and approve pull requests`, or `gh api -X PUT"
        " repos/octo/evalgate/actions/permissions/workflow -F can_approve_pull_request_reviews=true`: then workflows may"
        " approve too, which `workflow-approvals` reports"
    )


def test_registry_opens__says_whose_token_it_is_only_as_the_workflow_does():
    assert "as the workflow says; whose token it is given is not seen here" in point("registry-opens", GOOD, FILES).means


def test_release_managers__that_are_not_named_are_a_note():
    assert point("release-managers", GOOD, FILES).means == (
        "no release managers are named: anybody with write access who wrote none of the commits may release, one approval"
    )


def test_release_managers__are_each_named_with_what_is_wrong():
    people = managed(person("ann"), person("bo", "read"), person("ci[bot]", bot=True))
    found = point("release-managers", people, releasing("ann", "bo", "ci[bot]"))
    assert found.means == "approvals of some release managers never count: bo has no write access, ci[bot] is a bot"
    assert "`release.managers` in evalgate.yaml on main" in found.todo


def test_release_managers__are_said_to_be_fewer_than_the_approvals_asked_for():
    found = point("release-managers", managed(person("ann")), releasing("ann", approvals=2))
    assert found.means == "evalgate.yaml asks for 2 approvals, and names one release manager: nothing can ever be released"


def test_attestation__names_the_variable_that_lets_verdicts_be_signed():
    found = point("attestation", GOOD, attesting(BY_VARIABLE))
    assert found.todo.startswith("`gh variable set EVALGATE_ATTEST --body true --repo octo/evalgate`")
    assert "${{ vars.EVALGATE_ATTEST == 'true' }}" in point("attestation", GOOD, attesting(None)).todo


def test_adapter_key__is_never_asked_for_outside_of_the_repository():
    assert "merge the public key into main as keys/a.pub" in point("adapter-key", GOOD, keyed("keys/a.pub")).todo
    for place in ("/keys/a.pub", "../a.pub"):
        assert point("adapter-key", GOOD, keyed(place)).todo.startswith("name a file of the repository there")


def test_check__has_the_name_that_the_controller_gives_it():
    assert known.CHECK == CHECK
