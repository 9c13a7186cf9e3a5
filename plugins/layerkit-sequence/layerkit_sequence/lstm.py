"""Long short-term memory."""

import numpy as np

from layerkit import Array, Example, matmul
from layerkit_sequence.recurrent import Recurrent, gate


class Lstm(Recurrent):
    """Long short-term memory, ``c' = f c + i g``, ``h' = o tanh(c')``, from states of zeros.

    The gates are ``i, f, o = sigmoid(x W + h U + b)`` and the candidate is
    ``g = tanh(x W + h U + b)``, each with its own quarter of ``W``, ``U`` and ``b``, in this order.

    Args:
        units: The length of the states ``h`` and ``c``.
        returns: ``last`` gives the last ``h``, ``sequence`` those of all steps.
        reverse: Whether to begin at the end; the states keep their positions.
        weight_init: The initial value of ``W``.
        recurrent_init: The initial value of ``U``.
        bias_init: The initial value of ``b``.

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
        self._c = self.scratch("c", (steps + 1, self.units, batch))
        self._c[0] = 0
        self._tanh_c = self.scratch("tanh c", (steps, self.units, batch))

    def step(self, t: int, z: Array, h: Array, out: Array) -> None:
        """Compute the states."""
        z += matmul(self.U.value.T, h, out=self.scratch("hU", z.shape))
        gate(z[: 3 * self.units])
        i, f, o, g = self._gates(z)
        np.tanh(g, out=g)
        c = np.multiply(f, self._c[t], out=self._c[t + 1])
        c += np.multiply(i, g, out=out)
        np.multiply(o, np.tanh(c, out=self._tanh_c[t]), out=out)

    def begin_back(self, steps: int, batch: int) -> None:
        """Prepare the gradient with respect to the memory cells."""
        self._dc = self.scratch("dc", (self.units, batch))
        self._dc[...] = 0

    def step_back(self, t: int, dh: Array, dz: Array) -> None:
        """Go back through a step."""
        z, dc, tanh_c = self._z[t], self._dc, self._tanh_c[t]
        i, f, o, g = self._gates(z)
        di, df, do, dg = self._gates(dz)
        # h = o tanh(c): dc grows by dh o tanh'(c), with tanh' = 1 - tanh^2.
        slopes = np.square(tanh_c, out=self.scratch("slopes of tanh", dh.shape))
        np.subtract(1, slopes, out=slopes)
        slopes *= o
        slopes *= dh
        dc += slopes
        np.multiply(dh, tanh_c, out=do)
        # c' = f c + i g
        np.multiply(dc, g, out=di)
        np.multiply(dc, self._c[t], out=df)
        np.multiply(dc, i, out=dg)
        dc *= f
        # Through the sigmoids, s' = s (1 - s), and through the tanh.
        sigmoids = z[: 3 * self.units]
        slopes_of_sigmoids = np.subtract(
            1, sigmoids, out=self.scratch("slopes of sigmoids", sigmoids.shape)
        )
        slopes_of_sigmoids *= sigmoids
        dz[: 3 * self.units] *= slopes_of_sigmoids
        np.square(g, out=slopes)
        dg *= np.subtract(1, slopes, out=slopes)
        matmul(self.U.value, dz, out=dh)

    def _gates(self, z: Array) -> tuple[Array, Array, Array, Array]:
        i, f, o, g = z.reshape(4, self.units, -1)
        return i, f, o, g
