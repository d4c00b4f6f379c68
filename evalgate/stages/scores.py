"""scores: what a team's own function said of an answer, found again where case, answer and code are the same.

The scorers that come along take microseconds, less than it takes to find what they said; a judge's replies are kept by
`judge_calls`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson

from evalgate import store
from evalgate.kept import Kept
from evalgate.records.suite import Case
from evalgate.scorers import Score, Scorer, scorer_digests
from evalgate.scorers.own_function import own_function

Remember = Callable[[Mapping[str, Scorer]], dict[str, Scorer]]


@contextmanager
def remembering(kept: Kept, root: Path) -> Iterator[Remember]:
    """What makes scorers remember; what they said anew is kept at the end, all at once. An answer without a score is not.

    Raises:
        NotMeasured: it could not be kept.
    """
    said: dict[str, bytes] = {}

    def remembered(scorers: Mapping[str, Scorer]) -> dict[str, Scorer]:
        own = [name for name in scorers if own_function(name)]
        digests = scorer_digests(own, None, root)
        return {name: _remembers(scorer, digests[name]) if name in own else scorer for name, scorer in scorers.items()}

    def _remembers(scorer: Scorer, digest: str) -> Scorer:
        def score(case: Case, output: str) -> Score:
            key = store.key_of("score", digest, case.model_dump_json(), output)
            found = said.get(key) or kept.find([key]).get(key)
            if found is not None:
                value, note = orjson.loads(found)
                return Score(value, note)
            new = scorer(case, output)
            if new.value is not None:
                said[key] = orjson.dumps([new.value, new.note])
            return new

        return score

    yield remembered
    kept.keep(said)
