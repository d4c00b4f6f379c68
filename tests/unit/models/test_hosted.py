"""The client of hosted models against a real server on this machine, through the real library."""

import gc
import json
import statistics
import threading
import time

import pytest
from judge_server import ChatServer, always, completion_of
from openai.types.chat import ChatCompletion
from pydantic import SecretStr

from evalgate.errors import NotMeasured
from evalgate.models.hosted import GIVE_UP, Host, HostedChat
from evalgate.models.hosted_form import same_model
from evalgate.models.hosted_model import HostedModel
from evalgate.records.evaluation import Decoding, Variant
from evalgate.records.suite import Message

KEY = "sk-abcdefgh1234567890ABCDEFG"
ODD_KEY = "correct-horse-battery-staple"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
HELLO = (Message(role="user", content="hello"),)


@pytest.fixture
def server():
    with ChatServer(always("hi")) as started:
        yield started


@pytest.fixture
def chat_with():
    """A way to make clients that are closed when the test ends."""
    made = []

    def make(server, **fields):
        slept = fields.pop("slept", [])
        host = Host(**{"base_url": server.url, "model": "judge-1", "pauses": (0.0, 0.0, 0.0), "timeout_s": 5.0, **fields})
        made.append(HostedChat(host, sleep=slept.append))
        return made[-1]

    yield make
    for chat in made:
        chat.close()


def refusal(chat, **fields):
    with pytest.raises(NotMeasured) as caught:
        chat.ask(HELLO, **fields)
    return str(caught.value)


def test_reply__has_text_model_tokens_finish_and_latency(server, chat_with):
    reply = chat_with(server).ask(HELLO, max_tokens=7)
    assert reply[:5] == ("hi", "judge-1", 100, 10, "stop")
    assert 0 < reply.latency_ms < 5000


def test_request__is_greedy_seeded_and_limited(server, chat_with):
    chat_with(server).ask(HELLO, max_tokens=7)
    assert server.log[0].body == {
        "model": "judge-1",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 7,
        "temperature": 0,
        "seed": 17,
    }


def test_schema__is_asked_for_strictly(server, chat_with):
    chat_with(server).ask(HELLO, schema=SCHEMA)
    wanted = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA}}
    assert server.log[0].body["response_format"] == wanted


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "529", "disconnect", "cut", "malformed", "html", "empty"])
def test_passing_fault__is_asked_again(server, chat_with, fault):
    server.faults = [fault]
    assert chat_with(server).ask(HELLO).text == "hi"
    assert server.calls == 2


@pytest.mark.parametrize("fault", ["429", "500", "disconnect", "cut", "malformed"])
def test_lasting_fault__is_not_measured_after_four_tries(server, chat_with, fault):
    server.faults = [fault] * 9
    assert server.url in refusal(chat_with(server))
    assert server.calls == 4


def test_retry_after__is_waited_for(server, chat_with):
    slept = []
    server.faults = ["429:7"]
    chat_with(server, slept=slept).ask(HELLO)
    assert slept == [7.0]


def test_retry_after__that_is_too_long_is_not_waited_for_and_said(server, chat_with):
    slept = []
    server.faults = ["429:3600"]
    assert "asks to wait 3600 seconds" in refusal(chat_with(server, slept=slept))
    assert (slept, server.calls) == ([], 1)


def test_pauses__have_jitter(server, chat_with):
    slept = []
    server.faults = ["500"] * 3
    chat_with(server, slept=slept, pauses=(1.0, 1.0, 1.0)).ask(HELLO)
    assert len(set(slept)) == 3
    assert all(0.5 <= pause <= 1.5 for pause in slept)


@pytest.mark.parametrize("fault", ["slow:1.0", "drip"])
def test_slow_reply__ends_at_the_deadline(server, chat_with, fault):
    server.faults = [fault]
    began = time.monotonic()
    assert "no whole reply within 0.3 seconds" in refusal(chat_with(server, timeout_s=0.3, pauses=()))
    assert time.monotonic() - began < 0.9


def test_huge_reply__is_not_read_to_its_end(server, chat_with):
    server.faults = ["huge"]
    assert "longer than" in refusal(chat_with(server))
    assert server.calls == 1


def test_redirect__is_not_followed(server, chat_with):
    server.faults = ["moved"]
    assert "answered 302" in refusal(chat_with(server, key=SecretStr(KEY)))
    assert server.calls == 1


@pytest.mark.parametrize(
    ("parameter", "left"),
    [
        ("max_tokens", {"max_completion_tokens": 300}),
        ("temperature", {}),
        ("seed", {}),
    ],
)
def test_parameter_that_is_not_supported__is_left_out_and_that_is_remembered(server, chat_with, parameter, left):
    server.refuses = [parameter]
    chat = chat_with(server)
    for _ in range(2):
        assert chat.ask(HELLO).text == "hi"
    assert [seen.status for seen in server.log] == [400, 200, 200]
    assert parameter not in server.log[2].body
    assert left.items() <= server.log[2].body.items()


def test_reasoning_model__that_refuses_three_of_them_answers_in_the_end(server, chat_with):
    server.refuses = ["max_tokens", "temperature", "seed"]
    assert chat_with(server).ask(HELLO).text == "hi"
    assert server.calls == 4


def test_response_format__falls_back_to_any_json_and_then_to_none(server, chat_with):
    server.refuses = ["response_format"]
    chat = chat_with(server)
    chat.ask(HELLO, schema=SCHEMA)
    asked = [seen.body.get("response_format", {}).get("type") for seen in server.log]
    assert asked == ["json_schema", "json_object", None]
    assert chat.wishes()["response_format"] == "none"
    chat.ask(HELLO, schema=SCHEMA)
    assert server.calls == 4


def test_wish__that_two_threads_see_refused_is_given_up_one_step_only(server, chat_with):
    barrier = threading.Barrier(2)

    def say(body):
        if body.get("response_format", {}).get("type") == "json_schema":
            barrier.wait(timeout=5)
        return "hi"

    class Picky(ChatServer):
        def _answer(self, path, headers, body, fault):
            found = super()._answer(path, headers, body, fault)
            refused = body.get("response_format", {}).get("type") == "json_schema"
            return (400, {}, {"error": {"message": "json_schema is not supported"}}) if refused else found

    with Picky(say) as picky:
        chat = chat_with(picky)
        threads = [threading.Thread(target=chat.ask, args=(HELLO,), kwargs={"schema": SCHEMA}) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert chat.wishes()["response_format"] == "json_object"
        assert picky.calls == 4


def test_other_400__is_not_measured_at_once(server, chat_with):
    server.faults = ["400"]
    assert "answered 400: fault 400" in refusal(chat_with(server))
    assert server.calls == 1


def test_refused_key__names_the_variable_and_nothing_is_asked_again(server, chat_with):
    server.faults = ["401"]
    chat = chat_with(server, key=SecretStr(KEY), key_name="MY_KEY")
    for _ in range(2):
        said = refusal(chat)
        assert "look at MY_KEY" in said
        assert KEY not in said
    assert server.calls == 1


def test_forbidden__names_the_variable_and_the_next_question_is_asked(server, chat_with):
    server.faults = ["403"]
    chat = chat_with(server, key=SecretStr(KEY), key_name="MY_KEY")
    assert "look at MY_KEY" in refusal(chat)
    assert chat.ask(HELLO).text == "hi"


def test_host_that_asks_for_a_key_when_none_was_named__says_where_to_name_it(server, chat_with):
    server.faults = ["401"]
    assert "it wants a key: name its variable" in refusal(chat_with(server))


def test_questions_that_a_host_finds_improper__are_no_failures_of_the_host(server, chat_with):
    chat = chat_with(server)
    server.faults = ["400"] * (GIVE_UP + 3)
    for _ in range(GIVE_UP + 3):
        refusal(chat)
    assert chat.ask(HELLO).text == "hi"


def test_password_in_the_address__is_masked(server, chat_with):
    server.faults = ["400"]
    address = server.url.replace("http://", "http://me:horse-staple@")
    assert "horse-staple" not in refusal(chat_with(server, base_url=address))


@pytest.mark.parametrize("secret", [KEY, ODD_KEY])
def test_key__that_the_host_echoes_is_masked(chat_with, secret, caplog, capfd):
    with ChatServer(always("hi"), key="another") as strict:
        chat = chat_with(strict, key=SecretStr(secret), key_name="MY_KEY")
        said = refusal(chat)
    assert "[masked" in said
    assert secret not in said + repr(chat.host) + repr(chat) + caplog.text + "".join(capfd.readouterr())


def test_key__goes_to_the_host_and_the_surroundings_add_nothing(chat_with, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else-0000000")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer ambient\nX-Ambient: yes")
    with ChatServer(always("hi"), key=KEY) as strict, ChatServer(always("hi")) as free:
        chat_with(strict, key=SecretStr(KEY)).ask(HELLO)
        chat_with(free).ask(HELLO)
        assert strict.log[0].headers["authorization"] == f"Bearer {KEY}"
        assert "authorization" not in free.log[0].headers
        told = json.dumps([dict(seen.headers) for seen in (*strict.log, *free.log)])
        assert not any(word in told for word in ("somebody-else", "org-1", "project-1", "mbient"))


@pytest.mark.parametrize("key", ["with\nbreak", " lead", "ключ"])
def test_key__with_what_no_header_may_hold_is_refused_without_showing_it(server, chat_with, key):
    with pytest.raises(NotMeasured) as caught:
        chat_with(server, key=SecretStr(key), key_name="MY_KEY")
    assert "MY_KEY" in str(caught.value)
    assert key not in str(caught.value)


def test_another_model__is_not_measured_and_both_are_named(server, chat_with):
    server.faults = ["other-model:gpt-cheap"]
    said = refusal(chat_with(server))
    assert "'judge-1'" in said
    assert "'gpt-cheap'" in said


@pytest.mark.parametrize(
    ("served", "same"),
    [
        ("gpt-5", True),
        ("gpt-5-2026-01-01", True),
        ("gpt-5-20260101", True),
        ("gpt-5-0613", True),
        ("gpt-5-mini", False),
        ("gpt-5-mini-2026-01-01", False),
        ("gpt-50", False),
        ("GPT-5", False),
        ("", False),
    ],
)
def test_same_model__is_the_pinned_name_or_that_with_a_date(served, same):
    assert same_model("gpt-5", served) is same


def test_dead_host__is_given_up_after_some_failures_in_a_row(server, chat_with):
    server.faults = ["500"] * 99
    chat = chat_with(server, pauses=())
    said = [refusal(chat) for _ in range(GIVE_UP + 3)]
    assert server.calls == GIVE_UP
    assert "nothing more is asked of this host" in said[-1]


def test_success__starts_the_count_of_failures_again(server, chat_with):
    chat = chat_with(server, pauses=())
    for _ in range(3):
        server.faults = ["500"] * (GIVE_UP - 1)
        for _ in range(GIVE_UP - 1):
            refusal(chat)
        assert chat.ask(HELLO).text == "hi"


def test_nobody_listens__is_not_measured(chat_with):
    with ChatServer(always("hi")) as gone:
        pass
    assert "the connection broke" in refusal(chat_with(gone, pauses=()))


def test_exhausted_quota__is_not_asked_again(chat_with):
    class Broke(ChatServer):
        def _answer(self, path, headers, body, fault):
            return 429, {}, {"error": {"message": "no money", "type": "insufficient_quota", "code": "insufficient_quota"}}

    with Broke(always("hi")) as broke:
        assert "nothing left to spend" in refusal(chat_with(broke))
        assert broke.calls == 1


def test_spent__counts_every_request_and_the_replies_without_usage(chat_with):
    with ChatServer(always("hi"), usage=False) as silent:
        chat = chat_with(silent)
        silent.faults = ["500", "other-model:x"]
        refusal(chat)
        assert chat.spent() == (2, 0, 0, 1)
    with ChatServer(always("hi")) as metered:
        chat = chat_with(metered)
        metered.faults = ["other-model:x"]
        refusal(chat)
        assert chat.spent() == (1, 100, 10, 0), "a reply that is not used costs as much as any other"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"role": "assistant", "content": None, "refusal": "I can't."}, "I can't."),
        ({"role": "assistant", "content": "half \ud83d a pair"}, "half ? a pair"),
        ({"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        (
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "refund", "arguments": '{"id": 7'}}],
            },
            '{"tool_calls": [{"name": "refund", "arguments": "{\\"id\\": 7"}], "content": null}',
        ),
    ],
    ids=["refusal", "half a pair", "parts", "tool calls"],
)
def test_text__is_content_refusal_or_tool_calls(chat_with, message, text):
    with ChatServer(lambda _body: message) as talking:
        assert chat_with(talking).ask(HELLO).text == text


@pytest.mark.parametrize("message", [{"role": "assistant", "content": None}, {"role": "assistant"}, {"content": 7}])
def test_message_without_text__is_not_measured(chat_with, message):
    with ChatServer(lambda _body: message) as silent:
        assert "holds no text" in refusal(chat_with(silent))
        assert silent.calls == 1


def test_client_that_nobody_holds__leaves_no_connection_open(server):
    chat = HostedChat(Host(server.url, "judge-1"))
    chat.ask(HELLO)
    client = chat._client
    del chat
    gc.collect()
    assert client.is_closed()


def test_what_the_server_says__is_a_chat_completion():
    assert ChatCompletion.model_validate(completion_of("hi", "judge-1"), strict=True).choices[0].message.content == "hi"


class TestHostedModel:
    VARIANT = Variant(name="endpoint", model="judge-1", model_sha256="a" * 64, prompt_sha256="b" * 64)

    def answers(self, chat, count, **fields):
        questions = [(Message(role="user", content=str(number)),) for number in range(count)]
        model = HostedModel(self.VARIANT, chat, **fields)
        return sorted(model.answer(questions, Decoding(max_new_tokens=9)))

    def test_every_question_is_answered_in_its_place_with_the_prompt_in_front(self, chat_with):
        with ChatServer(lambda body: "to " + body["messages"][-1]["content"]) as server:
            prompt = (Message(role="system", content="be brief"),)
            got = self.answers(chat_with(server), 20, prompt=prompt)
            assert [answer.text for answer in got] == [f"to {number}" for number in range(20)]
            assert {(answer.tokens_in, answer.tokens_out) for answer in got} == {(100, 10)}
            assert all(seen.body["messages"][0] == {"role": "system", "content": "be brief"} for seen in server.log)
            assert {seen.body["max_tokens"] for seen in server.log} == {9}

    def test_a_failure_is_an_answer_without_text(self, chat_with):
        def say(body):
            return "hi" if body["messages"][-1]["content"] != "3" else {"role": "assistant", "content": None}

        with ChatServer(say) as server:
            got = self.answers(chat_with(server), 6)
            assert [answer.text for answer in got] == ["hi", "hi", "hi", None, "hi", "hi"]
            assert "holds no text" in (got[3].error or "")

    def test_concurrency_is_bounded_and_latency_leaves_out_the_queue(self, chat_with):
        def slow(_body):
            time.sleep(0.1)
            return "hi"

        with ChatServer(slow) as server:
            got = self.answers(chat_with(server), 12, concurrency=2)
            assert server.at_once == 2
            assert statistics.median(answer.latency_ms or 0 for answer in got) < 300, "the last waits 500 ms for its turn"

    def test_a_reader_that_stops_drops_what_was_not_begun(self, chat_with):
        with ChatServer(always("hi")) as server:
            questions = [(Message(role="user", content="x"),)] * 200
            model = HostedModel(self.VARIANT, chat_with(server), concurrency=2)
            answering = model.answer(questions, Decoding(max_new_tokens=9))
            next(answering)
            answering.close()
            assert server.calls < 150
