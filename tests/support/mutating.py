"""Random damage to files, for the tests that read them.

``LAYERKIT_FUZZ_SECONDS`` sets how long each of those tests runs, 5 by default, and
``LAYERKIT_FUZZ_SEED`` the seed. A failure names its round, which can be repeated.
"""

import itertools
import os
import random
import re
import resource
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from timing import timed

from layerkit import LayerkitError

SECONDS = float(os.environ.get("LAYERKIT_FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("LAYERKIT_FUZZ_SEED", "0"))

LEAST_ROUNDS = 30
"""The fewest rounds, however slow the machine is."""

LONGEST = 2.0
"""The most seconds of processor time for one file."""

LARGEST = 400_000_000
"""The most bytes that a test may take beyond those that the process took before."""

NUMBERS = (
    b"0", b"-1", b"1", b"2", b"7", b"65536", b"2147483648", b"4611686018427387904",
    b"18446744073709551616", b"1e999", b"1e-999", b"1.5", b"9" * 400, b"9" * 5000,
)  # fmt: skip
"""The replacements of a number in a text."""

PIECES = (
    b"\x00", b"\xff", b"\n", b"\r", b"\\", b"'", b'"', b"{", b"}", b"[", b"]", b"(", b")", b",",
    b":", b"-", b"L", b"nan", b"inf", b"NA", b"True", b"None", b"()", b"{}: ", b"\x1b[2J", b"PK",
    b"(" * 300, b"-" * 3000, b"[" * 3000, b"\xef\xbb\xbf", "\u202e\u0661".encode(), b"0x1for ",
)  # fmt: skip
"""The bytes that are inserted into a file."""


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return a file with one to four kinds of damage."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        content = rng.choice(_DAMAGES)(content, rng)
    return content


def _flip(content: bytes, rng: random.Random) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set(content: bytes, rng: random.Random) -> bytes:
    at, count = rng.randrange(len(content) + 1), rng.choice((1, 1, 2, 4, 8))
    byte = rng.choice((b"\x00", b"\xff", b"\x7f", b" "))
    return content[:at] + byte * count + content[at + count :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _remove(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.randint(1, 20) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    at, count = rng.randrange(len(content) + 1), rng.randint(1, 60)
    return content[: at + count] + content[at:]


def _insert(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + rng.choice(PIECES) + content[at:]


def _renumber(content: bytes, rng: random.Random) -> bytes:
    numbers = list(re.finditer(rb"\d+", content[:4000]))
    if not numbers:
        return content
    start, end = rng.choice(numbers).span()
    return content[:start] + rng.choice(NUMBERS) + content[end:]


_DAMAGES = (_flip, _set, _cut, _remove, _repeat, _insert, _renumber, _renumber)


def rounds() -> Iterator[str]:
    """Yield the seed of each round, until the time is over."""
    end = time.monotonic() + SECONDS
    for i in itertools.count():
        if i >= LEAST_ROUNDS and time.monotonic() > end:
            return
        yield f"{SEED} {i}"


def tried(read: Callable[[random.Random], object]) -> Counter[str]:
    """Read a damaged file in each round, and return how often each outcome occurred.

    Args:
        read: Damages a file with the generator that it is given, and reads it. If it takes too
            long, it is called again with an equal generator.

    Raises:
        AssertionError: It raised an error that is not layerkit's, warned, or took too long or too
            much memory.
    """
    outcomes = Counter[str]()
    before = _most_memory()
    for i, seed in enumerate(rounds()):
        where = f"round {i} of seed {SEED}"
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            outcome, took = timed(partial(_outcome, read, seed, where), LONGEST)
        outcomes[outcome] += 1
        assert not warned, f"{where}: {warned[0].message}"
        assert took < LONGEST, f"{where}: took {took:.1f} s"
        grown = _most_memory() - before
        assert grown < LARGEST, f"{where}: took {grown / 1e6:.0f} MB"
    return outcomes


def _outcome(read: Callable[[random.Random], object], seed: str, where: str) -> str:
    """Return how the reading of one damaged file ended: ``read``, or the error's name."""
    try:
        read(random.Random(seed))
    except LayerkitError as error:
        assert 0 < len(str(error)) < 20_000, where
        return type(error).__name__
    except Exception as error:
        raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
    return "read"


def _most_memory() -> int:
    """Return the peak memory of the process in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
