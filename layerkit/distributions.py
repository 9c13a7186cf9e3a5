"""Installed distributions, each read separately, so a damaged one does not affect the others."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions

from layerkit.wording import visible

METADATA_FOLDER = (".dist-info", ".egg-info")
"""The endings of the names of metadata folders."""


class DamagedError(Exception):
    """The metadata of a distribution cannot be read; the message names the file and the reason."""


def canonical_name(name: str) -> str:
    """Return the name of a distribution as PEP 503 normalises it: ``A_B`` is ``a-b``.

    ``packaging.utils.canonicalize_name`` does the same, but its import would add 20 ms to every
    command.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> Iterator[Distribution]:
    """Yield every installed distribution; of several with one name the first, as imports do."""
    seen = set()
    for distribution in distributions():
        name = canonical_name(_stem(distribution).partition("-")[0])
        if not name or name not in seen:
            seen.add(name)
            yield distribution


def find(name: str) -> Distribution | None:
    """Return the installed distribution of that name, in any spelling."""
    key = canonical_name(name)
    for distribution in installed():
        folder = canonical_name(_stem(distribution).partition("-")[0])
        if folder == key or (not folder and name_and_version(distribution)[0] == key):
            return distribution
    return None


def entry_points(distribution: Distribution, group: str) -> list[EntryPoint]:
    """Return the entry points of a distribution for a group.

    Raises:
        DamagedError: Its file of entry points is malformed.
    """
    _refuse_what_is_no_file(distribution, "entry_points.txt")
    try:
        return [point for point in distribution.entry_points if point.group == group]
    # The exception for a malformed file depends on the version of Python.
    except Exception as error:
        raise DamagedError(
            f"{folder(distribution)}/entry_points.txt: {_why_malformed(distribution, error)}"
        ) from error


def mentions(distribution: Distribution, group: str) -> bool:
    """Return whether the file of entry points names a group, even if the file is malformed."""
    try:
        text = read_text(distribution, "entry_points.txt")
    except UnicodeDecodeError as error:
        text = error.object.decode("latin-1")
    except (OSError, DamagedError):
        return False
    return f"[{group}]" in text


def read_text(distribution: Distribution, name: str) -> str:
    """Return a file of the metadata, or an empty text if there is none.

    Raises:
        DamagedError: It is a pipe or a device.
        OSError: It cannot be read.
        UnicodeDecodeError: It is not in UTF-8.
    """
    _refuse_what_is_no_file(distribution, name)
    return distribution.read_text(name) or ""


def name_and_version(distribution: Distribution) -> tuple[str, str]:
    """Return the name of a distribution, normalised, and its version.

    If the metadata lack one of them, as after an interrupted deletion, it is taken from the name of
    their folder.

    Raises:
        DamagedError: The metadata cannot be read, or contain a name that no distribution can have.
    """
    for file in ("METADATA", "PKG-INFO", "requires.txt"):  # an egg has its requirements there
        _refuse_what_is_no_file(distribution, file)
    try:
        metadata = distribution.metadata
        stated = {key: metadata[key] for key in ("Name", "Version") if key in metadata}
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise DamagedError(
            f"{folder(distribution)}: its metadata cannot be read: {reason}"
        ) from error
    by_folder = name_and_version_by_folder(distribution)
    name = (stated.get("Name") or by_folder[0]).strip()
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        raise DamagedError(
            f"{folder(distribution)}: its metadata give it the name {name!a}, "
            "which no distribution can have"
        )
    return canonical_name(name), visible((stated.get("Version") or by_folder[1]).strip())


def name_and_version_by_folder(distribution: Distribution) -> tuple[str, str]:
    """Return the name and version in the name of the metadata folder, or "unknown" for either."""
    name, _, version = _stem(distribution).partition("-")
    version = version.partition("-")[0]  # an egg names the version of Python too
    return canonical_name(visible(name)) or "unknown", visible(version) or "unknown"


def folder(distribution: Distribution) -> str:
    """Return the folder of the metadata of a distribution."""
    return visible(str(getattr(distribution, "_path", "a distribution")))


def _refuse_what_is_no_file(distribution: Distribution, name: str) -> None:
    """Refuse a pipe or a device in place of metadata, because reading it might never end.

    Raises:
        DamagedError: There is one.
    """
    file = getattr(distribution, "_path", None)
    if file is not None and (file := file / name).exists() and not file.is_file():
        raise DamagedError(f"{visible(str(file))}: is no regular file; reinstall the distribution")


def _stem(distribution: Distribution) -> str:
    """Return the name of the metadata folder without its ending, as in ``layerkit_foo-1.0``.

    It comes from a private attribute, because the public ones parse the metadata, which may be
    damaged. If there is no such folder, the stem is empty.
    """
    name: str = getattr(getattr(distribution, "_path", None), "name", "")
    for ending in METADATA_FOLDER:
        if name.endswith(ending):
            return name.removesuffix(ending)
    return ""


def _why_malformed(distribution: Distribution, error: Exception) -> str:
    """Return which line is not a valid entry point, or else the exception."""
    if not isinstance(error, OSError | UnicodeDecodeError):
        text = distribution.read_text("entry_points.txt") or ""
        for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
            if line and line[0] not in "#;[" and "=" not in line:
                return f"line {number} is neither [GROUP] nor NAME = MODULE: {visible(line)}"
    return visible(f"{type(error).__name__}: {error}")
