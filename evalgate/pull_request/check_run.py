"""The check run that says beside a commit what the comment says on the pull request."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from github.CheckRun import CheckRun

from evalgate.errors import NotMeasured
from evalgate.judgement.check_text import MOST_ANNOTATIONS, SUMMARY_LIMIT, Annotation
from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import once
from evalgate.pull_request.faults import whole
from evalgate.records.standing import Conclusion

CUT = "\n\nCut here: it is longer than GitHub takes."


class Check(NamedTuple):
    """What a check run shall say."""

    name: str
    external_id: str
    """Ours; tells apart the check runs of one name on one commit."""
    title: str
    summary: str
    """Markdown."""
    conclusion: Conclusion | None
    """None while work is going on."""
    text: str = ""
    """Markdown, below the summary."""
    annotations: Sequence[Annotation] = ()
    """The first 50 are shown; GitHub appends later ones to earlier ones, so they are sent once in the life of a run."""
    details_url: str | None = None


def keep(remote: Remote, head: str, check: Check) -> None:
    """Nothing; the newest check run of ours at `head` says what `check` says, and nothing is sent where it does.

    Ours has our name, our external id and our app. One that is completed stays as it ended, apart from its words: GitHub
    does not let it go back, so another state makes a new run, which takes the old one's place in GitHub's lists.

    Raises:
        Refused, NotMeasured: see `effects`.
    """
    latest: CheckRun | None = None

    def look() -> CheckRun | None:
        nonlocal latest
        latest = _newest(remote, head, check)
        return latest if latest is not None and _says(latest, check) else None

    def act() -> CheckRun:
        another = latest is None or latest.external_id != check.external_id
        if latest is None or another or (latest.status == "completed" and latest.conclusion != check.conclusion):
            return _created(remote, head, check)
        latest.edit(**_wanted(check, with_annotations=not latest.output.annotations_count))
        whole(latest.id, "id")
        return latest

    made = once(remote, look, act, what=f"write the check run {check.name!r} at {head[:7]}")
    if not _is_ours(remote, made):  # it would not be found again, and the next run would write another
        raise NotMeasured(f"check runs appear under {_author(made)}, not under {remote.author}: set EVALGATE_AUTHOR to it")


def _newest(remote: Remote, head: str, check: Check) -> CheckRun | None:
    found = remote.repository.get_commit(head).get_check_runs(check_name=check.name, filter="all")
    ours = [run for run in found if _is_ours(remote, run)]
    return max(ours, key=lambda run: whole(run.id, "id"), default=None)


def _created(remote: Remote, head: str, check: Check) -> CheckRun:
    made = remote.repository.create_check_run(head_sha=head, **_wanted(check, with_annotations=True))
    whole(made.id, "id")
    return made


def _author(run: CheckRun) -> str:
    """The login that an app's comments appear under; of an app that is gone, one that nobody has."""
    return f"{run.app.slug}[bot]" if run.app is not None else ""


def _is_ours(remote: Remote, run: CheckRun) -> bool:
    return _author(run).casefold() == remote.author.casefold()


def _says(run: CheckRun, check: Check) -> bool:
    shown = run.output
    return (
        run.external_id == check.external_id
        and (run.status, run.conclusion) == (_status(check), check.conclusion)
        and (shown.title, shown.summary, shown.text or "") == (check.title, _fitted(check.summary), _fitted(check.text))
        and (check.details_url is None or run.details_url == check.details_url)
        and (not check.annotations or shown.annotations_count > 0)
    )


def _wanted(check: Check, *, with_annotations: bool) -> dict[str, Any]:
    output: dict[str, Any] = {"title": check.title, "summary": _fitted(check.summary), "text": _fitted(check.text)}
    if check.annotations and with_annotations:
        output["annotations"] = [_annotation(one) for one in check.annotations[:MOST_ANNOTATIONS]]
    wanted = {"name": check.name, "external_id": check.external_id, "status": _status(check), "output": output}
    optional = {"conclusion": check.conclusion, "details_url": check.details_url}
    return {**wanted, **{name: value for name, value in optional.items() if value is not None}}


def _status(check: Check) -> str:
    return "completed" if check.conclusion else "in_progress"


def _annotation(one: Annotation) -> dict[str, str | int]:
    where: dict[str, str | int] = {"path": one.path, "start_line": one.line, "end_line": one.line}
    return {**where, "annotation_level": one.level, "message": one.message}


def _fitted(text: str) -> str:
    content = text.encode()
    return text if len(content) <= SUMMARY_LIMIT else content[: SUMMARY_LIMIT - len(CUT)].decode(errors="ignore") + CUT
