"""Claims about which way of generating is taken."""

import pytest

from evalgate.models.planner import WAYS, choose

PACE = {"batches": 0.2, "continuous": 0.1}


@pytest.mark.parametrize("pace", [{}, {"batches": 0.2}, PACE])
class TestWithoutATrial:
    @pytest.mark.parametrize("wanted", ["auto", "batches", "continuous"])
    def test_where_probabilities_are_kept__are_batches(self, wanted, pace):
        assert choose(wanted, device="cuda", confidence=True, pace=pace) == "batches"

    def test_automatic_on_a_processor__are_batches(self, pace):
        assert choose("auto", device="cpu", confidence=False, pace=pace) == "batches"

    @pytest.mark.parametrize("device", ["cpu", "cuda"])
    @pytest.mark.parametrize("wanted", WAYS)
    def test_what_the_policy_names__is_taken(self, wanted, device, pace):
        assert choose(wanted, device=device, confidence=False, pace=pace) == wanted


class TestAutomaticOnACard:
    def automatic(self, **pace):
        return choose("auto", device="cuda", confidence=False, pace=pace)

    def test_each_way__has_its_first_piece(self):
        assert self.automatic() == "batches"
        assert self.automatic(batches=0.1) == "continuous"
        assert self.automatic(continuous=0.1) == "batches"

    def test_the_faster_one__does_the_rest(self):
        assert self.automatic(batches=0.2, continuous=0.1) == "continuous"
        assert self.automatic(batches=0.1, continuous=0.2) == "batches"

    def test_a_tie__is_batches_which_are_the_same_on_every_machine(self):
        assert self.automatic(batches=0.1, continuous=0.1) == "batches"
