"""The contract of a loss."""

from abc import abstractmethod
from typing import ClassVar

from layerkit.component import Component
from layerkit.dataset import Targets
from layerkit.types import Array, Shape


class Loss(Component):
    """What training makes small: one number for a batch, averaged over its examples.

    Attributes:
        metrics: The names of the metrics that go with it; the first tells the best parameters.
    """

    kind: ClassVar[str] = "loss"
    metrics: ClassVar[tuple[str, ...]] = ()

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

    @abstractmethod
    def forward(self, y: Array, t: Array) -> float:
        """Return the loss, a mean over the batch.

        Args:
            y: The output of the network, ``(batch, *shape)``.
            t: The targets, ``(batch, *targets.shape)``.
        """

    @abstractmethod
    def backward(self, dout: float = 1.0) -> Array:
        """Return the gradient by ``y`` of what ``forward`` returned last, times ``dout``."""
