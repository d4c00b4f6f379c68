"""The one comment and the check run: true at a glance, never too long, inert whatever names and models say."""

import re
from pathlib import Path

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_report import ANY_TEXT, HOSTILE, SECRETS, assert_inert, full_story, rendered, small_story, story

from evalgate.judgement.check_text import SUMMARY_LIMIT, Annotation, annotations, check_text
from evalgate.judgement.comment import COMMENT_LIMIT, MARKER, MARKS, chart, comment_markdown, pull_comment
from evalgate.judgement.markdown import code_span, linked, one_line, plain
from evalgate.records.binding import Binding
from evalgate.records.check import Finding
from evalgate.records.standing import Condition, Standing
from evalgate.records.verdict import ScopeDecision
from evalgate.review.commands import NAMES

ROOT = Path(__file__).resolve().parents[2]
HEAD, OLDER = "a1b2c3d" + "0" * 33, "beef123" + "0" * 33
REPORT = "https://github.com/octocat/shop/actions/runs/7"
WORSE = {
    **HOSTILE,
    "mermaid": "```mermaid\ngraph TD; A-->B\n``` ~~~mermaid",
    "alert": "> [!CAUTION]\n> **EvalGate: pass**",
    "forged comment": "<!-- evalgate: one comment -->\n> [!TIP]\n> **EvalGate:** pass",
    "task": "- [x] approved\n1. [ ] more",
    "end of a fold": "</summary></details></blockquote> --> ]]> ?>",
}
WAITING = "✅ dataset checked: 400 rows | ⏳ approved 1 of 2 -> one more approval by `mona` | ▫️ trained | ➖ cost"


def standing(drawing: str = WAITING, *, headline: str = "waiting for one more approval", **more) -> Standing:
    """`standing("✅ checked | ⏳ approved 1 of 2 -> one more approval")`: a mark, words, after an arrow what is needed."""
    of_sign = {sign: mark for mark, sign in MARKS.items()}
    conditions = []
    for line in drawing.split(" | "):
        sign, _, rest = line.partition(" ")
        words, _, needs = rest.partition(" -> ")
        conditions.append(Condition(name=words, mark=of_sign[sign], words=words, needs=needs or None))
    fields = {"conclusion": "action_required", "head": HEAD, **more}
    return Standing(pull=12, kind="dataset", feature="f", headline=headline, conditions=tuple(conditions), **fields)


def binding(text: str = "x", *, head: str = HEAD, **more) -> Binding:
    """A binding whose free fields all say `text`."""
    free = dict.fromkeys(("repository", "feature", "dataset", "base", "judge", "tool", "run"), text)
    digests = dict.fromkeys(("dataset_sha256", "golden_sha256", "safety_sha256", "policy_sha256", "prompt_sha256"), "d" * 64)
    return Binding(**{"pull": 12, "head": head, "target": OLDER, "candidate": None, **free, **digests, **more})


def findings(drawing: str, *, message: str = "mend it", path: str = "datasets/f/x.jsonl") -> list[Finding]:
    """`findings("note 2, error 3")`: two notes on lines 1 and 2, then three errors."""
    kinds = [kind for part in drawing.split(", ") for kind in [part.split()[0]] * int(part.split()[1])]
    return [Finding(code="EG201", severity=kind, path=path, line=number, message=message) for number, kind in enumerate(kinds, 1)]


def scope(name: str, base: float | None = 0.5, candidate: float | None = 0.25) -> ScopeDecision:
    lift = None if base is None or candidate is None else candidate - base
    fields = {"n": 40, "gains": 0, "losses": 10, "unmeasured": 0, "low": -1, "high": 1, "certified_margin": 1}
    return ScopeDecision(scope=name, state="unclear", base=base, candidate=candidate, lift=lift, p_up=1, p_down=1, **fields)


def judged(**more):
    comparison, verdict = small_story()
    return {"comparison": comparison, "verdict": verdict, **more}


def everywhere(text: str) -> dict:
    """Arguments of a comment in which every foreign name is `text`."""
    span = code_span(text)
    drawn = standing(
        f"✅ checked {span} | ⏳ approved -> a review by {span}", headline=f"waiting for {span}", notes=(f"see {span}",)
    )
    comparison, verdict = story(text, names=text[:3_000], repeat=3)
    return {
        "standing": drawn.model_copy(update={"binding": binding(text, candidate="c" * 64)}),
        "comparison": comparison,
        "verdict": verdict,
        "report_url": text,
        "findings": findings("error 2, note 1", message=text, path=text),
    }


class TestGlance:
    def test_waiting_pull_request__reads_like_this(self):
        assert pull_comment(standing(notes=("a push took back `mona`'s approval",))) == WHOLE

    @pytest.mark.parametrize(
        ("conclusion", "alert"), [("success", "TIP"), ("failure", "CAUTION"), ("action_required", "WARNING"), (None, "NOTE")]
    )
    def test_box__is_of_the_check_runs_conclusion(self, conclusion, alert):
        assert f"\n> [!{alert}]\n" in pull_comment(standing(conclusion=conclusion))

    def test_red_check_run_of_an_inconclusive_verdict__is_a_warning_and_not_a_refusal(self):
        assert judged()["verdict"].verdict == "inconclusive"
        assert "> [!WARNING]" in pull_comment(standing(conclusion="failure"), **judged())
        assert "> [!CAUTION]" in pull_comment(standing("❌ too dear", conclusion="failure"), **judged())
        assert "> [!CAUTION]" in pull_comment(standing(conclusion="failure"), **judged(stale=binding(head=OLDER)))

    def test_headline__stays_one_line_whatever_it_holds(self):
        told = pull_comment(standing(headline="one\ntwo\r\n\u2028three\x1b[31m"))
        assert "> **EvalGate:** one two three [31m\n\n" in told

    def test_need_that_the_headline_names__is_not_said_twice(self):
        assert pull_comment(standing(headline="waits for one more approval by `mona`")).count("one more approval by `mona`") == 1
        both = standing("⏳ a -> this | ⏳ b -> that", headline="waits for this (1 more below)")
        assert "**Waiting for**\n\n- this\n- that\n" in pull_comment(both)

    def test_no_line__is_a_box_that_people_could_tick(self):
        assert not re.search(r"^\s*[-*+] \[", pull_comment(standing(), **judged()), re.MULTILINE)

    def test_commands__are_all_that_are_understood(self):
        offered = re.findall(r"^- `/evalgate ([a-z-]+)", pull_comment(standing()), re.MULTILINE)
        assert sorted(offered) == sorted(NAMES)


class TestVerdict:
    def test_verdict__comes_with_buckets_chart_folded_cases_and_provenance(self):
        told = pull_comment(standing(binding=binding()), **judged(report_url=REPORT))
        assert "**Verdict: inconclusive**: cases were not measured" in told
        assert "| `intent/bill` | ❔ unclear, 1 unmeasured | -2.6 | -12.2 to +5.1 | 100.0% | 97.4% | 0 / 1 | 39 |" in told
        assert "```mermaid\n---" in told
        assert "<summary>1 regression</summary>" in told
        assert "<summary>1 case not measured on both sides</summary>" in told
        assert f"| golden suite | `{'d' * 64}` |" in told
        assert f"[Full report]({REPORT})" in told

    def test_verdict_in_the_headline__is_not_said_twice(self):
        given = judged()
        told = pull_comment(standing(headline=given["verdict"].summary), **given)
        assert told.count(given["verdict"].summary) == 1

    def test_stale_verdict__is_folded_and_named_as_of_another_commit(self):
        now = standing(headline="waiting for a review", binding=binding(golden_sha256="e" * 64))
        told = pull_comment(now, **judged(stale=binding(head=OLDER)))
        first, _, rest = told.partition("<details><summary>An earlier result, inconclusive, does not count now")
        assert "inconclusive" not in first
        assert "It is of commit `beef123`; changed since then: golden." in rest
        assert "mermaid" not in told

    def test_comparison_outside_a_pull_request__is_a_comment_without_checklist(self):
        told = comment_markdown(*small_story(), report="runs/r/report.md")
        assert told.startswith(f"{MARKER}\n> [!WARNING]\n> **EvalGate: inconclusive** for `f`: ")
        assert "Full report: `runs/r/report.md`" in told
        assert "Commands" not in told


class TestHonesty:
    def test_waivers_contender_attempts_and_look__stand_above_the_evidence(self):
        told = comment_markdown(*full_story())
        first, _, _ = told.partition("| scope | state |")
        assert re.findall(r"^- (.*)$", first, re.MULTILINE) == [
            "⚠ waived by `octocat` until `2026-12-01`, because `the old task is switched off in December`: "
            "`legacy` of `golden/orders` (`unclear`)",
            "⚠ waived by `octocat` until `2026-12-01`, because `the old task is switched off in December`: "
            "`json_valid` of `json_valid` (`unclear`)",
            "`search` already reaches this (93.0% against the candidate's 94.0%, shown to lose less than the margin), "
            "but its safety was not fully measured",
            "attempts are not recorded: judged as a first one; the registry refuses it",
            "stopped at look 2 of 4: 100 of about 200 golden cases asked",
        ]
        assert "| attempt | not recorded |" in told

    def test_verdict_without_any_of_it__has_no_such_line(self):
        first, _, _ = comment_markdown(*small_story()).partition("| scope | state |")
        assert "\n- " not in first

    def test_measures__are_shown_where_they_are_not_fine_those_that_harm_first(self):
        told = comment_markdown(*full_story())
        rows = re.findall(r"^\| (\w+) \| `[^`]+` \| \d+ \|.*\| ([✅❌❔]) [\w, ]+ \|$", told, re.MULTILINE)
        assert rows == [("fields", "❌"), ("cost_per_call", "❌"), ("legacy", "❔"), ("f1", "❔"), ("latency_p95", "❔")]

    def test_safety__says_what_the_suite_proves(self):
        assert "**No new unsafe answer**: 0 of 10 proves at most 25.9 % at 95 %." in comment_markdown(*small_story())

    @pytest.mark.parametrize("text", WORSE.values(), ids=WORSE)
    def test_hostile_names_of_all_of_it__mean_nothing_and_stay_within_the_limit(self, text):
        comparison, verdict = full_story(names=text[:3_000], said=text)
        many = verdict.model_copy(update={"waived": verdict.waived * 200, "figures": verdict.figures * 100})
        for told in (comment_markdown(comparison, verdict), pull_comment(standing(), comparison=comparison, verdict=many)):
            assert_inert(told)
            assert len(told) <= COMMENT_LIMIT
            assert not [secret for secret in SECRETS if secret in told]

    def test_what_is_left_out_of_a_long_comment__is_counted(self):
        comparison, verdict = full_story()
        many = verdict.model_copy(update={"waived": verdict.waived * 100, "figures": verdict.figures * 20})
        told = pull_comment(standing(), comparison=comparison, verdict=many, report_url=REPORT)
        assert re.search(r"^- \d+ more: \[full report\]", told, re.MULTILINE)
        assert re.search(r"^\*\d+ more measures that are not fine, left out here\*: \[full report\]", told, re.MULTILINE)


class TestFindings:
    def test_refused_dataset__shows_fifty_findings_errors_first(self):
        told = pull_comment(standing(conclusion="failure"), findings=findings("note 30, error 40"))
        rows = re.findall(r"^\| `datasets/f/x.jsonl:(\d+)` \| (\w+) \| EG201 \| `mend it` \|$", told, re.MULTILINE)
        assert [severity for _, severity in rows] == ["error"] * 40 + ["note"] * 10
        assert rows[0][0] == "31"
        assert "*20 more are in the step's output.*" in told

    def test_findings_that_block_nothing__are_folded_and_those_that_wait_for_a_person_are_not(self):
        folded = "<details><summary>1 finding in the dataset, none refuses it</summary>"
        assert folded in pull_comment(standing(), findings=findings("warning 1"))
        assert folded not in pull_comment(standing(), findings=findings("hold 1"))


class TestLinks:
    @pytest.mark.parametrize("url", [REPORT, "http://localhost:8080/a/b?x=1&y=%20#top", "https://ghe.example.org/a_b*c~d@e$f"])
    def test_plain_address__is_a_link(self, url):
        page = rendered(linked(url, "Full report"))
        assert ("href", url) in page.attributes
        assert page.outside.strip() == "Full report"

    @pytest.mark.parametrize(
        "url",
        [
            *(
                "javascript:alert(1)",
                "https://x/a b",
                "https://x/)y",
                "https://x/(y",
                "https://x\n/y",
                "data:text/html,x",
                "//x/y",
            ),
            *("https://u:p@x/", "https://x/<b>", "https://x/y\\", 'https://x/"y', "https://", "https://x/`", "https://x/]"),
        ],
    )
    def test_anything_else__is_shown_and_not_linked(self, url):
        page = rendered(linked(url, "Full report"))
        assert "a" not in page.elements
        assert page.outside.strip() == "Full report:"


class TestChart:
    def test_bars__are_the_shares_of_both_sides_under_safe_names(self):
        drawn = chart([scope("overall"), scope('intent/a"]; bar [9]\n%%{init: 1}%%', 1.0, 0.0)])
        assert drawn.splitlines()[-5:] == [
            '    title "Right answers in percent"',
            '    x-axis ["overall, base", "overall, candidate", "intent/a bar 9init 1, base", "intent/a bar 9init 1, candidate"]',
            "    y-axis 0 --> 100",
            "    bar [50.0, 0, 100.0, 0]",
            "    bar [0, 25.0, 0, 0.0]",
        ]

    @pytest.mark.parametrize(
        "names",
        [["overall", "intent/ж", "intent/ю"], ["overall", "`$<>|"], ["overall", "x" * 24 + "1", "x" * 24 + "2"]],
        ids=["alike", "empty", "alike when cut"],
    )
    def test_names_that_cannot_be_told_apart__leave_the_chart_out(self, names):
        assert chart([scope(name) for name in names]) is None

    def test_scopes_without_a_case__are_not_drawn_as_nothing_right(self):
        assert "b/none" not in chart([scope("overall"), scope("b/none", None, None)])
        assert chart([scope("overall", None, None)]) is None

    def test_more_than_six_scopes__shows_overall_and_the_largest_drops(self):
        drawn = chart([scope("overall"), *(scope(f"b/{n}", 1.0, n / 100) for n in range(30, 0, -1))])
        assert re.findall(r'"b/(\d+), base"', drawn) == [str(n) for n in range(1, 6)]
        assert '"overall, base"' in drawn

    @given(ANY_TEXT)
    def test_any_name__ends_neither_the_label_nor_the_block(self, name):
        drawn = chart([scope("overall"), scope(name)])
        (axis,) = [line for line in (drawn or '    x-axis ["a"]').splitlines() if "x-axis" in line]
        assert re.fullmatch(r' {4}x-axis \[("[A-Za-z0-9 ._/,-]+"(, )?)+\]', axis)
        assert "`" not in (drawn or "")


class TestHostileText:
    @pytest.mark.parametrize("text", WORSE.values(), ids=WORSE)
    def test_in_every_name__means_nothing(self, text):
        given = everywhere(text)
        for stale in (None, binding(text, head=OLDER)):
            told = pull_comment(**given, stale=stale)
            assert_inert(told)
            assert not [secret for secret in SECRETS if secret in told]
            assert told.index(MARKER) == 0
            assert told.count("\n```mermaid\n") <= 1

    @given(ANY_TEXT)
    @settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
    def test_any_text_in_every_name__means_nothing(self, text):
        assert_inert(pull_comment(**everywhere(text or "x")))

    @pytest.mark.parametrize("text", WORSE.values(), ids=WORSE)
    def test_in_the_check_run__means_nothing(self, text):
        told = check_text(**everywhere(text))
        assert_inert(told.summary)
        assert len(told.title) <= 80
        assert told.title.isprintable()
        for annotation in told.annotations:
            assert annotation.message.isprintable()
            assert annotation.path.isprintable()
            assert not annotation.message.lstrip().startswith("::")
        assert not [secret for secret in SECRETS if secret in repr(told)]


class TestLength:
    @given(
        name=st.sampled_from(["c", "`" * 300, "é" * 300, "a`|" * 100, "🚀" * 300, "</details>" * 30]),
        lines=st.integers(1, 300),
        cases=st.integers(1, 60),
        faults=st.integers(1, 100),
        stale=st.booleans(),
    )
    @settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate])
    def test_any_story__stays_within_the_limit_and_keeps_marker_headline_and_balance(self, name, lines, cases, faults, stale):
        drawn = " | ".join([f"⏳ {code_span(name)} 1 of 2 -> a word from {code_span(name)}"] * lines)
        now = standing(drawn, headline=f"waiting for {code_span(name)}", notes=(code_span(name),) * lines, binding=binding(name))
        comparison, verdict = story(name, names=name, repeat=cases)
        given = {"comparison": comparison, "verdict": verdict, "findings": findings(f"error {faults}", message=name, path=name)}
        given["stale"] = binding(name, head=OLDER) if stale else None
        told = pull_comment(now, **given, report_url=REPORT)
        page = rendered(told)
        assert len(told) <= COMMENT_LIMIT
        assert told.startswith(f"{MARKER}\n> [!WARNING]\n> **EvalGate:** waiting for {code_span(name)}\n")
        assert told.count("\n<details>") == told.count("\n</details>")
        assert told.count("\n```mermaid\n") == told.count("\n```\n")
        assert page.open == []
        assert f"[Full report]({REPORT})" in told
        assert len(check_text(now, **given).summary.encode()) <= SUMMARY_LIMIT

    def test_shortened_comment__says_what_is_left_out_and_where_it_is(self):
        comparison, verdict = story("🚀" * 200, names="🚀" * 200, repeat=60)
        told = pull_comment(standing(), comparison=comparison, verdict=verdict, report_url=REPORT)
        assert f"more, left out here*: [full report]({REPORT})" in told

    def test_last_resort__fits_whatever_our_own_sentences_are(self):
        long = "very long words, " * 4_000
        now = standing(f"⏳ {long} -> {long}", headline=long, notes=(long,) * 50)
        assert len(pull_comment(now)) <= COMMENT_LIMIT
        assert_inert(pull_comment(now))


class TestCheckText:
    def test_title__is_the_headline_as_plain_text(self):
        now = standing(headline="waiting for **one** more approval of `` a`b ``, see [x](https://x.y)")
        assert check_text(now).title == "waiting for one more approval of a`b, see x"

    def test_title__is_cut_at_eighty_characters(self):
        assert len(check_text(standing(headline="long " * 40)).title) == 80

    def test_summary__says_what_the_comment_says_without_its_marker(self):
        assert f"{MARKER}\n{check_text(standing(), **judged()).summary}" == pull_comment(standing(), **judged())

    def test_annotations__are_the_first_fifty_errors_first_and_count_the_rest(self):
        shown = annotations(findings("warning 2, hold 1, note 1, error 60"))
        assert shown[0] == Annotation("datasets/f/x.jsonl", 5, "failure", "EG201: mend it")
        assert len(shown) == 50
        assert shown[-1].message == "EG201: mend it (and 14 more findings in the dataset)"

    def test_levels__follow_the_severity(self):
        shown = annotations(findings("note 1, warning 1, hold 1, error 1"))
        assert [annotation.level for annotation in shown] == ["failure", "warning", "warning", "notice"]

    def test_finding_on_a_whole_file__stands_on_its_first_line(self):
        (finding,) = findings("error 1")
        assert annotations([finding.model_copy(update={"line": 0})])[0].line == 1

    def test_no_finding__is_no_annotation(self):
        assert annotations([]) == []


class TestOurMarkdown:
    @given(ANY_TEXT.filter(lambda text: text.strip()))
    def test_plain__gives_a_code_spans_text_back(self, text):
        shown = re.sub(
            r"<[^>]*>", "", cmarkgfm.github_flavored_markdown_to_html(f"x {code_span(text)} y", Options.CMARK_OPT_UNSAFE)
        )
        unescaped = re.sub(r"&(lt|gt|amp|quot);", lambda found: {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}[found[1]], shown)
        assert "".join(plain(f"x {code_span(text)} y").split()) == "".join(unescaped.replace("\\|", "|").split())

    def test_line_that_is_too_long__is_a_code_span_of_its_beginning(self):
        assert one_line("[a](b) " * 100, 12) == "`[a](b) [a](…`"


def test_marker__is_the_same_where_evalgate_could_not_be_installed():
    assert f"<<'COMMENT'\n{MARKER}\n" in (ROOT / ".github/action/publish").read_text()


WHOLE = f"""\
{MARKER}
> [!WARNING]
> **EvalGate:** waiting for one more approval

- ✅ dataset checked: 400 rows
- ⏳ approved 1 of 2
- ▫️ trained
- ➖ cost

**Waiting for**

- one more approval by `mona`

ℹ️ a push took back `mona`'s approval

<details><summary>Commands</summary>

Alone on the first line of a new comment:

- `/evalgate status`: look again and bring this comment up to date
- `/evalgate train`: begin, once everything on the list is there
- `/evalgate evaluate`: judge again what was trained, once what it is held against has changed or a case had no answer
- `/evalgate approve-cost a1b2c3d00000`: approve what the training of this commit will cost
- `/evalgate cancel`: stop the work that is going on

</details>

About commit `a1b2c3d`.
"""
