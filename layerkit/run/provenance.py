"""The packages that the code of a run came from, and the machine it ran on."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from layerkit.builder import Experiment
from layerkit.contracts.registrar import Entry, Provider
from layerkit.distributions import find
from layerkit.registry import BUILTIN
from layerkit.run.hashing import distribution_hash
from layerkit.spec import ComponentSpec, GraphSpec, Spec
from layerkit.threads import allowed_threads, blas_libraries
from layerkit.training import Step
from layerkit.version import __version__

UNKNOWN = "unknown"
"""A feature of the machine that could not be determined."""


@dataclass(frozen=True)
class Package:
    """A distribution that takes part in a run.

    Attributes:
        name: Its name, as PEP 503 normalises it.
        version: Its version.
        sha256: The hash of its files, see ``distribution_hash``; None if they are not available.
    """

    name: str
    version: str
    sha256: str | None


@dataclass(frozen=True)
class Origin:
    """The origin of a component.

    Attributes:
        kind: The kind, such as ``layer``.
        name: The qualified name: ``layerkit-foo/swish``.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Provenance:
    """The code and the machine of a run.

    Attributes:
        packages: Layerkit, NumPy, and all that provide a component or make the training steps.
        components: The components used.
        steps: The package that made the training steps; None if nothing was trained.
        machine: Everything else that affects the last digits: processor, libraries and threads.
    """

    packages: list[Package]
    components: list[Origin]
    steps: str | None
    machine: dict[str, str]


def provenance(
    used: Spec | Experiment, step: type[Step] | None = None, is_in_full: bool = False
) -> Provenance:
    """Return the provenance of everything that a spec uses, in alphabetical order.

    Args:
        used: The spec; or an experiment, which also uses the metrics of its loss.
        step: The class of the training steps.
        is_in_full: Whether every file is read; see ``distribution_hash``.
    """
    spec = used.spec if isinstance(used, Experiment) else used
    entries = {(e.kind, e.qualified_name): e for e in _entries(spec)}
    if isinstance(used, Experiment):
        metrics = {type(metric) for metric in used.metrics.values()}
        entries |= {(e.kind, e.qualified_name): e for e in spec.registry if e.cls in metrics}
    by_module = {_top(provider.module): provider for provider in spec.registry.providers}
    providers = [entry.provider for entry in entries.values()]
    classes: list[type] = [entry.cls for entry in entries.values()]
    steps = None
    if step is not None:
        classes.append(step)
        steps = by_module.get(_top(step.__module__), _own()).distribution
    # A class may be derived from a class of another plugin.
    tops = {_top(base.__module__) for cls in classes for base in cls.__mro__}
    providers += [by_module[top] for top in sorted(tops & by_module.keys())]
    providers += [_own(), Provider("numpy", np.__version__, "numpy")]
    return Provenance(
        _packages(providers, is_in_full),
        [Origin(kind, name) for kind, name in sorted(entries)],
        steps,
        _machine(),
    )


def _own() -> Provider:
    return Provider(BUILTIN, __version__, BUILTIN)


def _packages(providers: list[Provider], is_in_full: bool) -> list[Package]:
    modules: dict[str, set[str]] = {}
    for provider in providers:
        modules.setdefault(provider.distribution, set()).add(_top(provider.module))
    versions = {provider.distribution: provider.version for provider in providers}
    return [
        Package(name, versions[name], distribution_hash(find(name), tops, is_in_full))
        for name, tops in sorted(modules.items())
    ]


def _top(module: str) -> str:
    """Return the top-level module of the target of an entry point."""
    return module.partition(":")[0].partition(".")[0].strip()


def _machine() -> dict[str, str]:
    libraries = [
        f"{info['internal_api']} {info['version']} for {info.get('architecture', 'any processor')}"
        for info in blas_libraries()
    ]
    return {
        "system": f"{platform.system()} on {platform.machine()}",
        "processor": _processor(),
        "python": platform.python_version(),
        "blas": ", ".join(libraries) or UNKNOWN,
        "threads": str(allowed_threads()),
    }


def _processor() -> str:
    try:  # Linux, where platform.processor() would start a process and return nothing
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
            return next(names, UNKNOWN)
    except OSError:
        return platform.processor() or UNKNOWN


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
