"""The matrix product that NumPy uses, as a C function.

Products through NumPy's own library give the same numbers as NumPy. Its thread count is set in one
place, and no second library is loaded.
"""

import ctypes
from functools import cache

from threadpoolctl import ThreadpoolController

SGEMM = "scipy_cblas_sgemm64_"
"""The name of the product with 64-bit integers in the OpenBLAS of NumPy's wheels."""


@cache
def sgemm_address() -> int | None:
    """Return the address of the product; None if NumPy uses another library.

    It is looked for only once, because that takes milliseconds, as much as a short training.
    """
    for library in ThreadpoolController().lib_controllers:
        functions = ctypes.CDLL(library.filepath)
        if hasattr(functions, SGEMM):
            return ctypes.cast(getattr(functions, SGEMM), ctypes.c_void_p).value
    return None
