"""Secrets, personal data and safe lines."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalgate.redaction import mask, personal_in, safe_line, secrets_in

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----"

SECRET_EXAMPLES = [
    ("api key", "sk-proj-" + "Ab3" * 10),
    ("api key", "sk-ant-api03-" + "x9" * 20),
    ("api key", "sk_live_" + "4eC39HqLyjWDarjtT1"),
    ("aws key", "AKIAIOSFODNN7EXAMPLE"),
    ("github token", "ghp_" + "a1B2" * 9),
    ("github token", "ghs_" + "a1B2" * 9),
    ("github token", "github_pat_" + "11ABCDEFG0" * 4),
    ("private key", PRIVATE_KEY),
    ("private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk"),
    ("private key", PRIVATE_KEY.replace("RSA ", "")),
    ("jwt", JWT),
    ("slack token", "xoxb-" + "123456789012-abcdefABCDEF"),
    ("google key", "AIza" + "Sy0" * 11 + "ab"),
    ("bearer token", "Authorization: Bearer " + "abc123" * 5),
    ("password in a url", "postgres://app:hunter2@db.acme.io/shop"),
]
NOT_SECRET = [
    "ask-me-anything-about-your-order-123456789",
    "sk-loading-spinner-container-large",
    "bearer of good news, and of internationalization",
    "https://acme.io:8443/path?q=a@b",
    "https://user:password@acme.io and https://user:<secret>@acme.io",
    "AKIA is a prefix, eyJ is another, xoxb too",
    "the private key is under the mat",
]
PERSONAL_EXAMPLES = [
    ("e-mail", "ana.lopez+news@acme.co.uk"),
    ("e-mail", "josé@correo.es"),
    ("phone", "+34 612 345 678"),
    ("phone", "+14155552671"),
    ("phone", "0034 612 345 678"),
    ("phone", "(415) 555-2671"),
    ("phone", "415-555-2671"),
    ("phone", "612 345 678"),
    ("phone", "020 7946 0958"),
    ("phone", "06 12 34 56 78"),
    ("card number", "4111 1111 1111 1111"),
    ("card number", "5555-5555-5555-4444"),
    ("card number", "378282246310005"),
    ("card number", "3782 822463 10005"),
    ("IBAN", "ES91 2100 0418 4502 0005 1332"),
    ("IBAN", "GB29NWBK60161331926819"),
    ("IBAN", "NO93 8601 1117 947"),
]
NOT_PERSONAL = [
    "order A-48213, ticket #7730912, order 4821377309",
    "[EMAIL] [PHONE] user@example.com you@mail.example.org me@shop.test",
    "on 2026-11-02 at 10:30:15 and 02/11/2026",
    "4111 1111 1111 1112 and 1234567890123456",
    "ES91 2100 0418 4502 0005 1333",
    "version 1.10.3, 192.168.100.200, 3.14159265358979, 1,234,567.89",
    "550e8400-e29b-41d4-a716-446655440000",
    "call (415) 555-0123",
    "+34 is Spain, @ana is a handle, a@b is nothing",
]


@pytest.mark.parametrize(("kind", "text"), SECRET_EXAMPLES)
class TestEachSecret:
    def test_is_named_by_kind(self, kind, text):
        assert secrets_in(f"use {text} please") == [kind]

    def test_is_masked_whole(self, kind, text):
        masked = mask(f"use {text}, please")
        assert f"[masked: {kind}]" in masked
        assert secrets_in(masked) == []
        assert not any(part in masked for part in ("hunter2", "MIIE", "b3Blb", JWT[-12:], text[8:20]))


@pytest.mark.parametrize("text", NOT_SECRET)
def test_what_only_resembles_a_secret_is_left_alone(text):
    assert secrets_in(text) == []


def test_each_kind_of_secret_is_named_once():
    keys = " ".join(["sk-" + "a1" * 12, "sk-" + "b2" * 12, "AKIAIOSFODNN7EXAMPLE"])
    assert secrets_in(keys) == ["api key", "aws key"]


@pytest.mark.parametrize(("kind", "text"), PERSONAL_EXAMPLES)
class TestEachPieceOfPersonalData:
    def test_is_counted_by_kind(self, kind, text):
        assert personal_in(f"it is {text}.") == {kind: 1}
        assert personal_in(f"{text}, {text}") == {kind: 2}

    def test_is_masked(self, kind, text):
        assert mask(f"it is {text}.") == f"it is [masked: {kind}]."


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_order_ids_dates_and_placeholders_are_no_personal_data(text):
    assert personal_in(text) == {}
    assert mask(text) == text


def test_two_ibans_in_a_row_are_both_masked():
    assert mask("ES91 2100 0418 4502 0005 1332 DE89 3704 0044 0532 0130 00 AND MORE") == (
        "[masked: IBAN] [masked: IBAN] AND MORE"
    )


def test_a_card_number_before_its_security_code_is_masked():
    assert mask("4111 1111 1111 1111 123") == "[masked: card number] 123"


def test_a_password_in_a_url_is_no_e_mail():
    assert personal_in("postgres://app:hunter2@db.acme.io/shop") == {}


@given(st.text())
def test_masking_twice_is_masking_once(text):
    assert mask(mask(text)) == mask(text)


@given(
    st.sampled_from([text for _, text in SECRET_EXAMPLES + PERSONAL_EXAMPLES]),
    st.text("aé 1@-.\n"),
    st.text("bñ 2:/\n"),
)
def test_nothing_is_left_to_find_after_masking(text, before, after):
    masked = mask(f"{before} {text} {after}")
    assert (secrets_in(masked), personal_in(masked)) == ([], {})


@pytest.mark.parametrize(
    "unit", ["a", "a@", "a.", "sk-a", "1", "1 ", "+1(", "ES12 ", "://a:", "bearer a", "eyJaaaaaaaa.eyJ", "-----BEGIN "]
)
def test_a_megabyte_of_bait_is_masked_in_linear_time(unit):
    began = time.perf_counter()
    mask((unit * (1 << 20))[: 1 << 20])
    assert time.perf_counter() - began < 20


class TestSafeLine:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("plain text, años, 日本", "plain text, años, 日本"),
            ("two\nlines\r\n", "two\\u000alines\\u000d\\u000a"),
            ("\x1b[31mred\x00\x7f\x85", "\\u001b[31mred\\u0000\\u007f\\u0085"),
            ("a\u202eb\u200bc\u2028d\ufeff", "a\\u202eb\\u200bc\\u2028d\\ufeff"),
            ("tag \U000e0041", "tag \\U000e0041"),
            ("half \ud800", "half \\ud800"),
        ],
    )
    def test_what_cannot_be_seen_is_escaped(self, text, shown):
        assert safe_line(text, 80) == shown

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("::set-output name=a::b", ": :set-output name=a::b"),
            ("  ::error::x", "  : :error::x"),
            (":::error::x", ": ::error::x"),
            ("see ##[group]x ###[y]", "see # #[group]x ## #[y]"),
            ("std::vector", "std::vector"),
        ],
    )
    def test_a_workflow_command_is_made_inert(self, text, shown):
        assert safe_line(text, 80) == shown

    def test_a_long_text_is_shortened_to_the_limit(self):
        assert safe_line("abcdef", 6) == "abcdef"
        assert safe_line("abcdefg", 6) == "abcde…"
        assert safe_line("x" * 10**7, 3) == "xx…"
        assert safe_line("abc", 1) == "…"
        assert safe_line("abc", 0) == ""

    @given(st.text(), st.integers(0, 60))
    def test_the_result_is_one_short_printable_inert_line(self, text, limit):
        shown = safe_line(text, limit)
        assert len(shown) <= limit
        assert shown.isprintable()
        assert not shown.lstrip().startswith("::") and "##[" not in shown
