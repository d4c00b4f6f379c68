"""A variant behind a host: its prompt and a case's conversation are asked, and a host that fails gives an answer without text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalgate.errors import NotMeasured
from evalgate.models.hosted import HostedChat, in_parallel
from evalgate.ports import Answer
from evalgate.prompts import Prompt, conversation
from evalgate.records.evaluation import Decoding, Variant
from evalgate.records.suite import Message


class HostedModel:
    """A variant at a host; see `evalgate.ports.Model`."""

    def __init__(
        self,
        variant: Variant,
        chat: HostedChat,
        *,
        prompt: Prompt = (),
        schema: Mapping[str, Any] | None = None,
        concurrency: int = 4,
    ) -> None:
        """With a schema the host is asked to keep its answers to it."""
        self.variant = variant
        self._chat = chat
        self._prompt = prompt
        self._schema = schema
        self._concurrency = concurrency

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding) -> Iterator[Answer]:
        """Yield one Answer a conversation, each as soon as it is there; without text where the host gave none."""

        def one(place: int) -> Answer:
            try:
                turns = conversation(self._prompt, conversations[place])
                reply = self._chat.ask(turns, schema=self._schema, max_tokens=decoding.max_new_tokens)
            except NotMeasured as error:
                return Answer(place, None, str(error))
            return Answer(place, reply.text, None, reply.latency_ms, reply.tokens_in, reply.tokens_out)

        yield from in_parallel(one, range(len(conversations)), self._concurrency)
