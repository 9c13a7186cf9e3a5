"""Keras on JAX, with ``fit``."""

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras
from jobs import Array, Job, as_float
from keras import layers

import peers

FIRST: dict[str | None, Any] = {
    None: list,
    "convolution": lambda: [
        layers.Conv2D(30, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
    ],
    "lstm": lambda: [layers.LSTM(128)],
}


class Peer(peers.Peer):
    """A ``Sequential``; the data as float32 arrays of NumPy."""

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        x, self.t = as_float(data[0]), data[1]
        # Keras takes images with their channels last.
        self.x = x.transpose(0, 2, 3, 1) if job.first == "convolution" else x
        hidden = [layers.Dense(width, activation="relu") for width in job.widths[1:-1]]
        self.model = keras.Sequential(
            [
                keras.Input(self.x.shape[1:]),
                *FIRST[job.first](),
                *hidden,
                layers.Dense(job.widths[-1]),
            ]
        )
        self.model.compile(
            keras.optimizers.SGD(0.1) if job.optimizer == "sgd" else keras.optimizers.Adam(0.001),
            "mean_squared_error"
            if job.is_regression
            else keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.batch = job.batch

    def train(self, steps: int) -> None:
        """Pass over the shuffled data as often as necessary."""
        while steps:
            now = min(steps, len(self.x) // self.batch)
            rows = now * self.batch
            self.model.fit(self.x[:rows], self.t[:rows], batch_size=self.batch, verbose=0)
            steps -= now

    def predict(self, x: Array) -> Array:
        """Return the outputs."""
        outputs: Array = self.model.predict(x, batch_size=10_000, verbose=0)
        return outputs
