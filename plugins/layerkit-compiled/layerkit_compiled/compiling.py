"""From a network and an optimizer to a training step in C."""

import math

import numpy as np

from layerkit import (
    Array,
    Batches,
    Network,
    Optimizer,
    Split,
    Step,
    allowed_threads,
    limit_blas_threads,
)
from layerkit_compiled import _kernels
from layerkit_compiled.programs import program_of
from layerkit_compiled.updates import Update, update_of

one_blas_thread = limit_blas_threads(1)

THREADED = 2**18
"""The number of multiplications from which OpenBLAS may use several threads for a product."""

FEWEST_TO_EVALUATE = 32
"""The least batch size for which evaluations use the program: they pass through it in such batches,
and threads meet for each."""


def compiled_step(network: Network, optimizer: Optimizer, batches: Batches) -> Step | None:
    """Return a step with at least one of its halves in C; None if neither can be."""
    if network.dtype != np.float32:
        return None
    program = program_of(network, batches)
    update = update_of(network, optimizer)
    if program is None and update is None:
        return None
    _kernels.use_threads(allowed_threads())
    return CompiledStep(network, optimizer, batches, program, update)


class CompiledStep(Step):
    """A training step with its gradients, its update or both in C.

    Args:
        network: The network, with its memory and initial values.
        optimizer: The optimizer, with its states.
        batches: The source of batches.
        program: Computes the gradients; without it, NumPy does.
        update: Updates the parameters, given the number of earlier updates; without it, NumPy does.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer,
        batches: Batches,
        program: _kernels.Program | None,
        update: Update | None,
    ) -> None:
        super().__init__(network, optimizer, batches)
        self._made = program
        self._params = network.params
        self._update = update
        # OpenBLAS uses one thread here anyway, and setting a limit takes as long as the step.
        self._is_small = batches.size * network.parameter_count < THREADED

    @property
    def _program(self) -> _kernels.Program | None:
        if self._params is not self.network.params:
            # Network.initialize has given it new memory since.
            self._made, self._params = program_of(self.network, self.batches), self.network.params
        return self._made

    @property
    def compiles_gradients(self) -> bool:
        """Whether the gradients are in C."""
        return self._program is not None

    @property
    def compiles_updates(self) -> bool:
        """Whether the update is in C."""
        return self._update is not None

    def gradients(self, indices: Array) -> float:
        """Return the loss of a batch, and set ``network.grads``."""
        program = self._program
        if program is not None:
            if self._is_small:
                loss = program.gradients(indices)
            else:
                with one_blas_thread:  # more would round otherwise
                    loss = program.gradients(indices)
            if math.isfinite(loss):
                return loss
        # This includes a loss that is not finite: NumPy's pass keeps the values that show where.
        return super().gradients(indices)

    def outputs(self, examples: Split) -> Array | None:
        """Return the outputs for examples that are stored like the training examples."""
        program, x, trained_on = self._program, examples.x, self.batches.gather.split
        if (
            program is None
            or self.batches.size < FEWEST_TO_EVALUATE
            or (x.dtype, examples.scale) != (trained_on.x.dtype, trained_on.scale)
            or x.shape[1:] != trained_on.x.shape[1:]
            or not x.flags.c_contiguous
        ):
            return None
        y = np.empty((len(x), *self.network.output_shape), np.float32)
        with self.network.turns.turn, one_blas_thread:  # the program serves one thread at a time
            program.outputs(x, y)
        return y

    def update(self, step: int) -> None:
        """Change ``network.params`` along ``network.grads``."""
        if self._update is None:
            super().update(step)
        else:
            self._update(step)
