"""Writing and reading parameters and states on disk, under their names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from layerkit.arrayfiles import NpzFile
from layerkit.errors import DataError, UserError
from layerkit.files import open_file
from layerkit.network import Network
from layerkit.run.folder import RunFolder
from layerkit.types import Array
from layerkit.wording import shortened

T = TypeVar("T")

Which: TypeAlias = Literal["best", "last"]


def write_weights(
    folder: RunFolder, which: Which, network: Network, params: Array, states: Array
) -> None:
    """Write parameters and states of a network as ``.npz``.

    Args:
        folder: The folder of the run.
        which: Those of the best evaluation, or of the last one.
        network: The network that gives their names.
        params: A vector like ``network.params``.
        states: A vector like ``network.states``.

    Raises:
        RunError: The file cannot be written.
    """
    arrays: dict[str, Any] = network.named(params, states)
    folder.write(f"{which}.npz", lambda file: np.savez(file, **arrays))


def read_weights(folder: Path, which: Which, network: Network) -> dict[str, Array]:
    """Return the values of all variables of a network, finite and in its type.

    Args:
        folder: The folder of the run.
        which: Those of the best evaluation, or of the last one.
        network: The network that has the variables.

    Raises:
        UserError: The file cannot be read.
        DataError: It is damaged, or does not hold the variables of this network.
    """
    file = folder / f"{which}.npz"
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
    """Refuse an archive whose arrays do not match the network's variables, before reading them."""
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
