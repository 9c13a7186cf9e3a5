"""The contract of a loss."""

from abc import abstractmethod
from typing import ClassVar

from layerkit.component import Component
from layerkit.dataset import Targets
from layerkit.targets import check_finite
from layerkit.types import Array, Meaning, Shape


class Loss(Component):
    """What training makes small: one number for a batch, averaged over its examples.

    Attributes:
        metrics: The names of the metrics that go with it; the first tells the best parameters.
        meaning: What it takes the outputs of the network for. Where it takes them for logits, a
            network that ends with probabilities is refused.
    """

    kind: ClassVar[str] = "loss"
    advised: ClassVar[frozenset[str]] = frozenset({"forward", "backward"})
    metrics: ClassVar[tuple[str, ...]] = ()
    meaning: ClassVar[Meaning] = "numbers"

    def advice(self, name: str) -> str:
        """Return what to call first where an attribute is missing."""
        return "backward needs what forward keeps: call forward first" if name[0] == "_" else ""

    @abstractmethod
    def check(self, shape: Shape, targets: Targets) -> None:
        """Refuse a network or targets that do not fit the loss.

        Args:
            shape: The shape of the network's output, without the batch axis.
            targets: What the data set gives as targets.

        Raises:
            ShapeError: They do not fit.
        """

    def check_targets(self, shape: Shape, t: Array) -> None:
        """Refuse targets by their numbers, which are looked at once before training.

        By default, those that are not finite.

        Args:
            shape: The shape of the network's output, without the batch axis.
            t: The targets of many examples, ``(count, *targets.shape)``.

        Raises:
            ShapeError: They have another shape than goes with the outputs.
            DataError: The loss is not defined for them.
        """
        check_finite(t)

    @abstractmethod
    def forward(self, y: Array, t: Array) -> float:
        """Return the loss, a mean over the batch.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.

        Raises:
            ShapeError: The targets have another shape, if as many numbers.
        """

    @abstractmethod
    def backward(self, dout: float = 1.0) -> Array:
        """Return the gradient by ``y`` of what ``forward`` returned last, times ``dout``."""
