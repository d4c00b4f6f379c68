"""What the registry's half of the workflows stands on: who may open its pull requests, who releases, what must be signed."""

import posixpath
import re
from typing import TypeGuard

from evalgate.records.policy import Release
from evalgate.records.pull_request import Person
from evalgate.review.ground import SIGNS, Files, Ground, Held, Registering, Unseen
from evalgate.review.point import Point, api, listed, unseen, word

OWN_TOKEN = re.compile(r"github\.token|github_token|github\[.token.\]", re.IGNORECASE)
"""The workflow's own token in an expression."""
OWN_LOGIN = "github-actions[bot]"
BY_VARIABLE = re.compile(rf"\$\{{\{{ *vars\.{SIGNS} *== *'true' *\}}\}}", re.IGNORECASE)
"""What `evalgate init` writes: the variable decides."""
SWITCH = "Settings > Actions > General: tick `Allow GitHub Actions to create and approve pull requests`"


def registry_opens(ground: Ground, files: Held) -> Point:
    """Whether the job `register` may open pull requests: with the workflow's own token, or with that of a GitHub App."""
    name, allowed = "registry-opens", not isinstance(ground.token, Unseen) and ground.token.approves
    if allowed:
        means = "workflows may open the registry's pull requests; somebody with write access must then let their checks run"
        return Point(name, "ok", means)
    if isinstance(files, Unseen):
        return unseen(name, [files], "whether the job `register` opens pull requests with the token of a GitHub App")
    given = _steps(files)
    if given and all(_of_app(step) for step in given):
        by = listed(dict.fromkeys(step.author or "" for step in given))
        means = f"`register` opens pull requests as {by}, as the workflow says; whose token it is given is not seen here"
        return Point(name, "ok", means)
    if given and all(_another(step) for step in given):
        means = "`register` is given a token that is not the workflow's own, and nothing says that it is a GitHub App's"
        todo = f"name the app's login as `author` beside `github-token` in {ground.default.name}, such as `NAME[bot]`"
        return Point(name, "unknown", means, f"{todo}; its comments are looked for under that login")
    if isinstance(ground.token, Unseen):
        return unseen(name, [ground.token], "whether workflows may open the registry's pull requests")
    means = (
        "workflows may not open pull requests, so no registry entry is ever proposed, unless `register` uses the token of a"
        f" GitHub App, which no workflow on {ground.default.name} shows"
    )
    return Point(name, "missing", means, _to_open(ground))


def release_managers(ground: Ground, files: Held) -> Point:
    """Whether those who may release are people who can, and are enough."""
    name = "release-managers"
    if isinstance(files, Unseen):
        return unseen(name, [files], "whom the policy names as release managers")
    if files.release is None:
        return _no_policy(name, ground, files, "who may release")
    if not files.release.managers:
        means = "no release managers are named: anybody with write access who wrote none of the commits may release"
        return Point(name, "ok", f"{means}, {_approvals(files.release)}")
    return _managed(name, ground, files, files.release)


def _managed(name: str, ground: Ground, files: Files, release: Release) -> Point:
    """Release managers are named."""
    people, told = ground.managers, _approvals(release)
    place = f"`release.managers` in {files.policy} on {ground.default.name}"
    if release.approvals > len(people):
        means = f"{files.policy} asks for {told}, and names {_counted(len(people))}: nothing can ever be released"
        return Point(name, "missing", means, f"name more in {place}, or ask for fewer `approvals` there")
    wrong = [f"{one.login} {'is a bot' if one.bot else 'has no write access'}" for one in people if _never_counts(one)]
    if wrong:
        give = f"`gh api -X PUT {api(ground)}/collaborators/LOGIN -f permission=push` gives write access"
        means = f"approvals of some release managers never count: {listed(wrong)}"
        return Point(name, "missing", means, f"name people by their logins, without @, in {place}; {give}")
    hidden = [one for one in people if isinstance(one, Unseen)]
    if hidden:
        return unseen(name, hidden, "whether every release manager is a person with write access")
    logins = listed(one.login for one in people if isinstance(one, Person))
    return Point(name, "ok", f"{logins} may release, {told}; each of them has write access")


def attestation(ground: Ground, files: Held) -> Point:
    """Whether verdicts are signed where the policy lets none into the registry that is not."""
    name = "attestation"
    if isinstance(files, Unseen):
        return unseen(name, [files], "whether the policy asks for signed statements")
    if files.release is None:
        return _no_policy(name, ground, files, "whether verdicts must be signed")
    if files.release.attestation != "required":
        return Point(name, "ok", f"{files.policy} asks for no signed statement of a verdict")
    if ground.private:
        means = "verdicts must be signed, and what is signed for a private repository is refused: no entry can be merged"
        todo = f"write `release.attestation: optional` in {files.policy} on {ground.default.name}"
        return Point(name, "missing", means, f"{todo}; adapters can still be signed with a key of yours")
    return _signed(name, ground, [(step.attest or "false").casefold() for step in _steps(files)])


def _signed(name: str, ground: Ground, passed: list[str]) -> Point:
    """Verdicts must be signed; `passed` is what each step is told of it."""
    trunk = ground.default.name
    if not passed or "false" in passed:
        means = f"verdicts must be signed, and `register` on {trunk} passes no `attest`: no entry can be merged"
        give = f"give `register` the input `attest: ${{{{ vars.{SIGNS} == 'true' }}}}`, as `evalgate init --workflows` does"
        return Point(name, "missing", means, f"{give}; {_to_sign(ground)}")
    if any(one != "true" and not BY_VARIABLE.fullmatch(one) for one in passed):
        means = "verdicts must be signed, and an expression that is not looked into decides whether `register` signs them"
        return Point(name, "unknown", means, f"see that it comes to true, or write `attest: true` for `register` on {trunk}")
    if set(passed) == {"true"}:
        return Point(name, "ok", "verdicts must be signed, and `register` signs them")
    if isinstance(ground.signs, Unseen):
        return unseen(name, [ground.signs], f"whether the variable {SIGNS} lets `register` sign verdicts, which must be signed")
    if (ground.signs or "").casefold() == "true":
        return Point(name, "ok", f"verdicts must be signed, and the variable {SIGNS} lets `register` sign them")
    means = f"verdicts must be signed, and the repository's variable {SIGNS} is not true: no entry can be merged"
    return Point(name, "missing", means, _to_sign(ground))


def adapter_key(ground: Ground, files: Held) -> Point:
    """Whether the key that adapters must be signed with is there."""
    name, branch = "adapter-key", ground.target.name
    if isinstance(files, Unseen):
        return unseen(name, [files], "whether the policy names a key that adapters are signed with")
    if files.release is None:
        return _no_policy(name, ground, files, "whether adapters must be signed")
    named = files.release.adapter_key
    if named is None:
        return Point(name, "ok", f"{files.policy} names no key, so no adapter has to be signed")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(files.policy), named))
    if place in files.paths:
        return Point(name, "ok", f"adapters must be signed with the key in {place}, which is there")
    means = f"adapters must be signed with the key in {named}, and {branch} has no such file: no entry can be merged"
    todo = f"merge the public key into {branch} as {place}" if _inside(place) else "name a file of the repository there"
    drop = f"take `release.adapter_key` out of {files.policy} on {ground.default.name}"
    return Point(name, "missing", means, f"{todo}, or {drop}")


def _no_policy(name: str, ground: Ground, files: Files, what: str) -> Point:
    trunk = ground.default.name
    means = f"{trunk} has no {files.policy} that can be read, which alone says {what}"
    return Point(name, "missing", means, f"merge one into {trunk}, or mend it; `evalgate init --feature NAME` writes one")


def _steps(files: Files) -> list[Registering]:
    """Steps of the default branch's workflows that open pull requests on the registry."""
    return [step for workflow in files.workflows for step in workflow.registers]


def _another(step: Registering) -> bool:
    """True for a step with a token that is not the workflow's own."""
    return bool(step.token) and not OWN_TOKEN.search(step.token or "")


def _of_app(step: Registering) -> bool:
    """True for a step with such a token, whose comments appear under an app's login."""
    author = (step.author or "").casefold()
    return _another(step) and author.endswith("[bot]") and author != OWN_LOGIN


def _never_counts(one: Person | Unseen) -> TypeGuard[Person]:
    """True for a bot, and for a person who may not write."""
    return isinstance(one, Person) and not one.may_write


def _approvals(release: Release) -> str:
    return "one approval" if release.approvals == 1 else f"{release.approvals} approvals"


def _counted(managers: int) -> str:
    return "one release manager" if managers == 1 else f"{managers} release managers"


def _inside(place: str) -> bool:
    return not posixpath.isabs(place) and place.split("/", maxsplit=1)[0] != ".."


def _to_open(ground: Ground) -> str:
    """How to let `register` open pull requests: an app's token, or a setting that lets workflows approve too."""
    give = "make the token of a GitHub App in the job `register`, and give it as `github-token` and the app's login as `author`"
    call = f"`gh api -X PUT {api(ground)}/actions/permissions/workflow -F can_approve_pull_request_reviews=true`"
    return f"{give}; or {SWITCH}, or {call}: then workflows may approve too, which `workflow-approvals` reports"


def _to_sign(ground: Ground) -> str:
    """How to let `register` sign verdicts."""
    return f"`gh variable set {SIGNS} --body true --repo {word(ground.repository)}`, or Settings > Actions > Variables"
