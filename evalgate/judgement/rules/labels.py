"""Classes and fields: F1 of each, held against base's."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache

from evalgate.judgement.rules.finding import Effect, Evidence, Facts, Finding, Harm, Sampler, finding
from evalgate.judgement.scopes import bucket_state
from evalgate.records.comparison import Labelled
from evalgate.records.verdict import Figure
from evalgate.stats.classes import Cell, f1, f1_difference, macro_f1
from evalgate.stats.lift import certified_margin, held, lift_interval, p_down
from evalgate.stats.resampling import Resampled

MOST_CLASSES = 200
"""More are no classes but free text; each would be resampled."""
MACRO = "all classes"
"""Scope of the mean F1 over the classes that cases expect."""
Cells = tuple[tuple[int | None, str, str, str, int], ...]


def labels_harm(facts: Facts, _sampler: Sampler) -> Mapping[Harm, float]:
    """A lower F1 of a class, of their mean, or of a field."""
    found: dict[Harm, float] = {}
    classes, fields = facts.comparison.classes, facts.comparison.fields
    if facts.gate.f1 is not None and classes is not None and len(_scopes(classes)) <= MOST_CLASSES:
        found = {(_family("f1", label), name): p_down(_best(classes, label)) for name, label in _scopes(classes)}
    return found | ({("fields", told.name): p_down(_best(told, None)) for told in fields} if facts.gate.fields else {})


def f1_per_class(evidence: Evidence) -> Iterator[Finding]:
    """The mean F1 over classes, and each class's, are shown to lose less than their margins."""
    asked, told = evidence.gate.f1, evidence.comparison.classes
    if asked is None:
        return
    if told is None or not told.cells:
        yield finding("blocks", "f1", asked.field or "answer", "nothing measured", n=0, threshold=asked.max_drop)
        return
    if len(_scopes(told)) > MOST_CLASSES:
        yield finding("blocks", "f1", told.name, "too many classes", n=len(_scopes(told)) - 1, threshold=float(MOST_CLASSES))
        return
    for name, label in _scopes(told):
        margin = asked.max_drop if label is None else asked.max_class_drop
        yield _judged(evidence, "f1", name, told, label=label, margin=margin)


def f1_per_field(evidence: Evidence) -> Iterator[Finding]:
    """Each field's F1, the mean of its values' and its nulls', is shown to lose less than the margin."""
    asked = evidence.gate.fields
    if asked is None:
        return
    if not evidence.comparison.fields:
        yield finding("blocks", "fields", "fields", "nothing measured", n=0, threshold=asked.max_drop)
    for told in evidence.comparison.fields:
        yield _judged(evidence, "fields", told.name, told, label=None, margin=asked.max_drop)


def _scopes(told: Labelled) -> list[tuple[str, str | None]]:
    """The mean first, then every class that cases expect."""
    return [(MACRO, None), *((label, label) for label in sorted({expected for _, expected, _, _, _ in told.cells}))]


def _family(rule: str, label: str | None) -> str:
    """A class may be called like the mean over all of them."""
    return rule if label is None else f"{rule} of a class"


def _best(told: Labelled, label: str | None) -> Resampled:
    """What harm is shown with: every unmeasured case is a gain, so that none can cause a fail."""
    return _difference(_counted(told, label, base="", candidate=None), label)


def _worst(told: Labelled, label: str | None) -> Resampled:
    return _difference(_counted(told, label, base=None, candidate=""), label)


def _counted(told: Labelled, label: str | None, *, base: str | None, candidate: str | None) -> Cells:
    """The cells and every unmeasured case, in the class asked for or in the rarest; a side without an answer named is right."""
    if not told.unmeasured or not told.cells:
        return told.cells
    sizes: Counter[str] = Counter()
    for _, expected, _, _, n in told.cells:
        sizes[expected] += n
    where = min(sizes, key=lambda name: (sizes[name], name)) if label is None else label
    told_of = [where if said is None else said for said in (base, candidate)]
    return (*told.cells, (None, where, told_of[0], told_of[1], told.unmeasured))


@lru_cache(maxsize=256)
def _difference(cells: Cells, label: str | None) -> Resampled:
    """The resampled difference; asked for by the family and by the rule, drawn once."""
    return f1_difference([Cell(*cell) for cell in cells], label)


def _judged(evidence: Evidence, rule: str, name: str, told: Labelled, *, label: str | None, margin: float) -> Finding:
    sample, cells = _difference(told.cells, label), [Cell(*cell) for cell in told.cells]
    state: str = bucket_state(sample, margin, evidence.spent, drop_proven=(_family(rule, label), name) in evidence.rejected)
    n = sum(cell.n for cell in cells if label in (None, cell.expected))
    if not n:
        state = "nothing measured"
    elif told.unmeasured > evidence.comparison.overall.unmeasured and state == "held":
        state = "not fully measured"
    elif told.unmeasured and state == "held" and not held(_worst(told, label), margin, evidence.spent):
        state = "would not stand"
    effect: Effect = "fine" if state == "held" else "fails" if state == "harmed" else "blocks"
    base, candidate = (macro_f1(cells, side) if label is None else f1(cells, side, label) for side in ("base", "candidate"))
    low, high = lift_interval(sample, evidence.spent)
    return finding(
        effect,
        rule,
        name,
        state,
        n=n,
        observed=sample.estimate,
        bound=certified_margin(sample, evidence.spent),
        threshold=margin,
        figure=Figure(
            rule=rule, scope=name, n=n, base=base, candidate=candidate, low=round(low, 6), high=round(high, 6), state=state
        ),
    )
