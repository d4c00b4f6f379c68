"""The figures of `bench/gate_real.py` for people, in Markdown."""

from collections.abc import Iterator
from typing import Any


def tables(found: dict[str, Any], command: str, of: int) -> str:
    """The figures for people, in Markdown."""
    return "\n".join([*_opening(found, command, of), *_seeds(found), *_harm(found)])


def _opening(found: dict[str, Any], command: str, of: int) -> Iterator[str]:
    trained, asked = len(found["accuracy"]), found["golden cases"]
    yield "# The gate on a real model"
    yield ""
    yield f"`{command}` on {found['machine']}. The feature"
    yield f"`{found['feature']}` of this repository, trained shorter than its policy says: {found['steps']} steps of"
    yield f"{found['rows a step']} rows, none kept for validation. {trained} of {of} trainings, each asked the {asked} golden"
    yield "cases; no safety suite. The gate's settings are the policy's own, first attempt."
    if found["not comparable"]:
        yield f"{found['not comparable']} comparisons were of runs under different conditions, which show nothing."
    yield ""


def _seeds(found: dict[str, Any]) -> Iterator[str]:
    told = [f"{100 * share:.1f} %" for name, share in found["accuracy"].items() if name.startswith("clean")]
    yield "## One training set, other seeds"
    yield ""
    yield f"Accuracy by seed: {', '.join(told)}."
    yield ""
    if not found["pairs"]:
        return
    yield f"{found['pairs']} pairs of seeds, the lower seed as base; {len(told)} trainings make them, so they hang together."
    yield "Seeds share data, base model and settings, and still make models of their own: where their accuracies lie far apart,"
    yield "one is truly worse than the other, and a gate that says fail is no false alarm."
    yield f"`{found['harmed']}` on its own: {_listed(found['its bucket between seeds'])}."
    yield ""
    yield from _tally(found["verdicts"])
    yield ""
    yield "| discordance d | least | median | largest |"
    yield "|---|---|---|---|"
    for scope, d in found["discordance"].items():
        yield f"| {scope} | {d['min']:.3f} | {d['median']:.3f} | {d['max']:.3f} |"
    yield ""
    least = found["smallest lift"]
    yield "The smallest true lift that is called `improved` four times in five, by exact enumeration:"
    yield f"{100 * least['min']:.1f} points at the least d, {100 * least['median']:.1f} at the median,"
    yield f"{100 * least['max']:.1f} at the largest."
    yield f"Between seeds alone, the median lift, either way, was {100 * found['median lift seen']:.1f} points and the largest"
    yield f"{100 * found['largest lift seen']:.1f}."
    yield ""


def _listed(states: dict[str, int]) -> str:
    return ", ".join(f"{state} {times} times" for state, times in sorted(states.items()))


def _tally(tallied: dict[str, dict[str, int]]) -> Iterator[str]:
    yield "| | pass | inconclusive | fail |"
    yield "|---|---|---|---|"
    for name, counted in tallied.items():
        shown = "point rule" if name == "point rule" else f"gate, `require: {name}`"
        yield f"| {shown} | {counted.get('pass', 0)} | {counted.get('inconclusive', 0)} | {counted.get('fail', 0)} |"


def _harm(found: dict[str, Any]) -> Iterator[str]:
    yield "## One intent mislabelled"
    yield ""
    harmed = found["harmed"]
    yield f"A share of the `{harmed}` rows says `{found['called']}` instead, each in a training with a seed of its own."
    yield "Base is seed 1."
    yield ""
    yield f"| mislabelled | `{harmed}`: gains, losses | lift | state | overall | `no_harm` | `improvement` | point rule |"
    yield "|---|---|---|---|---|---|---|---|"
    for case in found["harm against one seed"]:
        share = case["run"].removeprefix("harm-").replace("pc", " %")
        yield (
            f"| {share} | {case['bucket gains']}, {case['bucket losses']} | {100 * case['bucket lift']:+.0f} points | "
            f"{case['bucket state']} | {100 * case['overall lift']:+.1f} points | {case['no_harm']} | {case['improvement']} | "
            f"{case['point rule']} |"
        )
    yield ""
    yield "Against each of the clean seeds as base:"
    yield ""
    for name, tallied in found["harm against every seed"].items():
        states = _listed(found["its bucket against every seed"][name])
        yield f"{name.removeprefix('harm-').replace('pc', ' %')} mislabelled; `{found['harmed']}` on its own: {states}."
        yield ""
        yield from _tally(tallied)
        yield ""
