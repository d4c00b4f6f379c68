"""Metrics in Prometheus' text format, read again by Prometheus' own parser."""

from evalgate.metrics import HELP, PREFIX, Figures, exposition

FIGURES = Figures(
    cases_answered=120, cases_failed=2, tokens_in=9_000, tokens_out=1_200, seconds=60.0, queue_pieces=3, pieces_at_work=2,
    pieces_done=5, workers=2, workers_starting=1, retries=4, gpu_memory_bytes=1 << 33,
)  # fmt: skip


def parsed(text: str):
    from prometheus_client.parser import text_string_to_metric_families

    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    return {sample.name: (family.type, sample.value, sample.labels) for family in families for sample in family.samples}


class TestExposition:
    def test_holds_every_metric_with_type_value_and_labels(self):
        found = parsed(exposition(FIGURES, {"feature": "support-intent"}))
        assert {name: (kind, labels) for name, (kind, _, labels) in found.items()} == {
            PREFIX + name: (kind, {"feature": "support-intent"}) for name, (kind, _) in HELP.items()
        }

    def test_derives_speeds_from_counts_and_seconds(self):
        found = {
            name.removeprefix(PREFIX): value for name, (_, value, _) in parsed(exposition(FIGURES, {"feature": "f"})).items()
        }
        assert (found["cases_per_second"], found["answer_tokens_per_second"]) == (2.0, 20.0)
        assert (found["queue_pieces"], found["workers"], found["piece_retries_total"]) == (3.0, 2.0, 4.0)
        assert found["gpu_memory_bytes"] == float(1 << 33)

    def test_before_anything_happened__all_is_zero(self):
        assert {value for _, value, _ in parsed(exposition(Figures(), {"feature": "f"})).values()} == {0.0}

    def test_labels_are_escaped(self):
        hostile = 'a"b\\c\nevalgate_workers 99'
        found = parsed(exposition(Figures(), {"feature": hostile}))
        assert {labels["feature"] for _, _, labels in found.values()} == {hostile}
        assert found["evalgate_workers"][1] == 0.0
