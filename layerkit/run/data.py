"""Reading the data of a spec, checking its form, and reporting faults as problems of the spec."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from layerkit.builder import Experiment, data_problem
from layerkit.contracts.dataset import Data, check_form
from layerkit.errors import DataError, Problem, ShapeError
from layerkit.training.beginning import batch_problem


def load_data(experiment: Experiment) -> Data:
    """Return the data of an experiment, in the form that ``inspect`` returned, and read-only.

    The users of the data check its numbers: ``Trainer`` and ``check_gradients``.

    Raises:
        SpecError: A data file is missing or wrong, or the data does not have the form that
            ``inspect`` returned; a batch has fewer examples than a layer can train on; or the
            training does not fit in memory.
    """
    try:
        with about_data(experiment):
            data = experiment.dataset.load()
            check_form(data, experiment.form)
            for split in data.parts.values():
                for array in split.arrays:
                    _protect(array)
    except OSError as error:  # of a file that opens, and then cannot be read
        raise experiment.spec.error(data_problem(f"cannot be read: {error}")) from error
    except MemoryError as error:
        raise experiment.spec.error(data_problem(error)) from error
    too_small = batch_problem(experiment.network, experiment.settings, len(data.train))
    if too_small:
        place = ("training", "batch_size")
        raise experiment.spec.error(Problem("small-batch", place, too_small))
    experiment.check_memory(len(data.train), data.most_evaluated)
    return data


def large_batch(experiment: Experiment, examples: int) -> str:
    """Return a warning if the spec sets a batch size larger than the number of examples."""
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
    """Report faults of the data as problems of the spec that names it.

    Raises:
        SpecError: In place of a ``DataError`` or ``ShapeError`` raised inside the context.
    """
    try:
        yield
    except (DataError, ShapeError) as error:
        raise experiment.spec.error(data_problem(error)) from error


def _protect(array: Any) -> None:
    """Make an array and its bases read-only, because faster steps may rely on that."""
    while isinstance(array, np.ndarray):
        array.flags.writeable = False
        array = array.base
