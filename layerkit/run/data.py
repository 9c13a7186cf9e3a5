"""The data of a spec: read, held to what was told of them, and judged as problems of the spec."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from layerkit.builder import Experiment, data_problem
from layerkit.contracts.dataset import Data, check_form
from layerkit.errors import DataError, Problem, ShapeError
from layerkit.training.beginning import batch_problem


def load_data(experiment: Experiment) -> Data:
    """Return the data of an experiment, of the form that was told, and protected from changes.

    Whoever uses the numbers looks at them: ``Trainer`` does, and so does ``check_gradients``.

    Raises:
        SpecError: A data file is missing or wrong, or does not have the form it promised; a batch
            has fewer examples than a layer can train on; or the training does not fit in memory.
    """
    try:
        with about_data(experiment):
            data = experiment.dataset.load()
            for part, split in data.parts:
                check_form(part, split, experiment.form)
                _protect(split.x)
                _protect(split.t)
    except OSError as error:  # of a file that opens, and then cannot be read
        raise experiment.spec.error(data_problem(f"cannot be read: {error}")) from error
    except MemoryError as error:
        raise experiment.spec.error(data_problem(error)) from error
    too_small = batch_problem(experiment.network, experiment.settings, len(data.train))
    if too_small:
        place = ("training", "batch_size")
        raise experiment.spec.error(Problem("small-batch", place, too_small))
    experiment.check_memory(len(data.train), len(data.test))
    return data


def large_batch(experiment: Experiment, examples: int) -> str:
    """Return a warning where the spec asks for batches of more examples than there are."""
    settings = experiment.settings
    if settings.batch_size <= examples or "batch_size" not in settings.model_fields_set:
        return ""
    takes = "each step takes them all"
    if settings.sampling == "with_replacement":
        takes = "each step draws some of them several times"
    problem = Problem(
        "large-batch",
        ("training", "batch_size"),
        f"is {settings.batch_size:,}, but there are {examples:,} training examples",
        hint=takes,
    )
    return experiment.spec.located(problem)


@contextmanager
def about_data(experiment: Experiment) -> Iterator[None]:
    """Report what is wrong with data as a problem of the spec that names them.

    Raises:
        SpecError: In place of a ``DataError``, and of a ``ShapeError``, that was raised within.
    """
    try:
        yield
    except (DataError, ShapeError) as error:
        raise experiment.spec.error(data_problem(error)) from error


def _protect(array: Any) -> None:
    """Let nobody change an array by mistake, be it through another one: steps may build on that."""
    while isinstance(array, np.ndarray):
        array.flags.writeable = False
        array = array.base
