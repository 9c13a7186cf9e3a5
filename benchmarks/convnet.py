"""A training step of specs/mnist_convnet.json against the same in PyTorch; needs both installed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from side_by_side import compare
from torch import nn

from layerkit import Data, Split, Trainer, load_registry, load_spec
from layerkit.builder import build_experiment
from layerkit.training.threads import blas_threads

SPEC = Path(__file__).parents[1] / "specs" / "mnist_convnet.json"
BATCH = 100


def main() -> None:
    """Print the time of both and the ratio."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6_000, 1, 28, 28), dtype=np.uint8)
    labels = rng.integers(0, 10, 6_000)
    experiment = build_experiment(load_spec(SPEC, load_registry()))
    split = Split(images, labels, 1 / 255)
    trainer = Trainer(
        experiment.network, Data(split, split), experiment.optimizer, experiment.settings, {}
    )
    step = torch_step(torch.tensor(images / np.float32(255)), torch.tensor(labels))

    def with_threads(count: int) -> Callable[[], Callable[[], object]]:
        def prepare() -> Callable[[], object]:
            torch.set_num_threads(count)
            return step

        return prepare

    peers = {f"PyTorch, {n} threads": with_threads(n) for n in (1, 2)}
    with blas_threads(trainer.network, BATCH):
        compare(trainer.train_step, peers)


def torch_step(images: torch.Tensor, labels: torch.Tensor) -> Callable[[], object]:
    """Return a function that makes one update of the same network in PyTorch."""
    network = nn.Sequential(
        nn.Conv2d(1, 30, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4320, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
    optimizer, loss = torch.optim.Adam(network.parameters()), nn.CrossEntropyLoss()

    def step() -> None:
        chosen = torch.randint(0, len(images), (BATCH,))
        optimizer.zero_grad()
        loss(network(images[chosen]), labels[chosen]).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
