"""Locks, which show later whether the code of a run has changed.

A run writes a *lock* beside its spec, ``spec.lock.json``: every distribution that takes part, with
its version and a hash of all its files, and the machine it ran on. The lock of ``digits.json`` is
``digits.lock.json``; if it exists, a run is compared with it.
"""

import errno
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from layerkit.distributions import canonical_name
from layerkit.errors import UserError
from layerkit.files import open_file
from layerkit.registry import Registry
from layerkit.run.provenance import UNKNOWN, Origin, Package, Provenance
from layerkit.wording import shortened, visible

VERSION = 2
"""The version of the format of locks. Version 1 held a hash of each component's sources."""

LARGEST = 10_000_000
"""The most bytes of a lock; the lock of a run has a few thousand."""


def lock_of(spec: Path) -> Path:
    """Return the path of the lock of a spec."""
    return spec.parent / f"{spec.stem}.lock.json"


def lock(now: Provenance) -> dict[str, Any]:
    """Return the content of a lock file."""
    return {"version": VERSION, **asdict(now)}


class _OldLockError(UserError):
    """A lock has a version that can no longer be compared."""


class _AmbiguousError(UserError):
    """A lock lists something twice, so it is unclear which entry counts."""


def read_lock(path: Path) -> Provenance:
    """Return the provenance in a lock file.

    Raises:
        FileNotFoundError: There is none.
        UserError: It cannot be read, or is not a lock of this version.
    """
    try:
        with open_file(path) as file:
            text = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # so it cannot exist
            raise FileNotFoundError(error.errno, error.strerror) from None
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        content = json.loads(text, object_pairs_hook=_members)
        version = content["version"]
        if type(version) is int and version == 1:
            raise _OldLockError(
                f"{path}: is a lock of version 1, which says nothing about data files, compiled "
                "code and NumPy; take a new spec.lock.json from a run of this version"
            )
        if type(version) is not int or version != VERSION:
            raise ValueError("another version")
        packages = [Package(**fields) for fields in content["packages"]]
        components = [Origin(**fields) for fields in content["components"]]
        steps, machine = content["steps"], {**content["machine"]}
        texts = [
            *(text for p in packages for text in (p.name, p.version, p.sha256 or "")),
            *(text for c in components for text in (c.kind, c.name)),
            *(steps or "", *machine, *machine.values()),
        ]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a value is not text")
        _refuse_twice(("package", canonical_name(package.name)) for package in packages)
        _refuse_twice((component.kind, component.name) for component in components)
    except _AmbiguousError as error:
        raise UserError(f"{path}: {error}; take spec.lock.json from the folder of a run") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"{path}: is not a lock; take spec.lock.json from the folder of a run"
        ) from None
    return Provenance(packages, components, steps, machine)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twice(("key", key) for key, _ in pairs)
    return dict(pairs)


def _refuse_twice(entries: Iterable[tuple[str, str]]) -> None:
    """Refuse entries, each a kind and a name, if one comes twice."""
    for (kind, name), count in Counter(entries).items():
        if count > 1:
            raise _AmbiguousError(f"lists the {_short(kind)} {_short(name)} twice")


def compare(path: Path, now: Provenance, *, locked: bool, machine: bool = True) -> list[str]:
    """Return how the present provenance differs from a lock, one sentence for each difference.

    Only different code can be refused. The machine affects only the last digits of a result, not
    the computation, and the user of another machine cannot change them.

    Args:
        path: The lock. If there is none, nothing differs.
        now: The present provenance.
        locked: Whether different code, or a missing lock, is an error.
        machine: Whether to compare the machines too.

    Raises:
        UserError: The lock cannot be read; or ``locked`` is set and the code differs.
    """
    try:
        before = read_lock(path)
    except FileNotFoundError as error:
        if not locked:
            return []
        raise UserError(
            f"{path}: cannot be read: {error.strerror}; a run leaves such a lock in its folder, "
            "spec.lock.json"
        ) from None
    except _OldLockError as error:
        if locked:
            raise
        return [str(error).removeprefix(f"{path}: ")]
    packages = {package.name: package for package in before.packages}
    pairs = [(packages.get(package.name), package) for package in now.packages]
    changes = [_change(old, new) for old, new in pairs if old != new]
    if now.steps is not None and before.steps is None:
        changes.append(
            f"the lock names no package that made the training steps; now {now.steps} makes them"
        )
    elif now.steps is not None and before.steps != now.steps:
        changes.append(f"training steps were made by {_short(before.steps)}, now by {now.steps}")
    if changes and locked:
        raise UserError(f"{path}: the code is not the one that was locked: {'; '.join(changes)}")
    if machine:
        changes += [
            f"the machine differs, so the last digits may: {feature} was "
            f"{_short(before.machine.get(feature, UNKNOWN))}, now {value}"
            for feature, value in now.machine.items()
            if before.machine.get(feature, UNKNOWN) != value
        ]
    return changes


def _change(before: Package | None, now: Package) -> str:
    if before is None:
        return f"{now.name} {now.version} is not in the lock"
    if before.version != now.version:
        return f"{now.name} had version {_short(before.version)} and now has {now.version}"
    if None in (before.sha256, now.sha256):
        where = "now" if now.sha256 is None else "in the lock"
        return f"{now.name} {now.version} cannot be compared: its files were not available {where}"
    return f"{now.name} still has version {now.version}, but its files have changed"


def _short(text: Any) -> str:
    """Return a text from a lock, which may be anything, in a form that can be printed."""
    return visible(shortened(str(text)))


def remember(registry: Registry, spec: Path) -> None:
    """Make messages about missing components name the package that they came from by a lock.

    Args:
        registry: The registry that gives the messages.
        spec: The spec whose lock it is. If no lock can be read, nothing changes; ``compare``
            reports that.
    """
    try:
        before = read_lock(lock_of(spec))
    except (FileNotFoundError, UserError):
        return
    versions = {package.name: package.version for package in before.packages}
    for origin in before.components:
        distribution, _, name = origin.name.rpartition("/")
        if distribution in versions:
            former = f"{_short(distribution)} {_short(versions[distribution])}"
            registry.former[origin.kind, name] = (distribution, former)
