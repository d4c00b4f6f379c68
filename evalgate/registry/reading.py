"""models.yaml read strictly: every problem with its line, nothing guessed."""

from pathlib import Path

import orjson
from pydantic import ValidationError

from evalgate.errors import RegistryError
from evalgate.records.registry import Registry, RegistryFeature


def parse(text: bytes, path: str) -> Registry:
    """The registry in `text`.

    Raises:
        RegistryError: with every problem, each as `path:line: what is wrong`.
    """
    from evalgate import yamlfile  # who was given a registry never needs to read YAML

    try:
        document = yamlfile.load(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RegistryError(f"{path}: must be UTF-8") from error
    if document.problems:
        raise RegistryError(*(f"{path}:{line}: {message}" for line, message in document.problems))
    try:
        return Registry.model_validate_json(orjson.dumps(document.value))
    except orjson.JSONEncodeError as error:
        raise RegistryError(f"{path}: {error}: quote what is meant as text") from error
    except ValidationError as error:
        raise RegistryError(
            *(
                f"{path}:{document.line(tuple(item['loc']))}: {'.'.join(map(str, item['loc']))}: {item['msg']}"
                for item in error.errors(include_url=False)
            )
        ) from error


def load(path: Path) -> Registry:
    """The registry in a file; an empty one when there is no file yet.

    Raises:
        RegistryError: the file is not a registry, or cannot be read.
    """
    try:
        return parse(path.read_bytes(), str(path))
    except FileNotFoundError:
        return Registry(version=1)
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read: {error.strerror}") from error


def existing(path: Path) -> Registry:
    """The registry in a file that must be there.

    Raises:
        RegistryError: there is none, or it is not a registry.
    """
    if not path.exists():
        raise RegistryError(f"{path}: there is no registry: say --registry, or promote a run to begin one")
    return load(path)


def feature_of(registry: Registry, feature: str) -> RegistryFeature:
    """What is registered of a feature.

    Raises:
        RegistryError: nothing is; the message lists what exists.
    """
    if feature not in registry.features:
        raise RegistryError(f"no feature {feature!r} in the registry; it has {', '.join(registry.features) or 'none'}")
    return registry.features[feature]
