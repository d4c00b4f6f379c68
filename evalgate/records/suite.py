"""Golden and safety cases: the questions and what is expected of the answers."""

from typing import Any, Literal

from pydantic import Field, model_validator

from evalgate.records.base import Record, Sha256


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant", "tool"] = Field(description="who speaks")
    content: str = Field(description="what is said")


class Case(Record):
    """A held-out question with its expectation.

    One raw line: `{"id": "refund-017", "input": "give one back", "expected": {"intent": "refund"},
    "buckets": {"intent": "refund", "locale": "en"}, "cluster": "refund-twice"}`
    """

    id: str = Field(min_length=1, description="unique in its suite")
    input: str | None = Field(default=None, min_length=1, description="the user's text; or give `messages`")
    messages: tuple[Message, ...] | None = Field(default=None, description="a whole conversation instead of `input`")
    expected: Any = Field(description="what the scorer holds the answer against; never null")
    buckets: dict[str, str] = Field(default_factory=dict, description="slice name -> value, e.g. intent -> refund")
    cluster: str | None = Field(default=None, description="groups paraphrases of one question")

    @model_validator(mode="after")
    def _complete(self) -> "Case":
        if (self.input is None) == (not self.messages):
            raise ValueError("a case has either `input` or `messages`")
        if self.expected is None:
            raise ValueError("a case needs an expectation: `expected` is null")
        return self

    @property
    def turns(self) -> tuple[Message, ...]:
        """The conversation that is put to a variant."""
        return self.messages or (Message(role="user", content=self.input or ""),)


class Suite(Record):
    """The cases of one suite name, bound to the bytes of their files."""

    name: str = Field(pattern=r"^(golden|safety)(/[A-Za-z0-9._-]+)?$", description='"golden" or "safety/<file stem>"')
    sha256: Sha256 = Field(description="sha256 over the suite's files")
    cases: tuple[Case, ...] = Field(description="in file order")
