"""A model that answers from a script, shipped in the package: `scripted:FILE`.

The file is JSON: `{"answers": {"<question>": "<answer>"}, "otherwise": "<answer>"}`. An answer of null is a failure to
answer. It lets the whole road be driven in milliseconds, on any machine, with every kind of behaviour.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from evalgate.ports import Answer
from evalgate.records.evaluation import Decoding, Variant
from evalgate.records.suite import Message


class ScriptedModel:
    """A script with an adapter's answers on top; see `evalgate.ports.Model`."""

    def __init__(self, script: Path, variant: Variant, adapter: Path | None = None) -> None:
        self.variant = variant
        self.environment = {"engine": "scripted"}
        told = json.loads(script.read_text())
        learnt = json.loads((adapter / "adapter_config.json").read_text())["answers"] if adapter else {}
        self._answers: dict[str, str | None] = {**told.get("answers", {}), **learnt}
        self._otherwise: str | None = told.get("otherwise")

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding) -> Iterator[Answer]:
        """Yield the script's answer to the last turn of every conversation."""
        for index, turns in enumerate(conversations):
            text = self._answers.get(turns[-1].content, self._otherwise)
            yield Answer(index, text, None if text is not None else "the script has no answer", 0.0, 0, 0)
