"""The gated recurrent unit."""

import numpy as np

from layerkit import Array, Example, Parameter, Shape, matmul
from layerkit_sequence.recurrent import Recurrent, gate


class Gru(Recurrent):
    """Gated recurrent unit, ``h' = (1 - u) n + u h``, from a state of zeros.

    The gates are ``r, u = sigmoid(x W + h U + b)``, and the candidate is
    ``n = tanh(x W + b + r (h U + c))``, each with its own third of ``W``, ``U`` and ``b``, in this
    order. Here ``r`` gates the product with ``U``, which allows one product for all three thirds.

    Args:
        units: The length of the state.
        returns: ``last`` gives the last state, ``sequence`` the states of all steps.
        reverse: Whether to begin at the end; the states keep their positions.
        weight_init: The initial value of ``W``.
        recurrent_init: The initial value of ``U``.
        bias_init: The initial value of ``b`` and ``c``.

    Shapes:
        x: ``(batch, time, features)``
        y: ``(batch, units)``, or ``(batch, time, units)`` for a sequence
        W: ``(features, 3 units)``
        U: ``(units, 3 units)``
        b: ``(3 units,)``
        c: ``(units,)``

    Source:
        Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder", in the form
        of version 1 of that paper, as in ``torch.nn.GRU``.
    """

    gates = 3
    examples = (
        Example({"units": 3}, [(4, 2)]),
        Example({"units": 2, "returns": "sequence", "reverse": True}, [(3, 3)]),
    )
    c: Parameter

    def build(self, shape: Shape) -> Shape:
        """Declare ``W``, ``U``, ``b`` and ``c``."""
        shape = super().build(shape)
        self.c = Parameter((self.units,), self.bias_init)
        return shape

    def begin(self, steps: int, batch: int) -> None:
        """Prepare the array that the reset gate multiplies."""
        self._gated = self.scratch("gated", (steps, self.units, batch))

    def step(self, t: int, z: Array, h: Array, out: Array) -> None:
        """Compute the states."""
        n = 2 * self.units
        hU = matmul(self.U.value.T, h, out=self.scratch("hU", z.shape))
        gates, candidate = z[:n], z[n:]
        gates += hU[:n]
        gate(gates)
        reset, update = gates[: self.units], gates[self.units :]
        gated = np.add(hU[n:], self.c.value[:, np.newaxis], out=self._gated[t])
        candidate += np.multiply(reset, gated, out=out)
        np.tanh(candidate, out=candidate)
        # (1 - u) n + u h = n + u (h - n)
        np.subtract(h, candidate, out=out)
        out *= update
        out += candidate

    def begin_back(self, steps: int, batch: int) -> None:
        """Prepare the gradients with respect to ``h U``."""
        self._dhU = self.scratch("dhU", self._z.shape)

    def step_back(self, t: int, dh: Array, dz: Array) -> None:
        """Go back through a step."""
        m, n = self.units, 2 * self.units
        z, h, gated = self._z[t], self._h[t], self._gated[t]
        gates, reset, update, candidate = z[:n], z[:m], z[m:n], z[n:]
        dreset, dupdate, dcandidate = dz[:m], dz[m:n], dz[n:]
        # h' = n + u (h - n)
        np.subtract(h, candidate, out=dupdate)
        dupdate *= dh
        kept = np.multiply(dh, update, out=self.scratch("kept", dh.shape))
        np.subtract(dh, kept, out=dcandidate)
        # Through the tanh, and to the product that r multiplies.
        slopes = np.square(candidate, out=self.scratch("candidate slopes", dh.shape))
        dcandidate *= np.subtract(1, slopes, out=slopes)
        np.multiply(dcandidate, gated, out=dreset)
        slopes = np.subtract(1, gates, out=self.scratch("slopes", gates.shape))
        slopes *= gates
        dz[:n] *= slopes
        dhU = self._dhU[t]
        dhU[:n] = dz[:n]
        np.multiply(dcandidate, reset, out=dhU[n:])
        matmul(self.U.value, dhU, out=dh)
        dh += kept

    def recurrent(self, dz: Array) -> Array:
        """Set the gradient of ``c``, and return the gradients with respect to ``h U``."""
        dhU = self._over_steps("dhU over steps", self._dhU)
        self.c.grad = dhU[2 * self.units :].sum(axis=1)
        return dhU
