"""One peer at one job: ``python worker.py PEER JOB``.

It answers each line of its input with a line of JSON. At the start it says what losses it has over
a few steps from agreed parameters, where it can, or why it cannot do the job at all. Thread counts
come from the environment, because libraries read them when they are imported.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from jobs import JOBS, Job
from peers import CannotDo, Comparable, Peer

CHUNK = 0.3
"""How many seconds are measured at a time: long against the clock, short against other programs."""


def main() -> None:
    """Prepare, and measure whenever told to."""
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    module, job = sys.argv[1], JOBS[sys.argv[2]]
    try:
        peer: Peer = import_module(f"peers.{module}").Peer(job, job.data)
        losses = first_losses(peer, job)
        run = calls(peer, job)
        count = calibrated(run)
    except (CannotDo, ImportError) as error:
        answer(cannot=str(error))
        return
    answer(losses=losses)
    for _ in sys.stdin:
        answer(seconds=seconds(run, count) / count)


def first_losses(peer: Peer, job: Job) -> list[float] | None:
    """Return the losses of five steps from agreed parameters, or None if it cannot begin so."""
    if not isinstance(peer, Comparable) or job.first or job.predicted:
        return None
    peer.begin_with(job.initial())
    batches = np.random.default_rng(2).integers(0, len(job.data[0]), (5, job.batch))
    return peer.losses(batches)


def calls(peer: Peer, job: Job) -> Callable[[int], object]:
    """Return what is measured, as a function of how many times to do it."""
    if not job.predicted:
        return peer.train
    x = job.examples[: job.predicted]

    def predict(count: int) -> None:
        for _ in range(count):
            peer.predict(x)

    return predict


def calibrated(run: Callable[[int], object]) -> int:
    """Return how many times make a chunk, after doing it that many times."""
    count, took = 1, 0.0
    while took < CHUNK / 10:
        run(count)  # compiles, where that is done
        took = seconds(run, count)
        count *= 8
    count = max(1, round(CHUNK / took * count / 8))
    run(count)
    return count


def seconds(run: Callable[[int], object], count: int) -> float:
    """Return how long it takes."""
    began = time.perf_counter()
    run(count)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
