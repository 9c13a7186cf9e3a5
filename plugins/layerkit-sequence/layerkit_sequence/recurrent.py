"""The base class of recurrent layers."""

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
    matmul,
)


class Recurrent(Layer):
    """A layer that processes a sequence step by step, with a state of ``units`` numbers.

    Time is the first axis of all its arrays and the batch the last one, so the numbers of a step,
    and of each gate in it, are contiguous. Elementwise, NumPy is four times as fast on such an
    array as on some columns of one. Everything that needs no state is computed for all steps
    before the loop, and the gradient of the input after it.

    Attributes:
        gates: The number of vectors of ``units`` numbers that a step computes.
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
        # Each step keeps the input with its 1, the gates, and about as many states.
        self.scratch_size = shape[0] * (shape[1] + 1 + 2 * width)
        return (self.units,) if self.returns == "last" else (shape[0], self.units)

    def forward(self, x: Array) -> Array:
        """Return the last state, or the states of all steps."""
        batch, steps, features = x.shape
        # The last feature is 1, and its weight is the bias.
        self._x = self.scratch("x", (steps, features + 1, batch))
        self._x[:, :-1] = self._in_time(x)
        self._x[:, -1] = 1
        weights = self.scratch("weights", (features + 1, self.gates * self.units))
        weights[:-1] = self.W.value
        weights[-1] = self.b.value
        z = self.scratch("z", (steps, self.gates * self.units, batch))
        self._z = matmul(weights.T, self._x, out=z)
        # A state before each step, and the last one.
        self._h = self.scratch("h", (steps + 1, self.units, batch))
        self._h[0] = 0
        self.begin(steps, batch)
        for t in range(steps):
            self.step(t, z[t], self._h[t], self._h[t + 1])
        if self.returns == "last":
            last: Array = self._h[-1]
            return last.T
        y = self.scratch("y", (batch, steps, self.units))
        self._in_time(y)[...] = self._h[1:]
        return y

    def backward(self, dout: Array) -> Array | None:
        """Set the gradients of the parameters, and return that of ``x``."""
        steps, features, batch = self._x.shape
        dz = self.scratch("dz", self._z.shape)
        dh = self.scratch("dh", (self.units, batch))
        dh[...] = dout.T if self.returns == "last" else 0
        douts = None if self.returns == "last" else self._in_time(dout)
        self.begin_back(steps, batch)
        for t in range(steps - 1, -1, -1):
            if douts is not None:
                dh += douts[t]
            self.step_back(t, dh, dz[t])
        # One product over all steps takes two thirds of the time of a product for each step.
        of_all = self._over_steps("dz over steps", dz)
        matmul(
            self._over_steps("h over steps", self._h[:-1]),
            self.recurrent(of_all).T,
            out=self.U.grad,
        )
        dweights = matmul(
            self._over_steps("x over steps", self._x),
            of_all.T,
            out=self.scratch("dweights", (features, self.gates * self.units)),
        )
        self.W.grad[...] = dweights[:-1]
        self.b.grad[...] = dweights[-1]
        if not self.needs_input_grad:
            return None
        dx = self.scratch("dx", (batch, steps, features - 1))
        self._in_time(dx)[...] = matmul(self.W.value, dz)
        return dx

    def begin(self, steps: int, batch: int) -> None:
        """Prepare for the steps of ``forward``; by default do nothing."""

    def begin_back(self, steps: int, batch: int) -> None:
        """Prepare for the steps of ``backward``; by default do nothing."""

    @abstractmethod
    def step(self, t: int, z: Array, h: Array, out: Array) -> None:
        """Compute the states of a batch, ``(units, batch)``.

        Args:
            t: The step.
            z: ``x W + b``, ``(gates units, batch)``; overwritten with the values of the gates.
            h: The states before the step.
            out: The array for the new states.
        """

    @abstractmethod
    def step_back(self, t: int, dh: Array, dz: Array) -> None:
        """Go back through a step.

        Args:
            t: The step.
            dh: The gradient with respect to the new states; overwritten with the gradient with
                respect to the states before the step.
            dz: The array for the gradient with respect to ``x W + b``.
        """

    def recurrent(self, dz: Array) -> Array:
        """Return the gradients with respect to ``h U`` as ``(gates units, time batch)``.

        By default, they are the gradients with respect to ``x W + b``.

        Args:
            dz: The gradients with respect to ``x W + b``, ``(gates units, time batch)``.
        """
        return dz

    def _in_time(self, array: Array) -> Array:
        """Return ``(batch, time, n)`` as a view ``(time, n, batch)``, in the order of the steps."""
        view = array.transpose(1, 2, 0)
        return view[::-1] if self.reverse else view

    def _over_steps(self, name: str, array: Array) -> Array:
        """Return ``(time, n, batch)`` as ``(n, time batch)``, in the scratch array of that name."""
        steps, n, batch = array.shape
        out = self.scratch(name, (n, steps, batch))
        out[...] = array.swapaxes(0, 1)
        return out.reshape(n, steps * batch)


def gate(z: Array) -> None:
    """Turn ``z`` into ``sigmoid(z)``.

    It uses ``(1 + tanh(z / 2)) / 2``, because NumPy's tanh is faster than its exponential. For
    gates close to 0 only the absolute error is small, which suffices for a factor.
    """
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
