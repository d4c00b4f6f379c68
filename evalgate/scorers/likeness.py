"""`fuzzy` and `rouge`: how much an answer is like a reference text, between 0 and 1."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evalgate.errors import NotMeasured
from evalgate.records.suite import Case
from evalgate.scorers.score import Score, Scorer, guarded, kind
from evalgate.scorers.words import words

MOST_CELLS = 1_000_000
"""Words of the reference times words of the answer up to which `rouge_score` counts; its table holds so many cells."""

_Likeness = Callable[[str, str], float]


def fuzzy(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: 1 - Indel distance / characters of both, of the stripped, casefolded NFC texts; the best reference counts.

    `expected` is a text, a list of texts, or an object whose `text` is one of these. 1 is the same text, 0 no character in
    common in any order.
    """
    from rapidfuzz.distance import Indel

    return guarded(
        _nearest(lambda reference, output: Indel.normalized_similarity(_folded(reference), _folded(output))), fuzzy_problems
    )


def rouge(_answer_schema: Mapping[str, Any] | None) -> Scorer:
    """A scorer: ROUGE-L F1 (Lin 2004) over the words of any script, without stemming; the best reference counts.

    `expected` is as for `fuzzy`. 1 is the same words in the same order, 0 no word in common.

    Raises:
        NotMeasured: `rouge_score` is not installed.
    """
    return guarded(_nearest(_rouge_l()), rouge_problems)


def fuzzy_problems(expected: Any) -> list[str]:
    """What keeps `expected` from being reference texts."""
    return _reference_problems("fuzzy", expected)


def rouge_problems(expected: Any) -> list[str]:
    """What keeps `expected` from being reference texts that have words."""
    problems = _reference_problems("rouge", expected)
    return problems or ([] if all(map(words, _references(expected))) else ["rouge needs references that have words"])


def _nearest(likeness: _Likeness) -> Scorer:
    def score(case: Case, output: str) -> Score:
        best = max(likeness(reference, output) for reference in _references(case.expected))
        return Score(best, f"{best:.2f} like the nearest reference" if best < 1 else None)

    return score


def _rouge_l() -> _Likeness:
    from rapidfuzz.distance import LCSseq

    try:
        from rouge_score.rouge_scorer import RougeScorer
        from rouge_score.scoring import fmeasure
    except ImportError as error:
        raise NotMeasured("rouge needs rouge-score, which is not installed: pip install 'evalgate-ft[rouge]'") from error

    scorer = RougeScorer(["rougeL"], use_stemmer=False, tokenizer=_Tokenizer())

    def f1(reference: str, output: str) -> float:
        wanted, given = words(reference), words(output)
        if len(wanted) * len(given) <= MOST_CELLS:
            return float(scorer.score(reference, output)["rougeL"].fmeasure)
        common = LCSseq.similarity(*_numbered(wanted, given))  # the same count, without the table
        return float(fmeasure(common / len(given), common / len(wanted)))

    return f1


class _Tokenizer:
    """What `rouge_score` asks for words; its own tokenizer drops every letter that is not ASCII."""

    def tokenize(self, text: str) -> list[str]:
        """The words of the text."""
        return words(text)


def _numbered(*texts: Sequence[str]) -> list[list[int]]:
    """The texts with a number for each word, the same for the same word."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    return [[numbers[word] for word in text] for text in texts]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def _references(expected: Any) -> list[Any]:
    inner = expected.get("text") if isinstance(expected, dict) else expected
    return [inner] if isinstance(inner, str) else inner if isinstance(inner, list) else []


def _reference_problems(name: str, expected: Any) -> list[str]:
    texts = _references(expected)
    if not texts:
        found = "an empty list" if expected == [] else kind(expected)
        return [f'{name} needs a text, a list of texts or {{"text": ...}}, not {found}']
    if not all(isinstance(text, str) for text in texts):
        return [f"{name} needs texts only in its list"]
    return [] if all(map(str.strip, texts)) else [f"{name} needs references that are not blank"]
