"""The simple recurrent layer."""

import numpy as np

from layerkit import Array, Example, matmul
from layerkit_sequence.recurrent import Recurrent


class Rnn(Recurrent):
    """Simple recurrence, ``h' = tanh(x W + h U + b)``, from a state of zeros.

    Args:
        units: The length of the state.
        returns: ``last`` gives the last state, ``sequence`` the states of all steps.
        reverse: Whether to begin at the end; the states keep their positions.
        weight_init: The initial value of ``W``.
        recurrent_init: The initial value of ``U``.
        bias_init: The initial value of ``b``.

    Shapes:
        x: ``(batch, time, features)``
        y: ``(batch, units)``, or ``(batch, time, units)`` for a sequence
        W: ``(features, units)``
        U: ``(units, units)``
        b: ``(units,)``

    Source:
        Elman (1990), "Finding Structure in Time"; Saito (2018), "Deep Learning from Scratch 2",
        section 5.3.
    """

    gates = 1
    examples = (
        Example({"units": 3}, [(4, 2)]),
        Example({"units": 2, "returns": "sequence", "reverse": True}, [(3, 3)]),
    )

    def step(self, t: int, z: Array, h: Array, out: Array) -> None:
        """Compute the states."""
        z += matmul(self.U.value.T, h, out=self.scratch("hU", z.shape))
        np.tanh(z, out=out)

    def step_back(self, t: int, dh: Array, dz: Array) -> None:
        """Go back through a step."""
        # tanh' = 1 - tanh^2
        np.square(self._h[t + 1], out=dz)
        np.subtract(1, dz, out=dz)
        dz *= dh
        matmul(self.U.value, dz, out=dh)
