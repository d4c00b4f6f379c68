"""panels: variants loaded together, those of one base model as one network, here or on another machine."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evalgate import settings, weights
from evalgate.errors import PolicyError
from evalgate.ports import Answer, Asked, Model
from evalgate.prompts import Prompt
from evalgate.records.evaluate_policy import Evaluation
from evalgate.records.evaluation import Decoding, Variant
from evalgate.stages.variants import Contending, Loadable, load_variant
from evalgate.weights import adapter_digest

Ask = Callable[[Sequence[Asked]], Iterator[Answer]]
"""Gives an Answer for each question, its place in the request, in any order."""


class Travelling(NamedTuple):
    """A variant on its way to another machine: its weights by name and digest, its adapter as bytes."""

    variant: Variant
    uri: str
    root: Path
    """Where paths of the policy begin; those of `path:` and `scripted:` must lead to the same files there."""
    pin: str | None
    """What `weights.resolve` asks for: a wheel's own digest, or the digest over the files."""
    adapter: dict[str, bytes] | None
    prompt: Prompt


def travelling(found: Loadable | Contending) -> "Travelling | Contending":
    """The variant as it can be sent; one that only this machine can ask stays as it is."""
    if isinstance(found, Contending):
        return found
    at = found.weights
    adapter = None if found.adapter is None else {p.name: p.read_bytes() for p in sorted(found.adapter.iterdir()) if p.is_file()}
    return Travelling(found.variant, at.uri, at.root, at.pin, adapter, found.prompt)


def open_panel(
    found: "Mapping[str, Loadable | Contending | Travelling]", evaluation: Evaluation, decoding: Decoding, cache: Path
) -> Ask:
    """All variants, ready to be asked in one schedule: those of the same weights as one network, the others one by one.

    Where the caller's cache is not on this machine, this machine's own takes its place.

    Raises:
        PolicyError, RegistryError: what arrived is not what was sent, or an adapter is not one of its base.
        NotMeasured: weights could not be fetched.
    """
    here = cache if cache.is_dir() else settings.from_environ().cache
    with tempfile.TemporaryDirectory(prefix="evalgate-adapters-") as scratch:  # an adapter is read while it is loaded
        arrived = {
            side: _arrived(one, here, Path(scratch) / str(number)) if isinstance(one, Travelling) else one
            for number, (side, one) in enumerate(found.items())
        }
        return _opened(arrived, evaluation, decoding, here)


def _opened(arrived: "Mapping[str, Loadable | Contending]", evaluation: Evaluation, decoding: Decoding, here: Path) -> Ask:
    of_weights: dict[str, dict[str, Loadable]] = {}
    alone: dict[str, Model] = {}
    for side, one in arrived.items():
        if isinstance(one, Contending) or one.weights.uri.startswith("scripted:"):
            alone[side] = load_variant(one, evaluation, cache=here)
        else:
            of_weights.setdefault(one.weights.sha256, {})[side] = one
    panels: dict[str, Ask] = {}
    for sides in of_weights.values():
        panels |= dict.fromkeys(sides, _together(sides, evaluation, decoding, here))

    def ask(asked: Sequence[Asked]) -> Iterator[Answer]:
        panel_of = {side: panels.get(side) or _alone(alone[side], decoding) for side in {one.side for one in asked}}
        for panel in dict.fromkeys(panel_of[one.side] for one in asked):
            places = [place for place, one in enumerate(asked) if panel_of[one.side] is panel]
            for answer in panel([asked[place] for place in places]):
                yield answer._replace(place=places[answer.place])

    return ask


def _together(sides: Mapping[str, Loadable], evaluation: Evaluation, decoding: Decoding, cache: Path) -> Ask:
    from evalgate.models.transformers_model import Side, load_panel

    any_of_them = next(iter(sides.values()))
    made = {name: Side(one.adapter, one.prompt) for name, one in sides.items()}
    panel = load_panel(any_of_them.weights, made, evaluation, cache=cache)
    return lambda asked: panel.answer(asked, decoding)


def _alone(model: Model, decoding: Decoding) -> Ask:
    return lambda asked: model.answer([one.turns for one in asked], decoding)


def _arrived(sent: Travelling, cache: Path, folder: Path) -> Loadable:
    """The variant on this machine, byte for byte what was sent; its adapter in `folder`."""
    found = weights.resolve(sent.uri, sent.pin, cache=cache, root=sent.root)
    if found.sha256 != sent.variant.model_sha256:
        raise PolicyError(
            f"{sent.uri}: has digest {found.sha256} on a worker, not {sent.variant.model_sha256}: other files lie there"
        )
    if sent.adapter is None:
        return Loadable(sent.variant, found, None, sent.prompt)
    folder.mkdir()
    for name, content in sent.adapter.items():
        (folder / name).write_bytes(content)
    if adapter_digest(folder) != sent.variant.adapter_sha256:
        raise PolicyError(f"{sent.variant.name}: its adapter arrived changed on a worker")
    return Loadable(sent.variant, found, folder, sent.prompt)
