"""What a training step does, and who may do it faster."""

from collections.abc import Callable
from typing import TypeAlias

from layerkit.dataset import Split
from layerkit.network import Network
from layerkit.optimizer import Optimizer
from layerkit.training.sampling import Batches
from layerkit.types import Array

WORTH_A_THREAD = 1e7
"""The operations of a product that are worth a thread. A second thread shortens a step with
products of 17e6 operations by a quarter. One with products of 8e6 it shortens by a tenth where the
cores are idle and share a cache, and makes longer by a quarter where they do not: what one core has
written (a batch, the new parameters) the other then has to fetch."""


class Step:
    """The arithmetic of a training step, in NumPy.

    A plugin that can do it faster returns a subclass from its hook ``layerkit_compile``, which
    overrides what it can, and leaves to this class whatever it has no faster way for. The
    numbers must stay the same, up to rounding.

    Args:
        network: The network, with its memory and first values.
        optimizer: The optimizer, with its states.
        batches: Where batches come from.
    """

    def __init__(self, network: Network, optimizer: Optimizer, batches: Batches) -> None:
        self.network = network
        self.optimizer = optimizer
        self.batches = batches

    @property
    def blas_threads(self) -> int:
        """How many threads its matrix products are worth.

        It follows from sizes alone and not from a measurement, because the number of threads
        changes the rounding, and the same spec is to give the same bytes.
        """
        largest = max((p.size for p in self.network.parameters.values()), default=0)
        return 1 + int(2 * self.batches.size * largest / WORTH_A_THREAD)

    def gradients(self, indices: Array) -> float:
        """Return the loss of a batch, and set ``network.grads``.

        Where the loss is not finite, ``network.values`` must be those of this batch: they tell
        where that arose.

        Args:
            indices: Which training examples the batch is made of, ``(batch,)``.
        """
        x, t = self.batches.gather(indices)
        return self.network.train_step(x, t)

    def outputs(self, examples: Split) -> Array | None:
        """Return the outputs for examples, as layers behave in evaluation.

        None, as here, leaves it to ``Network.forward``.

        Args:
            examples: Some of either part, as they are stored.
        """
        return None

    def update(self, step: int) -> None:
        """Change ``network.params`` along ``network.grads``, in which it may work.

        Args:
            step: The number of updates made before this one.
        """
        self.optimizer.update(self.network.params, self.network.grads, step)


Compiler: TypeAlias = Callable[[Network, Optimizer, Batches], Step | None]
"""Returns a faster step, or None where it has none."""
