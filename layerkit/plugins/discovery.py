"""Discovery: every installed plugin is loaded, checked and called separately.

The loop over entry points is our own. In pluggy 1.7 one failing entry point ends
``load_setuptools_entrypoints``, and it silently skips a second entry point of the same name, a
misspelt hook and a plugin without hooks. Here each of these is a state that is reported, and
everything else keeps working.
"""

import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import pluggy

from layerkit.contracts.optimizer import Optimizer
from layerkit.distributions import (
    DamagedError,
    canonical_name,
    entry_points,
    installed,
    mentions,
    name_and_version,
    name_and_version_by_folder,
)
from layerkit.errors import LayerkitError, PluginError
from layerkit.markers import PROJECT
from layerkit.network import Network
from layerkit.outputs import output_to_stderr
from layerkit.plugins import hookspecs
from layerkit.registry import BUILTIN, Entry, Provider, Registrar, Registry
from layerkit.spec.options import options_schema
from layerkit.version import __version__
from layerkit.wording import did_you_mean, visible

if TYPE_CHECKING:
    from layerkit.training import Batches, Step
    from layerkit.training.step import Compiler

PluginState: TypeAlias = Literal[
    "ok",
    "incompatible",
    "broken",
    "no hooks",
    "misspelt hook",
    "unsupported hook",
    "shadowed",
    "contested",
    "unreadable",
]
"""``unreadable`` is a distribution whose entry points cannot be read, and which shows no sign of
being a plugin."""

RUN_HOOKS = ("layerkit_run_started", "layerkit_epoch_ended", "layerkit_run_ended")
"""The hooks that are called during runs."""


@dataclass
class PluginReport:
    """The result of loading one plugin.

    Attributes:
        name: The name of its entry point, or of its distribution if no entry point can be read.
        provider: Its distribution, version and module; the module is empty if its metadata
            cannot be read.
        entries: The components it provides.
        state: Whether it works.
        reason: Why it does not work, in one line.
        traceback: The traceback of the exception behind the reason, if there was one.
        hooks: Its hooks, if it could be loaded.
    """

    name: str
    provider: Provider
    entries: list[Entry] = field(default_factory=list)
    state: PluginState = "ok"
    reason: str = ""
    traceback: str = ""
    hooks: pluggy.HookRelay | None = None

    @property
    def watches_runs(self) -> bool:
        """Whether it has a hook that is called during runs."""
        return any(in_order([self], hook) for hook in RUN_HOOKS)

    @property
    def compiles_steps(self) -> bool:
        """Whether it has a hook that may make training steps faster."""
        return bool(in_order([self], "layerkit_compile"))

    def __str__(self) -> str:
        return f"plugin {self.provider.distribution} ({self.name})"


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
    plugins, reports = _installed()
    own = Installed(EntryPoint(BUILTIN, "layerkit.builtin", PROJECT), _own())
    reports = [_load(plugin, registry) for plugin in (own, *_chosen(plugins))] + reports
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


def in_order(
    reports: Sequence[PluginReport], hook: str
) -> list[tuple[PluginReport, Callable[..., Any]]]:
    """Return every implementation of a hook, with its plugin, in the order to call them.

    As in pluggy, those marked ``tryfirst`` come first and those marked ``trylast`` last, across all
    plugins; otherwise the order is that of the reports. Each returned function takes all arguments
    of the hook by name, and passes on those that the implementation declares.
    """
    calls = [
        (report, impl)
        for report in reports
        if report.hooks is not None
        # pluggy lists them in the reverse order of its calls.
        for impl in reversed(getattr(report.hooks, hook).get_hookimpls())
        if not _is_wrapper(impl)
    ]
    calls.sort(key=lambda call: call[1].trylast - call[1].tryfirst)
    return [(report, _by_name(impl)) for report, impl in calls]


def _by_name(impl: pluggy.HookImpl) -> Callable[..., Any]:
    return lambda **arguments: impl.function(*(arguments[name] for name in impl.argnames))


def _is_wrapper(impl: pluggy.HookImpl) -> bool:
    return impl.wrapper or impl.hookwrapper


def is_strict() -> bool:
    """Return whether ``LAYERKIT_STRICT`` turns the faults of plugins into errors."""
    return os.environ.get("LAYERKIT_STRICT", "0") not in ("", "0")


class Installed(NamedTuple):
    """An entry point and its provider."""

    point: EntryPoint
    provider: Provider


def _own() -> Provider:
    return Provider(BUILTIN, __version__, "layerkit.builtin")


def _installed() -> tuple[list[Installed], list[PluginReport]]:
    """Return the installed plugins by distribution and name, and reports of damaged ones."""
    plugins: list[Installed] = []
    damaged: list[PluginReport] = []
    for distribution in installed():
        try:
            points = entry_points(distribution, PROJECT)
            if points:
                name, version = name_and_version(distribution)
                plugins += [
                    Installed(point, Provider(name, version, visible(point.value)))
                    for point in points
                ]
        except DamagedError as error:
            damaged.append(_damaged(distribution, error))
    plugins.sort(key=lambda plugin: (plugin.provider.distribution, plugin.point.name))
    damaged.sort(key=lambda report: report.name)
    return plugins, damaged


def _damaged(distribution: Distribution, error: DamagedError) -> PluginReport:
    """Return a report of a distribution whose metadata cannot be read."""
    try:
        name, version = name_and_version(distribution)
    except DamagedError:  # the name and the version are what is damaged
        name, version = name_and_version_by_folder(distribution)
    return PluginReport(
        name,
        Provider(name, version, ""),
        state="broken" if mentions(distribution, PROJECT) else "unreadable",
        reason=f"{error}; install {name} again",
        traceback="".join(traceback.format_exception(error)),
    )


def _chosen(plugins: list[Installed]) -> list[Installed]:
    """Return the plugins that ``LAYERKIT_PLUGINS`` names; all of them if it is not set."""
    setting = os.environ.get("LAYERKIT_PLUGINS")
    if setting is None:
        return plugins
    chosen: set[str] = set()
    installed_names = sorted({n for p in plugins for n in (p.point.name, p.provider.distribution)})
    for name in sorted({name.strip() for name in setting.split(",") if name.strip()}):
        names = {name, canonical_name(name)}.intersection(installed_names)
        if not names:
            advice = did_you_mean(name, installed_names)
            advice = advice or f"; installed: {', '.join(installed_names) or 'none'}"
            raise PluginError(f'LAYERKIT_PLUGINS: no plugin is named "{name}"{advice}')
        chosen |= names
    return [p for p in plugins if chosen & {p.point.name, p.provider.distribution}]


def _load(plugin: Installed, registry: Registry) -> PluginReport:
    """Load one plugin with its own manager, so that it cannot affect another."""
    point, provider = plugin
    report = PluginReport(visible(point.name), provider)
    try:
        report.reason = _unmet(plugin)
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


def one_line(error: BaseException) -> str:
    """Return an exception in one line."""
    lines = str(error).strip().splitlines() or ["no message"]
    if isinstance(error, LayerkitError):
        return lines[0]
    # pluggy's first line says where the fault is, and its last line what it is.
    line = lines[-1 if isinstance(error, pluggy.PluginValidationError) else 0]
    return f"{type(error).__name__}: {visible(line)}"


def _unmet(plugin: Installed) -> str:
    """Return a requirement on layerkit that is not met, in words, or nothing."""
    if plugin.point.dist is None:  # only for the built-ins
        return ""
    # Imported here, because the import takes as long as loading many plugins.
    from packaging.requirements import Requirement
    from packaging.version import Version

    own = Version(__version__)
    for requirement in map(Requirement, plugin.point.dist.requires or ()):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not applies or canonical_name(requirement.name) != BUILTIN:
            continue
        for part in requirement.specifier:
            if not part.contains(own, prereleases=True):
                bound = Version(part.version.removesuffix(".*"))
                late = bound < own or part.operator.startswith("<")
                outdated = plugin.provider.distribution if late else BUILTIN
                return f"needs {BUILTIN} {part}, this is {own}; upgrade {outdated}"
    return ""


def _check_hooks(report: PluginReport, manager: pluggy.PluginManager, module: object) -> None:
    """Report hooks that do not exist, and wrappers, which cannot work as in pluggy."""
    specified = [name for name in vars(hookspecs) if name.startswith(PROJECT)]
    misspelt, wrappers = [], []
    for caller in manager.get_hookcallers(module) or ():
        impls = caller.get_hookimpls()
        if not caller.has_spec() and not all(impl.optionalhook for impl in impls):
            advice = did_you_mean(caller.name, specified)
            misspelt.append(f'no hook is named "{caller.name}"{advice}')
        elif any(map(_is_wrapper, impls)):
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
