"""The part of the package that is in C; all else stands in pyproject.toml."""

from glob import glob

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "layerkit_compiled._kernels",
            sources=sorted(glob("source/*.c")),
            depends=sorted(glob("source/*.h")),
            # For loops to become vector instructions: reductions are marked as such, and nobody
            # reads errno or catches floating-point traps. NaN and infinity stay what they are.
            extra_compile_args=[
                "-std=gnu11",
                "-O3",
                "-fopenmp-simd",
                "-fno-math-errno",
                "-fno-trapping-math",
                "-pthread",
            ],
            extra_link_args=["-pthread"],
        )
    ]
)
