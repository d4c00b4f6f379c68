"""Error rates of the whole decision, from a few hundred seeded runs; `bench/` has the long ones."""

import numpy as np
from drawn_results import judged

RUNS = 300
BUCKETS = tuple("abcdef")
THREE_ERRORS = 3 * (0.05 * 0.95 / RUNS) ** 0.5


def bucket(draw: np.random.Generator, n: int, gain: float, loss: float) -> str:
    """Cases of a bucket in which a case is gained or lost with these chances; base has four in five right."""
    numbers = draw.multinomial(n, (gain, loss, 0.8 - loss, 0.2 - gain))
    return " ".join(f"{marks}*{number}" for marks, number in zip(("-+", "+-", "++", "--"), numbers, strict=True) if number)


def drawn(draw: np.random.Generator, n: int, chances: dict[str, tuple[float, float]]) -> str:
    """Six equal buckets of n cases together; `chances`: bucket -> (gain, loss), the others as "*" says."""
    sizes = [n // 6 + (number < n % 6) for number in range(6)]
    return "|".join(
        f"{name}: {bucket(draw, size, *chances.get(name, chances['*']))}" for name, size in zip(BUCKETS, sizes, strict=True)
    )


def outcomes(seed: int, n: int, chances: dict[str, tuple[float, float]], **gate) -> list[str]:
    draw = np.random.default_rng(seed)
    return [judged(drawn(draw, n, chances), **gate).verdict for _ in range(RUNS)]


def test_a_a__fails_in_at_most_five_in_a_hundred():
    verdicts = outcomes(1, 200, {"*": (0.05, 0.05)}, max_bucket_drop=0.10)
    assert verdicts.count("fail") / RUNS <= 0.05 + THREE_ERRORS
    assert verdicts.count("pass") / RUNS <= 0.05 + THREE_ERRORS


def test_a_bucket_that_truly_lost_the_margin__passes_in_at_most_five_in_a_hundred():
    better = {"*": (0.12, 0.01)}
    assert outcomes(2, 360, better, max_bucket_drop=0.10).count("pass") / RUNS >= 0.8
    verdicts = outcomes(2, 360, {**better, "c": (0.0, 0.10)}, max_bucket_drop=0.10)
    assert verdicts.count("pass") / RUNS <= 0.05 + THREE_ERRORS


def test_a_bucket_that_lost_far_more_than_the_margin__fails():
    verdicts = outcomes(3, 360, {"*": (0.12, 0.01), "c": (0.0, 0.40)}, max_bucket_drop=0.10)
    assert verdicts.count("fail") / RUNS >= 0.95
