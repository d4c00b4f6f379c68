"""Claims about which rows make which step, and about what a training's figures warn of."""

from hypothesis import given
from hypothesis import strategies as st

from evalgate.records.train_policy import Train
from evalgate.records.training import LossPoint
from evalgate.training.batches import Lengths, every, in_batches, plan
from evalgate.training.checkpoints import best_step, out_of_patience
from evalgate.training.overfitting import warnings_of

LENGTHS = st.builds(Lengths, st.lists(st.integers(1, 60), min_size=1, max_size=60), st.integers(0, 20), st.booleans())
SETTINGS = st.builds(
    lambda rows, tokens, accumulate, workers, epochs, seed: Train(
        batch_rows=rows, batch_tokens=tokens, accumulate=accumulate, workers=workers, epochs=epochs, seed=seed
    ),
    st.integers(1, 9),
    st.none() | st.integers(32, 300),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 9),
)


@given(LENGTHS, SETTINGS)
def test_plan__trains_every_row_once_an_epoch_and_the_same_way_each_time(lengths, settings):
    steps = plan(lengths, settings)
    rows = [row for step in steps for batch in step for row in batch]
    for epoch in range(settings.epochs):
        some = rows[epoch * len(lengths.own) : (epoch + 1) * len(lengths.own)]
        assert sorted(some) == list(range(len(lengths.own)))
    assert all(len(step) == settings.parts for step in steps)
    assert plan(lengths, settings) == steps


@given(LENGTHS, SETTINGS)
def test_plan__keeps_to_its_rows_or_tokens(lengths, settings):
    for step in plan(lengths, settings):
        own = [lengths.own[row] for batch in step for row in batch]
        if settings.batch_tokens is None:
            assert len(own) <= settings.rows_a_step
        elif len(own) > 1:
            room = (settings.batch_tokens - lengths.shared) * settings.parts
            assert (max(own) * len(own) if lengths.alike else sum(own)) <= room


@given(LENGTHS, st.integers(1, 4), st.integers(0, 9))
def test_plan__draws_the_same_steps_however_they_are_cut(lengths, parts, seed):
    def as_sets(**cut):
        return [sorted(row for batch in step for row in batch) for step in plan(lengths, Train(seed=seed, **cut))]

    whole = as_sets(batch_rows=12)
    assert as_sets(batch_rows=12 // parts, accumulate=parts) == as_sets(batch_rows=12 // parts, workers=parts)
    if 12 % parts == 0:
        assert as_sets(batch_rows=12 // parts, accumulate=parts) == whole


def test_plan__ends_at_the_most_steps_that_are_asked_for():
    assert len(plan(Lengths([5] * 40, 0, False), Train(batch_rows=4, epochs=3, max_steps=7))) == 7
    assert len(plan(Lengths([5] * 40, 0, False), Train(batch_rows=4, epochs=3))) == 30


@given(LENGTHS, SETTINGS)
def test_looking__takes_every_row_once(lengths, settings):
    assert sorted(row for batch in in_batches(lengths, settings) for row in batch) == list(range(len(lengths.own)))


def test_every__is_a_share_of_the_run_or_a_number_of_steps():
    assert every(Train(), 80) is None
    assert [every(Train(validate_every=asked), 80) for asked in (0.1, 0.001, 1, 25)] == [8, 1, 1, 25]


def test_patience__counts_validations_since_the_best():
    losses = ((5, 2.0), (10, 1.0), (15, 1.5), (20, 1.2))
    assert best_step(losses) == 10
    assert [out_of_patience(losses, patience) for patience in (None, 1, 2, 3)] == [False, True, True, False]
    assert not out_of_patience((), 1)
    assert best_step(()) is None


def points(*losses):
    return [LossPoint(step=step, loss=loss) for step, loss in losses]


def test_warnings__need_many_passes_or_a_loss_that_rose():
    falling, flat = (
        points(*((step, 2.0 - step / 100) for step in range(1, 101))),
        points(*((step, 1.0) for step in range(1, 101))),
    )
    rose, sank = points((0, 3.0), (50, 1.0), (100, 1.1)), points((0, 3.0), (50, 1.1), (100, 1.0))
    assert warnings_of(400, 3.0, falling, sank) == ()
    assert "400 rows was trained on 11.0 times, more than 10" in warnings_of(400, 11.0, falling, sank)[0]
    assert "99 rows was trained on 6.0 times, more than 5" in warnings_of(99, 6.0, falling, sank)[0]
    assert "rose from 1.000 at step 50 to 1.100 at step 100" in warnings_of(400, 3.0, falling, rose)[0]
    assert warnings_of(400, 3.0, flat, rose) == (), "both rose: that is another trouble"
    assert warnings_of(400, 3.0, falling, points((0, 1.0), (100, 2.0))) == (), "two points are no curve"
