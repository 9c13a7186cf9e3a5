"""layerkit itself: a spec, and the trainer that ``layerkit run`` uses."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jobs import Array, Job

from layerkit import SpecError, Trainer, load_registry
from layerkit.builder import Experiment, build_experiment
from layerkit.spec import parse_spec
from peers import CannotDo, Comparable

FIRST: dict[str | None, list[Any]] = {
    None: [],
    "convolution": [
        {"type": "conv2d", "filters": 30, "size": 5},
        "relu",
        {"type": "max_pool2d", "size": 2},
        "flatten",
    ],
    "lstm": [{"type": "lstm", "units": 128}],
}


class Peer(Comparable):
    """The net as a spec; the data as bytes or floats in an archive."""

    def __init__(self, job: Job, data: tuple[Array, Array]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            x, t = data
            np.savez(Path(folder, "data.npz"), x=x, t=t, x_test=x[:10], t_test=t[:10])
            try:
                experiment = build(job, x.dtype == np.uint8, Path(folder))
            except SpecError as error:
                raise CannotDo(str(error)) from error
            self.data = experiment.dataset.load()
        self.trainer = Trainer(
            experiment.network.initialize(),
            self.data,
            experiment.optimizer,
            experiment.settings,
            experiment.metrics,
        )
        self.network = experiment.network

    def train(self, steps: int) -> None:
        """Make that many steps, as ``Trainer.run`` does between two evaluations."""
        self.trainer.train_until(self.trainer.step + steps)

    def predict(self, x: Array) -> Array:
        """Return the predictions of the network."""
        return self.network.predict(x)

    def begin_with(self, parameters: Sequence[tuple[Array, Array]]) -> None:
        """Set all parameters."""
        values = [value for pair in parameters for value in pair]
        for variable, value in zip(self.network.parameters.values(), values, strict=True):
            variable.value = value

    def losses(self, batches: Array) -> list[float]:
        """Train on given examples."""
        how, losses = self.trainer.fastest_step, []
        for step, batch in enumerate(batches):
            losses.append(how.gradients(batch))
            how.update(step)
        return losses


def build(job: Job, are_bytes: bool, folder: Path) -> Experiment:
    """Return the experiment of a job, whose data is an archive in a folder."""
    layers = [*FIRST[job.first]]
    for units in job.widths[1:]:
        layers += [{"type": "affine", "units": units}, "relu"]
    spec = {
        "version": 1,
        "data": {
            "type": "npz",
            "path": "data.npz",
            "x_test": "x_test",
            "t_test": "t_test",
            "scale": 1 / 255 if are_bytes else 1.0,
        },
        "layers": layers[:-1],
        "loss": "mean_squared_error" if job.is_regression else "softmax_with_loss",
        "optimizer": {"type": "sgd", "learning_rate": 0.1} if job.optimizer == "sgd" else "adam",
        "training": {"steps": 1, "batch_size": job.batch, "sampling": "with_replacement"},
    }
    return build_experiment(parse_spec(json.dumps(spec), load_registry(), folder=folder))
