"""layerkit and its peers, one file each, written as its users would write it."""

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
        """Draw that many batches, train on them, and return when everything is computed."""

    def kept(self, x: Array) -> Any:
        """Return float32 inputs in the form that ``predict`` takes without a copy."""
        return x

    @abstractmethod
    def predict(self, x: Any) -> Array:
        """Return the computed outputs for float32 inputs, or for the result of ``kept``."""


class Comparable(Peer):
    """A peer that can start from given parameters and train on given examples."""

    @abstractmethod
    def begin_with(self, parameters: Sequence[tuple[Array, Array]]) -> None:
        """Set the weight, ``(inputs, outputs)``, and the bias of each affine layer."""

    @abstractmethod
    def losses(self, batches: Array) -> list[float]:
        """Train on the examples at these indices, ``(steps, batch)``; return each batch's loss."""
