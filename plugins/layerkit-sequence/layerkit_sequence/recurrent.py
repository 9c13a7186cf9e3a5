"""What recurrent layers have in common."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from layerkit import (
    Array,
    Initializer,
    Layer,
    Parameter,
    PositiveInt,
    Shape,
    ShapeError,
    Xavier,
    Zeros,
)


class Recurrent(Layer):
    """A layer that goes through a sequence step by step, with a state of ``units`` numbers.

    Time is the first axis of all its arrays, so that what belongs to one step lies together. What
    needs no state is computed for all steps in one product: the part of the input before the
    loop, the gradients of the parameters and of the input after it.

    Attributes:
        gates: How many vectors of ``units`` numbers a step computes.
    """

    gates: ClassVar[int]
    W: Parameter
    U: Parameter
    b: Parameter

    def __init__(
        self,
        units: PositiveInt,
        returns: Literal["last", "sequence"] = "last",
        reverse: bool = False,
        weight_init: Initializer = Xavier(),  # noqa: B008  initializers hold no state
        recurrent_init: Initializer = Xavier(),  # noqa: B008
        bias_init: Initializer = Zeros(),  # noqa: B008
    ) -> None:
        self.units = units
        self.returns = returns
        self.reverse = reverse
        self.weight_init = weight_init
        self.recurrent_init = recurrent_init
        self.bias_init = bias_init

    def build(self, shape: Shape) -> Shape:
        """Declare ``W``, ``U`` and ``b``."""
        if len(shape) != 2 or not shape[0]:
            raise ShapeError("takes sequences (time, features)", 'put "reshape" before it')
        width = self.gates * self.units
        self.W = Parameter((shape[1], width), self.weight_init)
        self.U = Parameter((self.units, width), self.recurrent_init)
        self.b = Parameter((width,), self.bias_init)
        return (self.units,) if self.returns == "last" else (shape[0], self.units)

    def forward(self, x: Array) -> Array:
        """Return the last state, or the states of all steps."""
        batch, steps, features = x.shape
        self._x = self.scratch("x", (steps, batch, features))
        self._x[...] = self._in_time(x)
        z = self.scratch("z", (steps, batch, self.gates * self.units))
        np.matmul(_rows(self._x), self.W.value, out=_rows(z))
        z += self.b.value
        # A state before each step, and the last one.
        self._h = self.scratch("h", (steps + 1, batch, self.units))
        self._h[0] = 0
        self.begin(steps, batch)
        for t in range(steps):
            self.step(t, z[t], self._h[t], self._h[t + 1])
        self._z = z
        if self.returns == "last":
            return self._h[-1]
        y = self.scratch("y", (batch, steps, self.units))
        self._in_time(y)[...] = self._h[1:]
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of the parameters, and return that of ``x``."""
        steps, batch, features = self._x.shape
        dz = self.scratch("dz", self._z.shape)
        dh = self.scratch("dh", (batch, self.units))
        dh[...] = dout if self.returns == "last" else 0
        douts = None if self.returns == "last" else self._in_time(dout)
        self.begin_back(steps, batch)
        for t in range(steps - 1, -1, -1):
            if douts is not None:
                dh += douts[t]
            self.step_back(t, dh, dz[t])
        np.matmul(_rows(self._x).T, _rows(dz), out=self.W.grad)
        np.matmul(_rows(self._h[:-1]).T, _rows(self.recurrent(dz)), out=self.U.grad)
        np.sum(_rows(dz), axis=0, out=self.b.grad)
        if not self.needs_input_grad:
            return None
        dx = np.matmul(
            _rows(dz), self.W.value.T, out=self.scratch("dx in time", (steps * batch, features))
        )
        out = self.scratch("dx", (batch, steps, features))
        self._in_time(out)[...] = dx.reshape(steps, batch, features)
        return out

    def begin(self, steps: int, batch: int) -> None:
        """Prepare for the steps of ``forward``; by default there is nothing to do."""

    def begin_back(self, steps: int, batch: int) -> None:
        """Prepare for the steps of ``backward``; by default there is nothing to do."""

    @abstractmethod
    def step(self, t: int, z: Array, h: Array, out: Array) -> None:
        """Compute a state.

        Args:
            t: The step.
            z: ``x W + b``; it is turned into the values of the gates.
            h: The state before.
            out: Where to write the new one.
        """

    @abstractmethod
    def step_back(self, t: int, dh: Array, dz: Array) -> None:
        """Go back through a step.

        Args:
            t: The step.
            dh: The gradient by its new state; it is turned into that by the state before.
            dz: Where to write the gradient by ``x W + b``.
        """

    def recurrent(self, dz: Array) -> Array:
        """Return the gradients by ``h U``: those by ``x W + b``, unless a subclass differs."""
        return dz

    def _in_time(self, array: Array) -> Array:
        """Return a view with time as its first axis, in the order of the steps."""
        view = array.swapaxes(0, 1)
        return view[::-1] if self.reverse else view


def _rows(array: Array) -> Array:
    """Return the vectors of all steps and examples as rows."""
    return array.reshape(-1, array.shape[-1])
