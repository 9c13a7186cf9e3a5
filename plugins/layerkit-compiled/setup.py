"""The C extension of the package; everything else is in pyproject.toml."""

from glob import glob

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "layerkit_compiled._kernels",
            sources=sorted(glob("source/*.c")),
            depends=sorted(glob("source/*.h")),
            # These flags turn loops into vector instructions: reductions are marked as such, and no
            # code reads errno or catches floating-point traps. NaN and infinity keep their meaning.
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
