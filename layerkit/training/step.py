"""What a training step does, and who may do it faster."""

from collections.abc import Callable
from typing import TypeAlias

from layerkit.contracts.dataset import Split
from layerkit.contracts.optimizer import Optimizer
from layerkit.network import Network
from layerkit.training.sampling import Batches
from layerkit.types import Array


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

    def gradients(self, indices: Array) -> float:
        """Return the loss of a batch, and set ``network.grads``.

        Matrix products have one thread meanwhile, as threads of BLAS wait for each other by
        spinning. What is worth several is shared out by ``layerkit.share`` or ``layerkit.matmul``.

        Where the loss is not finite, ``network.values`` must be those of this batch: they tell
        where that arose.

        Args:
            indices: Which training examples the batch is made of, ``(batch,)``.
        """
        x, t = self.batches.gather(indices)
        return self.network.train_step(x, t)

    def outputs(self, examples: Split) -> Array | None:
        """Return the outputs for examples, as layers behave in evaluation.

        None, as here, leaves it to ``Network.forward``. Any number of threads may call it; who
        computes in the same memory again and again takes ``network.turns.turn`` meanwhile.

        Args:
            examples: Some of either part, as they are stored.
        """
        return None

    def update(self, step: int) -> None:
        """Change ``network.params`` along ``network.grads``, in which it may work.

        Args:
            step: The number of updates made before this one.
        """
        self.optimizer.update_unchecked(self.network.params, self.network.grads, step)


Compiler: TypeAlias = Callable[[Network, Optimizer, Batches], Step | None]
"""Returns a faster step, or None where it has none."""
