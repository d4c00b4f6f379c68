"""Pieces of work count once, whatever workers do."""

import random

import pytest

from evalgate.cluster.ledger import Ledger


def ledger_with(pieces: int, tries: int = 3) -> Ledger:
    ledger = Ledger(pieces, tries)
    for place in range(pieces):
        ledger.put(place, b"%d" % place)
    return ledger


class TestLedger:
    def test_gives_every_piece_out_once_and_in_order(self):
        ledger = ledger_with(3)
        assert [ledger.take() for _ in range(4)] == [(0, b"0"), (1, b"1"), (2, b"2"), None]

    def test_results_that_come_twice_count_once(self):
        ledger = ledger_with(2)
        ledger.take()
        assert (ledger.finish(0), ledger.finish(0)) == (True, False)
        assert (ledger.done, ledger.open) == (1, 1)

    def test_a_piece_that_was_given_back_goes_out_before_all_others(self):
        ledger = ledger_with(3)
        ledger.take()
        ledger.give_back(0, "died")
        assert ledger.take() == (0, b"0")

    def test_a_worker_that_was_given_up_and_answers_after_all_counts_and_its_piece_goes_out_no_more(self):
        ledger = ledger_with(1)
        ledger.take()
        ledger.give_back(0, "silent")
        assert ledger.finish(0)
        assert (ledger.take(), ledger.open, ledger.held) == (None, 0, 0)

    def test_a_piece_is_given_up_after_so_many_tries_and_then_no_result_counts(self):
        ledger = ledger_with(2, tries=2)
        for _ in range(2):
            ledger.take()
            ledger.give_back(0, "died")
        assert ledger.given_up == {0: "died"}
        assert not ledger.finish(0)
        assert (ledger.take(), ledger.retries, ledger.open) == ((1, b"1"), 1, 1)

    def test_a_piece_that_its_worker_had_not_begun_was_not_tried(self):
        ledger = ledger_with(1, tries=1)
        for _ in range(5):
            ledger.take()
            ledger.give_back(0)
        assert (ledger.given_up, ledger.retries, ledger.take()) == ({}, 0, (0, b"0"))

    def test_a_piece_that_is_sent_twice_is_not_doubled(self):
        ledger = ledger_with(1)
        ledger.put(0, b"again")
        assert (ledger.take(), ledger.take()) == ((0, b"0"), None)
        ledger.finish(0)
        ledger.put(0, b"again")
        assert ledger.take() is None

    def test_content_is_let_go_of_with_the_piece(self):
        ledger = ledger_with(50)
        for _ in range(50):
            taken = ledger.take()
            assert taken is not None
            ledger.finish(taken[0])
        assert ledger.held == 0

    @pytest.mark.parametrize("seed", range(20))
    def test_whatever_happens__every_piece_is_done_once_or_given_up(self, seed):
        draw, ledger, out, counted = random.Random(seed), ledger_with(30), [], []  # noqa: S311
        while ledger.open:
            taken = ledger.take()
            if taken is not None:
                out.append(taken[0])
            place = draw.choice(out)
            what = draw.random()
            if what < 0.5:
                counted += [place] * ledger.finish(place)
            elif what < 0.8:
                ledger.give_back(place, "died")
            else:
                ledger.give_back(place)
        assert sorted(counted + list(ledger.given_up)) == list(range(30))
