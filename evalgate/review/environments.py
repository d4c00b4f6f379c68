"""Environments of the workflows: who may run a job in one, and so use what it holds."""

from typing import NamedTuple

from evalgate.review.ground import ENVIRONMENT, REGISTRY_ENVIRONMENT, Branch, Environment, Ground, Unseen
from evalgate.review.point import Point, listed, to_close, unseen


class Zone(NamedTuple):
    """One environment, and the words for what depends on it."""

    point: str
    environment: str
    closed: str
    """What is not known where GitHub does not show it."""
    uses: str
    """What those who are let in may do."""
    opened: str
    """What anybody may do where it is open to any branch."""


SECRETS = Zone(
    point="environment",
    environment=ENVIRONMENT,
    closed=f"whether the environment {ENVIRONMENT} keeps provider secrets from other branches",
    uses="may use its secrets",
    opened=f"can read the secrets of the environment {ENVIRONMENT}",
)
REGISTRY = Zone(
    point="registry-environment",
    environment=REGISTRY_ENVIRONMENT,
    closed=f"whether the environment {REGISTRY_ENVIRONMENT} is closed to jobs of other branches",
    uses=f"may use the environment {REGISTRY_ENVIRONMENT}, which may hold the token of a GitHub App",
    opened=f"can run a job in the environment {REGISTRY_ENVIRONMENT}, and take the token of a GitHub App where it holds one",
)


def environment(ground: Ground) -> Point:
    """Whether the secrets of zone 2 are given to reviewed jobs or trusted branches only."""
    return _guarded(ground, ground.environment, SECRETS)


def registry_environment(ground: Ground) -> Point:
    """Whether only reviewed jobs or trusted branches run as the jobs of zone 3, which write the registry."""
    return _guarded(ground, ground.registry_environment, REGISTRY)


def _guarded(ground: Ground, found: Environment | Unseen | None, zone: Zone) -> Point:
    """An environment that a person or the name of a branch must open."""
    if isinstance(found, Unseen):
        return unseen(zone.point, [found], zone.closed)
    if found is None:
        means = f"there is no environment {zone.environment}: GitHub would make an open one on first use"
        return Point(zone.point, "missing", means, to_close(ground, zone.environment))
    if found.reviewers:
        return Point(zone.point, "ok", f"a person lets every job into the environment {zone.environment}")
    return _limited(ground, found, ground.default, zone)


def _limited(ground: Ground, found: Environment, trunk: Branch, zone: Zone) -> Point:
    """An environment without reviewers: only trusted branches may use it."""
    name, todo = zone.point, to_close(ground, zone.environment)
    protected = trunk.guards[0]
    if isinstance(found.patterns, Unseen):
        return unseen(name, [found.patterns], f"which branches may use the environment {zone.environment}")
    if found.patterns == (trunk.name,) or (found.branches == "protected" and protected.there):
        return Point(name, "ok", f"only {trunk.name if found.patterns else 'protected branches'} {zone.uses}")
    if found.branches == "selected":
        shown = listed(found.patterns) or "no branch"
        means = f"{shown} may use the environment {zone.environment}, where it should be {trunk.name} alone"
        return Point(name, "missing", means, todo)
    if found.branches == "protected" and protected.unseen is not None:
        return unseen(name, [protected.unseen], f"whether {trunk.name} is a protected branch, which alone {zone.uses}")
    if found.branches == "protected" and trunk.guards[1].there:
        means = f"protected branches {zone.uses}, and GitHub does not say whether rulesets make {trunk.name} one"
        return Point(name, "unknown", means, todo)
    return Point(name, "missing", f"whoever may push a branch {zone.opened}", todo)
