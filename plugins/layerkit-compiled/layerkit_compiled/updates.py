"""From an optimizer to its update in C."""

from collections.abc import Callable

from layerkit import Network, Optimizer
from layerkit.builtin.optimizers import SGD, Adam, AdamW
from layerkit_compiled import _kernels

Update = Callable[[int], None]


def update_of(network: Network, optimizer: Optimizer) -> Update | None:
    """Return the update of an optimizer in C; None for an unknown optimizer."""
    if isinstance(optimizer, SGD) and type(optimizer) is SGD:
        return _sgd(network, optimizer)
    if isinstance(optimizer, Adam) and type(optimizer) in (Adam, AdamW):
        return _adam(network, optimizer)
    return None


def _sgd(network: Network, optimizer: SGD) -> Update:
    velocity = optimizer.velocity.value if optimizer.momentum else None

    def update(step: int) -> None:
        _kernels.sgd(
            network.params,
            network.grads,
            velocity,
            optimizer.rate(step),
            optimizer.momentum,
            optimizer.weight_decay,
            optimizer.nesterov,
        )

    return update


def _adam(network: Network, optimizer: Adam) -> Update:
    decoupled = isinstance(optimizer, AdamW)

    def update(step: int) -> None:
        rate, decay = optimizer.rate(step), optimizer.weight_decay
        epsilon, scale = optimizer.factors(step)
        _kernels.adam(
            network.params,
            network.grads,
            optimizer.gradients.value,
            optimizer.squares.value,
            rate * scale,
            optimizer.beta1,
            optimizer.beta2,
            epsilon,
            0.0 if decoupled else decay,
            1 - rate * decay if decoupled else 1.0,
        )

    return update
