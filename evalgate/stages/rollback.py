"""rollback: the last rollout of a feature taken back, by a change of models.yaml that one person can review at a glance."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from evalgate import registry, store, weights
from evalgate.errors import EvalGateError, RegistryError
from evalgate.git_shelf import GitShelf
from evalgate.records.registry import RegistryEntry
from evalgate.registry import Rollback
from evalgate.stages.opened import BrokenChainError, adapter_links, manifest_of

StillThere = Callable[[RegistryEntry], str | None]
"""Why an entry could not be served any more, in words for people; None when nothing is known against it."""


def rollback(
    path: Path, feature: str, variant: str | None = None, *, today: str, still_there: StillThere | None = None
) -> Rollback:
    """What was taken back in the registry file at `path`, which is written whole or not at all.

    `still_there` is asked of the entry that the default moves to; left out, `in_reach` looks at what this machine has.
    Where only flags are turned off the default stays what it was, so a fault of it is told and stops nothing. `today` is
    an ISO date.

    Raises:
        RegistryError: nothing can be taken back, or what would be served is not there any more; nothing was written.
        PolicyError: the file cannot be read.
        NotMeasured: the file cannot be written.
    """
    content = store.read(path)
    known = registry.parse(content, str(path))
    done = registry.rollback(content.decode(), feature, variant, today=today)
    if not done.changed:
        return done
    entries = known.features[feature]
    check = still_there or (lambda entry: in_reach(entry, path.absolute().parent))
    wrong = check(entries.variants[done.serves])
    if wrong is not None and done.serves != entries.default:
        others = ", ".join(name for name in entries.variants if name not in (done.serves, entries.default)) or "none"
        raise RegistryError(
            f"{path}: {feature} is not rolled back to {done.serves}: {wrong}; bring it back and run again, "
            f"or roll another variant out ({others})"
        )
    store.write(path, done.text.encode())
    return done if wrong is None else done._replace(words=f"{done.words}; but {done.serves} may not be servable: {wrong}")


def adapter_beside(entry: RegistryEntry, home: Path) -> str | None:
    """Why an adapter that lies under a `path:` cannot be served; None when its bytes are those that the entry names.

    None too for every other place, of which nothing is known here. A path that is not absolute starts in `home`, the
    registry's folder.
    """
    if entry.adapter is None or not entry.adapter.uri.startswith("path:"):
        return None
    folder = home / entry.adapter.uri.removeprefix("path:")
    try:
        if not folder.is_dir():
            return f"its adapter {entry.adapter.uri} is not there"
        found = weights.adapter_digest(folder)
    except RegistryError as error:
        return str(error)
    except OSError as error:
        return f"its adapter {entry.adapter.uri} cannot be read: {error.strerror}"
    if found != entry.adapter.sha256:
        return f"its adapter {entry.adapter.uri} has digest {found}, the entry says {entry.adapter.sha256}"
    return None


def in_reach(entry: RegistryEntry, home: Path) -> str | None:
    """Why an entry cannot be served, as far as this machine has what it names, with no network; None when nothing is known.

    An adapter beside the registry is compared, and one on an evidence branch that this clone has fetched. Whatever else there is
    is left to the check of the pull request: a rollback must not wait for a place that does not answer.
    """
    if entry.evidence is None or not entry.evidence.uri.startswith("branch:") or entry.adapter is None:
        return adapter_beside(entry, home)
    shelf = GitShelf(home, entry.evidence.uri.removeprefix("branch:"))
    try:
        broken = tuple(adapter_links(manifest_of(shelf, entry.evidence.sha256), entry.adapter.sha256, shelf))
    except BrokenChainError as error:
        broken = error.links
    except EvalGateError:  # the branch is not in this clone, or this is no clone
        return None
    return f"its {broken[0].name} {broken[0].words}" if broken else None


def next_steps(path: Path, feature: str, done: Rollback) -> tuple[str, ...]:
    """The command lines that bring the change to a pull request; names in them are quoted for a shell."""
    git = "git" if path.parent == Path() else f"git -C {shlex.quote(str(path.parent))}"
    name = shlex.quote(path.name)
    branch = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(("rollback", feature, *done.taken_back))).strip("-")
    message = shlex.quote(f"Roll back {feature}: {' and '.join(done.taken_back)} taken back, {done.serves} is the default")
    return (
        f"{git} add -- {name}",
        f"{git} commit -m {message} -- {name}",
        f"{git} push origin HEAD:refs/heads/{branch}",
    )
