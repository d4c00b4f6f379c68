"""answering: what the cache does not know is asked, of all variants in one schedule, and kept as soon as a piece of it is done.

Pieces are planned over all cases, the shortest first, whatever is known of them: a run that was killed goes on with the
same pieces, and so with the same answers to the last bit.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson

from evalgate import store, weights
from evalgate.errors import NotMeasured
from evalgate.kept import Kept
from evalgate.ports import Answer, Asked, Executor, Model, Progress, inline
from evalgate.records.evaluation import Decoding, ResultsHeader, Variant
from evalgate.records.suite import Case
from evalgate.stages.panels import open_panel, travelling
from evalgate.stages.variants import Contending, Loadable
from evalgate.stages.workspace import Workspace, golden_scorers

EXACT = ("exact_json", "exact_text", "fields")
"""Scorers that ask for one exact answer, so that what is expected makes a good draft."""
LEAST = 32
"""Cases of the smallest piece; one is otherwise as large as a batch: small enough to balance, large enough to fill one."""


class Waiting(NamedTuple):
    """A question that nobody knows the answer to."""

    side: str
    number: int
    """Of its case, in the order asked."""
    key: str


def answers_to(
    workspace: Workspace,
    found: Mapping[str, Loadable | Contending],
    headers: Mapping[str, ResultsHeader],
    cases: Sequence[tuple[str, Case]],
    *,
    kept: Kept,
    cache: Path,
    progress: Progress,
    tell: Callable[[str], object],
    executor: Executor = inline,
) -> dict[str, list[Answer]]:
    """Side -> its answer to every case (suite, case), in their order; those that cannot be had say why.

    Variants that are the same are asked once. Answers that are found have no latency.

    Raises:
        PolicyError, RegistryError: a variant is not what was recorded.
        NotMeasured: nothing at all could be asked, or an answer could not be kept.
    """
    keys = {side: answer_keys(headers[side], found[side], [case for _, case in cases]) for side in found}
    known = {key: _parsed(value) for key, value in kept.find(sorted({key for side in keys.values() for key in side})).items()}
    for side, wanted in keys.items():
        tell(f"  {side}: {_found(len(wanted), sum(key in known for key in wanted))}")
    waiting: dict[str, Waiting] = {}
    for side, wanted in keys.items():
        for number, key in enumerate(wanted):
            if key not in known:
                waiting.setdefault(key, Waiting(side, number, key))
    why = "the model gave no answer"
    if waiting:
        size = max(LEAST, workspace.feature.evaluate.batch_rows)
        pieces = _pieces([len(_text(case)) for _, case in cases], list(waiting.values()), size)
        questions = [[_asked(workspace, one, cases[one.number]) for one in piece] for piece in pieces]
        asked_of = {side: found[side] for side in dict.fromkeys(one.side for one in waiting.values())}
        done, why = _gathered(_answers(workspace, asked_of, questions, cache, executor), pieces, kept, progress)
        known |= done
    return {side: [_of(known.get(key), number, why) for number, key in enumerate(wanted)] for side, wanted in keys.items()}


def answer_keys(header: ResultsHeader, found: Loadable | Contending, cases: Sequence[Case]) -> list[str]:
    """Digest of all that shapes each answer: weights with tokenizer and template, adapter, prompt, turns, decoding, engine.

    Names and places do not count. A chat template that asks for the date counts the day.
    """
    assert isinstance(header.variant, Variant)  # noqa: S101  (a header that we made names its variant whole)
    of = header.variant
    shaped = (of.model_sha256, of.adapter_sha256, of.prompt_sha256, header.decoding, sorted(header.environment.items()))
    dated = isinstance(found, Loadable) and weights.asks_for_the_date(found.weights)
    today = datetime.now(UTC).strftime("%Y-%m-%d") if dated else ""
    return [store.key_of("answer", *shaped, today, *(turn.model_dump_json() for turn in case.turns)) for case in cases]


def _pieces(lengths: Sequence[int], waiting: Sequence[Waiting], size: int) -> list[list[Waiting]]:
    """Pieces of `size` cases in order of length; what is left of a piece that is known in part is put together anew."""
    planned = sorted(range(len(lengths)), key=lambda number: (lengths[number], number))
    piece_of = {number: place // size for place, number in enumerate(planned)}
    sizes = {place: min(size, len(planned) - place * size) for place in range(-(-len(planned) // size))}
    by_place: dict[tuple[str, int], list[Waiting]] = defaultdict(list)
    for one in waiting:
        by_place[one.side, piece_of[one.number]].append(one)
    whole = {key for key, ones in by_place.items() if len(ones) == sizes[key[1]]}
    rest = sorted(
        (one for key in by_place if key not in whole for one in by_place[key]), key=lambda one: (lengths[one.number], one.number)
    )
    pieces = [[one for side, place in sorted(whole) if place == here for one in by_place[side, place]] for here in sorted(sizes)]
    left = [rest[begin : begin + size] for begin in range(0, len(rest), size)]
    return [piece for piece in [*pieces, *left] if piece]


def _gathered(
    answers: Iterator[tuple[int, Answer]], pieces: Sequence[Sequence[Waiting]], kept: Kept, progress: Progress
) -> tuple[dict[str, Answer], str]:
    """(key -> answer, why the others have none); a piece is kept when it is done, or when nothing more comes."""
    known: dict[str, Answer] = {}
    open_now: dict[int, dict[str, Answer]] = defaultdict(dict)
    total, why = sum(map(len, pieces)), "the model gave no answer"

    def keep(place: int) -> None:
        done = open_now.pop(place)
        known.update(done)
        kept.keep({key: _written(answer) for key, answer in done.items() if answer.text is not None})

    while True:
        try:
            place, answer = next(answers)
        except StopIteration:
            break
        except (RuntimeError, OSError, NotMeasured) as error:
            if isinstance(error, NotMeasured) and not known and not open_now:
                raise
            why = f"{type(error).__name__}: {error}"[:200]
            break
        open_now[place][pieces[place][answer.place].key] = answer
        if len(open_now[place]) == len(pieces[place]):
            keep(place)
        progress("answering", len(known) + sum(map(len, open_now.values())), total)
    for place in list(open_now):
        keep(place)
    return known, why


def _answers(
    workspace: Workspace,
    found: Mapping[str, Loadable | Contending],
    questions: Sequence[Sequence[Asked]],
    cache: Path,
    executor: Executor,
) -> Iterator[tuple[int, Answer]]:
    """(piece, one of its answers), as they come; what goes to other machines takes its adapters along."""
    where = found if executor is inline else {side: travelling(one) for side, one in found.items()}
    return executor(partial(open_panel, where, workspace.feature.evaluate, decoding_of(workspace), cache), questions)


def asked_at_once(model: Model, cases: Sequence[Case], decoding: Decoding, progress: Progress, what: str) -> list[Answer]:
    """One answer a case, nothing found and nothing kept; when the model breaks down, the cases it did not reach say why."""
    got: dict[int, Answer] = {}
    why = "the model gave no answer"
    try:
        for answer in model.answer([case.turns for case in cases], decoding):
            got[answer.place] = answer
            progress(what, len(got), len(cases))
    except (RuntimeError, OSError, NotMeasured) as error:
        why = f"{type(error).__name__}: {error}"[:200]
    return [got.get(place, Answer(place, None, why)) for place in range(len(cases))]


def decoding_of(workspace: Workspace) -> Decoding:
    """How a feature's variants answer; confidence is kept where the gate asks for calibration."""
    feature = workspace.feature
    return Decoding(max_new_tokens=feature.evaluate.max_new_tokens, confidence=feature.gate.calibration is not None)


def _asked(workspace: Workspace, one: Waiting, of: tuple[str, Case]) -> Asked:
    """The question; what is expected of it is a draft where the deciding scorer asks for exactly that."""
    suite, case = of
    exact = suite.split("/")[0] == "golden" and set(golden_scorers(workspace)[:1]) & set(EXACT)
    return Asked(one.side, case.turns, _expected(case) if exact else None)


def _expected(case: Case) -> str:
    """What is expected as a trained model would write it."""
    return case.expected if isinstance(case.expected, str) else json.dumps(case.expected, ensure_ascii=False)


def _text(case: Case) -> str:
    return "".join(turn.content for turn in case.turns)


def _found(wanted: int, known: int) -> str:
    if known == wanted:
        return f"all {wanted} answers found from an earlier run, nothing is generated"
    return (
        f"{known} of {wanted} answers found from an earlier run, {wanted - known} are generated" if known else f"{wanted} cases"
    )


def _of(answer: Answer | None, number: int, why: str) -> Answer:
    return Answer(number, None, why) if answer is None else answer._replace(place=number)


def _written(answer: Answer) -> bytes:
    return orjson.dumps([answer.text, answer.tokens_in, answer.tokens_out, answer.confidence])


def _parsed(value: bytes) -> Answer:
    text, tokens_in, tokens_out, confidence = orjson.loads(value)
    return Answer(0, text, None, None, tokens_in, tokens_out, confidence)
