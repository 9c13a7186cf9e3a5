"""The hash of the installed files of a distribution, for every kind of installation."""

import csv
import hashlib
import json
import os
import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import resources
from importlib.machinery import all_suffixes
from importlib.metadata import Distribution
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from layerkit.distributions import DamagedError, read_text
from layerkit.files import open_file

CODE = tuple(all_suffixes())
"""The endings of the files that this Python imports."""

MISSING = "missing"
"""The placeholder for the hash of a file that is listed but missing."""


def distribution_hash(
    distribution: Distribution | None, modules: set[str], is_in_full: bool = False
) -> str | None:
    """Return the SHA-256 over all files of a distribution that can be imported, data included.

    It is the hash of one line ``PATH SHA256`` for each file, in alphabetical order. It excludes
    ``__pycache__`` and everything outside the packages: scripts and metadata.

    Args:
        distribution: The distribution; None if its metadata is missing, as in a frozen program.
        modules: Its known top-level modules. They are searched if it has no list of its files, or
            if it is installed from a source tree in place (*editable*).
        is_in_full: Whether every file is read, and no hash from the time of the installation is
            trusted: a file may change and keep its size and an old time, as ``rsync -a`` leaves it.

    Returns:
        The hash in hexadecimal; None if the files are not available, as in a frozen program.
    """
    if getattr(sys, "frozen", False):  # the files beside the program are not all of its code
        return None
    listed = (
        None
        if distribution is None or _is_editable(distribution)
        else _listed(distribution, is_in_full)
    )
    files = listed or dict(entry for module in sorted(modules) for entry in _of_module(module))
    if not files:
        return None
    lines = (f"{path} {digest}\n" for path, digest in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _is_editable(distribution: Distribution) -> bool:
    try:
        origin: Any = json.loads(read_text(distribution, "direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))
    except (DamagedError, ValueError, AttributeError):  # damaged, so use the listed files
        return False


def _listed(distribution: Distribution, is_in_full: bool) -> dict[str, str]:
    """Return the hash of each file that ``RECORD`` lists, and of code that was added since.

    Such code is in the packages, or has the name of a module and may be imported in its place.

    It is empty if there is no such list.

    ``RECORD`` holds the size and the hash that a file had when it was installed. The hash is taken
    from there if the file still has that size and is not newer than the list, because reading all
    files of NumPy would double the time of a short run. Otherwise the file is read.
    """
    record = getattr(distribution, "_path", None)
    if not isinstance(record, Path) or not (record := record / "RECORD").is_file():
        return {}
    root, installed_at = str(record.parent.parent), record.stat().st_mtime_ns
    files: dict[str, str] = {}
    with record.open(encoding="utf-8", errors="surrogateescape", newline="") as text:
        for row in csv.reader(text):
            path, stated, size = (*row, "", "", "")[:3]
            if path and _counts(path) and not os.path.isabs(path):
                file = f"{root}{os.sep}{path}"
                files[path] = (
                    _hash_of_content(file)
                    if is_in_full
                    else _hash_of(file, stated, size, installed_at)
                )
    packages = _packages(files)
    for module in _modules(files, packages):
        # Python prefers a package, and among files some endings, so it may import one of these.
        if any(os.path.isfile(f"{root}{os.sep}{module}/__init__{ending}") for ending in CODE):
            packages.append(f"{module}/")
        for path in (f"{module}{ending}" for ending in CODE):
            if path not in files and os.path.isfile(f"{root}{os.sep}{path}"):
                files[path] = _hash_of_content(f"{root}{os.sep}{path}")
    for package in packages:
        for path in _files_in(f"{root}{os.sep}{package}", package):
            if path.endswith(CODE) and path not in files:
                files[path] = _hash_of_content(f"{root}{os.sep}{path}")
    return files


def _packages(files: Iterable[str]) -> list[str]:
    """Return the outermost packages among files, each with a slash at its end.

    A folder without ``__init__`` may belong to several distributions, so it is none.
    """
    packages: list[str] = []
    for folder in sorted(path[: path.rindex("/") + 1] for path in files if "/__init__." in path):
        if not packages or not folder.startswith(packages[-1]):
            packages.append(folder)
    return packages


def _modules(files: Iterable[str], packages: list[str]) -> set[str]:
    """Return the paths of the modules outside the packages, without their endings."""
    return {
        path[: path.index(".", path.rfind("/") + 1)]
        for path in files
        if path.endswith(CODE) and not path.startswith(tuple(packages))
    }


def _counts(path: str) -> bool:
    """Return whether a file can be imported, or read by imported code."""
    top, _, _ = path.partition("/")
    return not (
        path.endswith(".pth")
        or "__pycache__" in path
        or top == ".."
        or top.endswith((".dist-info", ".egg-info"))
    )


def _hash_of(path: str, stated: str, size: str, installed_at: int) -> str:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # a damaged list may contain an invalid name
        return MISSING
    algorithm, _, digest = stated.partition("=")
    if algorithm == "sha256" and size == str(status.st_size) and status.st_mtime_ns <= installed_at:
        with suppress(ValueError):  # raised for a damaged list
            content = urlsafe_b64decode(digest + "=" * (-len(digest) % 4))
            if len(content) == hashlib.sha256().digest_size:
                return content.hex()
    return _hash_of_content(path)


def _hash_of_content(path: str) -> str:
    try:
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return MISSING


def _of_module(name: str) -> Iterator[tuple[str, str]]:
    """Yield each file of a top-level module, and its hash."""
    try:
        spec = getattr(sys.modules.get(name), "__spec__", None) or find_spec(name)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    places = list(spec.submodule_search_locations or ())
    for place in places:
        if os.path.isdir(place):
            yield from _of_folder(name, place)
    if any(map(os.path.isdir, places)):
        return
    if places:
        yield from _of_resources(name, resources.files(name))
    elif spec.origin is not None:
        data = _read(spec.loader, spec.origin)
        if data is not None:
            yield f"{name}{os.path.splitext(spec.origin)[1]}", hashlib.sha256(data).hexdigest()


def _of_folder(name: str, folder: str) -> Iterator[tuple[str, str]]:
    for path in _files_in(folder, ""):
        yield f"{name}/{path}", _hash_of_content(f"{folder}{os.sep}{path}")


def _files_in(folder: str, prefix: str) -> Iterator[str]:
    """Yield the path of each file inside a folder, after a prefix; caches are left out."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield f"{prefix}{entry.name}"
            elif entry.name != "__pycache__" and not entry.is_symlink():  # which may lead back
                yield from _files_in(entry.path, f"{prefix}{entry.name}/")


def _of_resources(path: str, folder: Traversable) -> Iterator[tuple[str, str]]:
    """Yield the files of a package that is in an archive."""
    try:
        for inner in folder.iterdir():
            inside = f"{path}/{inner.name}"
            if inner.is_dir():
                if inner.name != "__pycache__":
                    yield from _of_resources(inside, inner)
            else:
                yield inside, hashlib.sha256(inner.read_bytes()).hexdigest()
    except OSError:  # a frozen program has no such folder
        return


def _read(loader: Any, path: str) -> bytes | None:
    """Return a file of a module through its loader, which can read archives."""
    try:
        data: bytes = loader.get_data(path)
        return data
    except (AttributeError, OSError):
        return None
