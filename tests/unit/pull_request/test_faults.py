"""What a failed call means."""

import time

import pytest
import requests
from github import BadAttributeException, GithubException, IncompletableObject, UnknownObjectException
from github.Requester import Requester

from evalgate.pull_request.faults import told

MADE_UP = "ghs_0123456789abcdefghijklmnopqrstuvwxyz"


def refused(status, message="no", **headers):
    """What PyGithub raises for this answer."""
    return Requester.createException(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, {"message": message}
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422])
def test_refusal__is_final(status):
    assert told(refused(status)).status == status


@pytest.mark.parametrize(
    "error",
    [
        refused(500),
        refused(502),
        refused(503),
        refused(429),
        refused(403, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."),
        refused(403, "API rate limit exceeded for installation."),
        refused(403, retry_after="1"),
        refused(403, x_ratelimit_remaining="0"),
        requests.ConnectionError("https://x/?sig=1"),
        requests.exceptions.ChunkedEncodingError("broken"),
        requests.Timeout(),
        IncompletableObject(400),
        BadAttributeException(1, str, None),
        ValueError("Expecting value"),
        TypeError("string indices"),
    ],
)
def test_fault__that_may_pass_leaves_it_open_what_the_server_did(error):
    assert told(error).status is None


def test_wait__is_read_from_retry_after_then_from_the_reset_of_a_used_up_limit():
    assert told(refused(429, retry_after="7")).wait == 7
    assert told(refused(429, retry_after="Thu, 01 Jan 1970 00:00:00 GMT")).wait == 0
    assert 20 < told(refused(429, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(time.time()) + 30))).wait <= 30
    assert told(refused(429, x_ratelimit_remaining="9", x_ratelimit_reset="99999999999")).wait == 0
    assert told(refused(429, retry_after="soon")).wait == 0


def test_wait__that_is_too_long_says_when_to_come_back():
    assert told(refused(429, retry_after="3600")).advice == "GitHub asks to wait 3600 seconds: run the job again after that"


def test_words__hold_githubs_reasons_on_one_masked_line():
    body = {"message": f"Validation Failed\n::error::{MADE_UP}", "errors": [{"message": "body is too long"}, "and more"]}
    words = told(GithubException(422, body, {})).words
    assert words == "GitHub answered 422: Validation Failed\\u000a::error::[masked: github token]; body is too long; and more"


def test_words__name_the_permission_that_github_names():
    error = UnknownObjectException(403, {"message": "no"}, {"X-Accepted-GitHub-Permissions": "issues=write"})
    assert told(error).advice.endswith("to the app (issues=write)")


def test_words__of_the_network_quote_no_address():
    assert "sig" not in told(requests.ConnectionError("https://x/?sig=1")).words


@pytest.mark.parametrize("body", [None, "a page", ["x"], {}, {"message": None, "errors": "odd"}])
def test_words__are_there_for_a_refusal_without_any(body):
    assert told(GithubException(422, body, {})).words == "GitHub answered 422: no reason given"
