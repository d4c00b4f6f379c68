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
from evalgate.judgement.wording import contender_words
from evalgate.records.comparison import Contender, Labelled, Pairs
from evalgate.records.evaluation import CaseResult, EvalResults, ResultsHeader
from evalgate.records.gate_policy import GatePolicy
from evalgate.records.policy import FeaturePolicy
from evalgate.records.verdict import Figure, Reason, Verdict, Waived

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
    *("h1", "h2", "h3", "p", "blockquote", "strong", "em", "code", "pre", "ul", "li", "details", "summary"),
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


def full_story(names: str | None = None, said: str = "wrong"):
    """Everything that a report can hold: unsafe answers, classes, figures in all units, contenders, waivers, attempt and look.

    `names` takes the place of every foreign name and reason, `said` that of the candidate's wrong answers.
    """
    marks = [("refund", n, "-+" if n <= 30 else "++") for n in range(1, 41)]
    marks += [("bill", n, "+-" if n <= 4 else "++") for n in range(1, 41)]
    marks += [("login", n, "+-" if n <= 2 else "--" if n <= 5 else "++") for n in range(1, 21)]
    answers = {"+": (1.0, "right"), "-": (0.0, said)}
    harm = [("safety/jailbreak", n, "+-" if n == 7 else "++") for n in range(1, 61)]
    sides = [
        [case(f"{name}-{n:02}", *answers[mark[side]], bucket=names or name) for name, n, mark in marks]
        + [case(f"jailbreak-{n:02}", *answers[mark[side]], suite=suite) for suite, n, mark in harm]
        for side in (0, 1)
    ]
    gate = GatePolicy(max_bucket_drop=0.1, protected=(f"intent/{names or 'login'}",))
    feature = FeaturePolicy(gate=gate)
    base, candidate = (results(side, cases) for side, cases in zip(("base", "candidate"), sides, strict=True))
    other = Pairs(scope="overall", n=100, both_right=50, gains=44, losses=1, both_wrong=5, unmeasured=0)
    unsafe = Pairs(scope="safety", n=60, both_right=57, gains=2, losses=0, both_wrong=1, unmeasured=0)
    comparison = compare(base, candidate, feature).model_copy(
        update={
            "classes": labelled(names),
            "fields": (labelled(names),),
            "costs": ((0.001, 0.002), (0.001, 0.004)),
            "contenders": (
                Contender(name=names or "prompt-v2", kind="prompt", results_sha256="c" * 64, pairs=other, safety=unsafe),
                Contender(name="search", kind="retrieval", results_sha256="d" * 64, pairs=other),
            ),
            "look": 2,
        }
    )
    verdict = decide(comparison.model_copy(update={"look": None}), feature)
    figures = drawn_figures(names)
    extra = tuple(
        Reason(rule=f.rule, scope=f.scope, state=f.state, n=f.n, observed=None, bound=None, threshold=0.1)
        for f in figures
        if f.rule != "contenders"
    )
    waived = Waived(
        rule="legacy",
        scope=names or "golden/orders",
        state="unclear",
        owner=names or "octocat",
        reason=names or "the old task is switched off in December",
        expires="2026-12-01",
    )
    return comparison, verdict.model_copy(
        update={
            "rules": (*(r for r in verdict.rules if r.rule in ("safety", "overall", "bucket", "protected_bucket")), *extra),
            "figures": figures,
            "waived": (waived, waived.model_copy(update={"rule": "json_valid", "scope": "json_valid"})),
            "contenders": contender_words(comparison, figures),
            "attempt": None,
            "look": 2,
        }
    )


def labelled(names: str | None = None, *, more: int = 0) -> Labelled:
    """Three classes, an answer without one, and `more` rare classes; one class and the field are called `names`."""
    drawn = [("refund", "refund", "refund", 28), ("refund", "bill", "refund", 9), ("refund", "refund", "(none)", 3)]
    drawn += [("bill", "bill", "bill", 36), ("bill", "bill", names or "login", 4), (names or "login", "bill", "bill", 5)]
    drawn += [(names or "login", names or "login", names or "login", 15)]
    drawn += [(f"rare {n}", f"rare {n}", "bill", 1) for n in range(more)]
    return Labelled(name=names or "intent", cells=tuple((None, *cell) for cell in drawn), unmeasured=2)


def drawn_figures(names: str | None = None) -> tuple[Figure, ...]:
    """A figure of each rule and unit; `names` is the scope of all of them."""
    return tuple(
        Figure(rule=rule, scope=names or scope, n=n, base=base, candidate=now, low=low, high=high, state=state, unit=unit)
        for rule, scope, n, base, now, low, high, state, unit in (
            ("legacy", "golden/orders", 40, 0.9, 0.85, -0.135, 0.02, "unclear", "share"),
            ("f1", "all classes", 100, 0.71, 0.93, 0.14, 0.3, "held", "share"),
            ("f1", "login", 20, 0.857, 0.811, -0.19, 0.08, "unclear", "share"),
            ("fields", "order.id", 80, 0.9, 0.7, -0.3, -0.1, "harmed", "share"),
            ("judge", "overall", 100, 0.6, 0.7, 0.05, 0.15, "improved", "share"),
            ("fairness", "locale/en over locale/es", 100, 0.02, 0.08, None, None, "within", "share"),
            ("latency_p95", "overall", 50, 41.25, 52.5, 1.09, 1.45, "slower, paid for by the improvement", "ms"),
            ("cost_per_call", "overall", 100, 0.001, 0.003, 2.5, 3.5, "too dear", "cost"),
            ("auc", "spam", 100, 0.91, 0.934, 0.011, 0.037, "held", "share"),
            ("tokens", "overall", 100, 96.0, 80.0, -20.0, -12.0, "within", "count"),
            ("contenders", "prompt-v2", 100, 0.51, 0.94, 0.34, 0.52, "beaten", "share"),
            ("contenders", "search", 100, 0.93, 0.94, -0.02, 0.04, "as good", "share"),
        )
    )


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


TOLD = [lambda text: story(text, names=text[:3_000]), lambda text: full_story(names=text[:3_000], said=text)]
"""Stories in which every foreign text is hostile."""


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

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_in_classes_fields_contenders_figures_and_waivers__means_nothing(self, text):
        for name, markdown in markdowns(*full_story(names=text[:3_000], said=text)).items():
            assert_inert(markdown)
            assert not [secret for secret in SECRETS if secret in markdown], name
            assert len(re.findall(r"^(>|-) ⚠ waived by ", markdown, re.MULTILINE)) == 2

    @given(ANY_TEXT.filter(bool))
    @settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
    def test_any_text_in_classes_fields_contenders_figures_and_waivers__means_nothing(self, text):
        for markdown in markdowns(*full_story(names=text, said=text)).values():
            assert_inert(markdown)

    @given(ANY_TEXT, ANY_TEXT.filter(bool), st.sampled_from([1, 12]))
    @settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.generate])  # what it finds is short enough
    def test_any_text_anywhere__means_nothing(self, text, names, repeat):
        for markdown in markdowns(*story(text, names=names, repeat=repeat)).values():
            assert_inert(markdown)

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    @pytest.mark.parametrize("told", TOLD)
    def test_in_the_page__is_escaped_and_runs_nothing(self, text, told):
        page = report_html(*told(text))
        elements = Page(re.sub(r"<!doctype html>|<(meta|br)[^>]*>", "", page))
        assert elements.elements.isdisjoint({"script", "img", "iframe", "object", "a", "link", "form"})
        names = {name for name, _ in elements.attributes}
        assert not [name for name in names if name.startswith("on") or name in ("href", "src", "srcset", "action")]
        assert "default-src 'none'" in page

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    @pytest.mark.parametrize("told", TOLD)
    def test_in_the_page__is_masked_and_turns_no_line_around(self, text, told):
        page = report_html(*told(text))
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

    def test_report__shows_fifty_cases_of_each_kind_and_twenty_for_review_and_counts_the_rest(self):
        report = report_markdown(*story("x", repeat=60)).replace("*", "")
        assert "0 more gains and 70 more losses, left out here: `compare.json`" in report
        assert report.count("10 more, left out here: `compare.json`") == 2  # unsafe answers, and what was not measured
        assert "### For review: the 20 worst of 180 regressions" in report
        assert len(re.findall(r"^\|.*\| \|$", report, re.MULTILINE)) == 20

    def test_page__shows_two_hundred_unsafe_answers_and_counts_the_rest(self):
        assert "10 more are in <code>compare.json</code>" in report_html(*story("x", repeat=210))

    def test_same_story__gives_the_same_bytes(self):
        assert markdowns(*story("x", repeat=3)) == markdowns(*story("x", repeat=3))
        assert report_html(*story("x", repeat=3)) == report_html(*story("x", repeat=3))
        assert markdowns(*full_story()) == markdowns(*full_story())
        assert report_html(*full_story()) == report_html(*full_story())


def read(report: str) -> str:
    """A report without its digests, and with the rows of further gains as one line."""
    return re.sub(r"(\| `refund-\d+` \|.*\| \|  ?\|\n)+", "(more gains)\n", re.sub("[0-9a-f]{64}", "*", report))


def test_small_story__reads_like_this():
    assert read(report_markdown(*small_story(), notes=["a note"])) == SMALL


def test_full_story__reads_like_this():
    assert read(report_markdown(*full_story())) == FULL


SMALL = """\
# EvalGate: inconclusive for `f`

> [!WARNING]
> **inconclusive**: cases were not measured: too many unmeasured; `intent/bill` unclear.
>
> Next: evaluate again: 1 case without a score on both sides (listed in the report).

Base `base` against candidate `candidate`, score `exact_json`: +49.4 points overall (interval +38.7 to +59.4, n = 79).

- attempt 1 of this feature against this base

## Buckets

| scope | n | base | candidate | lift | interval | gains / losses | no worse than | state |
|---|--:|--:|--:|--:|:-:|:-:|--:|---|
| `overall` | 79 | 49.4% | 98.7% | +49.4 | +38.7 to +59.4 | 40 / 1 | 0.0 | ✅ improved, 1 unmeasured |
| `intent/bill` | 39 | 100.0% | 97.4% | -2.6 | -12.2 to +5.1 | 0 / 1 | 12.2 | ❔ unclear, 1 unmeasured |
| `intent/refund` | 40 | 0.0% | 100.0% | +100.0 | +85.4 to +100.0 | 40 / 0 | 0.0 | ✅ held |

Intervals and "no worse than" (points) hold one-sided at 96.0% each: attempt 1 may spend 0.04 of 0.05.

## Safety

**No new unsafe answer**: 0 of 10 proves at most 25.9 % at 95 %. The 10 are the cases that base handled safely; this \
speaks of cases like them, and of no others.

## Flips

40 golden cases gained and 1 lost of 79; right on both sides 38, wrong on both 0.

### For review: 1 regression

| case | where | base said | candidate said | finding |
|---|---|---|---|---|
| `bill-39` | `intent/bill` | `right` | `wrong` | |

Protected buckets first, then unsafe answers, then the others by the worst of their buckets. Findings go into the last \
column, or into `regressions.jsonl`, which `evalgate backlog` turns into dataset rows.

<details><summary>Gains and losses side by side</summary>

| gained | base said | candidate said | lost | base said | candidate said |
|---|---|---|---|---|---|
| `refund-1` | `wrong` | `right` | `bill-39` | `right` | `wrong` |
(more gains)

</details>

<details><summary>1 case not measured on both sides</summary>

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

## What would settle it

| rule | scope | cases now | cases needed | asking the missing ones costs |
|---|---|--:|--:|--:|
| bucket | `intent/bill` | 39 | about 40 | not known |

Cases at which a decision is likely (80 % power), if flips stay as frequent. What an answer costs was not recorded.

## Provenance

- ⚠️ `provenance missing: base's results do not say what answered, on what, and how; the registry refuses such evidence`
- ⚠️ `provenance missing: candidate's results do not say what answered, on what, and how; the registry refuses such evidence`
- ⚠️ `a note`
- base results `*`
- candidate results `*`
- comparison `*`
- policy `*`
"""
FULL = """\
# EvalGate: fail for `f`

> [!CAUTION]
> **fail**: 1 safety case handled safely by base, unsafely now.

> [!WARNING]
> ⚠ waived by `octocat` until `2026-12-01`, because `the old task is switched off in December`: `legacy` of \
`golden/orders` (`unclear`)
>
> ⚠ waived by `octocat` until `2026-12-01`, because `the old task is switched off in December`: `json_valid` of \
`json_valid` (`unclear`)

Base `base` against candidate `candidate`, score `exact_json`: +24.0 points overall (interval +14.2 to +33.8, n = 100).

- attempts are not recorded: judged as a first one; the registry refuses it
- stopped at look 2 of 4: 100 of about 200 golden cases asked
- `search` already reaches this (93.0% against the candidate's 94.0%, shown to lose less than the margin), but its safety \
was not fully measured

## Buckets

| scope | n | base | candidate | lift | interval | gains / losses | no worse than | state |
|---|--:|--:|--:|--:|:-:|:-:|--:|---|
| `overall` | 100 | 67.0% | 91.0% | +24.0 | +14.2 to +33.8 | 30 / 6 | 0.0 | ✅ improved |
| `intent/bill` | 40 | 100.0% | 90.0% | -10.0 | -22.2 to -2.0 | 0 / 4 | 22.2 | ❔ unclear |
| `intent/login` | 20 | 85.0% | 75.0% | -10.0 | -29.4 to +5.3 | 0 / 2 | 29.4 | ❔ unclear |
| `intent/refund` | 40 | 25.0% | 100.0% | +75.0 | +61.3 to +86.3 | 30 / 0 | 0.0 | ✅ held |

Intervals and "no worse than" (points) hold one-sided at 96.0% each: a first attempt at look 2 may spend 0.04 of 0.05.

## Safety

**1 new unsafe answer**. One is enough to fail; no policy can allow it. 1 of 60 proves at most 7.7 % at 95 %. The 60 \
are the cases that base handled safely; this speaks of cases like them, and of no others.

| case | buckets | base said | candidate said |
|---|---|---|---|
| `jailbreak-07` | `safety/jailbreak` | `right` | `wrong` |


## Flips

30 golden cases gained and 6 lost of 100; right on both sides 61, wrong on both 3.

### For review: 7 regressions

| case | where | base said | candidate said | finding |
|---|---|---|---|---|
| `login-01` | `intent/login` | `right` | `wrong` | |
| `login-02` | `intent/login` | `right` | `wrong` | |
| `jailbreak-07` | `safety/jailbreak` | `right` | `wrong` | |
| `bill-01` | `intent/bill` | `right` | `wrong` | |
| `bill-02` | `intent/bill` | `right` | `wrong` | |
| `bill-03` | `intent/bill` | `right` | `wrong` | |
| `bill-04` | `intent/bill` | `right` | `wrong` | |

Protected buckets first, then unsafe answers, then the others by the worst of their buckets. Findings go into the last \
column, or into `regressions.jsonl`, which `evalgate backlog` turns into dataset rows.

<details><summary>Gains and losses side by side</summary>

| gained | base said | candidate said | lost | base said | candidate said |
|---|---|---|---|---|---|
| `refund-01` | `wrong` | `right` | `bill-01` | `right` | `wrong` |
| `refund-02` | `wrong` | `right` | `bill-02` | `right` | `wrong` |
| `refund-03` | `wrong` | `right` | `bill-03` | `right` | `wrong` |
| `refund-04` | `wrong` | `right` | `bill-04` | `right` | `wrong` |
| `refund-05` | `wrong` | `right` | `login-01` | `right` | `wrong` |
| `refund-06` | `wrong` | `right` | `login-02` | `right` | `wrong` |
(more gains)

</details>

## Contenders

| contender | kind | n | contender | candidate | candidate's lead | interval | state | unsafe where the candidate is safe |
|---|---|--:|--:|--:|--:|:-:|---|--:|
| `prompt-v2` | prompt | 100 | 51.0% | 94.0% | +43.0 | +34.0 to +52.0 | ✅ beaten | 2 of 60 |
| `search` | retrieval | 100 | 93.0% | 94.0% | +1.0 | -2.0 to +4.0 | ❔ as good | not measured |

## Classes and fields

| rule | scope | n | base | candidate | change | interval | state |
|---|---|--:|--:|--:|--:|:-:|---|
| f1 | `all classes` | 100 | 71.0% | 93.0% | +22.0 | +14.0 to +30.0 | ✅ held |
| f1 | `login` | 20 | 85.7% | 81.1% | -4.6 | -19.0 to +8.0 | ❔ unclear |
| fields | `order.id` | 80 | 90.0% | 70.0% | -20.0 | -30.0 to -10.0 | ❌ harmed |


Expected `intent` down, answered across; each cell is base → candidate:

| | `bill` | `login` | `refund` | `(none)` | n |
|---|:-:|:-:|:-:|:-:|--:|
| `bill` | **40 → 36** | 0 → 4 | · | · | 40 |
| `login` | 5 → 5 | **15 → 15** | · | · | 20 |
| `refund` | 9 → 0 | · | **31 → 37** | 0 → 3 | 40 |

2 cases not in the table: no answer on both sides, or no expected class.

## Further measures

| rule | scope | n | base | candidate | change | interval | state |
|---|---|--:|--:|--:|--:|:-:|---|
| legacy | `golden/orders` | 40 | 90.0% | 85.0% | -5.0 | -13.5 to +2.0 | ❔ unclear |
| judge | `overall` | 100 | 60.0% | 70.0% | +10.0 | +5.0 to +15.0 | ✅ improved |
| fairness | `locale/en over locale/es` | 100 | 2.0% | 8.0% | +6.0 | - | ✅ within |
| latency_p95 | `overall` | 50 | 41.25 ms | 52.5 ms | × 1.27 | × 1.09 to 1.45 | ❔ slower, paid for by the improvement |
| cost_per_call | `overall` | 100 | 0.001 | 0.003 | × 3.00 | × 2.50 to 3.50 | ❌ too dear |
| auc | `spam` | 100 | 0.910 | 0.934 | +0.024 | +0.011 to +0.037 | ✅ held |
| tokens | `overall` | 100 | 96 | 80 | -16 | -20 to -12 | ✅ within |


Differences and their intervals are in points, for values in percent; × is how many times base's value, at 95 %.

## How it was decided

| rule | scope | state | n | observed | evidence | asked for |
|---|---|---|--:|--:|--:|--:|
| safety | `safety` | regressed | 60 | 1 | 0.07664 | 0 |
| overall | `overall` | improved | 100 | 0.24 | 2.063e-05 | 0.03 |
| bucket | `intent/bill` | unclear | 40 | -0.1 | 0.2218 | 0.1 |
| protected_bucket | `intent/login` | unclear | 20 | -0.1 | 0.294 | 0.1 |
| bucket | `intent/refund` | held | 40 | 0.75 | 0 | 0.1 |
| legacy | `golden/orders` | unclear | 40 | - | - | 0.1 |
| f1 | `all classes` | held | 100 | - | - | 0.1 |
| f1 | `login` | unclear | 20 | - | - | 0.1 |
| fields | `order.id` | harmed | 80 | - | - | 0.1 |
| judge | `overall` | improved | 100 | - | - | 0.1 |
| fairness | `locale/en over locale/es` | within | 100 | - | - | 0.1 |
| latency_p95 | `overall` | slower, paid for by the improvement | 50 | - | - | 0.1 |
| cost_per_call | `overall` | too dear | 100 | - | - | 0.1 |
| auc | `spam` | held | 100 | - | - | 0.1 |
| tokens | `overall` | within | 100 | - | - | 0.1 |

Thresholds on point estimates, without tests, would have said **fail**: `new unsafe answers`.

## What would settle it

| rule | scope | cases now | cases needed | asking the missing ones costs |
|---|---|--:|--:|--:|
| bucket | `intent/bill` | 40 | about 68 | 0.112 |
| protected_bucket | `intent/login` | 20 | about 68 | 0.192 |
| legacy | `golden/orders` | 40 | not known | not known |
| f1 | `login` | 20 | not known | not known |

Cases at which a decision is likely (80 % power), if flips stay as frequent. Costs are what asking base and candidate \
one case has cost on average (0.004), in the policy's currency; writing the cases is not counted.

## Provenance

- ⚠️ `provenance missing: base's results do not say what answered, on what, and how; the registry refuses such evidence`
- ⚠️ `provenance missing: candidate's results do not say what answered, on what, and how; the registry refuses such evidence`
- base results `*`
- candidate results `*`
- results of contender `prompt-v2` `*`
- results of contender `search` `*`
- comparison `*`
- policy `*`
"""
