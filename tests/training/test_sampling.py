import tracemalloc

import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit import Split
from layerkit.training import Batches
from layerkit.training.sampling import Gather


def numbered(count, dtype=np.float64, scale=1.0):
    """Return examples that hold their own number twice, with their number as the target."""
    x = np.repeat(np.arange(count, dtype=dtype)[:, None], 2, axis=1)
    return Split(x, np.arange(count), scale)


def batches(split, size, sampling="shuffle", dtype=np.float64, seed=0):
    return Batches(split, size, sampling, dtype, np.random.default_rng(seed))


def targets(supply, count):
    """Return the targets of the next batches, a list for each."""
    return [supply.next()[1].tolist() for _ in range(count)]


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_shuffling_takes_each_example_once_an_epoch(count, size, seed):
    supply = batches(numbered(count), size, seed=seed)

    for _ in range(3):
        epoch = targets(supply, supply.per_epoch)
        assert sorted(np.concatenate(epoch)) == list(range(count))
        assert {len(batch) for batch in epoch[:-1]} <= {size}


def test_the_last_batch_of_an_epoch_has_what_is_left():
    supply = batches(numbered(10), 4)

    assert supply.per_epoch == 3
    assert [len(batch) for batch in targets(supply, 6)] == [4, 4, 2, 4, 4, 2]


def test_each_epoch_has_an_order_of_its_own():
    supply = batches(numbered(20), 20)

    first, second = targets(supply, 2)

    assert first != second != list(range(20))


@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_the_same_seed_gives_the_same_batches(sampling):
    one, other, different = (
        targets(batches(numbered(20), 6, sampling, seed=seed), 9) for seed in (3, 3, 4)
    )

    assert one == other != different


def test_with_replacement_every_batch_is_full_and_an_example_may_come_twice():
    supply = batches(numbered(10), 4, "with_replacement")

    drawn = targets(supply, 300)

    assert {len(batch) for batch in drawn} == {4}
    assert any(len(set(batch)) < 4 for batch in drawn)
    # 1200 draws of 10 examples: 120 of each, with a deviation of 10.
    assert np.bincount(np.concatenate(drawn)) == pytest.approx([120] * 10, abs=40)


def test_with_replacement_a_batch_may_be_larger_than_the_data():
    supply = batches(numbered(3), 8, "with_replacement")

    assert supply.per_epoch == 1
    assert [len(batch) for batch in targets(supply, 2)] == [8, 8]


def test_with_replacement_memory_does_not_grow_with_the_data():
    count = 1_000_000
    supply = batches(Split(np.zeros((count, 1)), np.zeros(count)), 100, "with_replacement")

    tracemalloc.start()
    drawn = [supply.indices().copy() for _ in range(1500)]  # more than is drawn at once
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1500 * 1000 + 1_500_000  # the copies, and two draws at most
    assert np.concatenate(drawn) == pytest.approx(
        np.random.default_rng(0).integers(0, count, 150_000)
    )


@pytest.mark.parametrize("sampling", ["shuffle", "with_replacement"])
def test_examples_and_targets_stay_together(sampling):
    supply = batches(numbered(10), 4, sampling)

    for _ in range(9):
        x, t, _ = supply.next()
        assert x.tolist() == [[i, i] for i in t.tolist()]


def test_bytes_become_floats_times_the_scale():
    split = Split(np.array([[0, 51], [102, 255]], np.uint8), np.array([0, 1]), 1 / 255)

    x, t, _ = Gather(split, np.float32)(np.array([1, 0]))

    assert x.dtype == np.float32
    assert x == pytest.approx(np.array([[0.4, 1], [0, 0.2]]))
    assert t.tolist() == [1, 0]
    assert split.x.tolist() == [[0, 51], [102, 255]]


@pytest.mark.parametrize("stored", ["u1", "i2", "i8", "f4", "f8", ">f4", ">i2", "?"])
@pytest.mark.parametrize("wanted", ["f4", "f8"])
def test_any_stored_type_becomes_that_of_the_network(stored, wanted):
    split = Split(np.array([[0, 1], [1, 1]], stored), np.array([0, 1]), 0.5)
    gather = Gather(split, wanted)

    for x, *_ in (gather(np.array([0, 1])), gather.slice(0, 2)):
        assert x.dtype == np.dtype(wanted)
        assert x.tolist() == [[0, 0.5], [0.5, 0.5]]


def test_floats_of_the_right_type_pass_through():
    split = numbered(5)

    x, t, _ = Gather(split, np.float64).slice(1, 3)

    assert np.shares_memory(x, split.x)
    assert (x.tolist(), t.tolist()) == ([[1, 1], [2, 2]], [1, 2])


def test_a_range_may_reach_past_the_end():
    x, t, _ = Gather(numbered(5, np.uint8), np.float32).slice(3, 9)

    assert (x.tolist(), t.tolist()) == ([[3, 3], [4, 4]], [3, 4])


def test_batches_are_gathered_into_the_same_array():
    supply = batches(numbered(10, np.uint8), 5, dtype=np.float32)

    first, second = supply.next()[0], supply.next()[0]

    assert np.shares_memory(first, second)


def test_a_memory_map_is_read_batch_by_batch(tmp_path):
    np.arange(20_000_000, dtype=np.uint8).reshape(20_000, 1000).tofile(tmp_path / "x")
    x = np.memmap(tmp_path / "x", np.uint8, "r", shape=(20_000, 1000))
    supply = batches(Split(x, np.arange(20_000), 1 / 255), 10, "with_replacement", np.float32)
    supply.next()

    tracemalloc.start()
    for _ in range(5):
        batch, t, _ = supply.next()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert batch == pytest.approx(x[t].astype(np.float32) / 255)
    assert peak < 100_000


@pytest.mark.parametrize("stored", [np.asfortranarray, lambda x: np.pad(x, ((0, 0), (0, 9)))])
def test_a_batch_of_an_array_stored_otherwise_does_not_copy_all_of_it(stored):
    x = stored(np.arange(4_000_000, dtype=np.float32).reshape(4000, 1000))[:, :1000]
    supply = batches(Split(x, np.arange(4000)), 10, dtype=np.float32)
    supply.next()

    tracemalloc.start()
    batch, t, _ = supply.next()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    np.testing.assert_array_equal(batch, x[t])
    assert peak < 200_000  # the array has 16 MB
