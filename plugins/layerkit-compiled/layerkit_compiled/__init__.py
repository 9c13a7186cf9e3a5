"""Training steps in C: the same numbers as layerkit's own, faster."""

from layerkit import Batches, Network, Optimizer, Step, hookimpl


@hookimpl
def layerkit_compile(network: Network, optimizer: Optimizer, batches: Batches) -> Step | None:
    """Compile the gradients of chains of known layers, and the updates of known optimizers."""
    # Imported here, because only training needs the C module.
    from layerkit_compiled.compiling import compiled_step

    return compiled_step(network, optimizer, batches)
