"""Trains the chapter's net on a mapped file: ``python mapped.py FOLDER`` with x.npy and t.npy.

It prints how many megabytes it took that are its own and not pages of files, which the system
takes back when it needs them.
"""

import sys
from pathlib import Path

import numpy as np

from layerkit import Data, Split, Trainer, load_registry
from layerkit.builder import build_experiment
from layerkit.spec import parse_spec

SPEC = """{
  "version": 1,
  "data": "mnist",
  "layers": [{"type": "affine", "units": 50}, "relu", {"type": "affine", "units": 10}],
  "loss": "softmax_with_loss",
  "optimizer": "sgd",
  "training": {"epochs": 2, "batch_size": 1000}
}"""
STATUS = Path("/proc/self/status")


def main() -> None:
    """Train for two epochs, with an evaluation after each."""
    x, t = (np.load(Path(sys.argv[1], name), mmap_mode="r") for name in ("x.npy", "t.npy"))
    experiment = build_experiment(parse_spec(SPEC, load_registry()))
    data = Data(Split(x, t, 1 / 255), Split(x[:1000], t[:1000], 1 / 255))
    trainer = Trainer(
        experiment.network, data, experiment.optimizer, experiment.settings, experiment.metrics
    )
    print(max(own_memory() for _ in trainer.run()))


def own_memory() -> float:
    """Return the resident memory that is no file's, in megabytes."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(lines["RssAnon"].split()[0]) / 1000


if __name__ == "__main__":
    main()
