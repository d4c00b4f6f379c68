"""The pull request's comment as a page with GitHub-like styles, and pictures of it in docs/pictures/.

    make demo && .venv/bin/python -P bench/demo/comment_page.py

The verdict in the second picture is the one that `make demo` measured; the people and the commit are invented. Alerts and
Mermaid are drawn here by stand-ins, because GitHub's Markdown engine leaves them to the site. Needs Chromium on the PATH.
"""

import html
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cmarkgfm
from cmarkgfm.cmark import Options

from evalgate.judgement.comment import pull_comment
from evalgate.judgement.registry_change import Change
from evalgate.judgement.registry_standing import Proved, registry_standing
from evalgate.records.comparison import Comparison
from evalgate.records.link import Link
from evalgate.records.policy import Release
from evalgate.records.pull_request import Person, PullRequest, Review
from evalgate.records.standing import Condition, Mark, Standing
from evalgate.records.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
HEAD = "4f1c2ab" + "0" * 33
REPORT = "https://github.com/octocat/shop/actions/runs/7"
WIDTH = 860
ICONS = {"NOTE": "ⓘ", "TIP": "✓", "WARNING": "⚠", "CAUTION": "⛔"}


def main() -> int:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("no chromium on the PATH", file=sys.stderr)
        return 2
    run = failed_run()
    comments = {"comment-waiting": waiting(), "comment-registry": registry_broken()}
    if run is not None:
        comments["comment-fail"] = failed(run)
    else:
        print("no failed run in .demo, so comment-fail is not drawn: run `make demo` first", file=sys.stderr)
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, comment in comments.items():
        picture(browser, page_of(comment), PICTURES / f"{name}.png")
        print(PICTURES.relative_to(ROOT) / f"{name}.png")
    return 0


def waiting() -> str:
    """The comment of a change that one reviewer has approved."""
    needs = "1 approval of `4f1c2ab` by people with write access who wrote none of its commits"
    return pull_comment(
        standing(
            line("done", "checked: 400 rows, no error"),
            line("waiting", "approved 1 of 2 (by `mona`; `hubot` approved another commit)", needs),
            line("done", "reviewed rows 500 of 500"),
            line("done", "cost estimate: 0.40 USD (about 61,000 tokens, about 2.1 minutes at the speed of the last training)"),
            *(line("later", words) for words in ("training", "evaluation", "verdict", "registry")),
            headline=f"waits for {needs}",
            conclusion="action_required",
        )
    )


def failed(run: Path) -> str:
    """The comment of a change whose candidate is worse."""
    verdict = Verdict.model_validate_json((run / "verdict.json").read_bytes())
    return pull_comment(
        standing(
            line("done", "checked: 400 rows, no error"),
            line("done", "approved 2 of 2 (by `hubot`, `mona`)"),
            line("done", "trained"),
            line("done", "evaluated"),
            line("refused", "verdict: fail"),
            line("later", "registry"),
            headline=f"**fail**: {verdict.summary}",
            conclusion="failure",
        ),
        comparison=Comparison.model_validate_json((run / "compare.json").read_bytes()),
        verdict=verdict,
        report_url=REPORT,
    )


def registry_broken() -> str:
    """The comment of a registry pull request with an adapter that nobody judged, beside a flag that is turned off."""
    adapter = Link("adapter", f"adapter_model.safetensors at adapters/{'3f' * 32} is not the file that was trained")
    added = Change(
        "added", "support-intent", "ft-v1.1.0", "none", "support-intent: ft-v1.1.0 is added, its flag off with a share of 0 %"
    )
    words = "order-labels: the flag of ft-v2.0.0 was on with a share of 10 % and is off with a share of 10 %"
    proved = [Proved(added, (adapter,)), Proved(Change("flag", "order-labels", "ft-v2.0.0", "lower", words), ())]
    review = Review(id=1, by="mona", state="APPROVED", commit=HEAD)
    pull = PullRequest(
        repository="octocat/shop",
        number=13,
        title="support-intent: register ft-v1.1.0",
        author="github-actions[bot]",
        open=True,
        merged=False,
        draft=False,
        head=HEAD,
        head_repository="octocat/shop",
        target_branch="main",
        target=HEAD[::-1],
        files=(),
        reviews=(review,),
        people={"mona": Person(login="mona", bot=False, permission="write")},
    )
    return pull_comment(registry_standing(pull, proved, Release(managers=("mona",)), behind=False))


def line(mark: Mark, words: str, needs: str | None = None) -> Condition:
    return Condition(name=words, mark=mark, words=words, needs=needs)


def standing(*conditions: Condition, **more) -> Standing:
    return Standing(pull=12, head=HEAD, kind="dataset", feature="support-intent", conditions=conditions, **more)


def failed_run() -> Path | None:
    """The demo's run whose verdict is fail."""
    runs = sorted((ROOT / ".demo" / "runs").glob("*/verdict.json"))
    return next((file.parent for file in runs if '"verdict":"fail"' in file.read_text().replace(" ", "")), None)


def page_of(comment: str) -> str:
    """The comment as one page of its own, without anything from elsewhere."""
    body = cmarkgfm.github_flavored_markdown_to_html(comment, Options.CMARK_OPT_UNSAFE)
    body = re.sub(r"<blockquote>\s*<p>\[!(\w+)\]\n(.*?)</blockquote>", boxed, body, flags=re.DOTALL)
    body = re.sub(r'<pre lang="mermaid"><code>(.*?)</code></pre>', bars, body, flags=re.DOTALL)
    return f'<!doctype html><meta charset="utf-8"><title>EvalGate</title><style>{STYLE}</style>{HEADER}{body}</article></main>'


def boxed(found: re.Match[str]) -> str:
    """GitHub's alert."""
    kind = found[1]
    return f'<div class="alert {kind.lower()}"><p class="kind">{ICONS[kind]} {kind.capitalize()}</p><p>{found[2]}</div>'


def bars(found: re.Match[str]) -> str:
    """A stand-in for what Mermaid draws of our chart."""
    source = html.unescape(found[1])
    names = re.findall(r'"([^"]*)"', re.search(r"x-axis \[(.*)\]", source)[1])
    series = [[float(n) for n in line.split(",")] for line in re.findall(r"^ +bar \[(.*)\]$", source, re.MULTILINE)]
    sides = ("base", "candidate") * (len(names) // 2)
    rows = [
        f'<tr><td>{name}</td><td><i class="{side}" style="width:{max(values):.1f}%"></i></td></tr>'
        for name, side, values in zip(names, sides, zip(*series, strict=True), strict=True)
    ]
    heading = re.search(r'title "(.*)"', source)[1]
    return f'<figure><figcaption>{heading}</figcaption><table class="bars">{"".join(rows)}</table></figure>'


def picture(browser: str, page: str, target: Path) -> None:
    """The page, as high as it is, as a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(page + MEASURE)
        call = [browser, *FLAGS, f"--user-data-dir={folder}/profile"]
        shown = subprocess.run([*call, "--dump-dom", file.as_uri()], capture_output=True, text=True, check=True, timeout=60)
        height = re.search(r'data-height="(\d+)"', shown.stdout)[1]
        size = f"--window-size={WIDTH},{height}"
        subprocess.run([*call, size, f"--screenshot={target}", file.as_uri()], capture_output=True, check=True, timeout=60)


FLAGS = [
    *(
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--hide-scrollbars",
        "--force-device-scale-factor=0.9",
    ),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", f"--window-size={WIDTH},400"),
]
MEASURE = (
    "<script>document.body.dataset.height = Math.ceil(document.querySelector('main').getBoundingClientRect().bottom)</script>"
)
HEADER = '<main><header><b>evalgate</b> <span class="bot">bot</span> commented</header><article>'
STYLE = """
body { margin: 0; background: #fff; color: #1f2328; font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial,
  sans-serif; }
main { margin: 0 auto; width: 828px; padding: 16px 0; }
header { background: #f6f8fa; border: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; padding: 8px 16px; color: #59636e; }
header b { color: #1f2328; }
.bot { border: 1px solid #d1d9e0; border-radius: 2em; padding: 0 7px; font-size: 12px; }
article { border: 1px solid #d1d9e0; border-top: 0; border-radius: 0 0 6px 6px; padding: 16px; }
article > :first-child { margin-top: 0; }
article > :last-child { margin-bottom: 0; }
p, ul, table, details, .alert, figure { margin: 0 0 16px; }
ul { padding-left: 2em; }
code { background: #818b981f; border-radius: 6px; padding: .2em .4em; font: 85% ui-monospace, "DejaVu Sans Mono", monospace;
  overflow-wrap: break-word; }
table { border-collapse: collapse; display: block; overflow: auto; }
th, td { border: 1px solid #d1d9e0; padding: 6px 10px; }
tr:nth-child(2n) td { background: #f6f8fa; }
a { color: #0969da; }
.alert { border-left: 4px solid; padding: 8px 16px; }
.alert p { margin: 0; color: #1f2328; }
.alert p.kind { font-weight: 600; margin-bottom: 4px; color: inherit; }
.note { color: #0969da; } .tip { color: #1a7f37; } .warning { color: #9a6700; } .caution { color: #d1242f; }
figcaption { text-align: center; font-weight: 600; margin-bottom: 4px; }
.bars { display: table; width: 100%; font-size: 12px; }
.bars td { border: 0; padding: 1px 8px; background: none !important; }
.bars td:first-child { width: 18em; text-align: right; }
.bars i { display: block; height: 12px; min-width: 1px; background: #9aa4af; }
.bars i.candidate { background: #2f81f7; }
"""


if __name__ == "__main__":
    sys.exit(main())
