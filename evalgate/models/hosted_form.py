"""What is sent to a host that speaks OpenAI's chat completions, and what its replies say: pure, without the library.

What hosts support differs, so a request begins with all that we would like and learns from refusals (`WISHES`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evalgate.records.suite import Message

SEED = 17
MOST_TOKENS = 10**12
"""Tokens that a host may say it counted in one reply; results hold no whole number above 64 bits."""
WISHES: Mapping[str, tuple[str, ...]] = {
    "response_format": ("json_schema", "json_object", "none"),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "temperature": ("0", "none"),
    "seed": (str(SEED), "none"),
}
"""What hosts support differently -> the ways to ask for it, the best first; a refusal by name leads to the next one."""
_REFUSED_AS = {
    "response_format": re.compile(r"response_format|json_schema|json_object|structured.outputs?", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax_tokens\b", re.IGNORECASE),
    "temperature": re.compile(r"\btemperature\b", re.IGNORECASE),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
}
_UNSUPPORTED = re.compile(
    r"support|unknown|unrecogni[sz]ed|unexpected|extra (inputs|fields)|not (permitted|allowed|available|implemented)|invalid",
    re.IGNORECASE,
)
_DATED = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4})")


class Reply(NamedTuple):
    """One reply of a host."""

    text: str
    """What was said, or the refusal to say it; tool calls as `{"tool_calls": [{"name", "arguments"}], "content"}` in JSON."""
    model: str
    """Who said it, by the host's word; empty where it does not say."""
    tokens_in: int | None
    """None where the host does not say."""
    tokens_out: int | None
    finish: str
    """Why it ended, such as "stop" or "length"; empty where the host does not say."""
    latency_ms: float
    """Of the request that was answered, from its sending to the last byte; earlier tries and pauses apart."""


class Garbled(ValueError):
    """A reply that nobody can use."""

    def __init__(self, words: str, *, passing: bool = True) -> None:
        super().__init__(words)
        self.passing = passing
        """True where asking again may help."""


def options(
    model: str, messages: Sequence[Message], schema: Mapping[str, Any] | None, max_tokens: int, asked: Mapping[str, int]
) -> dict[str, Any]:
    """The request, each wish in the way that `asked` says (wish -> position in `WISHES`)."""
    way = {name: WISHES[name][step] for name, step in asked.items()}
    forms: dict[str, Any] = {
        "json_schema": {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}},
        "json_object": {"type": "json_object"},
    }
    form = forms.get(way["response_format"]) if schema is not None else None
    return {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        way["max_tokens"]: max_tokens,
        **({"temperature": 0} if way["temperature"] == "0" else {}),
        **({"seed": SEED} if way["seed"] == str(SEED) else {}),
        **({"response_format": form} if form else {}),
    }


def unsupported(refused: str, asked: Mapping[str, int], *, structured: bool) -> str | None:
    """The wish that a host's refusal names and that can be asked for in another way; None where there is none."""
    if not _UNSUPPORTED.search(refused):
        return None
    sent = [name for name in WISHES if structured or name != "response_format"]
    others = [name for name in sent if asked[name] + 1 < len(WISHES[name])]
    return next((name for name in others if _REFUSED_AS[name].search(refused)), None)


def same_model(pinned: str, served: str) -> bool:
    """True when a host's name for who answered is the pinned one, or that with a date behind it."""
    return served == pinned or (served.startswith(pinned) and _DATED.fullmatch(served, len(pinned)) is not None)


def read(content: bytes) -> Any:
    """The JSON value of a reply's bytes.

    Raises:
        Garbled: they are none.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Garbled("it is no JSON") from None


def reply_in(body: Any, latency_ms: float) -> Reply:
    """The reply in a chat completion: `{"model": "m", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}`.

    Raises:
        Garbled: there is none in it.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise Garbled("there is no message in it")
    model, finish = body.get("model"), choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else ""
    text = _text(message)
    if text is None:
        raise Garbled(f"its message holds no text, finish_reason {finish!r}", passing=False)
    whole = text.encode("utf-8", "replace").decode("utf-8")  # no file holds half a surrogate pair: it becomes a question mark
    return Reply(whole, model if isinstance(model, str) else "", *tokens_in(body), finish, latency_ms)


def tokens_in(body: Any) -> tuple[int | None, int | None]:
    """Tokens of the question and of the reply, each None where the host does not say, or says what cannot be."""
    usage = body.get("usage") if isinstance(body, dict) else None
    found = [usage.get(name) if isinstance(usage, dict) else None for name in ("prompt_tokens", "completion_tokens")]
    sent, got = (n if isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= MOST_TOKENS else None for n in found)
    return sent, got


def _text(message: Mapping[str, Any]) -> str | None:
    """See `Reply.text`; arguments stay as they came, so that a scorer sees what is wrong with them."""
    content, calls = message.get("content"), message.get("tool_calls")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    said = next((text for text in (content, message.get("refusal")) if isinstance(text, str)), None)
    if not isinstance(calls, list) or not calls:
        return said
    named = [call.get("function") if isinstance(call, dict) else None for call in calls]
    told = [{key: call.get(key) if isinstance(call, dict) else None for key in ("name", "arguments")} for call in named]
    return json.dumps({"tool_calls": told, "content": said}, ensure_ascii=False)
