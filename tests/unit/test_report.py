"""What people read: true, whole, and inert whatever models and datasets say."""

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from evalgate.judgement.comment import COMMENT_LIMIT, comment_markdown
from evalgate.judgement.compare import compare
from evalgate.judgement.gate import decide
from evalgate.judgement.markdown import code_span
from evalgate.judgement.report import report_html, report_markdown
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.records.policy import FeaturePolicy, GatePolicy
from evalgate.records.verdict import Verdict

HOSTILE = {
    "end of the details": "</details></td></tr></table>",
    "script": "<script>alert(1)</script>",
    "image": "![x](https://evil.example/x.png) <img src=x onerror=alert(1)>",
    "mention": "thanks @team and @octocat/core",
    "reference": "fixes #1, closes octocat/hello#2, GH-3",
    "link": "[x](javascript:alert(1)) <javascript:x> https://evil.example www.evil.example me@evil.org",
    "one backtick": "`",
    "many backticks": "``` @team `` <b>x</b> `",
    "backtick at the end": "a` @team",
    "pipes": "a | b || c \\| d \\\\| e |",
    "row": "| x | y |\n|---|---|\n| 1 | 2 |",
    "lines": "one\n\n# two\r\n- three\n> four\n\n    five",
    "rule": "---",
    "command": "::error::x\n::set-output name=verdict::pass\n##[group]x",
    "colour": "\x1b[31mred\x1b[0m\x07\x08",
    "right to left": "pass \u202efail\u202c \u2066x\u2069 \u200f",
    "separators": "a\u2028b\u2029c\u0085d\x0be\x0cf",
    "mathematics": "$x$ $$y$$ $`z`$",
    "marker": "<!-- evalgate: one comment --> <!--",
    "template": "{{ 7*7 }} {% for x in y %} {# z #}",
    "entities": "&lt;b&gt; &amp; &#64;team",
    "emoji": ":rocket: 🚀",
    "footnote": "[^1] [x] - [ ] ~~y~~ **z** _w_",
    "spaces": "   ",
    "zero width": "\u200b\u200c",
    "secret": "key sk-abcdefghijklmnopqrstuvwx1234 and ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "address": "write to somebody@evil.org, card 4111 1111 1111 1111",
    "long": "long " * 20_000,
    "long without a space": "x`" * 50_000,
}
SECRETS = (
    "sk-abcdefghijklmnopqrstuvwx1234",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "somebody@evil.org",
    "4111 1111 1111 1111",
)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("`|\\<>@#$&[]()!*_~\n :"), max_size=300)
OURS = {
    *("h1", "h2", "p", "blockquote", "strong", "em", "code", "pre", "ul", "li", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
"""Elements that a report is made of."""


def results(variant: str, cases: list[CaseResult], feature: str = "f") -> EvalResults:
    header = ResultsHeader(record="header", schema_version=1, feature=feature, variant=variant)
    return EvalResults(header=header, cases=tuple(cases))


def case(case_id: str, score: float | None, output: str | None, suite: str = "golden", bucket: str = "refund") -> CaseResult:
    return CaseResult(
        case_id=case_id,
        suite=suite,
        buckets={"intent": bucket} if suite == "golden" else {},
        status="errored" if score is None else "scored",
        scores={} if score is None else {"exact_json" if suite == "golden" else "refusal": score},
        output=output,
        note=output if score is None else None,
    )


def story(text: str, *, names: str | None = None, repeat: int = 1):
    """Comparison and verdict of a run that lost, said and left unanswered `text` wherever it could; `names` are hostile too."""
    asked = [
        (f"{names or 'case'} {number} {suite}", suite, fate)
        for number in range(repeat)
        for suite, fate in (("wrong", 0.0), ("wrong too", 0.0), ("safety/jailbreak", 0.0), ("silent", None))
    ]
    bucket = names or "refund"
    sides = [
        [
            case(name, 1.0 if side == "base" else fate, text, suite if suite.startswith("safety") else "golden", bucket)
            for name, suite, fate in asked
        ]
        for side in ("base", "candidate")
    ]
    feature = FeaturePolicy(gate=GatePolicy())
    base, candidate = results(names or "base", sides[0], names or "f"), results(names or "candidate", sides[1], names or "f")
    comparison = compare(base, candidate, feature)
    return comparison, decide(comparison, feature)


def small_story():
    """Forty refunds gained, one bill lost, one bill without an answer, ten unsafe requests refused by both."""
    marks = [
        *(("refund", n, "-+") for n in range(1, 41)),
        *(("bill", n, "++") for n in range(1, 39)),
        ("bill", 39, "+-"),
        ("bill", 40, "+?"),
    ]
    said = {"+": (1.0, "right"), "-": (0.0, "wrong"), "?": (None, None)}
    safe = [case(f"s-{n}", 1.0, "no", suite="safety/jailbreak") for n in range(1, 11)]
    sides = [[case(f"{name}-{n}", *said[mark[side]], bucket=name) for name, n, mark in marks] + safe for side in (0, 1)]
    feature = FeaturePolicy(gate=GatePolicy(max_bucket_drop=0.1))
    comparison = compare(results("base", sides[0]), results("candidate", sides[1]), feature)
    return comparison, decide(comparison, feature)


class Page(HTMLParser):
    """What a page is made of: elements, attributes, text in code and text outside of it, cells a row."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.inside = self.outside = ""
        self.rows: list[int] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes.update(attrs)
        self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        self.rows[-1:] = [n + (tag in ("td", "th")) for n in self.rows[-1:]]

    def handle_startendtag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes.update(attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "every element ends where it should"

    def handle_data(self, data):
        if "code" in self.open:
            self.inside += data
        else:
            self.outside += data

    def handle_comment(self, data):
        assert data.strip() == "evalgate: one comment"


def rendered(markdown: str) -> Page:
    """GitHub's own renderer, raw HTML shown so that an injection would be."""
    return Page(cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE))


def markdowns(comparison, verdict: Verdict) -> dict[str, str]:
    notes = ["a note"]
    return {
        "report": report_markdown(comparison, verdict, notes=notes),
        "comment": comment_markdown(comparison, verdict, report="runs/r/report.md"),
    }


def assert_inert(markdown: str) -> Page:
    """No element, link, mention, reference, mathematics or control character that is not ours; tables whole."""
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", markdown)
    page = rendered(markdown)
    assert page.elements <= OURS, page.elements - OURS
    assert {name for name, _ in page.attributes - {("lang", "mermaid")}} <= {"align"}
    assert not re.search(r"@\w|#\d|://|www\.|\$|:rocket:|\bGH-\d|\[[x^]|<|\]\(", page.outside), page.outside
    assert page.open == []
    return page


class TestCodeSpan:
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    @pytest.mark.parametrize("where", ["{}", "| a | b |\n|---|---|\n| {} | end |", "- {}\n- end", "> {}\n\nend", "**x**{}@"])
    def test_hostile_text__stays_in_its_span(self, where, text):
        page = rendered(where.format(code_span(text)))
        assert page.elements <= {*OURS, "br"}
        assert set(page.rows) <= {2}
        assert len(page.inside) <= 260
        assert not set(SECRETS) & set(re.split(r"\s(?=\S+$)", page.inside))

    @given(ANY_TEXT)
    def test_any_text__is_one_span_in_one_cell(self, text):
        page = rendered(f"| a | b |\n|---|---|\n| {code_span(text)} | end |\n")
        assert page.rows == [2, 2]
        assert page.elements <= {"table", "thead", "tbody", "tr", "th", "td", "code", "em"}
        assert re.sub(r"\s", "", page.outside) in ("abend", "ab(empty)end")

    @given(st.text(st.sampled_from("ab`|\\ "), min_size=1, max_size=40))
    def test_plain_text__is_shown_as_it_is(self, text):
        page = rendered(f"| a | b |\n|---|---|\n| {code_span(text)} | end |\n")
        assert page.inside.strip(" ") == text.strip(" ")


class TestHostileText:
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_in_answers_and_reasons__means_nothing(self, text):
        for name, markdown in markdowns(*story(text)).items():
            page = assert_inert(markdown)
            assert not [secret for secret in SECRETS if secret in markdown], name
            assert len(re.findall("cases? (that are )?not measured on both sides", page.outside)) == 1

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_in_names_of_features_variants_buckets_and_cases__means_nothing(self, text):
        for repeat in (1, 12):
            for markdown in markdowns(*story("x", names=text[:3_000], repeat=repeat)).values():
                assert_inert(markdown)

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_in_what_is_unclear_and_what_comes_next__means_nothing(self, text):
        cases = [case("c", 1.0, "x", bucket=text[:3_000]), case("d", 1.0, "x", bucket="plain")]
        feature = FeaturePolicy(gate=GatePolicy())
        for renamed in (text, "other"):
            other = [cases[0].model_copy(update={"buckets": {"intent": renamed}}), cases[1]]
            comparison = compare(results("base", cases), results("candidate", other), feature)
            for markdown in markdowns(comparison, decide(comparison, feature)).values():
                assert_inert(markdown)

    @given(ANY_TEXT, ANY_TEXT.filter(bool), st.sampled_from([1, 12]))
    @settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate])  # what it finds is short enough
    def test_any_text_anywhere__means_nothing(self, text, names, repeat):
        for markdown in markdowns(*story(text, names=names, repeat=repeat)).values():
            assert_inert(markdown)

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_in_the_page__is_escaped_and_runs_nothing(self, text):
        page = report_html(*story(text, names=text[:3_000]))
        elements = Page(re.sub(r"<!doctype html>|<(meta|br)[^>]*>", "", page))
        assert elements.elements.isdisjoint({"script", "img", "iframe", "object", "a", "link", "form"})
        names = {name for name, _ in elements.attributes}
        assert not [name for name in names if name.startswith("on") or name in ("href", "src", "srcset", "action")]
        assert "default-src 'none'" in page

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_in_the_page__is_masked_and_turns_no_line_around(self, text):
        page = report_html(*story(text, names=text[:3_000]))
        assert not [secret for secret in SECRETS if secret in page]
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", page)


class TestLength:
    @given(st.integers(1, 70), ANY_TEXT, st.sampled_from(["c", "`" * 50, "é" * 90, "a`|" * 60, "🚀" * 60]))
    @settings(max_examples=10, deadline=None)
    def test_comment__is_never_longer_than_github_takes_and_never_cut_inside_something(self, repeat, text, name):
        comment = comment_markdown(*story(text, names=name, repeat=repeat))
        assert len(comment) <= COMMENT_LIMIT
        assert_inert(comment)

    def test_comment_with_very_many_buckets__is_cut_between_two_rows_and_says_so(self):
        cases = [case(f"c{n}", 1.0, "x", bucket=f"`@team <b>{n} " + "x" * 100) for n in range(1_500)]
        feature = FeaturePolicy(gate=GatePolicy())
        comparison = compare(results("base", cases), results("candidate", cases), feature)
        comment = comment_markdown(comparison, decide(comparison, feature), report="runs/r/report.md")
        assert len(comment) <= COMMENT_LIMIT
        assert_inert(comment)
        assert re.search(r"\d+ more buckets, left out here\*: full report: `runs/r/report.md`", comment)

    def test_report__shows_fifty_cases_of_each_kind_and_counts_the_rest(self):
        report = report_markdown(*story("x", repeat=60))
        assert "70 more, left out here: the results files" in report.replace("*", "")
        assert "10 more, left out here: the results files" in report.replace("*", "")

    def test_same_story__gives_the_same_bytes(self):
        assert markdowns(*story("x", repeat=3)) == markdowns(*story("x", repeat=3))
        assert report_html(*story("x", repeat=3)) == report_html(*story("x", repeat=3))


def test_small_story__reads_like_this():
    report = report_markdown(*small_story(), notes=["a note"])
    plain = re.sub("[0-9a-f]{64}", "*", report).replace("; `intent/bill` unclear.", "; intent/bill unclear.")
    assert plain == WHOLE


WHOLE = """\
# EvalGate: inconclusive for `f`

> [!WARNING]
> **inconclusive**: cases were not measured: too many unmeasured; intent/bill unclear.
>
> Next: evaluate again: 1 case without a score on both sides (listed in the report).

Base `base` against candidate `candidate`, score `exact_json`: +49.4 points overall (interval +38.8 to +59.4, n = 79).

## Buckets

| scope | n | base | candidate | lift | interval | gains / losses | no worse than | state |
|---|--:|--:|--:|--:|:-:|:-:|--:|---|
| `overall` | 79 | 49.4% | 98.7% | +49.4 | +38.8 to +59.4 | 40 / 1 | 0.0 | ✅ improved, 1 unmeasured |
| `intent/bill` | 39 | 100.0% | 97.4% | -2.6 | -12.2 to +4.9 | 0 / 1 | 12.2 | ❔ unclear, 1 unmeasured |
| `intent/refund` | 40 | 0.0% | 100.0% | +100.0 | +85.8 to +100.0 | 40 / 0 | 0.0 | ✅ held |

Intervals and "no worse than" (points) hold one-sided at 96.0% each: attempt 1 may spend 0.04 of 0.05.


## Safety

0 new unsafe answers among 10 cases that base handled safely. For cases like these, the true \
share of new unsafe answers is below 25.9% (upper 95.0% bound); of other cases it says nothing.

## Regressions

<details><summary>1 cases that base had right and the candidate has wrong</summary>

| case | buckets | base said | candidate said |
|---|---|---|---|
| `bill-39` | `intent/bill` | `right` | `wrong` |

</details>

<details><summary>1 cases that are not measured on both sides</summary>

| case | buckets | base said | candidate said | why |
|---|---|---|---|---|
| `bill-40` | `intent/bill` | `right` | `no answer` | `candidate: errored` |

</details>

## How it was decided

| rule | scope | state | n | observed | evidence | asked for |
|---|---|---|--:|--:|--:|--:|
| safety | `safety` | clean | 10 | 0 | 0.2589 | 0 |
| overall | `overall` | improved | 79 | 0.4937 | 9.777e-12 | 0.03 |
| bucket | `intent/bill` | unclear | 39 | -0.02564 | 0.1221 | 0.1 |
| bucket | `intent/refund` | held | 40 | 1 | 0 | 0.1 |
| regression_share | `overall` | within | 79 | 0.01266 | 1 | 0.15 |
| latency_p95 | `overall` | not measured | 0 | - | - | 0.25 |
| measured | `all suites` | too many unmeasured | 90 | 0.01111 | - | 0 |

Thresholds on point estimates, without tests, would have said **pass**.

## Provenance

- ⚠️ `provenance missing: base's results do not say what answered, on what, and how; the registry refuses such evidence`
- ⚠️ `provenance missing: candidate's results do not say what answered, on what, and how; the registry refuses such evidence`
- ⚠️ `a note`
- base results `*`
- candidate results `*`
- comparison `*`
- policy `*`
"""
