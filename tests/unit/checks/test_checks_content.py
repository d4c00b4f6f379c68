"""EG501 to EG503."""

import json

import pytest
from drawn_rows import findings, found, row, said

KEY = "sk-" + "a1" * 12


class TestSecrets:
    def test_a_secret_is_an_error_that_names_its_kind_only(self):
        (finding,) = findings(row(f"u: my key is {KEY} | a: thanks"))
        assert (finding.code, finding.severity) == ("EG501", "error")
        assert finding.message == "holds a secret (api key): remove it and revoke it"

    def test_metadata_is_searched_too(self):
        assert found(row("u: hi | a: hello", note={"from": [KEY]})) == ["1 EG501"]

    def test_a_row_of_the_wrong_shape_is_searched_too(self):
        assert found(json.dumps([KEY])) == ["1 EG201", "1 EG501"]


class TestPersonalData:
    def test_personal_data_is_a_warning_with_counts_and_no_values(self):
        (finding,) = findings(row("u: ana@acme.es, bo@acme.es, +34 612 345 678 | a: noted"))
        assert (finding.code, finding.severity) == ("EG502", "warning")
        assert finding.message == "holds personal data (e-mail: 2, phone: 1): put placeholders such as [EMAIL]"

    def test_a_number_in_metadata_is_searched_too(self):
        assert found(row("u: hi | a: hello", card=4111111111111111)) == ["1 EG502"]

    def test_placeholders_and_order_ids_are_fine(self):
        assert found(row("u: order A-48213, #7730912, I am [NAME], user@example.com | a: noted")) == []


class TestHiddenCharacters:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("a\u202eb", "\\u202e"),
            ("a\u2066b\u2069", "\\u2066, \\u2069"),
            ("a\u200bb", "\\u200b"),
            ("a\ufeffb", "\\ufeff"),
            ("a\u200db", "\\u200d"),
            ("a\u200cb", "\\u200c"),
            ("hi\U000e0068\U000e0069", "\\U000e0068, \\U000e0069"),
            ("🏴\U000e0068\U000e0069\U000e007f", "\\U000e0068, \\U000e0069, \\U000e007f"),
        ],
    )
    def test_they_are_an_error_with_escaped_code_points(self, text, shown):
        (finding,) = findings(row(f"u: {text} | a: hello"))
        assert (finding.code, finding.severity) == ("EG503", "error")
        assert finding.message == f"hidden characters ({shown}): remove them"

    @pytest.mark.parametrize(
        "text",
        [
            "👩‍💻 👨‍👩‍👧‍👦 ❤️‍🔥 👩🏽‍⚕️ 🏳️‍🌈",
            "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
            "می\u200cخواهم",
            "क\u094d\u200dष",
            "עברית, 日本語, ñandú",
        ],
    )
    def test_what_emoji_and_scripts_need_is_fine(self, text):
        assert found(row(f"u: {text} | a: hello")) == []

    def test_only_the_first_few_code_points_are_listed(self):
        assert said(row(f"u: {''.join(map(chr, range(0xE0061, 0xE007A)))} | a: hello")).count("\\U") == 5
