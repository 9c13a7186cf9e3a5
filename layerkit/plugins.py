"""Discovery: every installed plugin loaded, checked and called alone.

The loop over entry points is our own. In pluggy 1.7 one failing entry point ends
``load_setuptools_entrypoints``, a second entry point of the same name is skipped in silence, and
so are a misspelt hook and a plugin without hooks. Here each of these is a state that is reported,
and everything else keeps working.
"""

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Literal, TypeAlias

import pluggy

import layerkit
from layerkit import hookspecs
from layerkit.errors import PluginError
from layerkit.registry import BUILTIN, Entry, Provider, Registrar, Registry, did_you_mean
from layerkit.spec.options import options_model

PluginState: TypeAlias = Literal[
    "ok", "broken", "no hooks", "misspelt hook", "shadowed", "contested"
]


@dataclass
class PluginReport:
    """What became of one plugin.

    Attributes:
        name: The name of its entry point.
        provider: Its distribution, version and module.
        entries: The components it provides.
        state: Whether it works.
        reason: If it does not, why; in one line.
        traceback: The exception behind the reason, if there was one.
    """

    name: str
    provider: Provider
    entries: list[Entry]
    state: PluginState = "ok"
    reason: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Plugins:
    """What discovery found.

    Attributes:
        registry: The components of the plugins that work.
        reports: The built-ins first, then each plugin by distribution and name.
    """

    registry: Registry
    reports: list[PluginReport]


def load_registry() -> Registry:
    """Return the components of the built-ins and of every installed plugin that works."""
    return load_plugins().registry


def load_plugins() -> Plugins:
    """Load the built-ins and every installed plugin.

    ``LAYERKIT_PLUGINS=a,b`` names the plugins to load, by entry point or distribution (empty:
    none). ``LAYERKIT_STRICT=1`` makes a plugin that does not work an error.

    Raises:
        PluginError: ``LAYERKIT_PLUGINS`` names a plugin that is not installed, or a plugin does
            not work and ``LAYERKIT_STRICT`` is set.
    """
    own = Provider(BUILTIN, layerkit.__version__, "layerkit.builtin")
    reports = [_load(BUILTIN, own, lambda: import_module(own.module))]
    reports += [_load(p.name, _provider(p), p.load) for p in _wanted(_installed())]
    registry = Registry()
    for report in reports:
        registry.admit(report.entries)
        if report.state != "ok":
            registry.absent[report.provider.distribution] = report.reason
            if os.environ.get("LAYERKIT_STRICT", "0") not in ("", "0"):
                raise PluginError(
                    f"plugin {report.provider.distribution} ({report.name}) is {report.state}: "
                    f"{report.reason}; LAYERKIT_STRICT is set"
                )
    _report_conflicts(registry, reports)
    return Plugins(registry, reports)


def _installed() -> list[EntryPoint]:
    found = entry_points(group=hookspecs.PROJECT)
    return sorted(found, key=lambda p: (_provider(p).distribution, p.name))


def _wanted(installed: list[EntryPoint]) -> list[EntryPoint]:
    """Return the plugins that ``LAYERKIT_PLUGINS`` names; all of them where it is not set."""
    setting = os.environ.get("LAYERKIT_PLUGINS")
    if setting is None:
        return installed
    wanted = {name.strip() for name in setting.split(",") if name.strip()}
    known = {p.name for p in installed} | {_provider(p).distribution for p in installed}
    for name in sorted(wanted - known):
        advice = did_you_mean(name, sorted(known)) or f"; installed: {', '.join(known) or 'none'}"
        raise PluginError(f'LAYERKIT_PLUGINS: no plugin is named "{name}"{advice}')
    return [p for p in installed if wanted & {p.name, _provider(p).distribution}]


def _provider(point: EntryPoint) -> Provider:
    distribution = point.dist
    if distribution is None:
        return Provider(point.name, "unknown", point.module)
    return Provider(distribution.name, distribution.version, point.module)


def _load(name: str, provider: Provider, load: Callable[[], ModuleType]) -> PluginReport:
    """Load one plugin with a manager of its own, so that nothing it does concerns another."""
    registrar = Registrar(provider)
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    report = PluginReport(name, provider, [])
    try:
        module = load()
        manager.register(module)
        if not manager.get_hookcallers(module):
            report.state = "no hooks"
            report.reason = f"{provider.module} has no function marked with @layerkit.hookimpl"
            return report
        try:
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            report.state, report.reason = "misspelt hook", _misspelt(manager, module, error)
        manager.hook.layerkit_register(registry=registrar)
        if provider.distribution != BUILTIN:  # the built-ins' options have tests of their own
            for entry in registrar.entries:
                options_model(entry.cls)
    # A plugin is a stranger's code: whatever it raises, SystemExit too, must not end the others.
    except (Exception, SystemExit) as error:
        words = str(error).strip()
        report.state = "broken"
        report.reason = (
            f"{type(error).__name__}: {words.splitlines()[0] if words else 'no message'}"
        )
        report.traceback = traceback.format_exc()
        return report
    report.entries = registrar.entries
    return report


def _misspelt(
    manager: pluggy.PluginManager, module: ModuleType, error: pluggy.PluginValidationError
) -> str:
    specified = [name for name in vars(hookspecs) if name.startswith(hookspecs.PROJECT)]
    callers = manager.get_hookcallers(module) or []
    unknown = [caller.name for caller in callers if caller.name not in specified]
    if not unknown:
        return str(error)
    return f"no hook is named {unknown[0]}{did_you_mean(unknown[0], specified)}"


def _report_conflicts(registry: Registry, reports: list[PluginReport]) -> None:
    """Mark the plugins that do not have the bare name of something they provide."""
    for report in reports:
        lost = [e for e in report.entries if e in registry.shadowed]
        rivals = [
            (entry, [e for e in claims if e is not entry])
            for claims in registry.contested()
            for entry in claims
            if entry in report.entries
        ]
        reasons = [
            f'{e.kind} "{e.name}" is a built-in; this one is "{e.qualified_name}"' for e in lost
        ] + [
            f'{e.kind} "{e.name}" is claimed by {" and ".join(r.provider.distribution for r in rs)}'
            f' too; this one is "{e.qualified_name}"'
            for e, rs in rivals
        ]
        if reasons and report.state == "ok":
            report.state = "contested" if rivals else "shadowed"
            report.reason = "; ".join(reasons)
