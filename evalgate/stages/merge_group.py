"""A merge queue's group: other commits than those that were judged. Digests are held against the verdicts; nothing is trained."""

import re
import tempfile
from pathlib import Path

from evalgate.errors import UnreadableJournalError, WrongInputError
from evalgate.judgement.check_text import check_text
from evalgate.judgement.markdown import code_span
from evalgate.judgement.threshold import held, nothing_to_judge, plain_standing, without_policy
from evalgate.ports import Journal
from evalgate.pull_request import check_run, compared, facts
from evalgate.pull_request import tree as git
from evalgate.pull_request.client import Remote
from evalgate.records.binding import Binding
from evalgate.records.journal import Entry
from evalgate.records.pull_request import PullRequest
from evalgate.records.standing import Standing
from evalgate.stages.bound import judge_files
from evalgate.stages.compose import NoPolicyError, Tree, Trees, UnruledError, trees_of
from evalgate.stages.proof import proof_of
from evalgate.stages.registry_look import look_at_registry
from evalgate.stages.seen import CHECK, Here, journal_of

QUEUE = re.compile(r"(?:refs/heads/)?gh-readonly-queue/(?P<target>.+)/pr-(?P<pull>[0-9]{1,9})-[0-9a-f]{40,64}")
"""How GitHub names the branch of a group: after the pull request that was queued last."""
BESIDES = ("repository", "pull", "head")
"""Fields that differ in a group by its nature."""


def judge_group(remote: Remote, head: str, branch: str | None, here: Here) -> Standing | None:
    """The check run on a group's head says whether all that it brings was judged; None for what is no group.

    Raises:
        NotMeasured: GitHub could not be asked or written to.
    """
    named = QUEUE.fullmatch(branch or "")
    if named is None:
        return None
    target, files = compared.between(remote, named["target"], head)
    group = PullRequest(
        repository=remote.name,
        number=int(named["pull"]),
        title="",
        author=None,
        open=True,
        merged=False,
        draft=False,
        head=head,
        head_repository=remote.name,
        default_branch=facts.default_branch(remote),
        target_branch=named["target"],
        target=target,
        files=files,
    )
    try:
        said = _standing(remote, group, here)
    except UnruledError:
        return None
    text = check_text(said)
    external = f"evalgate/group/{head[:16]}"
    told = check_run.Check(CHECK, external, text.title, text.summary, conclusion=said.conclusion)
    check_run.keep(remote, head, told)
    return said


def _standing(remote: Remote, group: PullRequest, here: Here) -> Standing:
    try:
        return _judged(remote, group, here)
    except UnruledError:
        raise
    except NoPolicyError:
        return without_policy(group, here.places.policy)
    except UnreadableJournalError as error:
        return held(group, f"the journal cannot be read: {code_span(error.problems[0], 400)}")
    except WrongInputError as error:
        return held(group, f"refused: {code_span(error.problems[0], 400)}", refused=True)


def _judged(remote: Remote, group: PullRequest, here: Here) -> Standing:
    """Where a group stands, all of whose files can be read."""
    trees = trees_of(remote, group, here.places)
    if trees.change.kind == "none":
        return nothing_to_judge(group)
    if trees.change.kind == "registry":
        return _registered(remote, group, trees, here)
    if trees.change.kind not in ("dataset", "suite"):
        return held(group, "the group mixes what is judged apart: merge these pull requests one by one")
    with tempfile.TemporaryDirectory(prefix="evalgate-") as folder:
        check, binding = judge_files(remote, group, trees, here.places, Path(folder))
    if check.refused:
        return held(group, "what the group brings has errors: the pull request's own check names them", refused=True)
    journal = journal_of(remote, trees, trees.change.features[0])
    of_feature = journal.of_feature(trees.change.features[0])
    return _of_ledger(group, binding, journal, (*of_feature, *journal.of_pull(group.number)))  # of several features: the latter


def _registered(remote: Remote, group: PullRequest, trees: Trees, here: Here) -> Standing:
    """The registry that a group brings, derived again from raw results; who released the pull request's head released this.

    Only where the group has exactly what that head has: of two that wait together, the first was never released as both.
    """
    own = facts.observe(remote, group.number)
    if not own.open:  # one that is merged is not derived again, and must not make another commit green
        return held(group, f"#{own.number} is not open any more: this group brings nothing that waits")
    ours, theirs = git.tree(remote, own.head), trees.head
    differ = sorted(path for path in own.touched if _content(ours, path) != _content(theirs, path))
    beside = [path for path in trees.change.parts.get("registry", ()) if path not in own.touched]
    if differ or beside:
        named = code_span((differ or beside)[0])
        return held(group, f"{named} is not what #{own.number} has: another one waits before it; merge them one by one")
    released = [r.model_copy(update={"commit": group.head}) if r.commit == own.head else r for r in own.reviews]
    who = {name: getattr(own, name) for name in ("author", "committers", "people", "retargeted", "draft", "open", "merged")}
    files = tuple(file for file in group.files if file.path in own.touched)
    alone = group.model_copy(update={**who, "files": files, "reviews": tuple(released)})
    return look_at_registry(remote, alone, trees, here).standing


def _content(tree: Tree, path: str) -> tuple[str, str] | None:
    found = tree.get(path)
    return None if found is None else (found.sha, found.mode)


def _of_ledger(group: PullRequest, binding: Binding, journal: Journal, ledger: tuple[Entry, ...]) -> Standing:
    """The verdict on the same data, suites, policy, prompt and base, whichever commit it was on."""
    ends = [entry for entry in ledger if entry.step == "finished" and entry.binding is not None]
    same = [e for e in ends if e.binding and not set(e.binding.differs_from(binding)) - set(BESIDES)]
    if same and proof_of(journal, ledger, same[-1]) is None:
        return held(group, f"the verdict's evidence in #{same[-1].pull} is not what the journal says")
    if same:
        passed = same[-1].verdict == "pass" or (same[-1].verdict is None and binding.dataset is None)
        words = f"the same data was judged in #{same[-1].pull}: **{same[-1].verdict or 'measured'}**: {same[-1].why}"
        return plain_standing(group, "none", words, "success" if passed else "failure")
    near = [e.binding for e in ends if e.binding and e.binding.dataset_sha256 == binding.dataset_sha256]
    differ = [name for name in near[-1].differs_from(binding) if name not in BESIDES] if near else []
    because = f"{', '.join(map(code_span, differ))} changed since it was judged" if differ else "nothing like it was judged"
    return held(group, f"not judged: {because}; take it out of the queue and let its pull request be judged")
