"""The chapter's own way: plain NumPy in float64, a class for each layer, a dict of parameters.

Source:
    Saito (2016), "Deep Learning from Scratch", sections 5.5 to 5.7 and 6.1, rewritten.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jobs import Array, Job

from peers import CannotDo, Comparable

Parameters = dict[str, Array]


class Relu:
    """``max(x, 0)``, remembering where it was cut."""

    def forward(self, x: Array) -> Array:
        """Return ``x`` with its negative elements set to 0."""
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout: Array) -> Array:
        """Return ``dout`` with the elements that were cut set to 0."""
        dout[self.mask] = 0
        return dout


class Affine:
    """``x W + b``."""

    def __init__(self, W: Array, b: Array) -> None:
        self.W = W
        self.b = b

    def forward(self, x: Array) -> Array:
        """Return ``x W + b``."""
        self.x = x
        out: Array = np.dot(x, self.W) + self.b
        return out

    def backward(self, dout: Array) -> Array:
        """Set the gradients, and return the gradient with respect to ``x``."""
        dx: Array = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class SoftmaxWithLoss:
    """Softmax with the cross-entropy of one-hot targets."""

    def forward(self, x: Array, t: Array) -> float:
        """Return the mean cross-entropy."""
        self.t = t
        exponentials = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = exponentials / np.sum(exponentials, axis=1, keepdims=True)
        return float(-np.sum(t * np.log(self.y + 1e-7)) / len(x))

    def backward(self) -> Array:
        """Return the gradient with respect to ``x``."""
        dx: Array = (self.y - self.t) / len(self.t)
        return dx


class MeanSquaredError:
    """The mean of the squared errors."""

    def forward(self, x: Array, t: Array) -> float:
        """Return the mean."""
        self.difference = x - t
        return float(np.mean(self.difference**2))

    def backward(self) -> Array:
        """Return the gradient with respect to ``x``."""
        dx: Array = 2 * self.difference / self.difference.size
        return dx


class MultiLayerNet:
    """Affine layers with a relu between each two, and a loss."""

    def __init__(self, params: Parameters, last: SoftmaxWithLoss | MeanSquaredError) -> None:
        self.params = params
        self.depth = len(params) // 2
        self.layers: dict[str, Any] = {}
        for i in range(1, self.depth + 1):
            self.layers[f"Affine{i}"] = Affine(params[f"W{i}"], params[f"b{i}"])
            if i < self.depth:
                self.layers[f"Relu{i}"] = Relu()
        self.last = last

    def predict(self, x: Array) -> Array:
        """Return the output for a batch."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Array, t: Array) -> float:
        """Return the loss of a batch."""
        return self.last.forward(self.predict(x), t)

    def gradient(self, x: Array, t: Array) -> tuple[float, Parameters]:
        """Return the loss of a batch, and its gradient with respect to each parameter."""
        loss = self.loss(x, t)
        dout = self.last.backward()
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads = {}
        for i in range(1, self.depth + 1):
            grads[f"W{i}"] = self.layers[f"Affine{i}"].dW
            grads[f"b{i}"] = self.layers[f"Affine{i}"].db
        return loss, grads


class SGD:
    """Gradient descent."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def update(self, params: Parameters, grads: Parameters) -> None:
        """Step along the gradient of each parameter."""
        for key in params:
            params[key] -= self.lr * grads[key]


class Adam:
    """Adam."""

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m: Parameters = {}
        self.v: Parameters = {}

    def update(self, params: Parameters, grads: Parameters) -> None:
        """Step along the mean gradient of each parameter, over the root of its mean square."""
        if not self.m:
            for key, value in params.items():
                self.m[key] = np.zeros_like(value)
                self.v[key] = np.zeros_like(value)
        self.iter += 1
        lr_t = self.lr * np.sqrt(1 - self.beta2**self.iter) / (1 - self.beta1**self.iter)
        for key in params:
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-8)


class Peer(Comparable):
    """The chapter's net, its data in float64 and its targets one-hot."""

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        if job.first:
            raise CannotDo("chapter 5 has no such layer")
        x, t = data
        self.x = x / 255 if x.dtype == np.uint8 else x.astype(np.float64)
        self.t = t if job.is_regression else np.eye(10)[t]
        self.job = job
        self.begin_with(job.initial())

    def begin_with(self, parameters: Sequence[tuple[Array, Array]]) -> None:
        """Rebuild the net."""
        params = {}
        for i, (weight, bias) in enumerate(parameters, 1):
            params[f"W{i}"] = weight.astype(np.float64)
            params[f"b{i}"] = bias.astype(np.float64)
        last = MeanSquaredError() if self.job.is_regression else SoftmaxWithLoss()
        self.network = MultiLayerNet(params, last)
        self.optimizer = SGD(0.1) if self.job.optimizer == "sgd" else Adam()

    def train(self, steps: int) -> None:
        """Train on batches drawn at random."""
        for _ in range(steps):
            self._step(np.random.choice(len(self.x), self.job.batch))  # noqa: NPY002

    def losses(self, batches: Array) -> list[float]:
        """Train on given examples."""
        return [self._step(batch) for batch in batches]

    def _step(self, batch_mask: Array) -> float:
        x_batch, t_batch = self.x[batch_mask], self.t[batch_mask]
        loss, grads = self.network.gradient(x_batch, t_batch)
        self.optimizer.update(self.network.params, grads)
        return loss

    def predict(self, x: Array) -> Array:
        """Return the output for a batch."""
        return self.network.predict(x)
