"""Whether work goes to a cluster, and that what needs none starts none and imports no ray."""

import socket

import pytest
from drawn_workspace import GOOD, draw
from test_startup import without_heavy

from evalgate.cluster import Where
from evalgate.errors import PolicyError
from evalgate.ports import inline
from evalgate.records.policy import FeaturePolicy
from evalgate.settings import RayAround
from evalgate.stages.spread import Cluster, asking, cluster_of, training_cluster

NOTHING = RayAround(address=None, running=None, dashboard=None, in_job=False, cpus=4)
TWO = FeaturePolicy.model_validate({"evaluate": {"workers": 2}, "train": {"workers": 2}})
ONE = FeaturePolicy()


class TestClusterOf:
    def test_off__is_none(self):
        assert cluster_of("off", NOTHING._replace(address="head:6379")) is None

    def test_auto_without_a_cluster__is_none_and_says_so(self):
        told = []
        assert cluster_of("auto", NOTHING, told.append) is None
        assert told == ["  ray: no cluster runs here and RAY_ADDRESS names none: this process does the work"]

    def test_auto__is_the_cluster_that_the_surroundings_name(self):
        assert cluster_of("auto", NOTHING._replace(address="head:6379")) == Cluster(Where("head:6379"), named=True)

    def test_auto_in_a_ray_job__sends_no_code_along(self):
        found = cluster_of("auto", NOTHING._replace(address="head:6379", in_job=True))
        assert found == Cluster(Where("head:6379", ship=False), named=True)

    def test_auto__is_the_cluster_on_this_machine_while_somebody_answers_there(self):
        with socket.socket() as head:
            head.bind(("127.0.0.1", 0))
            head.listen()
            address = f"127.0.0.1:{head.getsockname()[1]}"
            assert cluster_of("auto", NOTHING._replace(running=address)) == Cluster(Where(address), named=False)
        assert cluster_of("auto", NOTHING._replace(running=address)) is None

    @pytest.mark.parametrize("address", ["head:6379", "10.0.0.1:6379", "ray://head:10001", "[::1]:6379"])
    def test_an_address__is_that_cluster(self, address):
        assert cluster_of(address, NOTHING) == Cluster(Where(address), named=True)

    @pytest.mark.parametrize("odd", ["", "on", "head", "http://head:8265", "ray://head", "head:port", "a b:1"])
    def test_anything_else__is_refused(self, odd):
        with pytest.raises(PolicyError, match="use auto, local, off, HOST:PORT or ray://HOST:PORT"):
            cluster_of(odd, NOTHING)


class TestWorth:
    def test_one_worker__needs_no_cluster(self):
        told = []
        assert asking(cluster_of("local", NOTHING), ONE, NOTHING, tell=told.append) is inline
        assert told == ["  ray: evaluate.workers is 1: this process does the work alone"]

    def test_one_processor__needs_no_cluster(self):
        assert asking(cluster_of("local", NOTHING), TWO, NOTHING._replace(cpus=1)) is inline
        assert training_cluster(cluster_of("local", NOTHING), TWO, NOTHING._replace(cpus=1)) is None

    def test_two_workers_on_two_processors__are_worth_it(self):
        cluster = cluster_of("local", NOTHING)
        assert asking(cluster, TWO, NOTHING._replace(cpus=2)) is not inline
        assert training_cluster(cluster, TWO, NOTHING._replace(cpus=2)) is cluster

    def test_a_cluster_that_was_named__is_asked_even_for_one_worker(self):
        assert asking(cluster_of("head:6379", NOTHING), ONE, NOTHING) is not inline

    def test_a_scripted_trainer__trains_here(self):
        scripted = TWO.model_copy(update={"train": TWO.train.model_copy(update={"provider": "scripted"})})
        assert training_cluster(cluster_of("head:6379", NOTHING), scripted, NOTHING) is None


@pytest.mark.parametrize("where", ["off", "auto", "local"])
def test_one_worker__imports_no_ray_and_needs_none(tmp_path, monkeypatch, where):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    draw(tmp_path, GOOD)
    ended = without_heavy(tmp_path, "run", "--ray", where)
    assert ended.code == 0, ended.err


def test_two_workers_without_ray__are_not_measured_and_say_what_to_install(tmp_path, monkeypatch):
    draw(tmp_path, GOOD, evaluate={"workers": 2})
    ended = without_heavy(tmp_path, "run", "--ray", "127.0.0.1:1")
    assert ended.code == 3
    assert "evalgate-ft[ray]" in ended.err


def test_an_odd_address__is_wrong_input(evalgate, tmp_path):
    draw(tmp_path, GOOD)
    assert evalgate(tmp_path, "run", "--ray", "somewhere").code == 2
