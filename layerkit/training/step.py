"""The arithmetic of a training step, which plugins may replace with a faster one."""

from collections.abc import Callable
from typing import TypeAlias

from layerkit.contracts.dataset import Split
from layerkit.contracts.optimizer import Optimizer
from layerkit.network import Network
from layerkit.training.sampling import Batches
from layerkit.types import Array


class Step:
    """The arithmetic of a training step, in NumPy.

    A plugin with a faster way returns an instance of a subclass from its hook ``layerkit_compile``.
    The subclass overrides the methods that it can make faster and inherits the others. The
    numbers must stay the same, up to rounding.

    Args:
        network: The network, with its memory and initial values.
        optimizer: The optimizer, with its states.
        batches: The source of batches.
    """

    def __init__(self, network: Network, optimizer: Optimizer, batches: Batches) -> None:
        self.network = network
        self.optimizer = optimizer
        self.batches = batches

    def gradients(self, indices: Array) -> float:
        """Return the loss of a batch, and set ``network.grads``.

        BLAS has one thread during this call, because its threads spin while they wait for each
        other. Use ``layerkit.share`` or ``layerkit.matmul`` for work that is worth several threads.

        If the loss is not finite, ``network.values`` must be those of this batch: they show
        where that arose.

        Args:
            indices: The indices of the training examples in the batch, ``(batch,)``.
        """
        return self.network.train_step(*self.batches.gather(indices))

    def outputs(self, examples: Split) -> Array | None:
        """Return the outputs for examples, with layers in evaluation mode.

        None, as here, makes the caller use ``Network.forward``. Any number of threads may call this
        method; a subclass that reuses memory between calls must take ``network.turns.turn``.

        Args:
            examples: Examples of either part, as they are stored.
        """
        return None

    def update(self, step: int) -> None:
        """Change ``network.params`` along ``network.grads``, which it may overwrite.

        Args:
            step: The number of updates made before this one.
        """
        self.optimizer.update_unchecked(self.network.params, self.network.grads, step)


Compiler: TypeAlias = Callable[[Network, Optimizer, Batches], Step | None]
"""Returns a faster step, or None where it has none."""
