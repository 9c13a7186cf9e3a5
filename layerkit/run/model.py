"""A trained network, read back from the folder of its run."""

import json
import warnings
import zipfile
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from layerkit.builder import build_network
from layerkit.errors import DataError, UserError
from layerkit.network import Network
from layerkit.paths import expanded
from layerkit.plugins import load_registry
from layerkit.registry import Registry
from layerkit.run.provenance import compare, lock_of, provenance
from layerkit.spec import load_spec


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
        registry: The components there are; those installed unless given.

    Raises:
        UserError: A file cannot be read; or the code has changed, and ``locked`` is set.
        SpecError: A plugin that the spec needs is not there.
        DataError: The parameters are damaged, or not those of the spec.
    """
    folder = expanded(folder)
    file = folder / "spec.json"
    spec = load_spec(file, load_registry() if registry is None else registry)
    network = build_network(spec, _input_shape(folder / "run.json"))
    changes = compare(lock_of(file), provenance(spec), locked=locked)
    if changes:
        warnings.warn(f"{folder}: {'; '.join(changes)}", stacklevel=2)
    network.initialize()
    _read_parameters(folder / f"{parameters}.npz", network)
    return network


def _input_shape(file: Path) -> tuple[int, ...]:
    try:
        return tuple(json.loads(file.read_bytes())["input_shape"])
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{file}: has no input_shape; it is not the record of a run") from None


def _read_parameters(file: Path, network: Network) -> None:
    try:
        # Opened here, because NumPy leaves a file that is no archive open.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            arrays: dict[str, Any] = dict(archive)
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{file}: is damaged: {error}") from None
    wanted = {name: variable.shape for name, variable in network.variables.items()}
    found = {name: array.shape for name, array in arrays.items()}
    if wanted != found:
        differing = sorted(n for n in wanted | found if wanted.get(n) != found.get(n))
        name = differing[0]
        raise DataError(
            f"{file}: must hold {name} of shape {wanted.get(name, 'none')}, "
            f"got {found.get(name, 'none')}"
        )
    for name, variable in network.variables.items():
        variable.value = arrays[name]
