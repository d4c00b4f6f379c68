"""Bundles are fetched from a server that answers as GitHub does, by PyGithub, over a real connection."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from evalgate.errors import NotMeasured
from evalgate.pull_request import attestations
from evalgate.pull_request.attestations import bundles
from evalgate.pull_request.client import connect
from evalgate.pull_request.effects import Refused

SHA = "ab" * 32
PLACE = f"/repos/octo/evalgate/attestations/sha256:{SHA}"
TOKEN = "ghs_of-the-tests"  # noqa: S105  (opens nothing)
BUNDLE = {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": {"payload": "e30="}}


def packed(content):
    """A snappy block of one literal."""
    size, length = len(content) - 1, len(content)
    front = bytearray()
    while length >= 0x80:
        front.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*front, length, 62 << 2]) + size.to_bytes(3, "little") + content


class Answers(ThreadingHTTPServer):
    """What GitHub and its storage say: address without query -> answers in order, the last one again and again."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.said = {}
        self.heard = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def say(self, place, body, status=200, **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.said.setdefault(place, []).append((status, content, headers))

    def keep(self, name, content):
        """A file in the storage; its address."""
        self.say(f"/storage/{name}", content, Content_Type="application/x-snappy")
        return {"bundle_url": f"{self.url}/storage/{name}", "repository_id": 1, "initiator": "user"}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        address = urlsplit(self.path)
        self.server.heard.append((address.path, parse_qs(address.query), dict(self.headers)))
        answers = self.server.said.get(address.path, [(404, b'{"message": "Not Found"}', {})])
        status, content, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Answers() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def remote(server):
    return connect(
        token=SecretStr(TOKEN),
        repository="octo/evalgate",
        api_url=server.url,
        author="github-actions[bot]",
        run=None,
        pace=0,
        pauses=(0.001, 0.001),
    )


def test_bundles__are_read_from_where_github_says_that_they_lie(server, remote):
    kept = [server.keep(name, packed(json.dumps({**BUNDLE, "n": name}).encode())) for name in ("a", "b")]
    server.say(PLACE, {"attestations": kept})
    assert [json.loads(found)["n"] for found in bundles(remote, SHA)] == ["a", "b"]


def test_question__is_for_test_results_and_the_token_stays_at_home(server, remote):
    server.say(PLACE, {"attestations": [server.keep("a", packed(b"{}"))]})
    bundles(remote, SHA)
    (asked, query, headers), (_, _, storage) = server.heard
    assert (asked, query["predicate_type"]) == (PLACE, ["https://in-toto.io/attestation/test-result/v0.1"])
    assert TOKEN in headers["Authorization"]
    assert headers["X-GitHub-Api-Version"] == "2026-03-10"
    assert TOKEN not in str(storage)


def test_every_page__is_read(server, remote):
    after = {"Link": f'<{server.url}{PLACE}?after=2>; rel="next", <{server.url}{PLACE}>; rel="first"'}
    server.say(PLACE, {"attestations": [server.keep("a", packed(b'{"n": 1}'))]}, **after)
    server.say(PLACE, {"attestations": [server.keep("b", packed(b'{"n": 2}'))]})
    assert bundles(remote, SHA) == (b'{"n": 1}', b'{"n": 2}')
    assert [query.get("after") for path, query, _ in server.heard if path == PLACE] == [None, ["2"]]


def test_pages_without_end__are_not_read(server, remote):
    server.say(PLACE, {"attestations": []}, Link=f'<{server.url}{PLACE}?after=2>; rel="next"')
    with pytest.raises(NotMeasured, match="more than 0 attestations"):
        bundles(remote, SHA)
    assert len(server.heard) == attestations.MOST_PAGES


def test_older_servers__give_the_bundle_itself(server, remote):
    server.say(PLACE, {"attestations": [{"bundle": BUNDLE, "repository_id": 1}]})
    assert [json.loads(found) for found in bundles(remote, SHA)] == [BUNDLE]


@pytest.mark.parametrize("status", [404, 200])
def test_no_attestation__is_none(server, remote, status):
    server.say(PLACE, {"attestations": []} if status == 200 else {"message": "Not Found"}, status=status)
    assert bundles(remote, SHA) == ()


@pytest.mark.parametrize("content", [packed(b"x" * 4_200_000), b"x" * 4_200_000], ids=["packed", "as it comes"])
def test_bundle_larger_than_any_honest_one__is_left_out(server, remote, content):
    server.say(PLACE, {"attestations": [server.keep("huge", content), server.keep("a", packed(b"{}"))]})
    assert bundles(remote, SHA) == (b"{}",)


def test_token_that_may_not__is_told_what_is_missing(server, remote):
    server.say(PLACE, {"message": "Resource not accessible by integration"}, status=403)
    with pytest.raises(Refused, match="permissions"):
        bundles(remote, SHA)


def test_passing_fault__is_asked_again(server, remote):
    server.say(PLACE, {"message": "oops"}, status=500)
    server.say(PLACE, {"attestations": [server.keep("a", packed(b"{}"))]})
    assert bundles(remote, SHA) == (b"{}",)


def test_storage_that_fails_once__is_asked_again_from_the_start(server, remote):
    server.say("/storage/a", b"", status=503)
    server.say(PLACE, {"attestations": [server.keep("a", packed(b"{}"))]})
    assert bundles(remote, SHA) == (b"{}",)


@pytest.mark.parametrize(
    "answer",
    [{"attestations": [{}]}, {"attestations": [{"bundle": None}]}, {}, [], {"attestations": None}, b"<html>", b"null"],
    ids=repr,
)
def test_answer_that_makes_no_sense__is_not_measured(server, remote, answer):
    server.say(PLACE, answer)
    with pytest.raises(NotMeasured, match=f"could not read the attestations of {SHA[:12]}"):
        bundles(remote, SHA)


def test_file_that_is_no_block__is_not_measured(server, remote):
    server.say(PLACE, {"attestations": [server.keep("a", b"not snappy at all")]})
    with pytest.raises(NotMeasured, match="makes no sense"):
        bundles(remote, SHA)


def test_listed_file_that_is_gone__is_never_no_attestation(server, remote):
    server.say(PLACE, {"attestations": [{"bundle_url": f"{server.url}/storage/gone"}]})
    with pytest.raises(NotMeasured):
        bundles(remote, SHA)
