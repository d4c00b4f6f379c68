"""Pull requests, journals and standings drawn as text.

`pull("ann+ bob- cy.")`: ann approves the head, bob asks for changes, cy comments; `0` is dismissed, `?` pending, and
`ann+b` approves commit b. Reviews are numbered in the order in which they stand, or as `ann+@7` says. Logins that begin
with `out` may only read, those that end in `[bot]` are bots, `ghost` is an account that is gone; everybody else may write.

`journal("started training finished=pass b:started")`: steps on commit a, or on the one named before the colon. After `=`
stands the verdict, why something failed, or who approved a cost; after `#` the workflow run, `1.1` where none is told.
"""

from evalgate.judgement.threshold import Looked, standing
from evalgate.records.binding import Binding
from evalgate.records.check import CheckReport
from evalgate.records.journal import Entry
from evalgate.records.policy import FeaturePolicy, Policy
from evalgate.records.pull_request import ChangedFile, Person, PullRequest, Review
from evalgate.review.costs import Estimate
from evalgate.review.kinds import Places, change_of

STATES = {"+": "APPROVED", "-": "CHANGES_REQUESTED", ".": "COMMENTED", "0": "DISMISSED", "?": "PENDING"}
STATUS = {"+": "added", "~": "modified", "-": "removed"}
DATASET = "+datasets/f/v1.0.0.jsonl"
CHEAP = Estimate(tokens=9_000, minutes=2.0, amount=1.5, measured=False)
NOW = "2026-11-20T08:00:00Z"
POLICY = {"datasets": "datasets/f", "golden": "golden/f", "safety": ("golden/safety",), "prompt": "prompts/f.md"}


def commit(letter):
    """`a` is the head unless a test says otherwise."""
    return letter * 40


def sha(letter):
    return letter * 64


def reviews(drawing):
    return tuple(_review(word, number) for number, word in enumerate(drawing.split(), start=1))


def _review(word, number):
    word, _, told = word.partition("@")
    mark = next(i for i, char in enumerate(word) if char in STATES)
    by, state, on = word[:mark], STATES[word[mark]], word[mark + 1 :] or "a"
    return Review(id=int(told or number), by=None if by == "ghost" else by, state=state, commit=commit(on))


def person(login):
    bot = login.endswith("[bot]")
    return Person(login=login, bot=bot, permission="read" if login.casefold().startswith("out") else "write")


def files(drawing):
    """`+a.jsonl ~b.jsonl -c.jsonl d>e`: added, modified, removed, renamed from d to e."""
    return tuple(_file(word) for word in drawing.split())


def _file(word):
    if ">" in word:
        before, after = word.split(">")
        return ChangedFile(path=after, status="renamed", previous=before)
    return ChangedFile(path=word[1:], status=STATUS[word[0]])


def pull(drawing="", *, changes=DATASET, head="a", **more):
    said = reviews(drawing)
    people = {review.by: person(review.by) for review in said if review.by}
    facts = {
        "repository": "acme/shop",
        "number": 7,
        "title": "more rows",
        "author": "zoe",
        "open": True,
        "merged": False,
        "draft": False,
        "head": commit(head),
        "head_repository": "acme/shop",
        "target_branch": "main",
        "target": commit("e"),
        "files": files(changes),
        "reviews": said,
        "people": people,
    }
    return PullRequest.model_validate(facts | more)


def policy(**features):
    return Policy(version=1, features={name: FeaturePolicy.model_validate(f) for name, f in features.items()})


def change(drawing, **features):
    return change_of(files(drawing), policy(**(features or {"f": POLICY})), Places())


def binding(**more):
    facts = {
        "repository": "acme/shop",
        "pull": 7,
        "feature": "f",
        "head": commit("a"),
        "target": commit("e"),
        "dataset": "datasets/f/v1.0.0.jsonl",
        "dataset_sha256": sha("1"),
        "golden_sha256": sha("2"),
        "safety_sha256": sha("3"),
        "policy_sha256": sha("4"),
        "prompt_sha256": sha("5"),
        "base": "base@0123",
        "judge": None,
        "tool": "0.1.0",
    }
    return Binding.model_validate(facts | more)


def journal(drawing, *, bound=None, **more):
    """The steps; work on commit a is bound to `bound`, on another commit to the same with another head."""
    bound = bound or binding()
    return tuple(_entry(word, number, bound, more) for number, word in enumerate(drawing.split()))


def _entry(word, number, bound, more):
    on, _, rest = word.rpartition(":")
    rest, _, run = rest.partition("#")
    step, _, told = rest.partition("=")
    of = bound if on in ("", "a") else bound.model_copy(update={"head": commit(on)})
    value = {
        "finished": {"verdict": told or None, "why": f"so it is {told}" if told else None},
        "failed": {"why": told.replace("_", " ") or None},
        "cancelled": {"why": told.replace("_", " ") or None},
        "cost_approved": {"by": told},
    }
    at_work = {} if step in ("head", "cost_approved", "command") else {"work": of.key, "run": run or "1.1"}
    began = {"binding": of} if step in ("started", "finished") else {}
    facts = {"key": f"{number}/{word}", "step": step, "at": NOW, "pull": 7, "head": of.head, "feature": "f"}
    return Entry.model_validate(facts | at_work | began | value.get(step, {}) | more)


def looked(drawing="ann+", steps="", *, changes=DATASET, review=None, budget=None, gate=None, **more):
    """What was found; `pull` takes facts of the pull request, everything else is a field of Looked."""
    feature = FeaturePolicy.model_validate(POLICY | {"review": review or {}, "budget": budget or {}, "gate": gate or {}})
    bound = more.pop("binding", None) or binding()
    facts = {
        "pull": pull(drawing, changes=changes, **more.pop("pull", {})),
        "change": change(changes, f=POLICY),
        "feature": feature,
        "check": CheckReport(rows=12, findings=()),
        "binding": bound,
        "journal": journal(steps, bound=bound),
        "cost": CHEAP,
        "month": "2026-11",
    }
    return Looked(**(facts | more))


def stands(*drawing, **more):
    return standing(looked(*drawing, **more))


def told(found):
    """A standing as lines of text: conclusion, headline, the checklist, what is waited for, notes."""
    begins = "start" if found.start else found.conclusion or "going on"
    lines = [f"{line.mark}: {line.words}" for line in found.conditions]
    return [
        f"{begins}: {found.headline}",
        *lines,
        *(f"needs {need}" for need in found.waits_for),
        *(f"note {note}" for note in found.notes),
    ]


def marks(found):
    return {line.name: line.mark for line in found.conditions}
