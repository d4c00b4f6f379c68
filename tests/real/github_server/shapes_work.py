"""Check runs, workflow runs and artifacts as GitHub's REST API shows them."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from .history import facts
from .shapes import api_of, html_of, node_id, repository_shape, user_shape
from .shapes_discussion import app_shape
from .shapes_pulls import pull_minimal_shape
from .work import Artifact, CheckRun, Run
from .world import Repository, World


def check_shape(world: World, repo: Repository, check: CheckRun) -> dict[str, Any]:
    url, html = f"{api_of(world, repo)}/check-runs/{check.id}", f"{html_of(world, repo)}/runs/{check.id}"
    return {
        "id": check.id,
        "node_id": node_id("CheckRun", check.id),
        "head_sha": check.head_sha,
        "name": check.name,
        "external_id": check.external_id or "",
        "url": url,
        "html_url": html,
        "details_url": check.details_url or html,
        "status": check.status,
        "conclusion": check.conclusion,
        "started_at": check.started,
        "completed_at": check.completed,
        "check_suite": {"id": check.suite},
        "output": {
            "title": check.title,
            "summary": check.summary,
            "text": check.text,
            "annotations_count": len(check.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "app": app_shape(world, check.app),
        "pull_requests": pulls_at(world, repo, check.head_sha),
    }


def pulls_at(world: World, repo: Repository, sha: str) -> list[dict[str, Any]]:
    """The open pull requests with this head, of the repository's own branches: GitHub names no fork's here."""
    own = (issue for issue in repo.issues.values() if issue.pull and issue.pull.head_repository == repo.full_name)
    found = (issue for issue in own if issue.state == "open" and issue.pull and issue.pull.head_sha == sha)
    return [pull_minimal_shape(world, repo, issue) for issue in found]


def annotation_shape(world: World, repo: Repository, check: CheckRun, annotation: dict[str, Any]) -> dict[str, Any]:
    optional = dict.fromkeys(("start_column", "end_column", "title", "raw_details"))
    blob = f"{html_of(world, repo)}/blob/{check.head_sha}/{annotation['path']}"
    return {**optional, **annotation, "blob_href": blob}


def run_shape(world: World, repo: Repository, run: Run) -> dict[str, Any]:
    api, html = api_of(world, repo), html_of(world, repo)
    url = f"{api}/actions/runs/{run.id}"
    head = world.repositories.get(run.head_repository, repo)
    pages = {f"{page}_url": f"{url}/{page}" for page in ("jobs", "logs", "cancel", "rerun", "artifacts")}
    return {
        **pages,
        "id": run.id,
        "node_id": node_id("WorkflowRun", run.id),
        "name": run.name,
        "display_title": run.name,
        "path": run.path,
        "run_number": run.number,
        "run_attempt": run.attempt,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "head_commit": simple_commit_shape(repo, run.head_sha),
        "head_repository": repository_shape(world, head),
        "repository": repository_shape(world, repo),
        "actor": user_shape(world, run.login),
        "triggering_actor": user_shape(world, run.login),
        "workflow_id": workflow_id(run.path),
        "workflow_url": f"{api}/actions/workflows/{workflow_id(run.path)}",
        "check_suite_url": f"{api}/check-suites/{run.id}",
        "previous_attempt_url": None,
        "url": url,
        "html_url": f"{html}/actions/runs/{run.id}",
        "created_at": run.created,
        "updated_at": run.updated,
        "run_started_at": run.created,
        "pull_requests": pulls_at(world, repo, run.head_sha),
    }


def workflow_id(path: str) -> int:
    return 100_000 + sum(path.encode())


def simple_commit_shape(repo: Repository, sha: str) -> dict[str, Any]:
    commit = facts(repo.folder, sha)
    people = {
        "author": {"name": commit.author.name, "email": commit.author.email},
        "committer": {"name": commit.committer.name, "email": commit.committer.email},
    }
    return {"id": sha, "tree_id": commit.tree, "message": commit.message, "timestamp": commit.committer.date, **people}


def artifact_shape(world: World, repo: Repository, artifact: Artifact) -> dict[str, Any]:
    url, run = f"{api_of(world, repo)}/actions/artifacts/{artifact.id}", repo.runs[artifact.run]
    head = world.repositories.get(run.head_repository, repo)
    expires = datetime.fromisoformat(artifact.created) + timedelta(days=90)
    return {
        "id": artifact.id,
        "node_id": node_id("Artifact", artifact.id),
        "name": artifact.name,
        "size_in_bytes": len(artifact.content),
        "digest": f"sha256:{hashlib.sha256(artifact.content).hexdigest()}",
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": artifact.expired,
        "created_at": artifact.created,
        "updated_at": artifact.created,
        "expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "workflow_run": {
            "id": run.id,
            "repository_id": repo.id,
            "head_repository_id": head.id,
            "head_branch": run.head_branch,
            "head_sha": run.head_sha,
        },
    }
