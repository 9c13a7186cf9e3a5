#!/usr/bin/env bash
# The tests of this package under the address and undefined-behaviour sanitizers, with a copy of the
# module built aside. PYTHON says which Python has layerkit and the tests' needs, python by default;
# arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r layerkit_compiled source tests setup.py pyproject.toml README.md "$work"
rm -f "$work"/layerkit_compiled/*.so
cd "$work"
CC="${CC:-gcc}" CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1" \
    LDFLAGS="-fsanitize=address,undefined" "$python" setup.py --quiet build_ext --inplace

# Python itself leaks, and its own allocator would hide what a read beyond an array touches. What does
# not fit into memory is an error of Python's, as without the sanitizer.
library=$("${CC:-gcc}" -print-file-name=libasan.so)
export LD_PRELOAD="$library $("${CC:-gcc}" -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0,allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
export PYTHONMALLOC=malloc PYTHONPATH="$work" LAYERKIT_FUZZ_SECONDS="${LAYERKIT_FUZZ_SECONDS:-5}"
"$python" -c "import layerkit_compiled as l; assert l.__file__.startswith('$work'), l.__file__"
# The stress test of the pool is a program of its own, which the thread sanitizer looks at.
"$python" -m pytest -p no:cacheprovider -q --deselect \
    tests/test_compiled_threads.py::test_each_share_of_each_job_is_done_once "$@" tests
