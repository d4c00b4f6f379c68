"""A gate for fine-tunes: check, train, evaluate, gate, resolve."""

from importlib import import_module
from typing import Any

_DOORS = {
    "check": "evalgate.stages.check",
    "train": "evalgate.stages.train",
    "evaluate": "evalgate.stages.evaluate",
    "gate": "evalgate.stages.gate",
    "resolve": "evalgate.registry",
    "open_workspace": "evalgate.stages.workspace",
}
__all__ = ["check", "evaluate", "gate", "open_workspace", "resolve", "train"]


def __getattr__(name: str) -> Any:
    """The public function of that name, imported only now so that `import evalgate` stays light."""
    if name in _DOORS:
        return getattr(import_module(_DOORS[name]), name)
    raise AttributeError(f"module 'evalgate' has no attribute {name!r}")
