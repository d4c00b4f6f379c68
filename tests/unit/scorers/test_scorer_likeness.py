"""fuzzy and rouge: likeness of texts of any script, against slow references."""

import string
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from evalgate.records.suite import Case
from evalgate.scorers import Score, expectation_problems, scorers_for
from evalgate.scorers.likeness import MOST_CELLS
from evalgate.scorers.words import words

SCORERS = scorers_for(["fuzzy", "rouge"], None)
ROUGE_L = RougeScorer(["rougeL"], use_stemmer=False)
LETTERS = st.text("ab cÁá退款\u0301\u200b", max_size=12)


def scored(name: str, expected: Any, output: str) -> Score:
    return SCORERS[name](Case(id="c", input="q", expected=expected), output)


def slow_common(one: list[str] | str, other: list[str] | str) -> int:
    """Length of the longest common subsequence, by its definition."""
    row = [0] * (len(other) + 1)
    for left in one:
        before = row
        row = [0]
        for place, right in enumerate(other):
            row.append(before[place] + 1 if left == right else max(before[place + 1], row[place]))
    return row[-1]


@pytest.mark.parametrize(
    ("expected", "output", "value"),
    [
        ("refund", "refund", 1.0),
        ("Refund", " refUND\n", 1.0),
        ("café", "CAFE\u0301", 1.0),
        ("straße", "STRASSE", 1.0),
        ("abcd", "abxd", 0.75),
        ("ab", "xy", 0.0),
        ("退款已经处理", "退款正在处理", 4 * 2 / 12),
        (["xyz", "abcd"], "abcd", 1.0),
        ({"text": "abcd"}, "abcd", 1.0),
        ({"text": ["x", "abcd"]}, "abcd", 1.0),
        ("\ud800a", "\ud800a", 1.0),
    ],
)
def test_fuzzy__is_the_share_of_characters_in_common(expected: Any, output: str, value: float) -> None:
    assert scored("fuzzy", expected, output).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("expected", "output", "value"),
    [
        ("the cat sat", "The CAT, sat!", 1.0),
        ("the cat sat down", "the cat", 2 * (1 * 0.5) / 1.5),
        ("the cat", "sat down", 0.0),
        ("the cat", "cat the", 0.5),
        ("don't stop", "don t stop", 1.0),
        (["no", "the cat"], "the cat", 1.0),
        ({"text": ["no", "the cat"]}, "the cat", 1.0),
        ("the cat", "!!! \U0001f600", 0.0),
    ],
)
def test_rouge__is_the_f1_of_words_in_order(expected: Any, output: str, value: float) -> None:
    assert scored("rouge", expected, output).value == pytest.approx(value)


@pytest.mark.parametrize(
    ("expected", "output", "value"),
    [
        ("Él está aquí", "él ESTÁ aqui", 2 / 3),
        ("¿Dónde está mi reembolso?", "¿dónde está mi factura?", 3 / 4),
        ("退款已经处理", "退款正在处理", 4 / 6),
        ("返金は完了しました", "返金は完了しました。", 1.0),
        ("возврат оформлен", "Возврат отклонён", 1 / 2),
        ("हिन्दी में उत्तर", "हिन्दी में", 4 / 5),
        ("คืนเงินแล้ว", "คืนเงินแล้ว", 1.0),
        ("환불 완료", "환불 거절", 1 / 2),
    ],
)
def test_rouge__of_other_scripts_is_neither_0_nor_all(expected: str, output: str, value: float) -> None:
    assert scored("rouge", expected, output).value == pytest.approx(value)


def test_words__keep_their_marks_and_stand_alone_where_no_spaces_are_written() -> None:
    assert words("E\u0301l está, aquí_ya 2x") == ["él", "está", "aquí", "ya", "2x"]
    assert words("हिन्दी में") == ["हिन्दी", "में"]
    assert words("退款ok 3次") == ["退", "款", "ok", "3", "次"]
    assert words("\u200b!? \ud800") == []


@given(reference=st.text(string.printable, max_size=30), output=st.text(string.printable, max_size=30))
def test_rouge__of_ascii_is_what_the_library_says_by_itself(reference: str, output: str) -> None:
    if words(reference) and output.strip():
        assert scored("rouge", reference, output).value == ROUGE_L.score(reference, output)["rougeL"].fmeasure


@given(reference=LETTERS, output=LETTERS)
def test_both__are_what_the_slow_reference_says(reference: str, output: str) -> None:
    fuzzy, rouge = (scored(name, reference, output) for name in ("fuzzy", "rouge"))
    if fuzzy.value is not None:
        one, other = (
            unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold()) for text in (reference, output)
        )
        assert fuzzy.value == pytest.approx(2 * slow_common(one, other) / (len(one) + len(other)))
    if rouge.value is not None:
        wanted, given_ = words(reference), words(output)
        assert rouge.value == pytest.approx(2 * slow_common(wanted, given_) / (len(wanted) + len(given_)))


@given(reference=LETTERS, outputs=st.lists(LETTERS, min_size=2, max_size=4))
@settings(max_examples=50)
def test_more_references__never_make_it_worse(reference: str, outputs: list[str]) -> None:
    for name in ("fuzzy", "rouge"):
        one = scored(name, reference, outputs[0])
        several = scored(name, [reference, *outputs[1:]], outputs[0])
        if one.value is not None and several.value is not None:
            assert several.value >= one.value


def test_long_answer__is_counted_without_a_table_and_scored_alike() -> None:
    reference, output = "a b c d e " * 120, "a c x e b " * 120
    by_table = scored("rouge", reference, output)
    longer = scored("rouge", reference + "z " * 2000, output)  # 2,600 x 600 words
    common = slow_common(words(reference), words(output))
    assert by_table.value == pytest.approx(2 * common / (600 + 600))
    assert longer.value == pytest.approx(2 * common / (2600 + 600))
    assert len(words(reference)) * len(words(output)) <= MOST_CELLS < 2600 * 600


@pytest.mark.parametrize("output", ["a " * 500_000, "退" * 350_000, "[" * 100_000, "\ud800" * 100_000, "\u0301" * 300_000])
def test_answer_of_a_megabyte__is_scored_in_seconds(output: str) -> None:
    for name in ("fuzzy", "rouge"):
        value = scored(name, "a short reference", output).value
        assert value is not None
        assert 0 <= value < 0.01


@pytest.mark.parametrize(
    ("name", "expected", "problem"),
    [
        ("fuzzy", 3, 'fuzzy needs a text, a list of texts or {"text": ...}, not a number'),
        ("fuzzy", [], 'fuzzy needs a text, a list of texts or {"text": ...}, not an empty list'),
        ("rouge", {"txt": "a"}, 'rouge needs a text, a list of texts or {"text": ...}, not an object'),
        ("rouge", ["a", 1], "rouge needs texts only in its list"),
        ("fuzzy", ["a", " "], "fuzzy needs references that are not blank"),
        ("rouge", ["a", "?!"], "rouge needs references that have words"),
    ],
)
def test_unusable_reference__is_named_and_scores_nothing(name: str, expected: Any, problem: str) -> None:
    assert expectation_problems([name], Case(id="c", input="q", expected=expected)) == [problem]
    assert scored(name, expected, "an answer") == Score(None, f"unusable expectation: {problem}")


def test_note__says_how_like_it_is_and_nothing_of_the_answer() -> None:
    assert scored("fuzzy", "abcd", "abxd") == Score(0.75, "0.75 like the nearest reference")
    assert scored("rouge", "a b", "a b") == Score(1.0)


def test_rouge__without_its_library_is_not_measured_and_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['rouge_score'] = None\n"
        "from evalgate.errors import NotMeasured\nfrom evalgate.scorers import scorers_for\n"
        "scorers_for(['fuzzy'], None)\n"
        "try: scorers_for(['rouge'], None)\nexcept NotMeasured as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "rouge needs rouge-score, which is not installed: pip install 'evalgate-ft[rouge]'\n"
