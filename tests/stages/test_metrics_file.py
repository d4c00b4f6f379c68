"""`--metrics FILE`: how the asking goes, whole at every moment."""

from drawn_workspace import GOOD, draw

from evalgate.cluster import Pool
from evalgate.ports import Answer, inline
from evalgate.stages.metering import Meter, metered


def parsed(text):
    """Metric -> value."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.partition("{")[0].removeprefix("evalgate_"): float(line.rpartition(" ")[2]) for line in lines}


def test_run__leaves_the_counts_of_its_asking(evalgate, tmp_path):
    draw(tmp_path, GOOD)
    assert evalgate(tmp_path, "run", "--metrics", "out/evalgate.prom").code == 0
    found = parsed((tmp_path / "out/evalgate.prom").read_text())
    assert (found["cases_answered_total"], found["cases_failed_total"]) == (180.0, 0.0)
    assert (found["queue_pieces"], found["pieces_at_work"], found["workers"]) == (0.0, 0.0, 0.0)
    assert found["pieces_done_total"] > 0


def test_meter__counts_answers_tokens_and_speed(tmp_path):
    now = iter(range(1_000))
    meter = Meter(tmp_path / "m.prom", {"feature": "f"}, clock=lambda: float(next(now)))
    answers = [Answer(0, "a", None, 1.0, 10, 4), Answer(1, None, "failed")]
    work = metered(inline, meter)
    assert list(work(lambda: lambda piece: [answers[number] for number in piece], [[0], [1]])) == list(enumerate(answers))
    found = parsed((tmp_path / "m.prom").read_text())
    assert (found["cases_answered_total"], found["cases_failed_total"], found["pieces_done_total"]) == (2.0, 1.0, 2.0)
    assert (found["prompt_tokens_total"], found["answer_tokens_total"]) == (10.0, 4.0)
    assert found["answer_tokens_per_second"] * found["work_seconds"] == 4.0 or found["work_seconds"] > 0


def test_meter__shows_what_a_pool_says_of_itself(tmp_path):
    meter = Meter(tmp_path / "m.prom", {"feature": "f"})
    meter.begin(9)
    meter.watch(Pool(workers=3, starting=1, waiting=5, working=3, done=1, retries=2, gpu_bytes=1 << 30))
    meter.write()
    found = parsed((tmp_path / "m.prom").read_text())
    assert (found["workers"], found["workers_starting"], found["queue_pieces"], found["pieces_at_work"]) == (3.0, 1.0, 5.0, 3.0)
    assert (found["piece_retries_total"], found["gpu_memory_bytes"]) == (2.0, float(1 << 30))


def test_file_that_cannot_be_written__is_no_verdict(evalgate, tmp_path):
    draw(tmp_path, GOOD)
    (tmp_path / "file").write_text("")
    assert evalgate(tmp_path, "run", "--metrics", "file/evalgate.prom").code == 2
