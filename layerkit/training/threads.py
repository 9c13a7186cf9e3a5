"""How many threads the matrix products of a training step use."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from threadpoolctl import ThreadpoolController

from layerkit.network import Network

SMALL = 1e7
"""The operations of a product below which one thread computes it. On two cores a second thread
shortens a step with products of this size by a tenth, and one of a third of it not at all; on a
busy machine, where threads wait for each other, it lengthens both."""


def blas_threads(network: Network, batch_size: int) -> AbstractContextManager[Any]:
    """Return a context in which small networks train with one BLAS thread.

    The choice follows from sizes alone and not from a measurement, because the number of threads
    changes the rounding, and the same spec is to give the same bytes.

    Args:
        network: Its largest parameter tells the size of its products.
        batch_size: The examples of a step.
    """
    largest = max((p.size for p in network.parameters.values()), default=0)
    if 2 * batch_size * largest >= SMALL:
        return nullcontext()
    single: AbstractContextManager[Any] = ThreadpoolController().limit(limits=1, user_api="blas")
    return single
