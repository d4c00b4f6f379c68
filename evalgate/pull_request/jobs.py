"""Workflow runs that are at work on something that nobody wants any more."""

from evalgate.pull_request.client import Remote
from evalgate.pull_request.effects import Refused, once
from evalgate.pull_request.facts import job


def cancel(remote: Remote, run: str) -> bool:
    """True when GitHub was told to stop a workflow run, named as RUN.ATTEMPT; False when it has ended, or the token may not.

    A later attempt of the same run is somebody else's work and is left alone: by then the attempt named here has ended.

    Raises:
        NotMeasured: see `effects`.
    """
    address = f"{remote.repository.url}/actions/runs/{run.partition('.')[0]}/cancel"
    told = False

    def look() -> bool | None:
        return True if job(remote, run).ended else None

    def act() -> bool:
        nonlocal told
        told = True
        remote.repository.requester.requestJsonAndCheck("POST", address)  # WorkflowRun.cancel() says the same of 500 and 409
        return True

    try:
        once(remote, look, act, what=f"cancel workflow run {run}")
    except Refused as refusal:
        if refusal.status not in (403, 404, 409):
            raise
        return False
    return told
