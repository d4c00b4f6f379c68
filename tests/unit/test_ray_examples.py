"""The examples of docs/ray.md are what KubeRay and GitHub read: fields, kinds, and what must not be missing."""

import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
RAYJOB_SPEC = {
    "activeDeadlineSeconds", "backoffLimit", "clusterSelector", "deletionStrategy", "entrypoint", "entrypointNumCpus",
    "entrypointNumGpus", "entrypointResources", "jobId", "managedBy", "metadata", "rayClusterSpec", "runtimeEnvYAML",
    "shutdownAfterJobFinishes", "submissionMode", "submitterConfig", "submitterPodTemplate", "suspend", "ttlSecondsAfterFinished",
}  # fmt: skip
"""Fields of `RayJobSpec` in KubeRay's API reference, v1."""


def read(name: str):
    return YAML(typ="safe").load(EXAMPLES / name)


@pytest.fixture(scope="module")
def job():
    return read("rayjob.yaml")


class TestRayJob:
    def test_is_a_ray_job_of_known_fields(self, job):
        assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
        assert set(job["spec"]) <= RAYJOB_SPEC
        assert {"entrypoint", "rayClusterSpec"} <= set(job["spec"])
        assert job["spec"]["submissionMode"] in ("K8sJobMode", "HTTPMode")

    def test_its_cluster_has_a_head_and_workers_of_one_image_and_one_claim(self, job):
        cluster = job["spec"]["rayClusterSpec"]
        pods = [cluster["headGroupSpec"]["template"], *(group["template"] for group in cluster["workerGroupSpecs"])]
        containers = [container for pod in pods for container in pod["spec"]["containers"]]
        assert len({container["image"] for container in containers}) == 1
        assert all(container["resources"]["limits"] == container["resources"]["requests"] for container in containers)
        assert {mount["mountPath"] for container in containers for mount in container["volumeMounts"]} == {"/evalgate"}
        assert all(pod["spec"]["volumes"] for pod in pods)
        assert all(set(group) == {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
                   for group in cluster["workerGroupSpecs"])  # fmt: skip

    def test_its_ray_is_the_one_that_the_tests_run_with(self, job):
        pins = (EXAMPLES.parents[1] / "constraints.txt").read_text().splitlines()
        assert f"ray=={job['spec']['rayClusterSpec']['rayVersion']}" in pins

    def test_its_command_is_one_that_there_is(self, job):
        from evalgate.cli.run import run

        words = shlex.split(job["spec"]["entrypoint"].rpartition("evalgate run ")[2])
        options = {name for option in run.params for name in option.opts}
        assert {word for word in words if word.startswith("--")} <= options


class TestRunner:
    def test_starts_by_hand_on_the_default_branch_alone_and_with_little_rights(self):
        found = read("self-hosted-runner.yml")
        assert set(found[True] if True in found else found["on"]) == {"workflow_dispatch"}
        assert found["permissions"] == {"contents": "read"}
        (told,) = found["jobs"].values()
        assert told["if"] == "github.ref_name == github.event.repository.default_branch"
        assert "${{" not in "".join(step.get("run", "") for step in told["steps"])
