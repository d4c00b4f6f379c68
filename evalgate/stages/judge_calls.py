"""A judge that can be asked: its replies, found again where the very same was asked before, and what they cost.

Replies are kept under the digest of all that was asked. Failures are never kept, nor are replies that say nothing.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, SecretStr

from evalgate import store
from evalgate.errors import NotMeasured, PolicyError
from evalgate.models.hosted import PAUSES, Host, HostedChat, in_parallel, shown_url
from evalgate.models.judge import MOST_CHARACTERS, Request, built_in_rubric, choice_request, grade_request
from evalgate.ports import Progress
from evalgate.records.base import Record
from evalgate.records.beside_policy import JudgePolicy
from evalgate.records.suite import Case
from evalgate.redaction import mask

Read = Callable[[str], object]
"""What a reply says; None where it says nothing."""
LONGEST_REPLY = 20_000
"""Characters of a reply that are kept; a longer one is none that was asked for."""
_NOBODYS = Case(id="none", input="-", expected="-")


class KeptReply(Record):
    """What a judge said once, under the digest of all that it was asked."""

    text: str = Field(description="the reply, secrets and personal data masked where that changes nothing")


class Judge(NamedTuple):
    """A judge that can be asked, and what it is asked with."""

    chat: HostedChat
    policy: JudgePolicy
    rubric: str
    cache: Path | None
    said: dict[str, str]
    """Digest -> reply, of all that was asked or found in this run."""
    found: list[str]
    """Digests whose replies were found again, one for each time."""

    @property
    def sha256(self) -> str:
        """See `digest_of`."""
        return digest_of(self.policy, self.rubric)


class JudgeBill(NamedTuple):
    """What judging cost; replies that are found again cost nothing."""

    requests: int
    """Requests that were sent, failed ones too."""
    found: int
    """Replies that were found again, from this run or an earlier one."""
    tokens_in: int
    tokens_out: int
    unmetered: int
    """Replies without a word on tokens: where there are any, tokens and money are lower bounds."""
    money: float | None
    """In the policy's currency; None where the policy gives no prices."""

    def words(self) -> str:
        """The bill in one line."""
        least = "at least " if self.unmetered else ""
        money = "the policy gives no prices" if self.money is None else f"{least}{self.money:.4f} in its currency"
        sent = f"{self.requests} requests, {least}{self.tokens_in:,} tokens in, {self.tokens_out:,} out: {money}"
        return f"{sent}; {self.found} replies found again cost nothing" if self.found else sent


def open_judge(
    policy: JudgePolicy,
    *,
    rubric: str | None,
    key: SecretStr | None,
    cache: Path | None = None,
    pauses: tuple[float, ...] = PAUSES,
) -> Judge:
    """The judge that a policy names; nothing is asked of it yet. See `refuse_own_judge` first.

    Args:
        rubric: What a good answer is; None: faithful and complete.
        key: The value of the variable that `policy.key` names.
        cache: The folder where replies are kept between runs, as ab/<sha256>.json; None: nowhere.
        pauses: Seconds between tries.

    Raises:
        NotMeasured: `openai` is not installed, or there is no key where the policy names one.
        PolicyError: the rubric is empty.
    """
    if policy.key is not None and not (key and key.get_secret_value()):
        raise NotMeasured(f"{policy.key} is not set: the judge {policy.model!r} at {shown_url(policy.base_url)} asks for a key")
    if rubric is not None and not rubric.strip():
        raise PolicyError(f"{policy.rubric or 'judge.rubric'}: is empty: say what a good answer is")
    host = Host(policy.base_url, policy.model, key if policy.key else None, policy.key, policy.timeout_s, pauses)
    return Judge(HostedChat(host), policy, rubric or built_in_rubric(), cache, {}, [])


def bill(judge: Judge) -> JudgeBill:
    """What the judge has cost so far, self-test and failures counted."""
    spent, prices = judge.chat.spent(), (judge.policy.price_input_per_million, judge.policy.price_output_per_million)
    money = None
    if prices[0] is not None and prices[1] is not None:
        money = (spent.tokens_in * prices[0] + spent.tokens_out * prices[1]) / 1e6
    return JudgeBill(spent.requests, len(judge.found), spent.tokens_in, spent.tokens_out, spent.unmetered, money)


def digest_of(policy: JudgePolicy, rubric: str | None) -> str:
    """Digest of everything that shapes what a judge says: model, place, rubric, wording, schemas and settings."""
    what = rubric or built_in_rubric()
    asked = (grade_request(what, _NOBODYS, ""), choice_request(what, _NOBODYS, "", ""))
    return store.key_of(*(key_of(policy, request) for request in asked))


def key_of(policy: JudgePolicy, request: Request) -> str:
    """Digest of all that shapes a reply: who is asked, where, and the whole request, rubric and schema in it."""
    turns = [(message.role, message.content) for message in request.messages]
    asked = [policy.model, policy.base_url, turns, request.schema, policy.max_tokens]
    return store.key_of(json.dumps(asked, sort_keys=True))


def replies(judge: Judge, requests: Iterable[Request], read: Read, progress: Progress) -> dict[str, str | NotMeasured]:
    """Digest -> reply to each request; equal ones are asked once, and none whose reply is known."""
    unique = {key_of(judge.policy, request): request for request in requests}
    known = {key: text for key in unique if (text := _found(judge, key)) is not None and read(text) is not None}
    judge.found.extend(known)
    open_keys = [key for key in unique if key not in known]

    def keep(place: int, reply: str) -> None:
        if read(reply) is not None:
            judge.said[open_keys[place]] = reply
            if judge.cache is not None:
                store.write_record(_place(judge.cache, open_keys[place]), KeptReply(text=reply))

    said = replies_anew(judge, [unique[key] for key in open_keys], read, progress=progress, what="judging", keep=keep)
    return {**known, **dict(zip(open_keys, said, strict=True))}


def replies_anew(
    judge: Judge,
    requests: Sequence[Request],
    read: Read,
    *,
    progress: Progress,
    what: str,
    keep: Callable[[int, str], object] = lambda _place, _reply: None,
) -> list[str | NotMeasured]:
    """The reply to each request, asked now, or why there is none; several are asked at a time.

    Args:
        keep: Called with each reply as soon as it is there, so that none is paid for twice when a run is killed.

    Raises:
        NotMeasured: `keep` could not keep one.
    """

    def one(place: int) -> tuple[int, str | NotMeasured]:
        try:
            return place, _asked(judge, requests[place], read)
        except NotMeasured as error:
            return place, error

    got: dict[int, str | NotMeasured] = {}
    for place, reply in in_parallel(one, range(len(requests)), judge.policy.concurrency):
        got[place] = reply
        if isinstance(reply, str):
            keep(place, reply)
        progress(what, len(got), len(requests))
    return [got[place] for place in range(len(requests))]


def _asked(judge: Judge, request: Request, read: Read) -> str:
    """The judge's reply as it is kept: masked where it says the same so, cut where it is no reply."""
    if request.too_long:
        raise NotMeasured(f"question and answer are longer than the {MOST_CHARACTERS:,} characters that a judge is sent")
    text = judge.chat.ask(request.messages, schema=request.schema, max_tokens=judge.policy.max_tokens).text
    text = text[:LONGEST_REPLY]
    hidden = mask(text)
    return hidden if read(hidden) == read(text) else text


def _found(judge: Judge, key: str) -> str | None:
    if key in judge.said or judge.cache is None:
        return judge.said.get(key)
    kept = store.find_record(_place(judge.cache, key), KeptReply)
    return kept.text if kept is not None else None


def _place(cache: Path, key: str) -> Path:
    return cache / key[:2] / f"{key}.json"
