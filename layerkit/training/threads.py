"""How many threads the matrix products of a training step use."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from threadpoolctl import ThreadpoolController

from layerkit.network import Network

SHARE = 1e7
"""The operations of a product that are worth a thread. A second thread shortens a step with
products of 17e6 operations by a quarter. One with products of 8e6 it shortens by a tenth where the
cores are idle and share a cache, and makes longer by a quarter where they do not: what one core has
written (a batch, the new parameters) the other then has to fetch."""


def blas_threads(network: Network, batch_size: int) -> AbstractContextManager[Any]:
    """Return a context in which the products have as many threads as are worth it.

    The choice follows from sizes alone and not from a measurement, because the number of threads
    changes the rounding, and the same spec is to give the same bytes.

    Args:
        network: Its largest parameter tells the size of its products.
        batch_size: The examples of a step.
    """
    largest = max((p.size for p in network.parameters.values()), default=0)
    worth = 1 + int(2 * batch_size * largest / SHARE)
    blas = ThreadpoolController().select(user_api="blas")
    if all(worth >= library["num_threads"] for library in blas.info()):
        return nullcontext()
    limit: AbstractContextManager[Any] = blas.limit(limits=worth)
    return limit
