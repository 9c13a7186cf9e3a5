"""How the time of a training step grows: ``python benchmarks/growth.py``.

Each series is measured several times. The shortest time of each size counts, because other work of
the machine only adds to it. A straight line is fitted: a fixed time and a time for each
example, multiplication, layer or row. The lines are drawn on logarithmic axes into
docs/growth.svg.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jobs import Array, Job
from peers.layerkit import Peer
from scipy.optimize import nnls
from worker import calibrated, seconds

ROUNDS = 9
DRAWING = Path(__file__).parents[1] / "docs" / "growth.svg"


@dataclass(frozen=True)
class Series:
    """Nets that differ in one size.

    Attributes:
        name: The quantity that grows.
        sizes: Its sizes, from net to net.
        job: Returns the net of a size.
        work: Returns the work of a step, to which its time should be proportional, up to a
            constant.
        unit: The unit of ``work``.
    """

    name: str
    sizes: Sequence[int]
    job: Callable[[int], Job]
    work: Callable[[int], float]
    unit: str


def sized(widths: tuple[int, ...], batch: int = 128) -> Job:
    """Return a net for ten numbers, trained with gradient descent."""
    return Job("growth", widths, batch=batch, inputs=(10,))


SERIES = (
    Series(
        "batch",
        [2**k for k in range(5, 14)],
        lambda batch: sized((10, 50, 50, 10), batch),
        float,
        "example",
    ),
    Series(
        "width",
        [2**k for k in range(4, 13)],
        lambda width: sized((10, width, width, 10)),
        # Forward, and backward with respect to the weights and to the input.
        lambda width: 128 * (3 * width * width + 50 * width) / 1e6,
        "million multiplications",
    ),
    Series(
        "depth",
        [1, 2, 5, 10, 20, 50, 100],
        lambda depth: sized((10, *[50] * depth, 10)),
        float,
        "layer",
    ),
    Series(
        "rows of data",
        [10**k for k in range(4, 8)],
        lambda rows: sized((10, 50, 50, 10)),
        float,
        "row",
    ),
)


def main() -> None:
    """Measure, fit, print and draw."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for axis, series in zip(axes.flat, SERIES, strict=True):
        times = measured(series)
        work = np.array([series.work(size) for size in series.sizes])
        fixed, slope = fitted(work, times)
        line = fixed + slope * work
        deviation = float(np.abs(line / times - 1).max())
        law = f"{fixed * 1e6:.0f} us + {slope * 1e6:.3g} us for each {series.unit}"
        print(f"\n{series.name}: {law}; at most {deviation:.0%} off")
        for size, time, at in zip(series.sizes, times, line, strict=True):
            print(f"{size:>12,} {time * 1e6:>12.1f} us {at * 1e6:>12.1f} us on the line")
        draw(axis, series, times, line, law)
    figure.savefig(DRAWING)
    print(f"\ndrawn in {DRAWING.parent.name}/{DRAWING.name}")


def measured(series: Series) -> Array:
    """Return the shortest time of a step for each size, measuring the sizes in turn."""
    nets = [Peer(series.job(size), data(series, size)) for size in series.sizes]
    counts = [calibrated(net.train) for net in nets]
    times = [
        [seconds(net.train, count) / count for net, count in zip(nets, counts, strict=True)]
        for _ in range(ROUNDS)
    ]
    return np.array([min(of_size) for of_size in zip(*times, strict=True)])


def data(series: Series, size: int) -> tuple[Array, Array]:
    """Return the training examples of a net."""
    rows = size if series.name == "rows of data" else 12_800
    x = np.random.default_rng(0).standard_normal((rows, 10), np.float32)
    return x, x


def fitted(work: Array, times: Array) -> tuple[float, float]:
    """Return the line with the least relative deviation from some times, and no negative part."""
    # Each equation is divided by its time, so the residuals are relative. The second unknown is
    # in units of the largest work, for precision.
    largest = work.max()
    terms = np.stack([np.ones_like(work), work / largest], axis=1) / times[:, np.newaxis]
    fixed, slope = nnls(terms, np.ones_like(times))[0]
    return float(fixed), float(slope / largest)


def draw(axis: Any, series: Series, times: Array, line: Array, law: str) -> None:
    """Draw the times and their line."""
    axis.loglog(series.sizes, times * 1e6, "o", label="measured")
    axis.loglog(series.sizes, line * 1e6, "-", label=law)
    axis.set(xlabel=series.name, ylabel="microseconds of a training step")
    # Room for the legend, and at least a decade, so that small differences do not look large.
    axis.set_ylim(times.min() * 0.4e6, times.max() * 12e6)
    axis.grid(True, which="major", alpha=0.3)
    axis.legend()


if __name__ == "__main__":
    main()
