import tracemalloc

import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit import Data, DataError, Split
from layerkit.builtin.datasets.splitting import noted, split


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


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=60).filter(lambda t: len(set(t)) < len(t)),
    st.floats(0.001, 0.999),
    st.integers(0, 5),
)
def test_stratified_the_share_holds_for_each_class(labels, fraction, seed):
    t = np.array(labels, np.uint8)
    x = np.arange(len(t))

    data = split(x.copy(), t.copy(), fraction, rng(seed), stratify=True)

    np.testing.assert_array_equal(t[data.train.x], data.train.t)
    np.testing.assert_array_equal(t[data.test.x], data.test.t)
    assert sorted([*data.train.x, *data.test.x]) == x.tolist()
    for label in set(labels):
        count, tested = labels.count(label), int((data.test.t == label).sum())
        assert (tested == 0) if count == 1 else (1 <= tested <= count - 1)
        assert abs(tested - count * fraction) <= 1


def test_stratified_every_example_of_a_class_is_as_likely_to_be_tested_on():
    t = np.repeat([0, 1], 5)
    chosen = np.concatenate(
        [split(np.arange(10), t.copy(), 0.2, rng(s), stratify=True).test.x for s in range(2000)]
    )

    # 2,000 draws of 1 in 5 are 400 for each example, give or take 18.
    np.testing.assert_allclose(np.bincount(chosen), 400, atol=75)


@given(
    st.integers(3, 80),
    st.floats(0.01, 0.98),
    st.floats(0.01, 0.98),
    st.booleans(),
    st.integers(0, 5),
)
def test_three_parts_hold_every_example_once_and_the_test_part_is_that_of_two(
    count, test, validation, stratify, seed
):
    x, t = np.arange(count), np.arange(count) % 3
    test = min(test, 1 / 3)  # of three examples two are then left

    two = split(x.copy(), t.copy(), test, rng(seed), stratify=stratify)
    three = split(
        x.copy(), t.copy(), test, rng(seed), stratify=stratify, validation_fraction=validation
    )

    parts = three.train, three.validation, three.test
    np.testing.assert_array_equal(np.sort(np.concatenate([part.x for part in parts])), x)
    assert all((part.t == part.x % 3).all() and len(part) for part in parts)
    np.testing.assert_array_equal(three.test.x, two.test.x)
    if not stratify:
        share = min(max(round(count * validation), 1), len(two.train) - 1)
        assert abs(len(three.validation) - share) <= 1


def test_stratified_the_shares_of_three_parts_hold_for_each_class():
    t = np.repeat([0, 1, 2], [10, 50, 100])

    data = split(np.arange(160), t, 0.2, rng(), stratify=True, validation_fraction=0.1)

    counts = [np.bincount(part.t).tolist() for part in (data.train, data.validation, data.test)]
    assert counts == [[7, 35, 70], [1, 5, 10], [2, 10, 20]]


def test_two_examples_are_too_few_for_three_parts():
    with pytest.raises(DataError, match=r"^2 examples are too few for three parts$"):
        split(*numbered(2), 0.2, rng(), validation_fraction=0.2)


def of_labels(train, test):
    """Data of which only the labels matter."""
    return Data(*(Split(np.zeros(len(t)), np.array(t, np.uint64)) for t in (train, test)))


def test_classes_in_both_parts_need_no_note():
    assert noted(of_labels([0, 1, 1], [1, 0]), "file", "ab").notes == ()


def test_of_many_classes_the_note_names_the_first():
    data = noted(of_labels([0, 1], range(9)), "file", "abcdefghi", "; do something")

    assert data.notes == (
        "file: the training part has no example of classes c, d, e, f, g and 2 more, "
        "which cannot be learnt; do something",
    )
