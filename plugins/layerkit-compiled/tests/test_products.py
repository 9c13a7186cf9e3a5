"""The matrix products, for each generation of processors that this one can do."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerkit_compiled import _kernels

LIBRARY = ctypes.CDLL(_kernels.__file__)
A_B, A_BT, AT_B = range(3)


@pytest.fixture(scope="module", params=["any", "avx2", "avx512"])
def multiply(request):
    known = Path("/proc/cpuinfo")
    flags = known.read_text().split() if known.exists() else []
    needed = {"any": [], "avx2": ["avx2", "fma"], "avx512": ["avx512vl", "avx512dq"]}
    if not set(needed[request.param]) <= set(flags):
        pytest.skip(f"this processor has no {request.param}")
    function = getattr(LIBRARY, f"multiply_{request.param}")
    size, pointer = ctypes.c_int64, ctypes.c_void_p
    function.argtypes = [ctypes.c_int, *[size] * 3, *[pointer, size] * 3]
    function.restype = None
    return function


def inside(rows, columns, rng):
    """Return a matrix that lies within a wider one, as a layer's columns do."""
    wide = rng.normal(size=(rows, columns + 3)).astype(np.float32)
    return wide[:, 1 : columns + 1]


@pytest.mark.parametrize("product", [A_B, A_BT, AT_B], ids=["a b", "a b^T", "a^T b"])
@given(m=st.integers(1, 40), n=st.integers(1, 120), k=st.integers(1, 600), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=60, derandomize=True)
def test_a_product_is_that_of_numpy_and_nothing_beside_it_changes(multiply, product, m, n, k, seed):
    rng = np.random.default_rng(seed)
    a = inside(k, m, rng) if product == AT_B else inside(m, k, rng)
    b = inside(n, k, rng) if product == A_BT else inside(k, n, rng)
    c = inside(m, n, rng)
    around = c.base.copy()

    sizes_and_places = [(x.ctypes.data, x.base.shape[1]) for x in (a, b, c)]
    multiply(product, m, n, k, *(argument for pair in sizes_and_places for argument in pair))

    wanted = (a.T if product == AT_B else a).astype(float) @ (b.T if product == A_BT else b)
    np.testing.assert_allclose(c, wanted, rtol=1e-6, atol=1e-6 * k**0.5 * 10)
    around[:, 1 : n + 1] = c
    np.testing.assert_array_equal(c.base, around)


def test_what_is_not_finite_stays_so(multiply):
    a, b = np.ones((3, 300), np.float32), np.ones((300, 20), np.float32)
    a[1, 299], b[7, 4] = np.inf, np.nan
    c = np.empty((3, 20), np.float32)

    multiply(A_B, 3, 20, 300, a.ctypes.data, 300, b.ctypes.data, 20, c.ctypes.data, 20)

    assert np.isnan(c[:, 4]).all()
    assert np.isinf(np.delete(c[1], 4)).all()
    np.testing.assert_array_equal(np.delete(np.delete(c, 1, 0), 4, 1), 300)
