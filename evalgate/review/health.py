"""What a repository still lacks before its gate can be relied on: one point for each thing, with how to set it."""

from collections.abc import Callable

from evalgate.review.codeowners import owners_of
from evalgate.review.environments import environment, registry_environment
from evalgate.review.ground import (
    ACTIONS,
    CHECK,
    CHECK_WORKFLOW,
    App,
    Branch,
    Files,
    Ground,
    Held,
    Required,
    Unseen,
    Workflow,
)
from evalgate.review.point import Point, api, lacking, listed, rulesets, to_require, to_write, unseen, where, word
from evalgate.review.releasing import adapter_key, attestation, registry_opens, release_managers

CAN_MAKE = {"creation"}
"""Rules that stop nothing once the branch is there."""


def points(ground: Ground, files: Held) -> tuple[Point, ...]:
    """Every point of a repository, in the order in which a person would set them."""
    seen = [point(ground) for point in OF_SETTINGS] + [point(ground, files) for point in OF_FILES]
    return tuple(seen)


def required_check(ground: Ground) -> Point:
    """Whether the target branch waits for our check run."""
    branch, required = ground.target, _required(ground.target)
    if not required:
        means = f"no pull request into {branch.name} has to wait for {CHECK}"
        return lacking("required-check", branch.guards, means, to_require(ground))
    strict = any(one.strict for one in required) or any(guard.queue for guard in branch.guards)
    fresh = "up to date or queued" if strict else "without being brought up to date: a verdict may be older than the branch"
    return Point("required-check", "ok", f"nothing merges into {branch.name} before {CHECK} is green, {fresh}")


def pinned_app(ground: Ground) -> Point:
    """Whether only the app that really posts our check runs can post the one that is required."""
    name, branch = "pinned-app", ground.target
    pins = {one.app for one in _required(branch) if one.app is not None}
    todo = (
        f"choose the app as the source of {CHECK} in {where(ground)}, or `gh api -X PATCH {api(ground)}/branches/"
        f"{word(branch.name)}/protection/required_status_checks -f 'checks[][context]={CHECK}' -F 'checks[][app_id]={ACTIONS}'`"
    )
    if not pins:
        return lacking(name, branch.guards, f"any app, token or workflow may post a green {CHECK}", todo)
    shown = ", ".join(map(str, sorted(pins)))
    if isinstance(ground.posted, Unseen):
        return unseen(name, [ground.posted], f"whether app {shown}, from which {CHECK} must come, is the one that posts it")
    ours = {app.id for app in ground.posted} or {ACTIONS}
    if pins & ours:
        return Point(name, "ok", f"{CHECK} must come from app {shown}, as {_posted(ground.posted)}{_weakness(pins)}")
    if not ground.posted:
        means = f"{CHECK} must come from app {shown}, and no check run of ours is seen yet that says who posts it"
        return Point(name, "unknown", means, "run it on one pull request, then ask again")
    means = f"{CHECK} must come from app {shown}, but {_posted(ground.posted)}: nothing can merge, or something else is believed"
    return Point(name, "missing", means, todo)


def pull_request_required(ground: Ground) -> Point:
    """Whether policy, golden sets and registry can be changed past a pull request."""
    name, branch = "pull-requests-only", ground.target
    found = [guard for guard in branch.guards if guard.pull_request]
    if not found:
        means = f"whoever may push can change policy, golden sets and registry on {branch.name} directly"
        return lacking(name, branch.guards, means, f"tick `Require a pull request before merging` in {where(ground)}")
    spared = ", administrators may push past it" if all(guard.spares_admins for guard in found) else ""
    return Point(name, "ok", f"{branch.name} changes by pull requests only{spared}")


def code_owner_review(ground: Ground) -> Point:
    """Whether the owners of a file must approve its change."""
    name, guards = "code-owner-review", ground.target.guards
    if not any(guard.code_owners for guard in guards):
        means = "policy, golden sets and workflows can be changed without the people who own them"
        return lacking(name, guards, means, f"tick `Require review from Code Owners` in {where(ground)}")
    stale = any(guard.dismisses_stale for guard in guards)
    told = "a push takes approvals back" if stale else "stale approvals stay, which EvalGate does not need: it counts by commit"
    return Point(name, "ok", f"code owners must approve what they own; {told}")


def workflow_token(ground: Ground) -> Point:
    """Whether a workflow that asks for nothing gets a token that can write."""
    if isinstance(ground.token, Unseen):
        return unseen("workflow-token", [ground.token], "whether workflows that ask for nothing get a token that can write")
    if not ground.token.writes:
        return Point("workflow-token", "ok", "workflows that ask for nothing get a token that can only read")
    todo = (
        "Settings > Actions > General > Workflow permissions: read; or "
        f"`gh api -X PUT {api(ground)}/actions/permissions/workflow -f default_workflow_permissions=read`"
    )
    return Point("workflow-token", "missing", "every workflow that asks for nothing gets a token that can write", todo)


def workflow_approvals(ground: Ground) -> Point:
    """Whether a workflow may approve a pull request."""
    name = "workflow-approvals"
    if isinstance(ground.token, Unseen):
        return unseen(name, [ground.token], "whether a workflow may approve pull requests")
    if not ground.token.approves:
        means = "workflows open and approve no pull requests, so registry changes want an app's token, or a person who opens them"
        return Point(name, "ok", means)
    todo = (
        "Settings > Actions > General: untick `Allow GitHub Actions to create and approve pull requests`; or "
        f"`gh api -X PUT {api(ground)}/actions/permissions/workflow -F can_approve_pull_request_reviews=false`;"
        " for registry changes give an app's token: what the workflows' own token opens waits for a click anyway"
    )
    return Point(name, "missing", "a workflow may approve pull requests, and its approval is no person's", todo)


def policy(ground: Ground, files: Held) -> Point:
    """Whether the target branch has a policy that can be read."""
    if isinstance(files, Unseen):
        return unseen("policy", [files], "whether there is a policy that can be read")
    return _parsed("policy", files.policy, files.policy_problems, ground, "EvalGate judges nothing")


def registry(ground: Ground, files: Held) -> Point:
    """Whether the target branch has a registry that can be read."""
    if isinstance(files, Unseen):
        return unseen("registry", [files], "whether there is a registry that can be read")
    return _parsed("registry", files.registry, files.registry_problems, ground, "nothing says what is served")


def code_owners(ground: Ground, files: Held) -> Point:
    """Whether somebody owns every file that decides."""
    name = "code-owners"
    if isinstance(files, Unseen):
        return unseen(name, [files], "whether somebody owns policy, suites and workflows")
    todo = f"write lines for them into .github/CODEOWNERS on {ground.target.name}, such as `/{files.policy} @OWNER`"
    if files.codeowners is None:
        return Point(name, "missing", "there is no CODEOWNERS: nobody owns policy, suites and workflows", todo)
    free = [place for place in files.guarded if not _owned(place, files)]
    if free:
        return Point(name, "missing", f"nobody owns {listed(free)}", todo)
    if isinstance(ground.owner_errors, Unseen):
        return unseen(name, [ground.owner_errors], "whether GitHub takes the owners that every file has")
    if ground.owner_errors:
        means = f"GitHub passes over what it cannot use in CODEOWNERS: {listed(ground.owner_errors)}"
        return Point(name, "missing", means, "mend these lines; an owner needs write access to the repository")
    return Point(name, "ok", "policy, suites, prompts, registry, workflows and CODEOWNERS itself have owners")


def check_workflow(ground: Ground, files: Held) -> Point:
    """Whether the workflow of zone 0 is there under its name."""
    name = "check-workflow"
    if isinstance(files, Unseen):
        return unseen(name, [files], f"whether a workflow is named {CHECK_WORKFLOW}")
    sides = {ground.default.name: files.workflows, ground.target.name: files.target_workflows}
    without = [branch for branch, found in sides.items() if not any(_checks(one) for one in found)]
    if without:
        means = f"no workflow named {CHECK_WORKFLOW} listens to pull requests on {listed(without)}: nothing is ever checked"
        return Point(name, "missing", means, to_write(ground))
    return Point(name, "ok", f"{CHECK_WORKFLOW} listens to pull requests")


def trusted_workflow(ground: Ground, files: Held) -> Point:
    """Whether the trusted workflow waits for the check, on the branch that such workflows run from."""
    name = "trusted-workflow"
    if isinstance(files, Unseen):
        return unseen(name, [files], f"whether a workflow waits for {CHECK_WORKFLOW}")
    waiting = [one for one in files.workflows if CHECK_WORKFLOW in one.follows]
    if not waiting:
        means = f"no workflow on {ground.default.name} starts when {CHECK_WORKFLOW} ends: nothing is ever decided"
        return Point(name, "missing", means, to_write(ground))
    if not any("issue_comment" in one.events for one in waiting):
        means = f"{waiting[0].path} does not listen to issue_comment: nobody can give a command"
        return Point(name, "missing", means, to_write(ground))
    return Point(name, "ok", f"{waiting[0].path} starts when {CHECK_WORKFLOW} ends, and on commands")


def evidence(ground: Ground, files: Held) -> Point:
    """Whether the bot can write the journal."""
    name = "evidence-branch"
    if isinstance(files, Unseen):
        return unseen(name, [files], "where the evidence lies")
    if not ground.evidence:
        return Point(name, "ok", f"evidence lies at {listed(files.evidence)}, which GitHub does not guard")
    found = [_writable(ground, branch) for branch in ground.evidence]
    return min(found, key=lambda point: ("missing", "unknown", "ok").index(point.state))


def _writable(ground: Ground, branch: Branch) -> Point:
    name, there = "evidence-branch", isinstance(branch.commit, str)
    blocked = {guard.kind: [rule for rule in guard.blocks if rule not in CAN_MAKE or not there] for guard in branch.guards}
    hidden = [guard.unseen for guard in branch.guards if guard.unseen is not None]
    if blocked["branch protection"]:
        means = f"branch protection of {branch.name} stops the bot: {listed(blocked['branch protection'])}"
        todo = f"Settings > Branches: let no rule for pull requests, checks or pushes cover {branch.name}"
        return Point(name, "missing", means, f"{todo}; forbidding force pushes and deletion is good")
    if blocked["rulesets"]:
        means = f"a ruleset on {branch.name} stops everybody who is not on its bypass list: {listed(blocked['rulesets'])}"
        todo = f"exclude {branch.name} in {rulesets(ground)}, or see that the app which writes it is on the bypass list"
        return Point(name, "unknown", means, f"{todo}; GitHub Actions itself cannot be put there")
    if isinstance(branch.commit, Unseen) or hidden:
        refused = [branch.commit] if isinstance(branch.commit, Unseen) else []
        return unseen(name, [*refused, *hidden], f"whether the bot may write to {branch.name}")
    told = "is there" if there else "is made with the first step"
    return Point(name, "ok", f"{branch.name} {told}, and nothing stops the bot from writing to it")


def merge_queue(ground: Ground, files: Held) -> Point:
    """Whether a queue's own commits get a check."""
    name, guards = "merge-queue", ground.target.guards
    if isinstance(files, Unseen):
        return unseen(name, [files], f"whether {CHECK_WORKFLOW} listens to merge queues")
    if any(_checks(one) and "merge_group" in one.events for one in files.target_workflows):
        used = "in use" if any(guard.queue for guard in guards) else "not in use as far as rulesets say"
        return Point(name, "ok", f"{CHECK_WORKFLOW} listens to merge_group; a queue is {used}")
    todo = f"add `merge_group:` to `on:` of the workflow {CHECK_WORKFLOW}, or run `evalgate init --workflows` again"
    if any(guard.queue for guard in guards):
        return Point(name, "missing", f"a merge queue waits for {CHECK}, and {CHECK_WORKFLOW} does not hear of it", todo)
    refused = [guard.unseen for guard in guards if guard.unseen is not None]
    if refused:
        return unseen(name, refused, f"whether a merge queue is in use, to which {CHECK_WORKFLOW} would not listen")
    if guards[0].there:
        means = f"{CHECK_WORKFLOW} does not listen to merge_group, and branch protection does not tell of a queue"
        return Point(name, "unknown", means, todo)
    return Point(name, "ok", "no merge queue is in use")


OF_SETTINGS: tuple[Callable[[Ground], Point], ...] = (
    required_check,
    pinned_app,
    pull_request_required,
    code_owner_review,
    environment,
    workflow_token,
    workflow_approvals,
    registry_environment,
)
OF_FILES: tuple[Callable[[Ground, Held], Point], ...] = (
    policy,
    registry,
    code_owners,
    check_workflow,
    trusted_workflow,
    evidence,
    merge_queue,
    registry_opens,
    release_managers,
    attestation,
    adapter_key,
)


def _required(branch: Branch) -> list[Required]:
    return [one for guard in branch.guards for one in guard.checks if one.name == CHECK]


def _parsed(name: str, path: str, problems: tuple[str, ...] | None, ground: Ground, without: str) -> Point:
    branch = ground.target.name
    if problems is None:
        return Point(
            name,
            "missing",
            f"{branch} has no {path}: {without}",
            f"merge one into {branch}; `evalgate init --feature NAME` writes one to begin with",
        )
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        return Point(name, "missing", f"{path} cannot be read: {without}", f"mend {problems[0]}{more}")
    return Point(name, "ok", f"{path} can be read")


def _owned(place: str, files: Files) -> bool:
    """True when all that lies at a place has owners, and a file that is added there would have some."""
    text, within = files.codeowners or "", [path for path in files.paths if path.startswith(f"{place}/")]
    added = [] if place in files.paths else [f"{place}/added{'.yml' if place.startswith('.') else '.jsonl'}"]
    return all(owners_of(text, path) for path in ([place] if place in files.paths else [*within, *added]))


def _checks(workflow: Workflow) -> bool:
    return workflow.name == CHECK_WORKFLOW and "pull_request" in workflow.events


def _posted(apps: tuple[App, ...]) -> str:
    if not apps:
        return "workflows do"
    return f"our check runs come from {' and '.join(f'{app.slug} ({app.id})' for app in apps)}"


def _weakness(pins: set[int]) -> str:
    if pins != {ACTIONS}:
        return ""
    return "; a job of that name in any workflow comes from it too: let .github/workflows have owners, or post as your own app"
