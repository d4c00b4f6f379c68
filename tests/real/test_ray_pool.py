"""The pool on a real cluster: workers die, hang, answer late, cannot load; the head vanishes. FAULTS.md, row 47."""

import os
import signal
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from ray_head import free_ports, ray_head

from evalgate.cluster import Limits, Where, Workers, pooled
from evalgate.errors import EvalGateError, NotMeasured, PolicyError

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have this file

TWO = Workers(2)
PIECES = [tuple(range(start, start + 5)) for start in range(0, 100, 5)]
EVERYTHING = sorted((place, 2 * number) for place, piece in enumerate(PIECES) for number in piece)


@pytest.fixture(scope="module")
def head():
    with ray_head(cpus=2) as up:
        yield up


def doubling():
    """Work that doubles."""
    return lambda piece: (2 * number for number in piece)


def stumbling(folder: Path, where: int, fault, *, always: bool = False):
    """`make` of work that doubles, but for the piece with number `where` in it, which meets a fault: once, or always."""

    def make():
        def work(piece):
            mark = folder / "met"
            if where in piece and (always or not mark.exists()):
                mark.touch()
                fault()
            time.sleep(0.02)
            yield from (2 * number for number in piece)

        return work

    return make


def exits():
    os._exit(1)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps():
    time.sleep(10_000)


def stops():
    os.kill(os.getpid(), signal.SIGSTOP)


def runs_out_of_memory():
    raise MemoryError("no room for 10 GB")


def breaks():
    raise RuntimeError("CUDA error: device-side assert triggered")


def gather(executor, make, pieces=PIECES):
    """What came, sorted, and the error it ended with."""
    got = []
    try:
        for found in executor(make, pieces):
            got.append(found)
    except EvalGateError as error:
        return sorted(got), error
    return sorted(got), None


class TestPool:
    def test_every_result_comes_once(self, head):
        stood, lines = [], []
        executor = pooled(Where(head.address), TWO, tell=lines.append, watch=stood.append)
        assert gather(executor, doubling) == (EVERYTHING, None)
        assert (stood[-1].done, stood[-1].waiting, stood[-1].working, stood[-1].retries) == (20, 0, 0, 0)
        assert lines == [f"  ray: {head.address}: 1 nodes, 2 CPUs"]

    def test_no_pieces__start_nothing(self):
        assert gather(pooled(Where("127.0.0.1:1"), TWO), doubling, []) == ([], None)

    def test_through_ray_client__it_is_the_same(self, head):
        assert gather(pooled(Where(head.client), TWO), doubling) == (EVERYTHING, None)

    @pytest.mark.parametrize("fault", [exits, is_killed, breaks, runs_out_of_memory])
    def test_a_worker_that_dies_in_the_middle__has_its_piece_done_by_another(self, head, tmp_path, fault):
        stood = []
        executor = pooled(Where(head.address), TWO, watch=stood.append)
        assert gather(executor, stumbling(tmp_path, 33, fault)) == (EVERYTHING, None)
        assert stood[-1].retries == 1

    @pytest.mark.parametrize("fault", [sleeps, stops])
    def test_a_worker_that_hangs__is_let_go_and_its_piece_done_by_another(self, head, tmp_path, fault):
        begun = time.monotonic()
        executor = pooled(Where(head.address), TWO, Limits(patience_s=2.0))
        assert gather(executor, stumbling(tmp_path, 33, fault)) == (EVERYTHING, None)
        assert time.monotonic() - begun < 40

    def test_a_piece_that_kills_every_worker__is_given_up_and_named_after_all_others_came(self, head, tmp_path):
        got, error = gather(pooled(Where(head.address), TWO, Limits(tries=2)), stumbling(tmp_path, 33, exits, always=True))
        assert got == [found for found in EVERYTHING if found[0] != 6]
        assert isinstance(error, NotMeasured)
        assert "1 of 20 pieces of work could not be done: piece 6: died" in str(error)

    def test_nobody_listens_any_more__the_driver_leaves(self, head):
        results = pooled(Where(head.address), TWO)(doubling, PIECES)
        next(results)
        begun = time.monotonic()
        results.close()
        assert time.monotonic() - begun < 20


class TestMake:
    def failing(self, head, error):
        def make():
            raise error

        return gather(pooled(Where(head.address), TWO), make)

    def test_wrong_input__comes_back_as_itself(self, head):
        got, error = self.failing(head, PolicyError("evalgate.yaml: one thing", "evalgate.yaml: another"))
        assert (got, type(error), error.problems) == ([], PolicyError, ("evalgate.yaml: one thing", "evalgate.yaml: another"))

    def test_not_measured__comes_back_as_itself(self, head):
        got, error = self.failing(head, NotMeasured("hf:org/name: the hub is not reachable"))
        assert (got, type(error), error.problems) == ([], NotMeasured, ("hf:org/name: the hub is not reachable",))

    def test_out_of_memory__is_not_measured_and_says_what_to_lower(self, head):
        got, error = self.failing(head, MemoryError("10 GB"))
        assert (got, type(error)) == ([], NotMeasured)
        assert str(error).startswith("a worker on the cluster: MemoryError: 10 GB. Lower evaluate.batch_rows")

    def test_our_own_fault__is_named_as_one(self, head):
        got, error = self.failing(head, KeyError("turns"))
        assert (got, type(error), error.exit_code) == ([], EvalGateError, 70)
        assert "KeyError" in str(error)


class TestCluster:
    def test_that_is_not_there__is_not_measured_at_once(self):
        (port,) = free_ports(1)
        begun = time.monotonic()
        got, error = gather(pooled(Where(f"127.0.0.1:{port}"), TWO), doubling)
        assert (got, type(error)) == ([], NotMeasured)
        assert "cannot be reached" in str(error)
        assert time.monotonic() - begun < 20

    def test_without_room_for_a_worker__says_what_it_lacks(self, head):
        got, error = gather(pooled(Where(head.address), Workers(1, cpus=8, gpus=1), Limits(room_s=1.0)), doubling)
        assert (got, type(error)) == ([], NotMeasured)
        assert "no node has 8 CPU and 1 GPU for one worker (nodes have 2 CPU, 0 GPU)" in str(error)

    def test_whose_head_vanishes__is_not_measured_and_what_was_finished_is_kept(self, tmp_path):
        def slowly():
            def work(piece):
                time.sleep(0.3)
                yield from (2 * number for number in piece)

            return work

        got, begun = [], 0.0
        with ray_head(cpus=2) as doomed:
            with pytest.raises(NotMeasured, match=r"What was finished is kept"):
                for found in pooled(Where(doomed.address), TWO)(slowly, PIECES * 20):
                    got.append(found)
                    if len(got) == 30:
                        doomed.kill()
                        begun = time.monotonic()
            assert time.monotonic() - begun < 60
        finished = {place for place, _ in got}
        assert len(finished) >= 6
        assert sorted(got) == sorted((p, 2 * n) for p in finished for n in (PIECES * 20)[p])
