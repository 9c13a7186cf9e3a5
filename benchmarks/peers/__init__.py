"""layerkit and what it is compared with, one file each, written as its users would."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from jobs import Array, Job

PEERS = (
    "layerkit",
    "products",
    "book",
    "torch",
    "torch_compile",
    "jax_step",
    "jax_scan",
    "keras_jax",
    "sklearn_mlp",
    "thinc_layers",
)


class CannotDo(Exception):
    """A peer has no way to do a job; the message says why."""


class Peer(ABC):
    """A net in the terms of one library, with its data and its optimizer.

    Args:
        job: The net and how to train it.
        data: Inputs, bytes or float32, and targets.

    Attributes:
        gives_probabilities: Whether the outputs of a classifier are probabilities, and not logits.

    Raises:
        CannotDo: The library has no such net.
    """

    gives_probabilities: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, job: Job, data: tuple[Array, Array]) -> None: ...

    @abstractmethod
    def train(self, steps: int) -> None:
        """Draw that many batches and train on them, and return when all is computed."""

    def kept(self, x: Array) -> Any:
        """Return float32 inputs as ``predict`` takes them without copying them each time."""
        return x

    @abstractmethod
    def predict(self, x: Any) -> Array:
        """Return the outputs for float32 inputs, as they are or as ``kept`` gave them, computed."""


class Comparable(Peer):
    """A peer that can begin with given parameters and be told which examples to train on."""

    @abstractmethod
    def begin_with(self, parameters: Sequence[tuple[Array, Array]]) -> None:
        """Set the weight, ``(inputs, outputs)``, and the bias of each affine layer."""

    @abstractmethod
    def losses(self, batches: Array) -> list[float]:
        """Train on the examples of those indices, ``(steps, batch)``; return each batch's loss."""
