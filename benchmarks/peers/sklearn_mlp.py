"""scikit-learn's multi-layer perceptrons, with ``partial_fit``."""

import numpy as np
from jobs import Array, Job, as_float
from sklearn.neural_network import MLPClassifier, MLPRegressor

import peers


class Peer(peers.Peer):
    """An estimator; the data as float32 arrays of NumPy. Its squared error is halved."""

    gives_probabilities = True

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        if job.first:
            raise peers.CannotDo("scikit-learn has affine layers only")
        self.x, self.t = as_float(data[0]), data[1]
        self.regression = job.is_regression
        make = MLPRegressor if self.regression else MLPClassifier
        self.estimator = make(
            hidden_layer_sizes=job.widths[1:-1],
            solver=job.optimizer,
            alpha=0.0,
            batch_size=job.batch,
            learning_rate_init=0.1 if job.optimizer == "sgd" else 0.001,
            momentum=0.0,
            nesterovs_momentum=False,
        )
        self.batch = job.batch
        # The first call also sets the classes.
        classes = {} if self.regression else {"classes": np.arange(10)}
        self.estimator.partial_fit(self.x[: job.batch], self.t[: job.batch], **classes)

    def train(self, steps: int) -> None:
        """Pass over the shuffled data as often as necessary; a call splits it into batches."""
        while steps:
            now = min(steps, len(self.x) // self.batch)
            self.estimator.partial_fit(self.x[: now * self.batch], self.t[: now * self.batch])
            steps -= now

    def predict(self, x: Array) -> Array:
        """Return the probabilities, or the numbers."""
        predict = self.estimator.predict if self.regression else self.estimator.predict_proba
        outputs: Array = predict(x)
        return outputs
