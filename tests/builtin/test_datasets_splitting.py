import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from layerkit.builtin.datasets.splitting import split


def rng(seed=0):
    return np.random.default_rng(seed)


def numbered(count):
    """Examples whose numbers tell which they are, and targets that tell whose they are."""
    return np.arange(count)[:, np.newaxis] * np.array([1, 10]), np.arange(count) * 100


@given(st.integers(2, 60), st.floats(0.001, 0.999), st.integers(0, 5))
def test_every_example_goes_with_its_target_into_exactly_one_part(count, fraction, seed):
    data = split(*numbered(count), fraction, rng(seed))

    x, t = numbered(count)
    both = np.concatenate((data.train.x, data.test.x))
    order = np.argsort(both[:, 0])
    np.testing.assert_array_equal(both[order], x)
    np.testing.assert_array_equal(np.concatenate((data.train.t, data.test.t))[order], t)


@given(st.integers(2, 60), st.floats(0.001, 0.999))
def test_no_part_is_empty_and_the_test_part_has_its_share(count, fraction):
    data = split(*numbered(count), fraction, rng())

    assert len(data.train) >= 1
    assert len(data.test) >= 1
    assert abs(len(data.test) - count * fraction) <= 1


def test_ten_examples_give_two_to_test_on_at_a_fifth():
    data = split(*numbered(10), 0.2, rng())

    assert (len(data.train), len(data.test)) == (8, 2)


def test_the_same_seed_gives_the_same_parts_and_another_seed_others():
    first, again, other = (split(*numbered(50), 0.2, rng(s)).test.t for s in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert set(first) != set(other)


def test_every_example_is_as_likely_to_be_tested_on():
    chosen = np.concatenate([split(*numbered(10), 0.3, rng(s)).test.t // 100 for s in range(2000)])

    # 2,000 draws of 3 in 10 are 600 for each example, give or take 20.
    np.testing.assert_allclose(np.bincount(chosen), 600, atol=82)


def test_the_scale_is_that_of_both_parts():
    data = split(*numbered(10), 0.2, rng(), scale=0.5)

    assert data.train.scale == data.test.scale == 0.5


def test_the_parts_take_no_memory_besides_the_examples():
    x, t = np.zeros((1000, 1000)), np.zeros(1000)
    tracemalloc.start()

    data = split(x, t, 0.1, rng())

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.shares_memory(data.train.x, x)
    assert np.shares_memory(data.test.x, x)
    assert peak < x.nbytes / 4
