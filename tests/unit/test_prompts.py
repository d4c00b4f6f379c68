"""One renderer for training and evaluation, with a tokenizer of one token a character."""

from typing import Any

import pytest

from evalgate.errors import DatasetError, PolicyError
from evalgate.prompts import conversation, parse_prompt, prompt_sha256, question_tokens, training_tokens
from evalgate.records.suite import Message

END = 0
PROMPT = "Sort tickets.\n\n## user\nhi\n## assistant\nlogin\n"


class Tokenizer:
    """`<u>text■` and a line break for each turn, `<a>` where the assistant begins; ■ is the end-of-turn token."""

    eos_token_id: int | None = END

    def apply_chat_template(self, conversation: list[dict[str, str]], **options: Any) -> Any:
        text = "".join(f"<{turn['role'][0]}>{turn['content']}{self.closing}\n" for turn in conversation)
        text += "<a>" if options["add_generation_prompt"] else ""
        return {"input_ids": [END if char == "■" else ord(char) for char in text]}

    closing = "■"


class NeverEnds(Tokenizer):
    closing = ""


def text_of(ids):
    return "".join("■" if token == END else chr(token) for token in ids)


def turns(drawing):
    """`turns("u: hi | a: hello")`."""
    names = {"s": "system", "u": "user", "a": "assistant"}
    pairs = (turn.split(": ", 1) for turn in drawing.split(" | "))
    return [Message.model_validate({"role": names[role], "content": content}) for role, content in pairs]


def drawn(messages):
    return " | ".join(f"{message.role[0]}: {message.content}" for message in messages)


def trained(drawing, prompt="", tokenizer=None):
    """What the loss is taken on, a gap between one stretch and the next."""
    tokens = training_tokens(tokenizer or Tokenizer(), parse_prompt(prompt, "p"), turns(drawing), "d.jsonl:7")
    assert len(tokens.ids) == len(tokens.trained)
    marked = "".join(text if hit else "\0" for text, hit in zip(text_of(tokens.ids), tokens.trained, strict=True))
    return [stretch for stretch in marked.split("\0") if stretch]


class TestParsePrompt:
    def test_system_text_then_examples_in_turn(self):
        assert drawn(parse_prompt(PROMPT, "p.md")) == "s: Sort tickets. | u: hi | a: login"

    def test_system_text_alone_or_examples_alone_are_fine(self):
        assert drawn(parse_prompt("Be kind.\n", "p")) == "s: Be kind."
        assert drawn(parse_prompt("## user\nhi\n## assistant\nlogin", "p")) == "u: hi | a: login"

    def test_no_text_is_no_prompt(self):
        assert parse_prompt(" \n", "p") == ()

    def test_a_heading_of_another_level_or_word_is_text(self):
        text = "Rules\n### user\nnever ## user\n## Notes\nnone"
        assert drawn(parse_prompt(text, "p")) == f"s: {text}"

    @pytest.mark.parametrize(
        "text",
        [
            "## user\nhi",
            "## assistant\nhi\n## user\nhi",
            "## user\nhi\n## user\nhi\n## assistant\nyo",
            "## user\nhi\n## assistant\nyo\n## assistant\nyo",
            "## user\n\n## assistant\nyo",
            "## user\nhi\n## assistant\n",
        ],
    )
    def test_examples_that_are_no_pairs_with_text_are_refused(self, text):
        with pytest.raises(PolicyError, match=r"^p.md: examples are pairs of `## user` and `## assistant`"):
            parse_prompt(text, "p.md")

    def test_the_line_ends_of_windows_make_the_same_turns(self):
        assert parse_prompt(PROMPT.replace("\n", "\r\n"), "p") == parse_prompt(PROMPT, "p")

    def test_the_digest_is_of_the_turns(self):
        assert prompt_sha256(parse_prompt(PROMPT, "p")) == prompt_sha256(parse_prompt(PROMPT + "\n\n", "p"))
        assert prompt_sha256(parse_prompt(PROMPT, "p")) != prompt_sha256(parse_prompt(PROMPT.replace("hi", "ho"), "p"))
        assert prompt_sha256(()) == prompt_sha256(parse_prompt("", "p"))


class TestConversation:
    def test_the_prompt_stands_in_front(self):
        assert drawn(conversation(parse_prompt(PROMPT, "p"), turns("u: bye"))) == "s: Sort tickets. | u: hi | a: login | u: bye"

    def test_a_row_with_its_own_system_turn_keeps_it_alone(self):
        assert drawn(conversation(parse_prompt(PROMPT, "p"), turns("s: Be curt. | u: bye"))) == "s: Be curt. | u: bye"

    def test_a_question_ends_where_the_assistant_begins(self):
        ids = question_tokens(Tokenizer(), parse_prompt("Be kind.", "p"), turns("u: hi"))
        assert text_of(ids) == "<s>Be kind.■\n<u>hi■\n<a>"


class TestTrainingTokens:
    def test_the_answer_is_trained_with_its_end_of_turn_and_nothing_after_it(self):
        tokens = training_tokens(Tokenizer(), (), turns("u: hi | a: hello"), "d.jsonl:7")
        assert text_of(tokens.ids) == "<u>hi■\n<a>hello■"
        assert trained("u: hi | a: hello") == ["hello■"]

    def test_the_prompts_examples_are_never_trained(self):
        assert trained("u: bye | a: order", prompt=PROMPT) == ["order■"]

    def test_every_answer_of_the_row_is_trained(self):
        assert trained("u: hi | a: one | u: and | a: two", prompt=PROMPT) == ["one■", "two■"]

    def test_a_row_with_its_own_system_turn_trains_its_own_answer(self):
        assert trained("s: Be curt. | u: hi | a: yo", prompt=PROMPT) == ["yo■"]

    def test_a_question_and_its_row_begin_with_the_same_tokens(self):
        prompt, row = parse_prompt(PROMPT, "p"), turns("u: bye | a: order")
        question = question_tokens(Tokenizer(), prompt, row[:1])
        tokens = training_tokens(Tokenizer(), prompt, row, "d")
        assert tokens.ids[: len(question)] == question
        assert tokens.trained.index(True) == len(question)

    def test_an_end_of_turn_inside_an_answer_does_not_end_it(self):
        assert trained("u: hi | a: one■two") == ["one■two■"]

    @pytest.mark.parametrize("row", ["u: hi", "s: Be kind. | u: hi", "u: hi | a: "])
    def test_a_row_without_a_trainable_token_is_refused_with_its_line(self, row):
        with pytest.raises(DatasetError, match=r"^d.jsonl:7: no trainable token"):
            trained(row, prompt=PROMPT)

    def test_a_template_that_does_not_close_an_answer_is_refused_with_the_line(self):
        with pytest.raises(DatasetError, match=r"^d.jsonl:7: the chat template does not close the answer"):
            trained("u: hi | a: hello", tokenizer=NeverEnds())
