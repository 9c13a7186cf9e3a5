"""Laws of data sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from layerkit.contracts.dataset import Data, Dataset, Form, check_form
from layerkit.errors import DataError
from layerkit.spec.components import Reading
from layerkit.testing.subject import LawBroken, Subject
from layerkit.types import Array


@contextmanager
def _each(subject: Subject) -> Iterator[list[Dataset]]:
    """Create the data set of each use, with its files in a temporary folder."""
    reading, name = subject.reading
    with TemporaryDirectory() as folder:
        datasets = []
        for i, (example, _) in enumerate(subject.uses):
            place = Path(folder, str(i))
            place.mkdir()
            for file, content in example.files.items():
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                (place / file).write_bytes(content)
            value = {"type": name, **example.options}
            datasets.append(Reading(reading.registry, place).component(Dataset, value).create())
        yield datasets


def _loaded(subject: Subject) -> list[tuple[Form, Data]]:
    """Return the form and the data of each use; nothing for a data set that downloads."""
    assert issubclass(subject.cls, Dataset)
    if subject.cls.downloads:
        return []
    with _each(subject) as datasets:
        return [(dataset.inspect(), dataset.load()) for dataset in datasets]


def a_form_is_told_beforehand(subject: Subject) -> None:
    """``inspect`` returns a ``Form``, the same each time."""
    with _each(subject) as datasets:
        for dataset in datasets:
            form = dataset.inspect()
            if not isinstance(form, Form):
                raise LawBroken(f"inspect must return a Form, got {form!r}")
            if dataset.inspect() != form:
                raise LawBroken(f"inspect returns {form} first, and then {dataset.inspect()}")


def the_data_has_the_form_that_was_told(subject: Subject) -> None:
    """Examples and targets have the form that ``inspect`` returns, and labels are in its range."""
    for form, data in _loaded(subject):
        try:
            check_form(data, form)
        except DataError as error:
            raise LawBroken(f"load does not give the form of inspect: {error}") from None


def loaded_again_it_is_the_same(subject: Subject) -> None:
    """The same options give the same data, whatever random numbers were drawn elsewhere."""
    loads = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002  it must not draw from this generator
        loads.append([a for _, data in _loaded(subject) for a in _arrays(data)])
    if not all(map(np.array_equal, *loads)):
        raise LawBroken("loading again gives other data; draw from a generator with a seed")


def examples_are_numbers(subject: Subject) -> None:
    """Examples are integers or floats, and finite once scaled."""
    for _, data in _loaded(subject):
        for split in data.parts.values():
            if split.x.dtype.kind not in "uif" or split.t.dtype.kind not in "uif":
                raise LawBroken(
                    f"examples and targets must be numbers, got {split.x.dtype} and {split.t.dtype}"
                )
            if not np.isfinite(split.x * split.scale).all() or not np.isfinite(split.t).all():
                raise LawBroken("there are numbers that are not finite")


def _arrays(data: Data) -> list[Array]:
    return [np.asarray(a) for split in data.parts.values() for a in (split.x, split.t)]


LAWS = (
    a_form_is_told_beforehand,
    the_data_has_the_form_that_was_told,
    loaded_again_it_is_the_same,
    examples_are_numbers,
)
