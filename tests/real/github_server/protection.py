"""What a branch's protection and rules refuse of those who write to it by the API, without a pull request."""

from .answers import Refused
from .world import Repository

BY_PULL_REQUEST = {"update", "pull_request", "required_status_checks", "merge_queue"}


def refuse_write(repo: Repository, ref: str, *, forced: bool = False, removed: bool = False, status: int = 422) -> None:
    """Raises what GitHub says where the ref may not be moved so."""
    branch = ref.removeprefix("refs/heads/")
    kinds = {rule["type"] for rule in repo.rules.get(branch, [])}
    broken = [
        ("Cannot delete this branch", removed and "deletion" in kinds),
        ("Cannot force-push to this branch", forced and "non_fast_forward" in kinds),
        ("Changes must be made through a pull request.", not removed and bool(kinds & BY_PULL_REQUEST)),
    ]
    for words, refused in broken:
        if refused:
            raise Refused(status, f"Repository rule violations found\n\n{words}\n\n")
    if branch in repo.protections:
        _refuse_protected(repo, branch, forced, removed, status)


def _refuse_protected(repo: Repository, branch: str, forced: bool, removed: bool, status: int) -> None:
    protection = repo.protections[branch]
    demands = protection.get("required_status_checks") or protection.get("required_pull_request_reviews")
    allowed = protection.get("allow_force_pushes", {}).get("enabled", False)
    if removed or demands or (forced and not allowed):
        what = "Cannot delete this protected branch" if removed else "Changes must be made through a pull request."
        words = "Cannot force-push to this protected branch" if forced and not demands else what
        raise Refused(status, f"Protected branch update failed for refs/heads/{branch}.\n\n{words}")
