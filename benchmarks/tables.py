"""The time that ``csv`` takes for a large table, beside pandas in the same rounds.

``python benchmarks/tables.py`` writes 100,000 rows of 20 columns, of numbers and with words and
missing values, and prints the median of the ratios to ``pandas.read_csv`` with their quartiles:
of reading the columns, and of loading the data with everything that is learnt from them.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from layerkit.builtin.datasets import Csv

ROWS, COLUMNS, ROUNDS = 100_000, 20, 15


def main() -> None:
    """Measure both tables."""
    with TemporaryDirectory() as folder:
        for kind in ("numbers", "mixed"):
            path = Path(folder, f"{kind}.csv")
            table(kind).to_csv(path, index=False)
            options: dict[str, Any] = {}
            if kind == "mixed":
                options = {"categories": "infer", "on_missing": "most_frequent"}
            rounds = np.array([round_of(path, options) for _ in range(ROUNDS)])
            for name, times in zip(("read", "load"), rounds[:, 1:].T, strict=True):
                low, middle, high = np.percentile(times / rounds[:, 0], (25, 50, 75))
                print(f"{kind:8} {name}: {middle:.2f} ({low:.2f} to {high:.2f}) times pandas")


def table(kind: str) -> pd.DataFrame:
    """Return a table to store."""
    rng = np.random.default_rng(0)
    names = [f"c{i}" for i in range(COLUMNS)]
    frame = pd.DataFrame(rng.normal(size=(ROWS, COLUMNS)).round(6), columns=names)
    if kind == "mixed":
        for name in names[:5]:
            frame[name] = rng.choice(["red", "green", "blue"], ROWS)
        for name in names[5:10]:
            frame.loc[rng.random(ROWS) < 0.05, name] = np.nan
    frame["t"] = rng.integers(0, 3, ROWS)
    return frame


def round_of(path: Path, options: dict[str, Any]) -> list[float]:
    """Return the seconds of pandas, of reading, and of loading, which reads anew."""
    dataset = Csv(path, "t", **options)
    return [seconds(lambda: pd.read_csv(path)), seconds(dataset.read), seconds(dataset.load)]


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
