"""A trained network, read back from the folder of its run."""

import json
import warnings
from os import PathLike
from pathlib import Path
from typing import get_args

from layerkit.arguments import check_instance, shown
from layerkit.builder import build_network
from layerkit.errors import DataError, OptionError, UserError
from layerkit.files import open_file
from layerkit.network import Network
from layerkit.paths import expanded
from layerkit.plugins import load_registry
from layerkit.registry import Registry
from layerkit.run.locks import compare, lock_of, remember
from layerkit.run.provenance import provenance
from layerkit.run.weights import Which, read_weights
from layerkit.spec import TrainingSpec, load_spec
from layerkit.wording import LONGEST_VALUE, shortened

LONGEST_RECORD = 1_000_000
"""The most bytes of a ``run.json``."""


def load_model(
    folder: str | PathLike[str],
    parameters: Which | None = None,
    *,
    locked: bool = False,
    registry: Registry | None = None,
) -> Network:
    """Return the trained network of a run.

    It warns if the code of the run's packages has changed since.

    Args:
        folder: The folder of the run, as in ``runs/digits-20261123-140342``.
        parameters: Those of the best evaluation, or of the last one; by default the best, if the
            run had a validation part to choose them by, and else the last.
        locked: Whether changed code is an error instead.
        registry: The available components; by default those installed.

    Raises:
        OptionError: ``parameters`` is not one of these.
        UserError: A file cannot be read; or the code has changed, and ``locked`` is set.
        SpecError: A plugin that the spec needs is missing.
        DataError: The record of the run or the parameters are damaged, or the parameters do not
            match the spec or are not finite in its type.
    """
    folder = expanded(folder)
    if parameters is not None and parameters not in get_args(Which):
        expected = " or ".join(map(repr, get_args(Which)))
        raise OptionError(f"parameters must be {expected}, got {shown(parameters)}")
    if registry is not None:
        check_instance(registry, Registry, "registry")
    file = folder / "spec.json"
    if registry is None:
        registry = load_registry()
        remember(registry, file)
    spec = load_spec(file, registry)
    if not isinstance(spec.content, TrainingSpec):
        raise DataError(f"{file}: is the spec of a graph, which is not trained")
    shape, has_best = _read_record(folder / "run.json")
    network = build_network(spec, shape)
    changes = compare(
        lock_of(file), provenance(spec, is_in_full=locked), locked=locked, machine=False
    )
    if changes:
        warnings.warn(f"{folder}: {'; '.join(changes)}", stacklevel=2)
    if parameters is None:
        parameters = "best" if has_best else "last"
    values = read_weights(folder, parameters, network)
    network.initialize()
    for name, variable in network.variables.items():
        variable.value = values[name]
    return network


def _read_record(file: Path) -> tuple[tuple[int, ...], bool]:
    """Return the shape of an example, and whether an evaluation was the best of the run."""
    try:
        with open_file(file) as opened:
            text = opened.read(LONGEST_RECORD + 1)
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None
    try:
        if len(text) > LONGEST_RECORD:
            raise ValueError
        record = json.loads(text)
        shape, best = record["input_shape"], record.get("best")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError(f"{file}: has no input_shape; it is not the record of a run") from None
    if type(shape) is not list or not all(type(n) is int and 0 < n < 2**63 for n in shape):
        raise DataError(
            f"{file}: input_shape must be an array of integers above 0, got "
            f"{shortened(json.dumps(shape), LONGEST_VALUE)}; it is not the record of a run"
        )
    return tuple(shape), best is not None
