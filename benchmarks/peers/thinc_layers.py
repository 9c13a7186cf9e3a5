"""Thinc: layers chained as functions, each step by hand."""

import numpy as np
from jobs import Array, Job, as_float
from thinc.api import SGD, Adam, CategoricalCrossentropy, L2Distance, Linear, Relu, Softmax, chain

import peers


class Peer(peers.Peer):
    """A chain; the data as float32 arrays of NumPy. Its squared error is a sum over the outputs."""

    gives_probabilities = True

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        if job.first:
            raise peers.CannotDo("Thinc has no such layer of its own that is trained this way")
        self.x, t = as_float(data[0]), data[1]
        self.t = t if job.is_regression else np.eye(10, dtype=np.float32)[t]
        last = Linear(job.widths[-1]) if job.is_regression else Softmax(job.widths[-1])
        self.model = chain(*(Relu(nO=width) for width in job.widths[1:-1]), last)
        self.model.initialize(X=self.x[: job.batch], Y=self.t[: job.batch])
        self.loss = L2Distance() if job.is_regression else CategoricalCrossentropy()
        # Without its own clipping and weight decay, which no other peer has by default.
        options = {"L2": 0.0, "grad_clip": 0.0}
        self.optimizer = SGD(0.1, **options) if job.optimizer == "sgd" else Adam(0.001, **options)
        self.batch = job.batch

    def train(self, steps: int) -> None:
        """Train on batches drawn at random."""
        rng = np.random.default_rng()
        for _ in range(steps):
            batch = rng.integers(len(self.x), size=self.batch)
            y, backprop = self.model.begin_update(self.x[batch])
            backprop(self.loss.get_grad(y, self.t[batch]))
            self.model.finish_update(self.optimizer)

    def predict(self, x: Array) -> Array:
        """Return the probabilities, or the numbers."""
        outputs: Array = self.model.predict(x)
        return outputs
