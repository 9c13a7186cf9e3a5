"""How fast layerkit starts, and how much memory it takes; each number has its own bar."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LAYERKIT = str(Path(sys.executable).with_name("layerkit"))
LIMIT = 150
"""The megabytes that training may take."""

BUILD = """
import json, sys, time
from layerkit import build, load_registry
from layerkit.spec import parse_spec
layers = [{"type": "affine", "units": 10}, "relu"] * 500
spec = {"version": 1, "data": "digits", "layers": layers, "loss": "softmax_with_loss",
        "optimizer": "sgd", "training": {"steps": 1}}
text = json.dumps(spec)
began = time.perf_counter()
build(parse_spec(text, load_registry()))
print(time.perf_counter() - began)
"""

MAPPED = """{
  "version": 1,
  "data": {"type": "npy", "x": "x.npy", "t": "t.npy", "x_test": "x.npy", "t_test": "t.npy",
           "scale": 0.00392156862745098},
  "layers": [{"type": "affine", "units": 50}, "relu", {"type": "affine", "units": 10}],
  "loss": "softmax_with_loss",
  "optimizer": "sgd",
  "training": {"epochs": 1, "batch_size": 100}
}"""


@dataclass(frozen=True)
class Measure:
    """A number and its upper limit.

    Attributes:
        name: The quantity.
        value: Its measured value.
        at_most: The bar.
        unit: The unit of both.
        spread: The least and the greatest of the rounds.
    """

    name: str
    value: float
    at_most: float
    unit: str
    spread: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether the bar holds."""
        return self.value <= self.at_most


def start(rounds: int) -> list[Measure]:
    """Measure the time to show help, to import layerkit, and to validate and build a large spec."""
    numpy = python("import numpy")
    layerkit = python("import numpy; from layerkit import Layer, Network, hookimpl")
    libraries = python("import numpy, pydantic, typer")
    for arguments in (numpy, layerkit, libraries, [LAYERKIT, "--help"]):
        wall(arguments)  # the first run writes byte code
    helped, of_libraries, over_numpy, built = [], [], [], []
    for _ in range(rounds):
        helped.append(wall([LAYERKIT, "--help"]))
        of_libraries.append(helped[-1] / wall(libraries))
        over_numpy.append(wall(layerkit) - wall(numpy))
        built.append(float(output(python(BUILD))))
    return [
        measure("layerkit --help", helped, 0.3, "s"),
        measure("layerkit --help, over import numpy, pydantic, typer", of_libraries, 1.5, "times"),
        measure("import of Layer and Network, over that of NumPy", over_numpy, 0.15, "s"),
        measure("a spec of 1,000 layers validated and built", built, 0.5, "s"),
    ]


def memory(rounds: int) -> list[Measure]:
    """Measure the peak memory of training on MNIST, and on mapped files of 0.15 and 1.5 GB."""
    peaks, small, large = [], [], []
    spec = str(HERE.parent / "specs" / "mnist_two_layer.json")
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            peaks.append(peak([LAYERKIT, "run", spec, "--quiet", "--out", f"{folder}/run"]))
        small.append(mapped(LIMIT))
        large.append(mapped(10 * LIMIT))
    return [
        measure("layerkit run specs/mnist_two_layer.json, peak", peaks, LIMIT, "MB"),
        measure(f"layerkit run on a mapped file of {LIMIT} MB, its own memory", small, LIMIT, "MB"),
        measure(f"layerkit run on one of {10 * LIMIT} MB, its own memory", large, LIMIT, "MB"),
    ]


JOBS: dict[str, Callable[[int], list[Measure]]] = {"start": start, "memory": memory}


def measure(name: str, values: Sequence[float], at_most: float, unit: str) -> Measure:
    """Return the median of some values with its bar."""
    return Measure(name, statistics.median(values), at_most, unit, (min(values), max(values)))


def python(program: str) -> list[str]:
    """Return the command that runs a program."""
    return [sys.executable, "-c", program]


def output(arguments: Sequence[str]) -> str:
    """Return the output of a command."""
    return subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


def wall(arguments: Sequence[str]) -> float:
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    output(arguments)
    return time.perf_counter() - began


def peak(arguments: list[str]) -> float:
    """Return the greatest resident memory of a command, in megabytes."""
    child = os.posix_spawn(arguments[0], arguments, os.environ)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"{arguments[0]} failed with status {status}")
    return usage.ru_maxrss / 1000  # Linux counts in kilobytes


def mapped(megabytes: int) -> float:
    """Return the most private memory of training on a mapped file, in megabytes."""
    rows = megabytes * 1_000_000 // 784
    with tempfile.TemporaryDirectory() as folder:
        # Parts of a file that are never written take no room on disk, and read as zeros.
        np.lib.format.open_memmap(f"{folder}/x.npy", "w+", np.uint8, (rows, 784))
        np.save(f"{folder}/t.npy", np.resize(np.arange(10, dtype=np.uint8), rows))
        Path(folder, "spec.json").write_text(MAPPED)
        return own_memory([LAYERKIT, "run", f"{folder}/spec.json", "--quiet"], folder)


def own_memory(arguments: list[str], folder: str) -> float:
    """Return the most resident memory of a command, without files, in megabytes.

    Resident pages of mapped files do not count, because the system reclaims them when necessary.
    Only Linux distinguishes them, in ``/proc``.
    """
    most = 0
    with subprocess.Popen(arguments, cwd=folder) as command:
        status = Path(f"/proc/{command.pid}/status")
        while command.poll() is None:
            lines = (line.split() for line in status.read_text().splitlines())
            most = max([most, *(int(line[1]) for line in lines if line[0] == "RssAnon:")])
            time.sleep(0.01)
    if command.returncode:
        sys.exit(f"{arguments[0]} failed with status {command.returncode}")
    return most / 1000
