"""The matrix product that NumPy uses, as a C function.

Products through NumPy's own library have the numbers of NumPy's, its thread count is set in one
place, and there is no second library to load.
"""

import ctypes

from threadpoolctl import ThreadpoolController

SGEMM = "scipy_cblas_sgemm64_"
"""The product, with integers of 64 bits, as it is called in the OpenBLAS of NumPy's wheels."""


def sgemm_address() -> int | None:
    """Return where the product is; None where NumPy has another library."""
    for library in ThreadpoolController().lib_controllers:
        functions = ctypes.CDLL(library.filepath)
        if hasattr(functions, SGEMM):
            return ctypes.cast(getattr(functions, SGEMM), ctypes.c_void_p).value
    return None
