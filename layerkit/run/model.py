"""A trained network, read back from the folder of its run."""

import json
import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from layerkit.arrayfiles import NpzFile
from layerkit.builder import build_network
from layerkit.errors import DataError, UserError
from layerkit.files import open_file
from layerkit.network import Network
from layerkit.paths import expanded
from layerkit.plugins import load_registry
from layerkit.registry import Registry
from layerkit.run.provenance import compare, lock_of, provenance, remember
from layerkit.spec import TrainingSpec, load_spec
from layerkit.types import Array
from layerkit.wording import LONGEST_VALUE, shortened

T = TypeVar("T")

LONGEST_RECORD = 1_000_000
"""Bytes of a ``run.json``, at most."""


def load_model(
    folder: str | PathLike[str],
    parameters: Literal["best", "last"] = "best",
    *,
    locked: bool = False,
    registry: Registry | None = None,
) -> Network:
    """Return the network of a run, trained.

    A change of the code of its components since is warned of.

    Args:
        folder: The folder of the run, as in ``runs/digits-20261123-140342``.
        parameters: Those of the best evaluation, or of the last one.
        locked: Whether a change of the code is an error instead.
        registry: The components there are; by default those installed.

    Raises:
        UserError: A file cannot be read; or the code has changed, and ``locked`` is set.
        SpecError: A plugin that the spec needs is not there.
        DataError: The record of the run or the parameters are damaged, the parameters are not
            those of the spec, or not finite in its type.
    """
    folder = expanded(folder)
    file = folder / "spec.json"
    if registry is None:
        registry = load_registry()
        remember(registry, file)
    spec = load_spec(file, registry)
    if not isinstance(spec.content, TrainingSpec):
        raise DataError(f"{file}: is the spec of a graph, which is not trained")
    network = build_network(spec, _input_shape(folder / "run.json"))
    changes = compare(lock_of(file), provenance(spec), locked=locked, machine=False)
    if changes:
        warnings.warn(f"{folder}: {'; '.join(changes)}", stacklevel=2)
    values = _parameters(folder / f"{parameters}.npz", network)
    network.initialize()
    for name, variable in network.variables.items():
        variable.value = values[name]
    return network


def _input_shape(file: Path) -> tuple[int, ...]:
    """Return the shape of an example, as the record of a run has it."""
    try:
        with open_file(file) as opened:
            text = opened.read(LONGEST_RECORD + 1)
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None
    try:
        if len(text) > LONGEST_RECORD:
            raise ValueError
        shape = json.loads(text)["input_shape"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{file}: has no input_shape; it is not the record of a run") from None
    if type(shape) is not list or not all(type(n) is int and 0 < n < 2**63 for n in shape):
        raise DataError(
            f"{file}: input_shape must be an array of integers above 0, got "
            f"{shortened(json.dumps(shape), LONGEST_VALUE)}; it is not the record of a run"
        )
    return tuple(shape)


def _parameters(file: Path, network: Network) -> dict[str, Array]:
    """Return the values of all variables of a network, finite and in its type."""
    try:
        with open_file(file) as opened:
            try:
                archive = NpzFile(opened)
            except ValueError as error:
                raise DataError(f"{file}: is damaged: {error}") from None
            _check_headers(file, archive, network)
            return {name: _value(file, archive, name, network.dtype) for name in network.variables}
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None


def _check_headers(file: Path, archive: NpzFile, network: Network) -> None:
    """Refuse an archive of other arrays than the network has variables, before reading them."""
    expected = {name: variable.shape for name, variable in network.variables.items()}
    for name in sorted({*expected, *archive.names}):
        header = _read(file, name, archive.header) if name in archive.names else None
        shape = header.shape if header else "none"
        if expected.get(name, "none") != shape:
            raise DataError(
                f"{file}: must hold {shortened(name)} of shape {expected.get(name, 'none')}, "
                f"got {shape}"
            )
        if header and header.dtype.kind != "f":
            raise DataError(f"{file}: {name} must hold floats, got {header.dtype}")


def _value(file: Path, archive: NpzFile, name: str, dtype: np.dtype[Any]) -> Array:
    """Return the value of a variable."""
    stored = _read(file, name, archive.array)
    with np.errstate(over="ignore"):
        value = stored.astype(dtype)
    finite = np.isfinite(value)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        at = f"[{', '.join(map(str, place))}]" if place else ""
        raise DataError(
            f"{file}: {name}{at} must be a finite number in {dtype}, got {stored[place]}"
        )
    return value


def _read(file: Path, name: str, read: Callable[[str], T]) -> T:
    try:
        return read(name)
    except ValueError as error:
        raise DataError(f"{file}: {shortened(name)} is damaged: {error}") from None
