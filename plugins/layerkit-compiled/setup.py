"""The C extension of the package; everything else is in pyproject.toml."""

from glob import glob
from sysconfig import get_config_var

from setuptools import Extension, setup

# With the limited API of Python 3.11, one wheel serves that version and all later ones.
# Free-threaded builds of Python do not have it.
LIMITED = not get_config_var("Py_GIL_DISABLED")

setup(
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
    ext_modules=[
        Extension(
            "layerkit_compiled._kernels",
            sources=sorted(glob("source/*.c")),
            depends=sorted(glob("source/*.h")),
            py_limited_api=LIMITED,
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if LIMITED else [],
            # These flags turn loops into vector instructions: reductions are marked as such, and no
            # code reads errno or catches floating-point traps. NaN and infinity keep their meaning.
            extra_compile_args=[
                "-std=gnu11",
                "-O3",
                "-fopenmp-simd",
                "-fno-math-errno",
                "-fno-trapping-math",
                "-pthread",
                # A call outside the limited API has no declaration. Some compilers only warn, and
                # the module would then load on the Python it was built with and on no other.
                "-Werror=implicit-function-declaration",
            ],
            extra_link_args=["-pthread"],
        )
    ],
)
