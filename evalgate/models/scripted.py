"""A model that answers from a script, shipped in the package: `scripted:FILE`.

The file is JSON: `{"answers": {"<question>": "<answer>"}, "otherwise": "<answer>"}`. An answer of null is a failure to
answer. A trained one also answers every question that begins like a row it was taught. It lets the
whole road be driven in milliseconds, on any machine, with every kind of behaviour.
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
        told = json.loads(script.read_text())
        learnt = json.loads((adapter / "adapter_config.json").read_text())["answers"] if adapter else {}
        self._answers: dict[str, str | None] = told.get("answers", {})
        self._learnt: dict[str, str] = dict(sorted(learnt.items(), key=lambda pair: -len(pair[0])))
        self._otherwise: str | None = told.get("otherwise")

    def answer(self, conversations: Sequence[Sequence[Message]], _decoding: Decoding) -> Iterator[Answer]:
        """Yield the script's answer to the last turn of every conversation."""
        for index, turns in enumerate(conversations):
            text = self._recall(turns[-1].content)
            yield Answer(index, text, None if text is not None else "the script has no answer", 0.0, 0, 0)

    def _recall(self, question: str) -> str | None:
        """What was learnt for the longest beginning of the question, else the script's answer."""
        learnt = next((answer for taught, answer in self._learnt.items() if question.startswith(taught)), None)
        return learnt if learnt is not None else self._answers.get(question, self._otherwise)
