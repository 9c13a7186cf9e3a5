"""The matrix product that NumPy uses, as a C function.

Products through NumPy's own library have the numbers of NumPy's, its thread count is set in one
place, and there is no second library to load.
"""

import ctypes

from threadpoolctl import ThreadpoolController

FUNCTIONS = (
    "scipy_cblas_sgemm64_",
    "scipy_openblas_get_num_threads64_",
    "scipy_openblas_set_num_threads64_",
)
"""The product, with integers of 64 bits, and its thread count, as they are called in the OpenBLAS
of NumPy's wheels."""


def blas_functions() -> tuple[int, int, int] | None:
    """Return the addresses of ``FUNCTIONS``; None where NumPy has another library."""
    for library in ThreadpoolController().lib_controllers:
        functions = ctypes.CDLL(library.filepath)
        if all(hasattr(functions, name) for name in FUNCTIONS):
            sgemm, get_threads, set_threads = (
                ctypes.cast(getattr(functions, name), ctypes.c_void_p).value or 0
                for name in FUNCTIONS
            )
            return sgemm, get_threads, set_threads
    return None
