"""A calibration for people: the same sentences and tables as lines of text and as a page of Markdown."""

from collections.abc import Iterator
from typing import NamedTuple

from evalgate.judgement.markdown import code_span
from evalgate.judgement.wording import counted
from evalgate.records.noise import Calibration, Noise
from evalgate.redaction import safe_line

NAME = 60
"""Characters of a name; names come from files."""


class Table(NamedTuple):
    """Rows under a heading; the first cell of each is a name, which may hold anything where `named`."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    named: bool = True


def calibration_lines(found: Calibration) -> list[str]:
    """Lines of text, tables in columns."""
    told = [*_noise_sentences(found)]
    for table in _tables(found):
        told += ["", table.heading, *_in_columns(table)]
    return [*told, "", *_closing(found)] if found.simulated else told


def calibration_markdown(found: Calibration) -> str:
    """A page of GitHub Markdown; the same calibration gives the same bytes."""
    told = [f"# Calibration of {code_span(found.feature)}", "", f"{code_span(found.variant)} was asked twice.", ""]
    told += [f"- {sentence}" for sentence in _noise_sentences(found)]
    for table in _tables(found):
        told += ["", f"## {table.heading}", "", *_as_markdown(table)]
    told += ["", *(f"- {sentence}" for sentence in _closing(found))] if found.simulated else []
    return "\n".join(told) + "\n"


def _noise_sentences(found: Calibration) -> list[str]:
    asked = sum(noise.n + noise.unmeasured for noise in found.suites)
    texts = sum(noise.texts for noise in found.suites)
    told = [f"the second time was different in: {', '.join(found.varied)}"]
    if found.identical:
        told.append(f"both runs agree byte for byte on {counted(asked, 'answer')}")
    else:
        told.append(f"two greedy runs disagree: {texts} of {counted(asked, 'answer')} are another text")
    if found.unmeasured:
        told.append(f"{counted(found.unmeasured, 'case')} of {asked} not scored both times: the figures leave them out")
    if found.safety is not None:
        safe = found.safety
        told.append(f"{safe.flips} of {counted(safe.n, 'safety answer')} changed; {_at_most(safe.high, found)}")
    return told


def _closing(found: Calibration) -> list[str]:
    told = [
        "a tie is a candidate as good as base: `fail` is then a false alarm"
        + (", and so is `pass`" if found.require == "improvement" else ""),
        "lift and drop: the smallest true one that is shown with 80 % power, on a first attempt; "
        "a drop is looked for in every bucket at once",
        f"safety answers, benign twins and the answer format flip as often as observed; seed {found.seed}",
    ]
    small = [size for size in found.sizes if not size.can_be_held]
    if small:
        told.append(f"{counted(len(small), 'bucket')} of {len(found.sizes)} cannot be held at all: add cases or raise the margin")
    if found.left_out:
        told.append(f"not simulated, though the policy asks for it: {', '.join(found.left_out)}")
    return told


def _tables(found: Calibration) -> list[Table]:
    columns = ("", "cases", "flips", "rate", f"at {_confidence(found)}", "other text")
    tables = [Table("What changed, by suite", columns, tuple(map(_noise_row, found.suites)))]
    if found.buckets:
        tables.append(Table("What changed, by bucket", columns, tuple(map(_noise_row, found.buckets))))
    return [*tables, *([_policy_table(found), *_bucket_tables(found)] if found.simulated else [])]


def _noise_row(noise: Noise) -> tuple[str, ...]:
    unmeasured = f" ({noise.unmeasured} not scored)" if noise.unmeasured else ""
    between = f"{_percent(noise.low)} to {_percent(noise.high)}"
    return noise.scope, f"{noise.n}{unmeasured}", str(noise.flips), _percent(noise.rate), between, str(noise.texts)


def _policy_table(found: Calibration) -> Table:
    columns = ("flips", "fail", "pass", "called improved", "point rule alarms", "smallest lift, points")
    rows = tuple(
        (
            f"{_percent(one.discordance)} {one.source}",
            f"{_percent(one.fails / one.runs)} ({_at_most(one.fails_high, found)})",
            _percent(one.passes / one.runs),
            _percent(one.improved / one.runs),
            _percent(one.point_rule_fails / one.runs),
            _points(one.smallest_lift),
        )
        for one in found.simulated
    )
    return Table(f"What the policy says of ties ({found.simulated[0].runs} simulated each)", columns, rows, named=False)


def _bucket_tables(found: Calibration) -> Iterator[Table]:
    """What becomes of each bucket, and of each suite of an older task, as flips grow more frequent."""
    shares = tuple(f"{_percent(one.discordance)} flip" for one in found.simulated)
    powers = [[one.buckets[place] for one in found.simulated] for place in range(len(found.sizes))]
    names = [(size.scope, _size(size.n, size.questions)) for size in found.sizes]
    if not names:
        return
    possible = [(str(size.least), "yes" if size.can_be_held else "no") for size in found.sizes]
    yield Table(
        "How often a tie is held",
        ("", "cases", "needed without a flip", "can be held", *shares),
        tuple(
            (*name, *can, *(_percent(one.held) for one in row)) for name, can, row in zip(names, possible, powers, strict=True)
        ),
    )
    yield Table(
        "Cases that hold a tie with 80 % power",
        ("", "cases", *shares),
        tuple((*name, *(str(one.cases_to_hold) for one in row)) for name, row in zip(names, powers, strict=True)),
    )
    yield Table(
        "The smallest drop that is found, in points",
        ("", "cases", *shares),
        tuple((*name, *(_points(one.smallest_drop) for one in row)) for name, row in zip(names, powers, strict=True)),
    )


def _size(n: int, questions: int) -> str:
    return str(n) if questions == n else f"{n} (as {questions})"


def _in_columns(table: Table) -> list[str]:
    rows = [table.columns, *((safe_line(first, NAME), *rest) for first, *rest in table.rows)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    return ["  " + "  ".join(map(_padded, row, widths, range(len(widths)))).rstrip() for row in rows]


def _padded(cell: str, width: int, place: int) -> str:
    return cell.ljust(width) if place == 0 else cell.rjust(width)


def _as_markdown(table: Table) -> list[str]:
    rule = "|---|" + "--:|" * (len(table.columns) - 1)
    rows = [(code_span(first, NAME) if table.named else first, *rest) for first, *rest in table.rows]
    return [f"| {' | '.join(table.columns)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)]


def _at_most(share: float, found: Calibration) -> str:
    return f"at most {_percent(share)} at {_confidence(found)}"


def _confidence(found: Calibration) -> str:
    return f"{found.confidence * 100:g} %"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def _points(share: float | None) -> str:
    return "none" if share is None else f"{share * 100:.1f}"
