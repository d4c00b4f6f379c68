"""Evidence, drawn: what a run leaves, under its digests."""

import hashlib
from typing import NamedTuple

from evalgate.records.base import digest_over
from evalgate.records.evidence import MANIFEST, Evidence, adapter_place, object_place
from evalgate.records.journal import Entry
from evalgate.records.registry import BaseModelRef, Located, Registry, RegistryEntry, RegistryFeature

HEAD = "a" * 40
ADAPTER = {"adapter_model.safetensors": b"\xff\x00weights", "adapter_config.json": b"{}"}


class Drawn(NamedTuple):
    sha256: str
    """Digest of the manifest."""
    manifest: Evidence
    files: dict[str, bytes]
    """Place -> bytes, the manifest's among them."""


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def evidence(run="1", *, adapter=None, feature="support", **files):
    """The evidence of a run with these files, given as `report_md=b"..."`."""
    named = {name.replace("_", "."): content for name, content in files.items()}
    adapter = adapter or {}
    manifest = Evidence(
        feature=feature,
        run=run,
        files={name: sha256(content) for name, content in named.items()},
        adapter={name: sha256(content) for name, content in adapter.items()},
    )
    told = manifest.model_dump_json().encode()
    kept = {object_place(name, sha256(content)): content for name, content in named.items()}
    kept |= adapter_files(adapter)
    return Drawn(sha256(told), manifest, kept | {object_place(MANIFEST, sha256(told)): told})


def adapter_files(adapter):
    """Place -> bytes of an adapter's files, given by name."""
    folder = adapter_place(digest_over({name: sha256(content) for name, content in adapter.items()}))
    return {f"{folder}/{name}": content for name, content in adapter.items()}


def step(key, *, name="head", pull=1, at="2026-11-20T08:00:00Z", **more):
    return Entry(key=key, step=name, at=at, pull=pull, head=HEAD, **more)


def registry(*digests, place="branch:evalgate-evidence", adapter=None, feature="support"):
    """A registry with an entry for each piece of evidence, which lies at `place`; `adapter` is the digest of theirs."""
    base = BaseModelRef(uri="package:x==1", sha256="b" * 64)
    found = {
        f"v{number}": RegistryEntry(
            model="adapter",
            base_model=base,
            prompt_sha256="c" * 64,
            evidence=Located(uri=place, sha256=digest),
            adapter=Located(uri=f"{place}/adapters/{adapter}", sha256=adapter) if adapter else None,
        )
        for number, digest in enumerate(digests)
    }
    variants = {"base": RegistryEntry(model="package:x==1", base_model=base, prompt_sha256="c" * 64), **found}
    return Registry(version=1, features={feature: RegistryFeature(default="base", variants=variants)})
