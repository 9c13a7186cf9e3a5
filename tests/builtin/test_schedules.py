import pytest
from hypothesis import given, strategies as st

from layerkit.builtin.schedules import Constant, Cosine, LinearWarmup, Step


def rates(schedule, *steps):
    return [schedule(step) for step in steps]


def test_constant_never_changes():
    assert rates(Constant(0.1), 0, 1, 1000) == [0.1, 0.1, 0.1]


def test_step_multiplies_by_its_factor_every_so_many_steps():
    schedule = Step(0.8, every=10, factor=0.5)

    assert rates(schedule, 0, 9, 10, 19, 20, 30) == [0.8, 0.8, 0.4, 0.4, 0.2, 0.1]


def test_cosine_is_half_way_at_half_the_steps_and_stays_at_its_final_rate():
    schedule = Cosine(0.5, final=0.1, steps=100)

    assert rates(schedule, 0, 50, 100, 1000) == pytest.approx([0.5, 0.3, 0.1, 0.1])
    # cos(pi / 3) = 1/2 leaves three quarters of the way.
    assert schedule(33) > 0.1 + 0.4 * 0.75 > schedule(34)


def test_cosine_ends_with_the_run_unless_it_has_steps_of_its_own():
    whole, own = Cosine(1.0), Cosine(1.0, steps=10)
    whole.build(200)
    own.build(200)

    assert rates(whole, 0, 100, 200) == pytest.approx([1, 0.5, 0], abs=1e-12)
    assert rates(own, 0, 5, 10) == pytest.approx([1, 0.5, 0], abs=1e-12)


def test_warmup_climbs_in_equal_steps_to_the_rate_that_follows():
    schedule = LinearWarmup(4, after=0.8)
    schedule.build(200)

    assert rates(schedule, 0, 1, 2, 3, 4, 100) == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8, 0.8])


def test_warmup_hands_over_to_a_schedule_that_begins_then_and_has_the_rest_of_the_run():
    schedule = LinearWarmup(10, after=Cosine(1.0))
    schedule.build(110)

    assert rates(schedule, 0, 9, 10, 60, 110) == pytest.approx([0.1, 1, 1, 0.5, 0], abs=1e-12)


def test_a_run_shorter_than_its_warmup_is_all_climb():
    schedule = LinearWarmup(10, after=Cosine(1.0))
    schedule.build(5)

    assert rates(schedule, 0, 4) == pytest.approx([0.1, 0.5])


@given(
    total=st.integers(1, 10_000),
    step=st.integers(0, 10_000),
    final=st.floats(0, 1),
    rate=st.floats(1, 10),
)
def test_cosine_never_rises_and_stays_between_its_two_rates(total, step, final, rate):
    schedule = Cosine(rate, final)
    schedule.build(total)

    now, later = rates(schedule, step, step + 1)

    assert final - 1e-12 <= later <= now + 1e-12 <= rate + 2e-12
