"""The bare matrix products of a training step: a lower bound for NumPy."""

import numpy as np
from jobs import Array, Job

import peers


class Peer(peers.Peer):
    """The products of forward, of the weights' gradients, and of the hidden layers' gradients."""

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        if job.first:
            raise peers.CannotDo("there is more than the products of affine layers")
        rng = np.random.default_rng(0)
        x, *dys = (rng.random((job.batch, width), np.float32) for width in job.widths)
        self.weights = [weight for weight, _ in job.initial()]
        self.xs = [x, *(np.empty_like(dy) for dy in dys)]
        self.dys = dys
        self.dws = [np.empty_like(weight) for weight in self.weights]

    def train(self, steps: int) -> None:
        """Compute the products of that many steps."""
        layers = list(zip(self.xs, self.weights, self.xs[1:], self.dys, self.dws, strict=False))
        for _ in range(steps):
            for x, w, y, _, _ in layers:
                np.matmul(x, w, out=y)
            for x, _, _, dy, dw in reversed(layers):
                np.matmul(x.T, dy, out=dw)
            for w, dx, dy in zip(self.weights[1:], self.dys, self.dys[1:], strict=False):
                np.matmul(dy, w.T, out=dx)

    def predict(self, x: Array) -> Array:
        """Compute the products of a prediction."""
        for weight in self.weights:
            x = x @ weight
        return x
