"""The processor time of a piece of work, whatever else the machine does.

Processor time is counted only while a thread runs, but other programs lengthen it too, because they
share caches, and often the units of a core. Work of one second may take two. A test with a bar of
two seconds would then fail although the code is as fast as before. So work that never changes is
measured in the same moment, and the factor by which it takes longer than on an idle machine is
divided out.
"""

import json
import re
import sys
import time
from collections.abc import Callable
from typing import TypeVar

REFERENCE = 0.031
"""Seconds that ``_unchanging_work`` takes with Python 3.11 on an idle Xeon of 2.5 GHz.

``python tests/support/timing.py`` measures it.
"""

TRIES = 3
"""How often work is measured before it counts as too slow."""

_TEXT = json.dumps([{"type": "affine", "units": i, "name": f"layer{i}"} for i in range(4000)])

T = TypeVar("T")


def timed(work: Callable[[], T], bar: float) -> tuple[T, float]:
    """Return the result of a piece of work, and its seconds of processor time.

    The first try counts as it is. Only if it misses the bar, others follow. In them coverage does
    not trace the work, which doubles its time, and the time is divided by the factor by which the
    machine is slower than the idle one of ``REFERENCE``. The least time of all tries counts.

    Args:
        work: The work. It is done again if the first try takes too long.
        bar: The seconds that the work has to stay below.
    """
    result, seconds = _measured(work)
    for _ in range(TRIES - 1):
        if seconds < bar:
            break
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            (_, before), (_, again), (_, after) = map(
                _measured, (_unchanging_work, work, _unchanging_work)
            )
        finally:
            sys.settrace(tracer)
        seconds = min(seconds, again / max(1.0, (before + after) / 2 / REFERENCE))
    return result, seconds


def _measured(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def _unchanging_work() -> None:
    """Do what reading a spec does: parse text, match patterns, make, sort and compare objects."""
    for _ in range(2):
        layers = json.loads(_TEXT)
        names = {layer["name"]: i for i, layer in enumerate(layers)}
        for layer in layers:
            layer["place"] = ("layers", names[layer["name"]])
        sorted(layers, key=lambda layer: layer["name"][::-1])
        sum(len(word) for word in re.findall(r"[a-z]+\d+", _TEXT))


if __name__ == "__main__":
    print(f"{min(_measured(_unchanging_work)[1] for _ in range(200)):.4f} s")
