"""One thing that a gate stands on, and the words for how to set it: where to click, or what to call."""

import shlex
from collections.abc import Iterable
from typing import Literal, NamedTuple

from evalgate.review.ground import ADMINISTRATION, CHECK, ENVIRONMENT, Ground, Guard, Unseen

State = Literal["ok", "missing", "unknown"]
MOST = 5
"""Names that one point spells out."""


class Point(NamedTuple):
    """One thing that a gate stands on."""

    name: str
    state: State
    """unknown: nobody was shown whether it is there, which is never ok."""
    means: str
    """What was found and what it means, in one sentence."""
    todo: str = ""
    """How to set it, or how to see it; empty where it is ok."""


def lacking(name: str, guards: Iterable[Guard], means: str, todo: str) -> Point:
    """What no guard asks for is missing; where one was not shown it is unknown."""
    refused = [guard.unseen for guard in guards if guard.unseen is not None]
    if refused:
        return Point(name, "unknown", f"as far as this token sees, {means}", to_see(refused))
    return Point(name, "missing", means, todo)


def unseen(name: str, refused: Iterable[Unseen], what: str) -> Point:
    """A point of which nothing is known; `what` begins with "whether", "which" or "where"."""
    return Point(name, "unknown", f"this token does not see {what}", to_see(refused))


def to_see(refused: Iterable[Unseen]) -> str:
    """Which permissions would show it, and what GitHub said."""
    known = list(refused)
    needs = list(dict.fromkeys(one.needs for one in known if one.needs))
    whose = ", a person's or an app's: a workflow's own cannot have it" if ADMINISTRATION in needs else ""
    give = f"give the token {' and '.join(f'`{one}`' for one in needs)}{whose}" if needs else "ask again later"
    return f"{give}; {known[0].why}"


def listed(names: Iterable[str]) -> str:
    """The names, the first few spelt out."""
    known = list(names)
    return ", ".join(known[:MOST]) + (f" and {len(known) - MOST} more" if len(known) > MOST else "")


def where(ground: Ground) -> str:
    """The pages on which a branch is protected."""
    return f"{rulesets(ground)} (or Settings > Branches) for {ground.target.name}"


def rulesets(ground: Ground) -> str:
    """The page of the rulesets."""
    return f"Settings > Rules > Rulesets of {ground.repository}"


def to_require(ground: Ground) -> str:
    """How to require our check run."""
    return f"`Require status checks to pass` in {where(ground)}: add {CHECK}, with the app that posts it as its source"


def to_close(ground: Ground, environment: str = ENVIRONMENT) -> str:
    """How to make an environment, for the default branch alone."""
    put = f"gh api -X PUT {api(ground)}/environments/{environment}"
    limit = "-F 'deployment_branch_policy[protected_branches]=false' -F 'deployment_branch_policy[custom_branch_policies]=true'"
    add = f"gh api {api(ground)}/environments/{environment}/deployment-branch-policies -f name={word(ground.default.name)}"
    plan = "; on private repositories required reviewers need GitHub Enterprise" if ground.private else ", or require reviewers"
    page = f"Settings > Environments > {environment}: selected branches, {ground.default.name} alone{plan}"
    return f"{page}; or `{put} {limit} && {add}`"


def to_write(ground: Ground) -> str:
    """How to write the workflows."""
    return f"`evalgate init --workflows --uses OWNER/REPOSITORY@COMMIT`, then merge both files into {ground.default.name}"


def api(ground: Ground) -> str:
    """The repository's address in the API, as a word of a shell line."""
    return word(f"repos/{ground.repository}")


def word(text: str) -> str:
    """The text as one word of a shell line."""
    return shlex.quote(text)
