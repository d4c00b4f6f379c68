"""attesting: what is signed of a verdict and of its adapter, made again from the evidence and held against the signatures."""

import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evalgate import signing, store
from evalgate.errors import RegistryError, WrongInputError
from evalgate.judgement.statement import as_bytes, checksums, statement
from evalgate.ports import Shelf
from evalgate.records.evidence import Evidence, adapter_place, object_place
from evalgate.records.link import Link
from evalgate.records.policy import Release
from evalgate.records.registry import RegistryEntry
from evalgate.records.statement import Statement
from evalgate.stages.opened import Told, odd_adapter_file, read_file
from evalgate.stages.workspace import Workspace

if TYPE_CHECKING:
    from evalgate.pull_request.client import Remote
    from evalgate.stages.seen import Here

WORKFLOW = ".github/workflows/evalgate.yml"
"""The caller whose job signs."""
UNSIGNED = "no signed statement of this verdict"
SIGN = "sign the run with evalgate registry sign before its evidence is kept"


class Looked(NamedTuple):
    """What the signed statements of an entry say."""

    links: tuple[Link, ...] = ()
    note: str | None = None
    """Why they were not looked at, where nobody asks for them."""


def statement_of(name: str, entry: RegistryEntry, told: Told, here: "Here") -> Statement:
    """What is signed of an entry; the same for whoever makes it, whenever: the tool is the one that judged.

    Raises:
        RegistryError: entry and evidence are not of one candidate, or the evidence is of no pull request.
    """
    bound = told.manifest.binding
    if bound is None:
        raise RegistryError(f"{name!r}: no statement: its evidence is of a run outside of a pull request")
    place = entry.evidence.uri if entry.evidence else ""
    url = here.page(place, object_place("report.md", told.manifest.files["report.md"]))
    return statement(name, entry, told.manifest, told.verdict, tool=bound.tool, url=url)


def write_statement(said: Statement, into: Path) -> None:
    """Put a statement into a folder as `actions/attest` takes it, and whole, for people.

    Raises:
        NotMeasured: the folder cannot be written.
    """
    store.write(into / "statement.json", as_bytes(said))
    store.write(into / "predicate.json", as_bytes(said.predicate))
    store.write(into / "subjects.sha256", checksums(said))


def statement_links(remote: "Remote", name: str, entry: RegistryEntry, told: Told, here: "Here", release: Release) -> Looked:
    """Whether one of the statements that GitHub keeps about the adapter is ours, signed, and of this very evidence.

    One that holds is enough: whoever may attest in the repository can add others, and an earlier verdict on the same
    adapter has left one of its own.

    Raises:
        Refused: GitHub does not show them, and the policy asks for one.
        NotMeasured: GitHub could not be asked, or signatures cannot be verified here and the policy asks for one.
    """
    from evalgate.pull_request import attestations, facts  # whoever looks at signatures alone needs no GitHub
    from evalgate.pull_request.effects import Refused

    required = release.attestation == "required"
    try:
        found = attestations.bundles(remote, told.training.candidate.adapter_sha256)
    except Refused as refusal:
        if required:
            raise
        return Looked(note=f"signed statements were not looked at: {refusal}")
    if not found:
        return Looked((Link("statement", UNSIGNED),) if required else ())
    if find_spec("sigstore") is None and not required:
        return Looked(note="a signed statement was not looked at: install what verifies it: pip install 'evalgate-ft[sign]'")
    try:
        said = statement_of(name, entry, told, here)
    except RegistryError as error:
        return Looked((Link("statement", str(error)),))
    by = f"{WORKFLOW}@refs/heads/{facts.default_branch(remote)}"
    why = None
    for bundle in found:
        against = signing.verify_bundle(bundle, said.subjects, repository=remote.name, workflow=by, predicate=said.predicate)
        if against is None:
            return Looked()
        why = why or against
    return Looked((Link("statement", f"none of {len(found)} holds; the first: {why}"),))


def signature_links(workspace: Workspace, manifest: Evidence, shelf: Shelf) -> Iterator[Link]:
    """Whether the adapter is signed with the key that the policy names under `release`; nothing where it names none.

    Raises:
        NotMeasured: the evidence cannot be reached, or signatures cannot be verified here.
    """
    named = workspace.policy.release.adapter_key
    if named is None:
        return
    key = workspace.root / named
    if Path(named).is_absolute() or not key.is_file():
        yield Link("signature", f"{named}, which release.adapter_key names, is no file of the repository: put the key there")
    elif signing.SIGNATURE not in manifest.files:
        yield Link("signature", f"the adapter is not signed: {SIGN}")
    else:
        why = _unsigned(manifest, shelf, key, named)
        if why is not None:
            yield Link("signature", why)


def sign(run: Path, private_key: Path) -> Path:
    """The signature over a run's adapter, beside the run's other files, where gathering evidence finds it.

    Raises:
        PolicyError: the key is no elliptic-curve key that can be read.
        RegistryError: the run has no adapter.
        NotMeasured: the packages are not installed, or the signature cannot be written.
    """
    adapter = run / "adapter"
    if not adapter.is_dir():
        raise RegistryError(f"{run}: has no adapter to sign: give the folder of a run that trained one")
    made = signing.sign_adapter(adapter, private_key)
    content = store.read(made)
    made.unlink()
    store.write(run / signing.SIGNATURE, content)
    return run / signing.SIGNATURE


def _unsigned(manifest: Evidence, shelf: Shelf, key: Path, named: str) -> str | None:
    """None where the owner of the key signed the files on the shelf; else why not, with no place of this machine in it."""
    with tempfile.TemporaryDirectory(prefix="evalgate-") as into:
        folder = Path(into) / "adapter"
        try:
            for name, content in _files(manifest, shelf).items():
                store.write(folder / name, content)
            why = signing.verify_adapter(folder, key)
        except WrongInputError as error:
            why = str(error)
    return None if why is None else why.replace(f"{into}/", "").replace(str(key), named)


def _files(manifest: Evidence, shelf: Shelf) -> Mapping[str, bytes]:
    """The adapter's files and its signature.

    Raises:
        RegistryError: one is missing, or has a name that no adapter's file has.
        NotMeasured: the evidence cannot be reached.
    """
    found = {signing.SIGNATURE: read_file(shelf, manifest, signing.SIGNATURE)}
    odd = odd_adapter_file(manifest)
    if odd is not None:
        raise RegistryError(f"{odd!r} is no file of an adapter: make the evidence anew")
    for name in manifest.adapter:
        content = shelf.read(adapter_place(manifest.adapter_sha256 or "", name))
        if content is None:
            raise RegistryError(f"adapter: {name} is missing: restore it where the evidence lies")
        found[name] = content
    return found
