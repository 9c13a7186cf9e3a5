"""A contest of peers, each in its own process: they are measured in turn, once per round."""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from peers import CannotDo

HERE = Path(__file__).parent
REST = 0.1
"""The seconds between two measurements, in which spinning threads go to sleep."""

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "PJRT_NPROC",  # of XLA
)
"""The variables from which libraries read their number of threads."""


class Contestant(AbstractContextManager["Contestant"], ABC):
    """A peer with a number of threads.

    Args:
        peer: Its name.
        threads: The number of threads it may use; None lets it choose.
    """

    def __init__(self, peer: str, threads: int | None) -> None:
        self.peer = peer
        self.threads = threads
        chosen = {} if threads is None else dict.fromkeys(THREADS, str(threads))
        self.environment = {**os.environ, **chosen, "PYTHONPATH": str(HERE)}

    @abstractmethod
    def measure(self) -> float:
        """Return the seconds that it takes."""

    def __exit__(self, *exception: object) -> None:
        return None


class Worker(Contestant):
    """A peer that trains or predicts in a process that waits for requests.

    Attributes:
        losses: The losses of its first steps from agreed parameters, if it accepts parameters.

    Raises:
        CannotDo: It has no such net, or is not installed.
    """

    def __init__(self, peer: str, threads: int | None, job: str) -> None:
        super().__init__(peer, threads)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed on exit
        self._process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", peer, job],
            env=self.environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        answer = self._answer()
        if "cannot" in answer:
            self.__exit__()
            raise CannotDo(answer["cannot"])
        self.losses: list[float] | None = answer["losses"]

    def measure(self) -> float:
        """Return the seconds of a step or a prediction."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._answer()["seconds"])

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            sys.exit(f"{self.peer} failed:\n{self._errors.read()}")
        return json.loads(line)

    def __exit__(self, *exception: object) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()


class Command(Contestant):
    """A whole command, from the start of its process to its exit."""

    def __init__(self, peer: str, threads: int | None) -> None:
        super().__init__(peer, threads)
        self._run([sys.executable, "-c", f"import peers.{peer}"])

    def measure(self) -> float:
        """Return the seconds it takes."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = [sys.executable, str(HERE / "command.py"), self.peer]
            if self.peer == "layerkit":
                spec = str(HERE.parent / "specs" / "mnist_two_layer.json")
                program = str(Path(sys.executable).with_name("layerkit"))
                arguments = [program, "run", spec, "--out", f"{folder}/run"]
            began = time.perf_counter()
            self._run(arguments)
            return time.perf_counter() - began

    def _run(self, arguments: Sequence[str]) -> None:
        done = subprocess.run(arguments, env=self.environment, capture_output=True, text=True)
        if "ModuleNotFoundError" in done.stderr:
            raise CannotDo(done.stderr.splitlines()[-1])
        if done.returncode:
            sys.exit(f"{self.peer} failed:\n{done.stderr}")


class Neighbour(AbstractContextManager[None]):
    """Another program that keeps one core busy."""

    def __enter__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", "while True: pass"])

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Times:
    """The times of a peer with its best number of threads.

    Attributes:
        peer: Its name.
        threads: That number; None if the peer chose it.
        seconds: The time of each round.
    """

    peer: str
    threads: int | None
    seconds: list[float]

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.seconds)


def contest(contestants: Sequence[Contestant], rounds: int) -> list[Times]:
    """Return the times of each peer, in the order of the contestants.

    A peer that chooses its threads itself counts separately from the same peer with a given number.
    """
    seconds: dict[Contestant, list[float]] = {contestant: [] for contestant in contestants}
    # The order changes from round to round, so that no peer always follows the same one.
    rng = random.Random(0)
    for _ in range(rounds):
        for contestant in rng.sample(contestants, len(contestants)):
            time.sleep(REST)
            seconds[contestant].append(contestant.measure())
    best: dict[tuple[str, bool], Times] = {}
    for contestant, taken in seconds.items():
        times = Times(contestant.peer, contestant.threads, taken)
        entry = times.peer, times.threads is None
        if times.median < best.setdefault(entry, times).median:
            best[entry] = times
    return list(best.values())


@dataclass(frozen=True)
class Ratio:
    """The time of layerkit over that of a peer.

    Attributes:
        median: The median of the rounds.
        low: The first quartile.
        high: The third quartile.
    """

    median: float
    low: float
    high: float

    @classmethod
    def between(cls, ours: Times, theirs: Times) -> Self:
        """Return the ratio of two series, computed round by round."""
        ratios = [a / b for a, b in zip(ours.seconds, theirs.seconds, strict=True)]
        if len(ratios) == 1:
            return cls(ratios[0], ratios[0], ratios[0])
        low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"
