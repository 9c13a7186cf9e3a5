"""Discovery: every installed plugin is loaded, checked and called separately.

The loop over entry points is our own. In pluggy 1.7 one failing entry point ends
``load_setuptools_entrypoints``, and it silently skips a second entry point of the same name, a
misspelt hook and a plugin without hooks. Here each of these is a state that is reported, and
everything else keeps working.
"""

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pluggy

from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.registrar import Provider, Registrar
from layerkit.errors import PluginError
from layerkit.markers import PROJECT
from layerkit.network import Network
from layerkit.outputs import output_to_stderr
from layerkit.plugins import hookspecs
from layerkit.plugins.installed import Installed, chosen, installed_plugins, unmet
from layerkit.plugins.reports import PluginReport, in_order, is_wrapper, one_line
from layerkit.registry import BUILTIN, Registry
from layerkit.spec.options import options_schema
from layerkit.version import __version__
from layerkit.wording import did_you_mean, visible

if TYPE_CHECKING:
    from layerkit.training import Batches, Step
    from layerkit.training.step import Compiler


@dataclass(frozen=True)
class Plugins:
    """The result of discovery.

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
    registry = Registry()
    plugins, reports = installed_plugins()
    own = Installed(EntryPoint(BUILTIN, "layerkit.builtin", PROJECT), _own())
    reports = [_load(plugin, registry) for plugin in (own, *chosen(plugins))] + reports
    for report in reports:
        if report.state not in ("ok", "unreadable"):
            registry.absent[str(report)] = report.reason
            if is_strict():
                raise PluginError(
                    f"{report} is {report.state}: {report.reason}; LAYERKIT_STRICT is set"
                )
    registry.providers += [report.provider for report in reports if report.hooks is not None]
    registry.compilers += [
        _compiler(report, call) for report, call in in_order(reports, "layerkit_compile")
    ]
    _report_conflicts(registry, reports)
    return Plugins(registry, reports)


def is_strict() -> bool:
    """Return whether ``LAYERKIT_STRICT`` turns the faults of plugins into errors."""
    return os.environ.get("LAYERKIT_STRICT", "0") not in ("", "0")


def _own() -> Provider:
    return Provider(BUILTIN, __version__, "layerkit.builtin")


def _load(plugin: Installed, registry: Registry) -> PluginReport:
    """Load one plugin with its own manager, so that it cannot affect another."""
    point, provider = plugin
    report = PluginReport(visible(point.name), provider)
    try:
        report.reason = unmet(plugin)
        if report.reason:
            report.state = "incompatible"
            return report
        if not point.pattern.match(point.value):
            raise PluginError(
                f'entry point "{report.name}" must name a module, got "{provider.module}"'
            )
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(hookspecs)
        with output_to_stderr():  # keeps its prints out of the results
            module = point.load()
        manager.register(module)
        if not manager.get_hookcallers(module):
            report.state = "no hooks"
            report.reason = f"{provider.module} has no function marked with @layerkit.hookimpl"
            return report
        _check_hooks(report, manager, module)
        report.hooks = manager.hook
        registrar = Registrar(provider)
        with output_to_stderr():
            for _, register in in_order([report], "layerkit_register"):
                register(registry=registrar)
        if provider.distribution != BUILTIN:  # the options of built-ins have their own tests
            for entry in registrar.entries:
                options_schema(entry.cls, registry)
        registry.admit(registrar.entries)
        report.entries = registrar.entries
    except KeyboardInterrupt:
        raise
    # A plugin is a stranger's code: nothing that it raises, even SystemExit, may stop the others.
    except BaseException as error:
        report.state, report.reason, report.hooks = "broken", one_line(error), None
        report.traceback = traceback.format_exc()
    return report


def _compiler(report: PluginReport, call: Callable[..., Any]) -> "Compiler":
    """Return a hook of a plugin as a function that names the plugin if it raises."""

    def compiled(network: Network, optimizer: Optimizer, batches: "Batches") -> "Step | None":
        try:
            with output_to_stderr():
                step: Step | None = call(network=network, optimizer=optimizer, batches=batches)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit would end the run silently
            raise PluginError(
                f"{report}: layerkit_compile raised {one_line(error)}; LAYERKIT_PLUGINS can name "
                "the plugins to load without it"
            ) from error
        return step

    return compiled


def _check_hooks(report: PluginReport, manager: pluggy.PluginManager, module: object) -> None:
    """Report hooks that do not exist, and wrappers, which cannot work as in pluggy."""
    specified = [name for name in vars(hookspecs) if name.startswith(PROJECT)]
    misspelt, wrappers = [], []
    for caller in manager.get_hookcallers(module) or ():
        impls = caller.get_hookimpls()
        if not caller.has_spec() and not all(impl.optionalhook for impl in impls):
            advice = did_you_mean(caller.name, specified)
            misspelt.append(f'no hook is named "{caller.name}"{advice}')
        elif any(map(is_wrapper, impls)):
            wrappers.append(
                f"{caller.name} is a wrapper, and layerkit calls each plugin alone; "
                "use tryfirst or trylast instead"
            )
    if misspelt or wrappers:
        report.state = "misspelt hook" if misspelt else "unsupported hook"
        report.reason = "; ".join(misspelt + wrappers)


def _report_conflicts(registry: Registry, reports: list[PluginReport]) -> None:
    """Mark the plugins that do not own the bare name of a component they provide."""
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
