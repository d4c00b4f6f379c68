"""Endpoints on workflow runs, their artifacts, and starting a workflow."""

from . import git
from .answers import Answer, Call, Refused, not_found, paged
from .routes_contents import commit_named
from .shapes import api_of, html_of
from .shapes_work import artifact_shape, run_shape, workflow_id
from .work import Artifact, Run


def find_run(call: Call) -> Run:
    run = call.repo.runs.get(int(call.args["run"]))
    if run is None:
        raise not_found()
    return run


def find_artifact(call: Call) -> Artifact:
    artifact = call.repo.artifacts.get(int(call.args["artifact"]))
    if artifact is None:
        raise not_found()
    return artifact


def get_run(call: Call) -> Answer:
    return Answer(200, run_shape(call.world, call.repo, find_run(call)))


def get_runs(call: Call) -> Answer:
    """Runs newest first; `status` asks for a status or a conclusion."""
    asked = {"head_sha": "head_sha", "event": "event", "branch": "head_branch", "actor": "login"}
    wanted = {field: call.query[name] for name, field in asked.items() if name in call.query}
    status, workflow = call.query.get("status"), call.args.get("workflow")
    found = [run for run in call.repo.runs.values() if all(getattr(run, field) == value for field, value in wanted.items())]
    found = [run for run in found if status in {None, run.status, run.conclusion} and (workflow is None or _is_of(run, workflow))]
    found.sort(key=lambda run: run.created, reverse=True)
    return paged(call, found, lambda run: run_shape(call.world, call.repo, run), key="workflow_runs")


def _is_of(run: Run, workflow: str) -> bool:
    return workflow in {run.path, run.path.rsplit("/", 1)[-1], str(workflow_id(run.path))}


def post_cancel(call: Call) -> Answer:
    run = find_run(call)
    if run.status == "completed":
        raise Refused(409, "Cannot cancel a workflow run that is completed.")
    run.status, run.conclusion, run.updated = "completed", "cancelled", call.world.now()
    return Answer(202, {})


def get_artifacts(call: Call) -> Answer:
    run, name = find_run(call) if "run" in call.args else None, call.query.get("name")
    every = [*call.repo.artifacts.values()][::-1]
    found = [one for one in every if (run is None or one.run == run.id) and name in {None, one.name}]
    return paged(call, found, lambda artifact: artifact_shape(call.world, call.repo, artifact), key="artifacts")


def get_artifact(call: Call) -> Answer:
    return Answer(200, artifact_shape(call.world, call.repo, find_artifact(call)))


def get_zip(call: Call) -> Answer:
    """The way to the archive: another host's signed address, which wants no token."""
    artifact = find_artifact(call)
    if artifact.expired:
        raise Refused(410, "Artifact has expired")
    where = f"{call.world.own_url.replace('127.0.0.1', 'localhost')}/_storage/{call.repo.full_name}/{artifact.id}?sig=signed"
    return Answer(302, None, {"Location": where})


def get_storage(call: Call) -> Answer:
    """The archive. The storage behind GitHub refuses a GitHub token: it knows the signature in the address alone."""
    if "authorization" in call.headers or call.query.get("sig") != "signed":
        raise Refused(401, "Server failed to authenticate the request.")
    return Answer(200, find_artifact(call).content, {"Content-Type": "application/zip"})


def post_dispatch(call: Call) -> Answer:
    ref, path = call.given("ref", "Workflow", str), f".github/workflows/{call.args['workflow']}"
    sha, repo = commit_named(call.repo, ref), call.repo
    if git.blob_at(repo.folder, repo.git_ref(f"refs/heads/{repo.default_branch}"), path) is None:
        raise not_found()
    if sha is None:
        raise Refused(422, f"No ref found for: {ref}")
    blob = git.blob_at(repo.folder, sha, path)
    if blob is None or b"workflow_dispatch" not in git.read_blob(repo.folder, blob):
        raise Refused(422, "Workflow does not have 'workflow_dispatch' trigger")
    asked = {"workflow": call.args["workflow"], "ref": ref, "inputs": call.body.get("inputs", {}), "login": call.token.login}
    repo.dispatches.append(asked)
    if not call.body.get("return_run_details"):
        return Answer(204)
    number = call.world.new_id()
    run = f"actions/runs/{number}"
    urls = {"run_url": f"{api_of(call.world, repo)}/{run}", "html_url": f"{html_of(call.world, repo)}/{run}"}
    return Answer(200, {"workflow_run_id": number, **urls})
