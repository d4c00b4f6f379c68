"""Signatures: an adapter signed with a key of yours, a verdict signed by the workflow that reached it.

The one door to model_signing and sigstore; nothing here reaches the network. Adapters: an elliptic-curve key, no service at
all. Verdicts: the bundles that `actions/attest` leaves, checked against a trusted root that lies on this machine, the one
that sigstore ships unless another is given; it is as old as the package. Our tests sign with a Sigstore of their own
(certificate authority, certificate log, transparency log). Not measured here: no test has a bundle that GitHub and the public
Sigstore made, or signed timestamps instead of a log's promise. Private repositories use GitHub's own Sigstore, whose bundles
stand in no public log: those are refused with a sentence that names the tool for them.
"""

import base64
import contextlib
import hashlib
import io
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from pydantic import ValidationError

from evalgate import weights
from evalgate.errors import NotMeasured, PolicyError, RegistryError
from evalgate.records.base import problems_of
from evalgate.records.statement import Predicate, Statement
from evalgate.redaction import mask, safe_line

if TYPE_CHECKING:
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy

SIGNATURE = "model.sig"
"""Lies beside the adapter's files and is none of them: it changes no digest."""
GITHUB = "https://github.com"
ISSUER = "https://token.actions.githubusercontent.com"
"""Who tells Sigstore which workflow is running."""
PAYLOAD = "application/vnd.in-toto+json"
SHOWN = 3
"""Names of files that a sentence lists."""
_MAKE_KEY = "make one: openssl ecparam -name prime256v1 -genkey -noout -out FILE (public half: openssl ec -in FILE -pubout)"
_GARBLED = (ValueError, TypeError, LookupError, AttributeError, AssertionError, NotImplementedError, struct.error)
"""How libraries trip over bytes that make no sense."""


class _Signed(NamedTuple):
    """What a signature file says of itself: nothing of it is believed, it only helps to say what is wrong."""

    key: str
    """sha256 of the public key's PEM, in hex."""
    files: dict[str, str]
    """Name -> sha256."""


def sign_adapter(folder: Path, private_key: Path) -> Path:
    """The signature file, written over the adapter's files: those that its digest is over, and no other.

    Args:
        folder: The adapter.
        private_key: A PEM file with an elliptic-curve key (P-256, P-384 or P-521) without a password.

    Raises:
        NotMeasured: the packages are not installed, or the signature cannot be written.
        PolicyError: the key is none of these.
        RegistryError: the folder is no adapter, or holds a link.
    """
    weights.adapter_digest(folder)
    hashing, signing, _ = _model_signing()
    others = sorted({SIGNATURE, *(path.name for path in folder.iterdir())} - set(_files(folder)))
    config = signing.Config().set_hashing_config(hashing.Config().set_ignored_paths(paths=others, ignore_git_paths=False))
    try:
        config.use_elliptic_key_signer(private_key=private_key)
    except _foreign() as error:
        raise PolicyError(f"{private_key}: no elliptic-curve private key that can be read: {_MAKE_KEY}") from error
    begun, signature = folder / f".{SIGNATURE}.begun", folder / SIGNATURE
    try:
        config.sign(folder, begun)
        begun.replace(signature)
    except ValueError as error:
        raise RegistryError(f"{folder}: cannot be signed: {_told(error)}: put the files themselves there") from error
    except OSError as error:
        raise NotMeasured(f"{signature}: cannot be written: {error.strerror}; make room or access, and run again") from error
    finally:
        begun.unlink(missing_ok=True)
    return signature


def verify_adapter(folder: Path, public_key: Path) -> str | None:
    """None where the owner of the key signed exactly these files; else one sentence that says why not.

    Args:
        folder: The adapter, with its signature file.
        public_key: A PEM file.

    Raises:
        NotMeasured: the packages are not installed.
        PolicyError: the key cannot be read.
        RegistryError: the folder is no adapter.
    """
    weights.adapter_digest(folder)
    _, _, verifying = _model_signing()
    key = _key_name(public_key)
    if not (folder / SIGNATURE).is_file():
        return f"{folder}: is not signed, there is no {SIGNATURE}: sign it, or take it from where it was signed"
    signed = _signed(folder / SIGNATURE)
    if signed is None:
        return f"{folder / SIGNATURE}: is no signature of an adapter: sign it again"
    if signed.key != key:
        return f"{folder}: was signed with another key than {public_key}: ask its owner whose key that is"
    config = verifying.Config().set_ignore_unsigned_files(True).use_elliptic_key_verifier(public_key=public_key)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # machine output goes there
            config.verify(folder, folder / SIGNATURE)
    except _foreign():
        return _other_bytes(folder, signed) or f"{folder / SIGNATURE}: does not hold under {public_key}: sign it again"
    return _other_bytes(folder, signed)


def verify_bundle(
    bundle: bytes,
    subjects: Mapping[str, str],
    *,
    repository: str,
    workflow: str,
    predicate: Predicate | None = None,
    trust: Path | None = None,
) -> str | None:
    """None where this workflow signed a passed test result about exactly these subjects; else why not, in one sentence.

    Args:
        bundle: A Sigstore bundle, as JSON.
        subjects: Name -> sha256.
        repository: owner/name, spelled as GitHub spells it.
        workflow: Path and ref, e.g. `.github/workflows/evalgate.yml@refs/heads/main`.
        predicate: What the test result must be, made again from the evidence; None: any that passed.
        trust: Sigstore's trusted root as a JSON file; None: the one that sigstore ships, or has fetched before.

    Raises:
        NotMeasured: the package is not installed, or has no trusted root.
        PolicyError: `trust` is no trusted root.
    """
    verifier = _verifier(trust)
    found = _bundle(bundle)
    if isinstance(found, str):
        return found
    signer = _signer(repository, workflow)
    try:
        signer.verify(found.signing_certificate)
    except _foreign() as error:
        return f"was not signed by {repository}/{workflow}: {_told(error)}"
    try:
        kind, payload = verifier.verify_dsse(found, signer)
    except _foreign() as error:
        return f"the signature does not hold: {_told(error)}"
    if kind != PAYLOAD:
        return f"what was signed is no in-toto statement but {safe_line(kind, 100)!r}"
    return next(_objections(payload, subjects, predicate), None)


def _objections(payload: bytes, subjects: Mapping[str, str], predicate: Predicate | None) -> Iterator[str]:
    """Why a statement that was really signed is not the one that is wanted."""
    try:
        said = Statement.model_validate_json(payload)
    except ValidationError as error:
        yield f"what was signed is no test result of EvalGate's: {safe_line(mask(problems_of(error)[0]), 300)}"
        return
    if said.subjects != dict(subjects):
        other = sorted(name for name in {*said.subjects, *subjects} if said.subjects.get(name) != subjects.get(name))
        yield f"what was signed is about something else: {_listed(other)} differ from what lies here"
    if said.predicate.result != "PASSED":
        yield f"what was signed says {said.predicate.result}"
    if predicate is not None and said.predicate != predicate:
        other = [name for name in Predicate.model_fields if getattr(said.predicate, name) != getattr(predicate, name)]
        yield f"what was signed does not follow from the evidence: {_listed(other)} differ"


def _bundle(content: bytes) -> "Bundle | str":
    """The bundle, or what is wrong with it."""
    from sigstore.models import Bundle

    try:
        return Bundle.from_json(content)
    except _foreign() as error:
        if _is_unlogged(content):
            return (
                "the bundle stands in no public log, as those of private repositories: "
                "it cannot be checked here, `gh attestation verify` can"
            )
        return f"is no Sigstore bundle: {_told(error)}"


def _is_unlogged(content: bytes) -> bool:
    """True for a bundle that has all but an entry in a log."""
    try:
        found = orjson.loads(content)
        return bool(found["dsseEnvelope"]) and not found["verificationMaterial"].get("tlogEntries")
    except _GARBLED:
        return False


def _signer(repository: str, workflow: str) -> "VerificationPolicy":
    """This workflow at this ref, run for this repository at this ref: another repository may call a workflow of ours."""
    from sigstore.verify import policy

    source = f"{GITHUB}/{repository}"
    return policy.AllOf(
        [
            policy.Identity(identity=f"{source}/{workflow}", issuer=ISSUER),
            policy.OIDCIssuerV2(ISSUER),
            policy.OIDCSourceRepositoryURI(source),
            policy.OIDCSourceRepositoryRef(workflow.rpartition("@")[2]),
        ]
    )


def _verifier(trust: Path | None) -> "Verifier":
    try:
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier
    except ImportError as error:
        raise _missing("sigstore") from error
    try:
        return Verifier(trusted_root=TrustedRoot.from_file(str(trust))) if trust else Verifier.production(offline=True)
    except _foreign() as error:
        if trust is not None:
            raise PolicyError(f"{trust}: no trusted root of Sigstore: {_told(error)}: give its JSON file") from error
        raise NotMeasured(f"sigstore's own trusted root cannot be read: {_told(error)}; give one as a file") from error


def _foreign() -> tuple[type[Exception], ...]:
    """How sigstore and cryptography say no, and how they trip over what they cannot read."""
    from cryptography import exceptions, x509

    try:
        from sigstore.errors import Error
    except ImportError as error:
        raise _missing("sigstore") from error
    return (
        *_GARBLED,
        OSError,
        Error,
        exceptions.InvalidSignature,
        exceptions.UnsupportedAlgorithm,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    )


def _model_signing() -> tuple[Any, Any, Any]:
    """The modules hashing, signing and verifying."""
    try:
        from model_signing import hashing, signing, verifying
    except ImportError as error:
        raise _missing("model-signing") from error
    return hashing, signing, verifying


def _missing(package: str) -> NotMeasured:
    return NotMeasured(f"signatures need {package}, which is not installed: pip install 'evalgate-ft[sign]', then run again")


def _key_name(public_key: Path) -> str:
    """What a signature calls this key.

    Raises:
        PolicyError: it is no elliptic-curve public key.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_public_key(public_key.read_bytes())
    except _foreign() as error:
        raise PolicyError(f"{public_key}: no public key that can be read: {_MAKE_KEY}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1", "secp521r1"):
        raise PolicyError(f"{public_key}: not an elliptic-curve key of P-256, P-384 or P-521: {_MAKE_KEY}")
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def _signed(signature: Path) -> _Signed | None:
    """What a signature file says of itself, or None where it is none."""
    try:
        found = orjson.loads(signature.read_bytes())
        said = orjson.loads(base64.b64decode(found["dsseEnvelope"]["payload"]))
        files = {str(one["name"]): str(one["digest"]) for one in said["predicate"]["resources"]}
        return _Signed(str(found["verificationMaterial"]["publicKey"]["hint"]), files)
    except (*_GARBLED, OSError):
        return None


def _other_bytes(folder: Path, signed: _Signed) -> str | None:
    """None where the files are those that are named as signed; else which are not."""
    here = {name: weights.file_sha256(folder / name) for name in _files(folder)}
    other = sorted(name for name in {*here, *signed.files} if here.get(name) != signed.files.get(name))
    return f"{folder}: {_listed(other)} differ from what was signed: fetch the adapter again" if other else None


def _files(folder: Path) -> list[str]:
    """The files that the adapter's digest is over."""
    return sorted(path.name for path in folder.iterdir() if path.suffix in weights.SHAPES_ANSWERS)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return safe_line(", ".join(names[:SHOWN]), 200) + more


def _told(error: Exception) -> str:
    """A library's words on one line; certificates and bundles are written by others."""
    return safe_line(mask(" ".join(str(error).split()) or type(error).__name__), 300)
