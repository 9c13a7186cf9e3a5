import numpy as np
import pytest
from hypothesis import given, strategies as st

from layerkit import arrays
from layerkit.arrays import Scratch

shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8"])
@given(shape=shapes)
def test_arrays_start_at_a_cache_line(shape, dtype):
    for array in (arrays.empty(shape, dtype), arrays.zeros(shape, dtype)):
        assert array.shape == shape
        assert array.dtype == dtype
        assert array.ctypes.data % 64 == 0 or array.size == 0
        assert array.flags.c_contiguous
        assert array.flags.writeable
    assert not arrays.zeros(shape, dtype).any()


def test_scratch_hands_out_the_same_array_under_the_same_name():
    scratch = Scratch()

    first = scratch("y", (3, 2), np.float64)

    assert scratch("y", (3, 2), np.float64) is first
    assert not np.shares_memory(scratch("dx", (3, 2), np.float64), first)


def test_a_smaller_array_is_the_front_of_the_larger_and_a_larger_one_is_new():
    scratch = Scratch()
    large = scratch("y", (4, 2), np.float64)
    large[:] = np.arange(8).reshape(4, 2)

    small = scratch("y", (3, 2), np.float64)
    again = scratch("y", (4, 2), np.float64)
    larger = scratch("y", (5, 2), np.float64)

    assert small.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert np.shares_memory(again, large)
    assert not np.shares_memory(larger, large)


def test_scratch_of_another_type_under_the_same_name_is_another_array():
    scratch = Scratch()

    floats, flags = scratch("y", (4,), np.float64), scratch("y", (4,), bool)

    assert (floats.dtype, flags.dtype) == (np.float64, bool)


@given(st.lists(shapes, min_size=1, max_size=6))
def test_scratch_always_has_the_shape_asked_for_and_is_contiguous(asked):
    scratch = Scratch()

    for shape in asked:
        array = scratch("x", shape, np.float32)

        assert (array.shape, array.dtype) == (shape, np.float32)
        assert array.flags.c_contiguous
