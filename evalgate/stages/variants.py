"""Which weights a variant's name stands for: base, reference, candidate:RUN, a registry variant, or a model uri."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evalgate import registry, store, weights
from evalgate.errors import PolicyError, RegistryError
from evalgate.ports import Model
from evalgate.prompts import Prompt, prompt_sha256
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.evaluation import Variant
from evalgate.records.registry import RegistryEntry
from evalgate.records.training import TrainingRun
from evalgate.stages.adapters import adapter_of
from evalgate.stages.workspace import Workspace, base_weights, read_prompt
from evalgate.weights import Weights, adapter_digest


class Loadable(NamedTuple):
    """A variant whose weights lie on this machine, checked but not loaded."""

    variant: Variant
    weights: Weights
    adapter: Path | None
    prompt: Prompt


class Contending(NamedTuple):
    """Something that is no variant of the registry's kind, ready to be asked the same; see `contenders`."""

    variant: Variant
    environment: dict[str, str]
    """What else shapes its answers."""
    load: Callable[[], Model]


def find_variant(workspace: Workspace, name: str, *, registry_path: Path, cache: Path) -> Loadable:
    """What `name` stands for.

    "base" is what the registry serves by default, or the untuned base model where it has no entry; "reference" is
    always the untuned base model.

    Raises:
        PolicyError, RegistryError: there is no such variant, or its bytes are not what was recorded.
        NotMeasured: its weights could not be fetched.
    """
    known = registry.load(registry_path).features.get(workspace.name)
    if name.startswith("candidate:"):
        return _candidate(workspace, Path(name.removeprefix("candidate:")), cache)
    if name == "base" and known is not None:
        return _registered(workspace, "base", known.variants[known.default], registry_path, cache)
    if name in ("base", "reference"):
        return _loadable(workspace, name, base_weights(workspace, cache), None, None)
    if known is not None and name in known.variants:
        return _registered(workspace, name, known.variants[name], registry_path, cache)
    if ":" in name:
        return _loadable(workspace, name, weights.resolve(name, None, cache=cache, root=workspace.root), None, None)
    names = ", ".join(["base", "reference", "candidate:RUN", *(known.variants if known else ()), "a model uri"])
    raise RegistryError(f"{workspace.name} has no variant {name!r}; use one of {names}")


def load_variant(found: Loadable | Contending, settings: Evaluation, *, cache: Path) -> Model:
    """The variant, loaded and ready to be asked."""
    if isinstance(found, Contending):
        return found.load()
    if found.weights.uri.startswith("scripted:"):
        from evalgate.models.scripted import ScriptedModel

        script = found.weights.folder / Path(found.weights.uri.removeprefix("scripted:")).name
        return ScriptedModel(script, found.variant, found.adapter)
    from evalgate.models.transformers_model import Side, TransformersModel, load_panel

    name = found.variant.name
    return TransformersModel(
        load_panel(found.weights, {name: Side(found.adapter, found.prompt)}, settings, cache=cache), found.variant
    )


def environment_of(found: Loadable | Contending, settings: Evaluation) -> dict[str, str]:
    """What else shapes the variant's answers on this machine."""
    if isinstance(found, Contending):
        return found.environment
    if found.weights.uri.startswith("scripted:"):
        return {"engine": "scripted"}
    from evalgate.models.engine import environment

    return environment(settings)


def _candidate(workspace: Workspace, folder: Path, cache: Path) -> Loadable:
    run = store.read_record(folder / "training.json", TrainingRun)
    base = base_weights(workspace, cache)
    if base.sha256 != run.candidate.base_sha256:
        raise PolicyError(f"{folder}: was trained on a base with digest {run.candidate.base_sha256}, not on {base.sha256}")
    adapter = folder / run.candidate.adapter
    return _loadable(workspace, "candidate", base, adapter, run.candidate.adapter_sha256)


def _registered(workspace: Workspace, name: str, entry: RegistryEntry, registry_path: Path, cache: Path) -> Loadable:
    uri = entry.base_model.uri
    pin = workspace.feature.base_model_sha256 if uri == workspace.feature.base_model else None
    base = weights.resolve(uri, pin, cache=cache, root=workspace.root)
    if base.sha256 != entry.base_model.sha256:
        raise RegistryError(f"{registry_path}: {uri} has digest {base.sha256}, the entry says {entry.base_model.sha256}")
    if entry.prompt_sha256 != (found := prompt_sha256(read_prompt(workspace))):
        raise RegistryError(
            f"{registry_path}: {name} is served with the prompt {entry.prompt_sha256}, {workspace.path} names one with "
            f"{found}: compare with the prompt that is served, or register the new one first"
        )
    if entry.adapter is None:
        return _loadable(workspace, name, base, None, None)
    return _loadable(workspace, name, base, adapter_of(entry, registry_path.absolute().parent, cache), entry.adapter.sha256)


def _loadable(workspace: Workspace, name: str, base: Weights, adapter: Path | None, adapter_sha256: str | None) -> Loadable:
    if adapter is not None and (found := adapter_digest(adapter)) != adapter_sha256:
        raise RegistryError(f"{adapter}: the adapter has digest {found}, {adapter_sha256} is recorded: it was changed")
    prompt = read_prompt(workspace)
    variant = Variant(
        name=name,
        model=base.uri,
        model_sha256=base.sha256,
        adapter=None if adapter is None else "adapter",
        adapter_sha256=adapter_sha256,
        prompt_sha256=prompt_sha256(prompt),
    )
    return Loadable(variant, base, adapter, prompt)
