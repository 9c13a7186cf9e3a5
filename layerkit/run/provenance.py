"""Where the code of a run came from, so that one can tell later whether it has changed.

A run writes a *lock* beside its spec, ``spec.lock.json``: for every component used its
distribution, version and a hash of its source. The lock of ``digits.json`` is
``digits.lock.json``; where it is present, it is compared.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from layerkit.builder import Experiment
from layerkit.component import Component
from layerkit.errors import UserError
from layerkit.registry import Entry
from layerkit.spec import ComponentSpec, GraphSpec, Spec


@dataclass(frozen=True)
class Provenance:
    """Where one component came from.

    Attributes:
        kind: As in ``layer``.
        name: The name, qualified: ``layerkit-foo/swish``.
        version: The version of the distribution.
        source: The SHA-256 of the source files it is made of; see ``source_hash``.
    """

    kind: str
    name: str
    version: str
    source: str

    @classmethod
    def of(cls, entry: Entry) -> "Provenance":
        """Return the provenance of a registered component."""
        source = source_hash(entry.cls, entry.provider.module)
        return cls(entry.kind, entry.qualified_name, entry.provider.version, source)


def provenance(used: Spec | Experiment) -> list[Provenance]:
    """Return the provenance of every component that a spec uses, in alphabetical order.

    An experiment uses the metrics of its loss too, which its spec need not name.
    """
    spec = used.spec if isinstance(used, Experiment) else used
    entries = {(e.kind, e.qualified_name): e for e in _entries(spec)}
    if isinstance(used, Experiment):
        metrics = {type(metric) for metric in used.metrics.values()}
        entries |= {(e.kind, e.qualified_name): e for e in spec.registry if e.cls in metrics}
    return [Provenance.of(entry) for _, entry in sorted(entries.items())]


def source_hash(cls: type[Component], plugin: str) -> str:
    """Return the SHA-256 of the source of a component, in hexadecimal.

    Its source are the files of the modules that define the class and the classes it is derived
    from, and of whatever they import, directly or through others, of the plugin's own package.
    Layerkit's contracts and the standard library are left out: a version tells those.

    Args:
        cls: The class.
        plugin: What the entry point of the plugin names.
    """
    package = plugin.partition(":")[0]
    if not _inside(package, "layerkit"):
        package = package.partition(".")[0]
    found: dict[str, bytes] = {}
    pending = [base.__module__ for base in cls.__mro__]
    while pending:
        name = pending.pop()
        module = sys.modules.get(name)
        if name in found or module is None or not _counts(name, package):
            continue
        file = getattr(module, "__file__", None)
        found[name] = Path(file).read_bytes() if file else b""
        if file and file.endswith(".py"):
            inside = getattr(module, "__package__", None) or ""
            pending += (n for n in _imported(found[name], inside) if _inside(n, package))
    digest = hashlib.sha256()
    for name, source in sorted(found.items()):
        digest.update(f"{name}\n".encode())
        digest.update(source)
    return digest.hexdigest()


@cache  # a run asks for several components, and twice
def _imported(source: bytes, package: str) -> tuple[str, ...]:
    """Return the names of modules that a source imports, and of what may be modules in them."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # it has changed since it was loaded
        return ()
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            name = resolve_name(name, package) if node.level else name
            names += (name, *(f"{name}.{alias.name}" for alias in node.names))
    return tuple(names)


def _counts(name: str, package: str) -> bool:
    top = name.partition(".")[0]
    return _inside(name, package) or (top != "layerkit" and top not in sys.stdlib_module_names)


def _inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _entries(value: Any) -> Iterator[Entry]:
    """Yield the components that a validated part of a spec names."""
    if isinstance(value, Spec):
        content = value.content
        yield from _entries([layer.component for layer in content.layers])
        if not isinstance(content, GraphSpec):
            yield from _entries(
                [content.data, content.loss, content.optimizer, *(content.metrics or [])]
            )
    elif isinstance(value, ComponentSpec):
        yield value.entry
        yield from _entries(list(value.options.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _entries(item)


def lock_of(spec: Path) -> Path:
    """Return where the lock of a spec stands."""
    return spec.with_suffix(".lock.json")


def lock(found: list[Provenance]) -> dict[str, Any]:
    """Return what a lock file holds."""
    return {"version": 1, "components": [asdict(each) for each in found]}


def compare(path: Path, now: list[Provenance], *, locked: bool) -> list[str]:
    """Return how components differ from those in a lock, a sentence for each.

    Args:
        path: The lock. Where there is none, nothing differs.
        now: The components in use.
        locked: Whether a difference, or the lack of a lock, is an error.

    Raises:
        UserError: The lock cannot be read; or with ``locked``, something differs.
    """
    # Unlike Path.exists it takes any name, one that is too long for a file too.
    if not locked and not os.path.exists(path):
        return []
    try:
        listed = json.loads(path.read_bytes())["components"]
        before = {(each["kind"], each["name"]): Provenance(**each) for each in listed}
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror}; a run leaves such a lock in its folder, "
            "spec.lock.json"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError(
            f"{path}: is no lock; take spec.lock.json from the folder of a run"
        ) from None
    pairs = [(before.get((each.kind, each.name)), each) for each in now]
    changes = [_change(old, new) for old, new in pairs if not old or old.source != new.source]
    if changes and locked:
        raise UserError(f"{path}: the code is not the one that was locked: {'; '.join(changes)}")
    return changes


def _change(before: Provenance | None, now: Provenance) -> str:
    what = f"{now.kind} {now.name}"
    if before is None:
        return f"{what} is not in the lock"
    if before.version != now.version:
        return f"{what} was of version {before.version} and is of {now.version}"
    return f"{what} is still of version {now.version}, but its source has changed"
