"""The jobs that are measured: the nets, their data, and the bars against each peer."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Job:
    """A net with its training; a training step or a prediction is timed.

    Attributes:
        name: Its name on the command line.
        widths: The inputs and the outputs of its affine layers, with a relu between each two.
        bars: For each peer, the most that layerkit's time may be over the peer's.
        batch: The examples of a step, drawn with replacement.
        optimizer: Stochastic gradient descent at a rate of 0.1, or Adam at 0.001.
        first: The layers before the affine ones: a convolution of 30 filters of 5 x 5, a relu
            and pooling by 2, or an LSTM over the 28 rows, of which they take the last output.
        predicted: The number of examples to predict; 0 to train.
        inputs: The shape of an example.
    """

    name: str
    widths: tuple[int, ...]
    bars: dict[str, float] = field(default_factory=dict)
    batch: int = 100
    optimizer: Literal["sgd", "adam"] = "sgd"
    first: Literal["convolution", "lstm"] | None = None
    predicted: int = 0
    inputs: tuple[int, ...] = (784,)

    @property
    def is_regression(self) -> bool:
        """Whether the loss is the mean squared error, and not the softmax with cross-entropy."""
        return self.inputs == (10,)

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """Inputs and targets: bytes of the size of MNIST with labels, or ten numbers each."""
        rng = np.random.default_rng(0)
        if self.is_regression:
            x = rng.standard_normal((12_800, 10), np.float32)
            return x, x + 0.01 * rng.standard_normal(x.shape, np.float32)
        images = rng.integers(0, 256, (60_000, *self.inputs), np.uint8)
        return images, rng.integers(0, 10, len(images))

    @property
    def examples(self) -> Array:
        """The inputs as float32, bytes scaled to 0 to 1."""
        return as_float(self.data[0])

    def initial(self) -> list[tuple[Array, Array]]:
        """The initial weight and bias of each affine layer, the same at each call."""
        rng = np.random.default_rng(1)
        return [
            (
                rng.standard_normal((inputs, outputs), np.float32) * np.float32(inputs**-0.5),
                np.zeros(outputs, np.float32),
            )
            for inputs, outputs in zip(self.widths, self.widths[1:], strict=False)
        ]


def as_float(x: Array) -> Array:
    """Return inputs as float32, bytes scaled to 0 to 1."""
    return x.astype(np.float32) / np.float32(255 if x.dtype == np.uint8 else 1)


CHAPTER = (784, 50, 10)
WIDTHS = (8, 32, 45, 46, 64, 128, 256, 512, 1024)

JOBS = {
    job.name: job
    for job in (
        Job("chapter", CHAPTER, {"jax_scan": 0.9, "torch": 0.45, "book": 0.3, "products": 1.8}),
        *(
            Job(
                f"width-{w}",
                (10, w, w, 10),
                {"torch": 1.0, "jax_scan": 1.1},
                batch=128,
                optimizer="adam",
                inputs=(10,),
            )
            for w in WIDTHS
        ),
        Job("wide", (784, 2048, 2048, 10), {"torch": 1.05}, batch=512),
        Job(
            "convolution",
            (30 * 12 * 12, 100, 10),
            {"torch": 1.0},
            optimizer="adam",
            first="convolution",
            inputs=(1, 28, 28),
        ),
        Job(
            "lstm",
            (128, 10),
            {"torch": 1.0},
            batch=128,
            optimizer="adam",
            first="lstm",
            inputs=(28, 28),
        ),
        Job("predict-1", CHAPTER, {"torch": 0.5}, predicted=1),
        Job("predict-10000", CHAPTER, {"torch": 1.0}, predicted=10_000),
    )
}
