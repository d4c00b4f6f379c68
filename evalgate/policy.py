"""Reading evalgate.yaml: every problem at once, each with file, line and what was probably meant."""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import orjson
from pydantic import BaseModel, ValidationError

from evalgate import yamlfile
from evalgate.errors import PolicyError
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.policy import FeaturePolicy, Policy
from evalgate.stats.families import alpha_of_attempt
from evalgate.stats.sizes import cases_without_a_flip

Location = tuple[str | int, ...]


def parse(text: bytes, path: str) -> Policy:
    """The policy in `text`.

    Raises:
        PolicyError: with every unknown, duplicate, missing or wrong key, each as `path:line: what is wrong`.
    """
    try:
        document = yamlfile.load(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyError(f"{path}: must be UTF-8: byte {error.start} is not") from error
    problems = [(line, message) for line, message in document.problems]
    policy = None
    if document.value is not None or not problems:
        policy, found = _validate(document)
        told = {message.split(":")[0] for _, message in problems}
        problems += [(line, message) for line, message in found if message.split(":")[0] not in told]
    if problems or policy is None:
        raise PolicyError(*(f"{path}:{line}: {message}" for line, message in sorted(set(problems))))
    return policy


def feature_of(policy: Policy, feature: str, path: str) -> FeaturePolicy:
    """One feature's policy.

    Raises:
        PolicyError: the policy has no such feature.
    """
    if feature in policy.features:
        return policy.features[feature]
    raise PolicyError(f"{path}: no feature {feature!r}; it has {', '.join(policy.features)}{meant(feature, policy.features)}")


def gate_sha256(feature: FeaturePolicy) -> str:
    """Digest of all settings that shape a verdict."""
    parts = feature.model_dump_json(include={"gate", "buckets", "scorers", "legacy", "waivers", "contenders"})
    return hashlib.sha256(parts.encode()).hexdigest()


def against_cases(feature: FeaturePolicy, cases: Sequence[Mapping[str, str]], path: str) -> list[str]:
    """Problems of a policy that names slices or buckets which none of the golden cases (their `buckets`) has."""
    slices = {name for buckets in cases for name in buckets}
    known = {f"{name}/{value}" for buckets in cases for name, value in buckets.items()}
    problems = [
        f"{path}: `buckets` names {name!r}, but no golden case has it; they have {', '.join(sorted(slices)) or 'none'}"
        f"{meant(name, slices)}"
        for name in feature.buckets or ()
        if name not in slices
    ]
    fairness = feature.gate.fairness
    if fairness is not None and fairness.slice not in slices:
        there = ", ".join(sorted(slices)) or "none"
        told = f"{path}: `gate.fairness` names the slice {fairness.slice!r}, but no golden case has it; they have {there}"
        problems.append(told + meant(fairness.slice, slices))
    return problems + [
        f"{path}: `gate.protected` names {name!r}, but no golden case is in it{meant(name, known)}"
        for name in feature.gate.protected
        if name not in known
    ]


def judged_buckets(feature: FeaturePolicy, buckets: Mapping[str, str]) -> tuple[str, ...]:
    """Names such as "intent/refund" of the buckets that a case is judged in; every slice where the policy names none."""
    wanted = feature.buckets if feature.buckets is not None else tuple(buckets)
    return tuple(f"{name}/{buckets[name]}" for name in wanted if name in buckets)


def too_small_buckets(gate: GatePolicy, sizes: dict[str, int], attempt: int = 1) -> list[str]:
    """Warnings for buckets that could not be held even if no case flipped, with how many cases they need."""
    alpha = alpha_of_attempt(1 - gate.confidence, attempt)
    needed = cases_without_a_flip(gate.max_bucket_drop, alpha)
    small = {name: n for name, n in sorted(sizes.items()) if n < needed}
    if not small:
        return []
    named = ", ".join(f"{name} has {n}" for name, n in list(small.items())[:5]) + (" and more" if len(small) > 5 else "")
    return [
        f"{len(small)} of {len(sizes)} buckets are too small: to be held within {gate.max_bucket_drop * 100:g} points a bucket "
        f"needs at least {needed} cases, even if none flips; {named}: add cases or raise gate.max_bucket_drop"
    ]


def meant(wrong: str, known: Any) -> str:
    """A "did you mean" for the closest known name, or nothing."""
    close = difflib.get_close_matches(str(wrong), [str(name) for name in known], n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def _validate(document: yamlfile.Document) -> tuple[Policy | None, list[tuple[int, str]]]:
    value = document.value
    if isinstance(value, dict) and isinstance(value.get("features"), dict):
        value["features"] = {name: {} if body is None else body for name, body in value["features"].items()}
    try:
        return Policy.model_validate_json(orjson.dumps(value)), []
    except ValidationError as error:
        return None, [
            (document.line(tuple(item["loc"])), _explain(item["loc"], item["type"], item["msg"], item["input"]))
            for item in error.errors(include_url=False)
        ]


def _explain(location: Location, kind: str, message: str, value: Any) -> str:
    """One pydantic problem in plain words."""
    where = ".".join(str(part) for part in location) or "the policy"
    if kind == "extra_forbidden":
        floor = ": the safety floor is in the code, no policy loosens it" if "safe" in str(location[-1]) else ""
        return f"unknown key {where}{floor or meant(str(location[-1]), _keys_beside(location))}"
    if kind == "missing":
        return f"{where} is missing"
    if kind == "literal_error":
        return f"{where}: {message[0].lower()}{message[1:]}, not {value!r}{meant(str(value), _quoted(message))}"
    if kind == "value_error":
        return f"{where}: {message.removeprefix('Value error, ')}"
    quoting = f", but the file says {value!r}" if isinstance(value, str | int | float) else ""
    quoting += ": quote it if text is meant" if kind == "string_type" and quoting else ""
    return f"{where}: {message[0].lower()}{message[1:]}{quoting}"


def _quoted(message: str) -> list[str]:
    return message.split("'")[1::2]


def _keys_beside(location: Location) -> list[str]:
    """Keys that the policy knows at the place where `location` has an unknown one."""
    model: Any = Policy
    for part in location[:-1]:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            model = _model_in(model)  # inside dict[str, Model] the key itself is free
            continue
        names = {field.alias or name: field for name, field in model.model_fields.items()}
        if str(part) not in names:
            return []
        model = names[str(part)].annotation
    model = model if isinstance(model, type) and issubclass(model, BaseModel) else _model_in(model)
    return [field.alias or name for name, field in model.model_fields.items()] if model is not None else []


def _model_in(annotation: Any) -> Any:
    """The record inside an annotation such as dict[str, FeaturePolicy]; None where there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg)) is not None), None)
