"""One peer at one job: ``python worker.py PEER JOB``.

It answers each line of its input with a line of JSON. At the start it reports its losses over a few
steps from agreed parameters, if it can, or why it cannot do the job at all. Thread counts
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
"""The seconds of a measurement: long for the clock, and short for other programs to disturb."""


def main() -> None:
    """Prepare, and measure on each request."""
    # The prints of libraries must not mix with the answers.
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
    """Return the losses of five steps from agreed parameters; None if the peer takes none."""
    if not isinstance(peer, Comparable) or job.first or job.predicted:
        return None
    peer.begin_with(job.initial())
    batches = np.random.default_rng(2).integers(0, len(job.data[0]), (5, job.batch))
    return peer.losses(batches)


def calls(peer: Peer, job: Job) -> Callable[[int], object]:
    """Return the measured function, which takes the number of repetitions."""
    if not job.predicted:
        return peer.train
    x = job.examples[: job.predicted]

    def predict(count: int) -> None:
        for _ in range(count):
            peer.predict(x)

    return predict


def calibrated(run: Callable[[int], object]) -> int:
    """Return the number of repetitions in a chunk, after doing that many."""
    count, took = 1, 0.0
    while took < CHUNK / 10:
        run(count)  # includes compilation, if there is any
        took = seconds(run, count)
        count *= 8
    count = max(1, round(CHUNK / took * count / 8))
    run(count)
    return count


def seconds(run: Callable[[int], object], count: int) -> float:
    """Return the seconds of ``count`` repetitions."""
    began = time.perf_counter()
    run(count)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
