"""Endpoints on a repository's settings, and on who may do what."""

from typing import Any

from .answers import Answer, Call, Refused, forbidden, not_found, paged
from .heads import tip
from .shapes import api_of, html_of, node_id, person_shape, public_user_shape, repository_shape, user_shape
from .shapes_git import commit_shape, whole_commit_shape

BASE_ROLES = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read", "none": "none"}
RATE = {"limit": 5000, "remaining": 4999, "reset": 1_900_000_000, "used": 1}


def get_repository(call: Call) -> Answer:
    return Answer(200, repository_shape(call.world, call.repo))


def get_branch(call: Call) -> Answer:
    name, sha = _branch(call)
    url = f"{api_of(call.world, call.repo)}/branches/{name}"
    protected = name in call.repo.protections
    required = (call.repo.protections.get(name, {}).get("required_status_checks") or {}).get("contexts", [])
    level = "non_admins" if required else "off"
    shown = {
        "name": name,
        "commit": whole_commit_shape(call.world, call.repo, sha),
        "_links": {"self": url, "html": f"{html_of(call.world, call.repo)}/tree/{name}"},
        "protected": protected,
        "protection": {
            "enabled": protected,
            "required_status_checks": {"enforcement_level": level, "contexts": required, "checks": []},
        },
        "protection_url": f"{url}/protection",
    }
    return Answer(200, shown)


def _branch(call: Call) -> tuple[str, str]:
    name = call.args["branch"]
    sha = tip(call.repo, name)
    if sha is None:
        raise Refused(404, "Branch not found")
    return name, sha


def get_branches(call: Call) -> Answer:
    from .git import refs

    found = [(ref.removeprefix(call.repo.prefix), sha) for ref, sha in refs(call.repo.folder, call.repo.prefix)]
    wanted = call.query.get("protected")
    kept = [(name, sha) for name, sha in found if wanted is None or (name in call.repo.protections) == (wanted == "true")]
    return paged(call, kept, lambda pair: _short_branch(call, *pair))


def _short_branch(call: Call, name: str, sha: str) -> dict[str, Any]:
    url = commit_shape(call.world, call.repo, sha)["url"]
    return {"name": name, "commit": {"sha": sha, "url": url}, "protected": name in call.repo.protections}


def get_protection(call: Call) -> Answer:
    name, _ = _branch(call)
    if name not in call.repo.protections:
        raise Refused(404, "Branch not protected")
    return Answer(200, {"url": f"{api_of(call.world, call.repo)}/branches/{name}/protection", **call.repo.protections[name]})


def get_branch_rules(call: Call) -> Answer:
    return paged(call, call.repo.rules.get(call.args["branch"], []), dict)


def get_rulesets(call: Call) -> Answer:
    common = {"source_type": "Repository", "source": call.repo.full_name, "enforcement": "active", "target": "branch"}
    return paged(call, call.repo.rulesets, lambda ruleset: {"id": 1, "name": "ruleset", **common, **ruleset})


def get_ruleset(call: Call) -> Answer:
    common = {"source_type": "Repository", "source": call.repo.full_name, "enforcement": "active", "target": "branch"}
    for ruleset in call.repo.rulesets:
        if str(ruleset.get("id", 1)) == call.args["ruleset"]:
            return Answer(200, {"id": 1, "name": "ruleset", **common, **ruleset})
    raise not_found()


def get_environments(call: Call) -> Answer:
    return paged(call, sorted(call.repo.environments), lambda name: _environment(call, name), key="environments")


def get_environment(call: Call) -> Answer:
    if call.args["environment"] not in call.repo.environments:
        raise not_found()
    return Answer(200, _environment(call, call.args["environment"]))


def _environment(call: Call, name: str) -> dict[str, Any]:
    number = 10_000 + sum(name.encode())
    shown = {
        "id": number,
        "node_id": node_id("Environment", number),
        "name": name,
        "url": f"{api_of(call.world, call.repo)}/environments/{name}",
        "html_url": f"{html_of(call.world, call.repo)}/deployments/activity_log?environments_filter={name}",
        "created_at": call.repo.created,
        "updated_at": call.repo.created,
        "protection_rules": [],
        "deployment_branch_policy": None,
    }
    return {**shown, **call.repo.environments[name]}


def get_workflow_permissions(call: Call) -> Answer:
    return Answer(200, call.repo.workflow_permissions)


def get_permission(call: Call) -> Answer:
    """What a person may do here: anybody may read a public repository, nobody unknown exists."""
    login, repo = call.args["login"], call.repo
    if login not in call.world.people:
        raise not_found()
    default = "admin" if login == repo.owner else "none" if repo.private else "read"
    role = repo.permissions.get(login, default)
    base = BASE_ROLES.get(role, "read")
    may = {"admin": base == "admin", "maintain": role in {"admin", "maintain"}, "push": base in {"admin", "write"}}
    may |= {"triage": may["push"] or role == "triage", "pull": base != "none"}
    user = {**user_shape(call.world, login), "permissions": may, "role_name": role}
    return Answer(200, {"permission": base, "role_name": role, "user": user})


def get_membership(call: Call) -> Answer:
    team = call.world.teams.get((call.args["org"], call.args["team"]), {})
    if call.args["login"] not in team:
        raise not_found()
    url = f"{call.world.public_url}/orgs/{call.args['org']}/teams/{call.args['team']}/memberships/{call.args['login']}"
    return Answer(200, {"url": url, "role": "member", "state": team[call.args["login"]]})


def get_user(call: Call) -> Answer:
    person = call.world.people.get(call.args["login"])
    if person is None:
        raise not_found()
    return Answer(200, public_user_shape(call.world, person))


def get_own_user(call: Call) -> Answer:
    """Who the token stands for; an installation's token stands for nobody."""
    if call.token.app is not None:
        raise forbidden()
    person = call.world.person(call.token.login)
    return Answer(200, {**public_user_shape(call.world, person), **person_shape(call.world, person)})


def get_rate_limit(call: Call) -> Answer:
    return Answer(200, {"resources": {"core": RATE, "search": RATE, "graphql": RATE}, "rate": RATE})
