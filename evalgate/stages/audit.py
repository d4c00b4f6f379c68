"""audit: everything that git and the evidence say of one registered variant; no network, no token."""

from pathlib import Path
from typing import NamedTuple

from evalgate import registry
from evalgate.errors import NotMeasured, RegistryError, WrongInputError
from evalgate.evidence import open_shelf
from evalgate.git_shelf import git, said_by
from evalgate.judgement.audit import Audit, Entered, Named, Opened, Seal, find
from evalgate.records.link import Link
from evalgate.records.policy import Policy
from evalgate.records.registry import Registry
from evalgate.signing import SIGNATURE
from evalgate.stages.attesting import signature_links
from evalgate.stages.opened import Told
from evalgate.stages.verify import prove_entry
from evalgate.stages.verify_here import desk_here
from evalgate.stages.workspace import open_workspace, read_policy

NOT_IN_GIT = "not in git"
_LOG = ("log", "-m", "--first-parent", "--reverse", "--no-ext-diff", "--no-textconv", "--format=%H%x00%cI%x00%an%x00%s")
"""The branch's own commits, oldest first: of a merge the merge itself, which is when it was let in."""


class _Proof(NamedTuple):
    """What the evidence says, or why it says nothing."""

    told: Told | None = None
    links: tuple[Link, ...] = ()
    unreached: str | None = None


class _Sealed(NamedTuple):
    """What is known of the adapter's signature, and whether a link broke."""

    seal: Seal
    links: tuple[Link, ...] = ()
    unreached: str | None = None


def audit(policy_path: Path, registry_path: Path, model_id: str, *, today: str) -> Audit:
    """What is known of the variant that an id names.

    Raises:
        RegistryError: the id names none or several, or the registry is wrong.
        PolicyError: the policy is wrong.
    """
    known, policy = registry.existing(registry_path), read_policy(policy_path)
    of = find(known, model_id)
    home = registry_path.absolute().parent
    proof = _proof(policy_path, known, of, home, today)
    told = proof.told
    sealed = _sealed(policy_path, policy, of, proof, home)
    return Audit(
        of=of,
        today=today,
        opened=None if told is None else Opened(told.manifest, told.training, told.comparison, told.verdict),
        links=(*proof.links, *sealed.links),
        unreached=proof.unreached or sealed.unreached,
        entered=_entered(registry_path.absolute(), of),
        signature=sealed.seal,
        statement=_statement(policy, of),
    )


def _proof(policy_path: Path, known: Registry, of: Named, home: Path, today: str) -> _Proof:
    """The evidence of an entry, with every link that does not hold."""
    if of.entry.adapter is None and of.entry.evidence is None:
        return _Proof()

    desk = desk_here(policy_path, known, known, home, today=today)
    try:
        stood = prove_entry(desk, of.feature, of.name, of.entry)
    except NotMeasured as error:
        return _Proof(unreached=str(error))
    except WrongInputError as error:
        return _Proof(links=(Link("policy", str(error)),))
    return _Proof(stood.told, stood.links)


def _sealed(policy_path: Path, policy: Policy, of: Named, proof: _Proof, home: Path) -> _Sealed:
    """What the adapter's signature is worth, by the key that the policy names."""
    if proof.told is None or of.entry.evidence is None:
        return _Sealed(Seal("not asked", "there is no evidence that could hold one"))
    manifest, key = proof.told.manifest, policy.release.adapter_key
    if key is None:
        if SIGNATURE not in manifest.files:
            return _Sealed(Seal("absent", "the policy names no release.adapter_key, so none is asked for"))
        return _Sealed(Seal("present", "not looked at: the policy names no release.adapter_key"))
    shelf = open_shelf(of.entry.evidence.uri, root=home)
    try:
        links = tuple(signature_links(open_workspace(policy_path, of.feature), manifest, shelf))
    except NotMeasured as error:
        return _Sealed(Seal("present", f"not looked at: {error}"), unreached=str(error))
    if not links:
        return _Sealed(Seal("verified", f"made with the key in {key}"))
    return _Sealed(Seal("broken" if SIGNATURE in manifest.files else "absent", links[0].words), links)


def _statement(policy: Policy, of: Named) -> Seal:
    """Where a signed statement would lie: GitHub keeps those, and an audit asks nobody."""
    if of.entry.adapter is None or of.entry.evidence is None:
        return Seal("absent", "there is nothing that it could be about")
    asked = "the policy asks for one" if policy.release.attestation == "required" else "the policy asks for none"
    digest = of.entry.adapter.sha256
    return Seal("not asked", f"GitHub keeps it: gh api repos/OWNER/NAME/attestations/sha256:{digest}; {asked}")


def _entered(path: Path, of: Named) -> Entered | str:
    """The commit of the branch by which the entry stands in the registry, or why nobody says."""
    entry = of.entry
    needle = entry.evidence.sha256 if entry.evidence else entry.adapter.sha256 if entry.adapter else f"{of.name}:"
    try:
        shallow = _git(path.parent, "rev-parse", "--is-shallow-repository").strip()
        told = _git(path.parent, *_LOG, f"-S{needle}", "--", path.name)
        found = [Entered(*line.split("\0", 3)) for line in told.split("\n") if line.count("\0") >= 3]
        for one in found:
            if _stands(path, one.commit, of):
                return one if shallow == "false" else "the clone is shallow: git fetch --unshallow, and audit again"
    except NotMeasured as error:
        return str(error)
    return "in no commit yet: the entry stands in this working tree alone"


def _stands(path: Path, commit: str, of: Named) -> bool:
    """True where the registry of a commit has the variant."""
    try:
        known = registry.parse(_git(path.parent, "show", "--no-textconv", f"{commit}:./{path.name}").encode(), path.name)
    except (NotMeasured, RegistryError):  # removed there, or no registry yet
        return False
    return of.feature in known.features and of.name in known.features[of.feature].variants


def _git(folder: Path, *words: str) -> str:
    """What git printed.

    Raises:
        NotMeasured: the folder is in no clone, or git says no.
    """
    ran = git(folder, *words)
    if ran.returncode == 0:
        return ran.stdout.decode(errors="replace")
    said = said_by(ran)
    raise NotMeasured(NOT_IN_GIT if "not a git repository" in said else f"git does not say: {said}")
