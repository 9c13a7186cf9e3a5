"""Long short-term memory."""

import numpy as np

from layerkit import Array, Example, sigmoid
from layerkit_sequence.recurrent import Recurrent


class Lstm(Recurrent):
    """Long short-term memory, ``c' = f c + i g``, ``h' = o tanh(c')``, from states of zeros.

    The gates are ``i, f, o = sigmoid(x W + h U + b)`` and the candidate is
    ``g = tanh(x W + h U + b)``, each with its own quarter of ``W``, ``U`` and ``b``, in this order.

    Args:
        units: The length of the states ``h`` and ``c``.
        returns: ``last`` gives the last ``h``, ``sequence`` those of all steps.
        reverse: Whether to begin at the end; the states stay at their places.
        weight_init: The first value of ``W``.
        recurrent_init: The first value of ``U``.
        bias_init: The first value of ``b``.

    Shapes:
        x: ``(batch, time, features)``
        y: ``(batch, units)``, or ``(batch, time, units)`` for a sequence
        W: ``(features, 4 units)``
        U: ``(units, 4 units)``
        b: ``(4 units,)``

    Source:
        Hochreiter and Schmidhuber (1997), "Long Short-Term Memory", with the forget gate of Gers,
        Schmidhuber and Cummins (2000), "Learning to Forget"; Saito (2018), "Deep Learning from
        Scratch 2", section 6.2.
    """

    gates = 4
    examples = (
        Example({"units": 3}, [(4, 2)]),
        Example({"units": 2, "returns": "sequence", "reverse": True}, [(3, 3)]),
    )

    def begin(self, steps: int, batch: int) -> None:
        """Prepare the memory cells."""
        self._c = self.scratch("c", (steps + 1, batch, self.units))
        self._c[0] = 0
        self._tanh_c = self.scratch("tanh c", (steps, batch, self.units))

    def step(self, t: int, z: Array, h: Array, out: Array) -> None:
        """Compute a state."""
        z += np.matmul(h, self.U.value, out=self.scratch("hU", z.shape))
        sigmoids, g = z[:, : 3 * self.units], z[:, 3 * self.units :]
        sigmoid(sigmoids, out=sigmoids)
        np.tanh(g, out=g)
        i, f, o = self._quarters(z)[:3]
        c = np.multiply(f, self._c[t], out=self._c[t + 1])
        c += np.multiply(i, g, out=out)
        np.multiply(o, np.tanh(c, out=self._tanh_c[t]), out=out)

    def begin_back(self, steps: int, batch: int) -> None:
        """Prepare the gradient by the memory cell."""
        self._dc = self.scratch("dc", (batch, self.units))
        self._dc[...] = 0

    def step_back(self, t: int, dh: Array, dz: Array) -> None:
        """Go back through a step."""
        i, f, o, g = self._quarters(self._z[t])
        di, df, do, dg = self._quarters(dz)
        tanh_c, dc, work = self._tanh_c[t], self._dc, self.scratch("work", dh.shape)
        # h = o tanh(c): dc grows by dh o tanh'(c), with tanh' = 1 - tanh^2.
        np.multiply(tanh_c, tanh_c, out=work)
        np.subtract(1, work, out=work)
        work *= o
        work *= dh
        dc += work
        np.multiply(dh, tanh_c, out=do)
        np.multiply(dc, g, out=di)
        np.multiply(dc, self._c[t], out=df)
        np.multiply(dc, i, out=dg)
        dc *= f
        # Through the sigmoids, s' = s (1 - s), and through the tanh.
        gates = self._z[t][:, : 3 * self.units]
        slopes = np.subtract(1, gates, out=self.scratch("slopes", gates.shape))
        slopes *= gates
        dz[:, : 3 * self.units] *= slopes
        np.multiply(g, g, out=work)
        np.subtract(1, work, out=work)
        dg *= work
        np.matmul(dz, self.U.value.T, out=dh)

    def _quarters(self, z: Array) -> tuple[Array, Array, Array, Array]:
        n = self.units
        return z[:, :n], z[:, n : 2 * n], z[:, 2 * n : 3 * n], z[:, 3 * n :]
