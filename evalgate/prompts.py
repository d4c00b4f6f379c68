"""One renderer of conversations, for training and for evaluation alike.

The prompt (system text and worked examples) comes from the policy; rows and cases carry the rest. A row that brings its
own system turn keeps it alone (the checks warn when it differs).
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from evalgate.errors import DatasetError, PolicyError
from evalgate.records.suite import Message

Prompt = tuple[Message, ...]
"""System turn, then pairs of example turns; empty for no prompt at all."""

EXAMPLE_TURN = re.compile(r"^## (user|assistant)[ \t]*$", re.MULTILINE)


class Tokenizer(Protocol):
    """What rendering needs of a tokenizer."""

    eos_token_id: int | None

    def apply_chat_template(self, conversation: list[dict[str, str]], **options: Any) -> Any:
        """Token ids of a rendered conversation."""
        ...


class TrainingTokens(NamedTuple):
    """One row as the model sees it."""

    ids: list[int]
    """Token ids, (T,)."""
    trained: list[bool]
    """True where the loss is taken: the row's assistant turns, up to and with their end-of-turn token, (T,)."""


def parse_prompt(text: str, path: str) -> Prompt:
    """The turns of a prompt file: Markdown, system text first, then `## user` and `## assistant` headings in turn.

    Raises:
        PolicyError: the examples do not alternate, or a turn is empty.
    """
    system, *rest = EXAMPLE_TURN.split(text.replace("\r\n", "\n"))
    roles, contents = rest[::2], [content.strip() for content in rest[1::2]]
    if roles != ["user", "assistant"] * (len(roles) // 2) or not all(contents):
        raise PolicyError(f"{path}: examples are pairs of `## user` and `## assistant`, each with text under it")
    turns = [("system", system.strip()), *zip(roles, contents, strict=True)]
    return tuple(Message.model_validate({"role": role, "content": content}) for role, content in turns if content)


def prompt_sha256(prompt: Prompt) -> str:
    """Digest of a prompt's turns; of the empty text when there is none."""
    return hashlib.sha256("".join(turn.model_dump_json() for turn in prompt).encode()).hexdigest()


def conversation(prompt: Prompt, turns: Sequence[Message]) -> list[Message]:
    """The turns with the prompt in front, unless they bring their own system turn."""
    return list(turns) if turns and turns[0].role == "system" else [*prompt, *turns]


def question_tokens(tokenizer: Tokenizer, prompt: Prompt, turns: Sequence[Message]) -> list[int]:
    """Token ids that end where the assistant begins to speak, (T,)."""
    return _render(tokenizer, conversation(prompt, turns), open_answer=True)


def opening_tokens(tokenizer: Tokenizer, prompt: Prompt) -> list[int]:
    """Token ids that every question under this prompt begins with, unless it brings its own system turn, (P,)."""
    one, other = (question_tokens(tokenizer, prompt, [Message(role="user", content=text)]) for text in ("a", "9"))
    return one[: next(i for i, (mine, theirs) in enumerate(zip(one, other, strict=False)) if mine != theirs)]


def training_tokens(tokenizer: Tokenizer, prompt: Prompt, turns: Sequence[Message], where: str) -> TrainingTokens:
    """Token ids of a whole row, and which of them are trained: the row's own answers, never the prompt's examples.

    Raises:
        DatasetError: `where` has no trainable token, or the chat template does not close an answer with the
            end-of-turn token, so that a model trained on it would never learn to stop.
    """
    messages = conversation(prompt, turns)
    own = range(len(messages) - len(turns), len(messages))
    ids = _render(tokenizer, messages)
    trained = [False] * len(ids)
    for position in own:
        if messages[position].role == "assistant":
            begin = len(_render(tokenizer, messages[:position], open_answer=True))
            end = _end_of_turn(tokenizer, ids, begin, len(_render(tokenizer, messages[: position + 1])), where)
            trained[begin:end] = [True] * (end - begin)
    if sum(trained) < 2:  # the end-of-turn token alone teaches nothing
        raise DatasetError(f"{where}: no trainable token: the row needs an assistant turn with content")
    last = len(ids) - trained[::-1].index(True)
    return TrainingTokens(ids[:last], trained[:last])


def _end_of_turn(tokenizer: Tokenizer, ids: list[int], begin: int, end: int, where: str) -> int:
    """Position after the end-of-turn token that closes ids[begin:end]."""
    for position in range(end - 1, begin - 1, -1):
        if ids[position] == tokenizer.eos_token_id:
            return position + 1
    raise DatasetError(
        f"{where}: the chat template does not close the answer with the end-of-turn token "
        f"{tokenizer.eos_token_id}: fix the template, or a model trained on it never learns to stop"
    )


def _render(tokenizer: Tokenizer, messages: Sequence[Message], *, open_answer: bool = False) -> list[int]:
    turns = [{"role": message.role, "content": message.content} for message in messages]
    rendered = tokenizer.apply_chat_template(turns, add_generation_prompt=open_answer, tokenize=True, return_dict=True)
    return list(rendered["input_ids"])
