"""A training step of the chapter's net against the five matrix products in it.

The net is 784-50-10 with a batch of 100. A step draws a batch from bytes, converts it, runs
forward and backward and updates the parameters; the products are those of forward (two), of the
gradients of both weights (two) and of the hidden layer's output (one), with nothing around them.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from layerkit import Data, Split, Trainer, load_registry
from layerkit.builder import build_experiment
from layerkit.spec import parse_spec
from layerkit.training.threads import blas_threads

SPEC = """{
  "version": 1,
  "data": "mnist",
  "layers": [
    {"type": "affine", "units": 50, "weight_init": {"type": "normal", "std": 0.01}},
    "relu",
    {"type": "affine", "units": 10, "weight_init": {"type": "normal", "std": 0.01}}
  ],
  "loss": "softmax_with_loss",
  "optimizer": {"type": "sgd", "learning_rate": 0.1},
  "training": {"steps": 1000000, "batch_size": 100, "sampling": "with_replacement"}
}"""

ROUNDS, STEPS = 21, 200


def main() -> None:
    """Print the time of both and the ratio."""
    trainer, products = chapter_trainer(), bare_products()
    # Both under the number of BLAS threads that the trainer chooses for this net.
    with blas_threads(trainer.network, trainer.batches.size):
        for f in (trainer.train_step, products):
            seconds(f)
        times = [(seconds(trainer.train_step), seconds(products)) for _ in range(ROUNDS)]
    ratios = sorted(a / b for a, b in times)
    print(f"training step  {statistics.median(a for a, _ in times) * 1e6:8.1f} us")
    print(f"bare products  {statistics.median(b for _, b in times) * 1e6:8.1f} us")
    print(
        f"ratio          {statistics.median(ratios):8.2f}  "
        f"(from {ratios[0]:.2f} to {ratios[-1]:.2f} over {ROUNDS} rounds of {STEPS} steps)"
    )


def seconds(f: Callable[[], object]) -> float:
    """Return the time of one call, as the mean of many."""
    began = time.perf_counter()
    for _ in range(STEPS):
        f()
    return (time.perf_counter() - began) / STEPS


def chapter_trainer() -> Trainer:
    """Return a trainer of the chapter's net, on bytes of MNIST's size."""
    experiment = build_experiment(parse_spec(SPEC, load_registry()))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60_000, 784), dtype=np.uint8)
    split = Split(images, rng.integers(0, 10, 60_000), 1 / 255)
    return Trainer(
        experiment.network,
        Data(split, split),
        experiment.optimizer,
        experiment.settings,
        experiment.metrics,
    )


def bare_products() -> Callable[[], None]:
    """Return a function that makes the five products and nothing else."""
    rng = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return rng.random(shape, dtype=np.float32)

    x, w1, h, w2 = array(100, 784), array(784, 50), array(100, 50), array(50, 10)
    dy, dh = array(100, 10), array(100, 50)
    y1, y2, dw2, dh_out, dw1 = (np.empty_like(a) for a in (h, dy, w2, dh, w1))

    def products() -> None:
        np.matmul(x, w1, out=y1)
        np.matmul(h, w2, out=y2)
        np.matmul(h.T, dy, out=dw2)
        np.matmul(dy, w2.T, out=dh_out)
        np.matmul(x.T, dh, out=dw1)

    return products


if __name__ == "__main__":
    main()
