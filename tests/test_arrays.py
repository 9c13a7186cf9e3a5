import os
import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerkit import arrays
from layerkit.arrays import Scratch, available_memory

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


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 1000 MB to spare, whose control group sets no limit."""
    monkeypatch.setattr(arrays, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(arrays, "CONTROL_GROUP", tmp_path)
    (tmp_path / "meminfo").write_text(
        "MemTotal:        4000000 kB\nMemAvailable:    1000000 kB\nHugePages_Total:       0\n"
    )
    (tmp_path / "memory.max").write_text("max\n")
    return tmp_path


def test_available_memory_is_what_the_system_says(system):
    assert available_memory() == 1_000_000 * 1024


def test_the_limit_of_the_control_group_counts_where_it_is_lower(system):
    (system / "memory.max").write_text("5000\n")
    (system / "memory.current").write_text("3000\n")
    (system / "memory.stat").write_text("anon 2000\nactive_file 300\ninactive_file 700\n")

    # 1000 of the 3000 are files that the system drops when their memory is needed.
    assert available_memory() == 5000 - (3000 - 1000)


def test_the_limit_of_the_process_counts_where_it_is_lower(system, monkeypatch):
    (system / "status").write_text("Name:\tpython\nVmSize:\t    3000 kB\nUmask:\t0022\n")
    monkeypatch.setattr(arrays, "STATUS", system / "status")
    monkeypatch.setattr(resource, "getrlimit", {resource.RLIMIT_AS: (5_000_000, -1)}.__getitem__)

    assert available_memory() == 5_000_000 - 3000 * 1024


def test_without_meminfo_it_is_the_memory_that_the_machine_has(system, monkeypatch):
    (system / "meminfo").unlink()
    sizes = {"SC_PHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)

    assert available_memory() == 40960


def test_a_system_that_tells_nothing_gives_none(system, monkeypatch):
    (system / "meminfo").unlink()
    monkeypatch.delattr(os, "sysconf_names")

    assert available_memory() is None
