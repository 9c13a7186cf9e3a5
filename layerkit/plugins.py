"""Discovery: every installed plugin loaded, checked and called alone.

The loop over entry points is our own. In pluggy 1.7 one failing entry point ends
``load_setuptools_entrypoints``, a second entry point of the same name is skipped in silence, and
so are a misspelt hook and a plugin without hooks. Here each of these is a state that is reported,
and everything else keeps working.
"""

import os
import sys
import traceback
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Literal, TypeAlias

import pluggy

import layerkit
from layerkit import hookspecs
from layerkit.errors import LayerkitError, PluginError
from layerkit.network import Network
from layerkit.optimizer import Optimizer
from layerkit.registry import BUILTIN, Entry, Provider, Registrar, Registry, did_you_mean
from layerkit.spec.options import options_schema

if TYPE_CHECKING:
    from layerkit.training import Batches, Step
    from layerkit.training.step import Compiler

PluginState: TypeAlias = Literal[
    "ok", "incompatible", "broken", "no hooks", "misspelt hook", "shadowed", "contested"
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
        """Whether it has a hook that is told of runs."""
        others = ("layerkit_register", "layerkit_compile")
        hooks = vars(self.hooks).items() if self.hooks else ()
        told = (h for name, h in hooks if name not in others and h.has_spec())
        return any(h.get_hookimpls() for h in told)

    @property
    def compiles_steps(self) -> bool:
        """Whether it has a hook that may make training steps faster."""
        return bool(self.hooks and self.hooks.layerkit_compile.get_hookimpls())

    def __str__(self) -> str:
        return f"plugin {self.provider.distribution} ({self.name})"


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
    registry = Registry()
    own = EntryPoint(BUILTIN, "layerkit.builtin", hookspecs.PROJECT)
    reports = [_load(point, registry) for point in (own, *_wanted(_installed()))]
    for report in reports:
        if report.state != "ok":
            registry.absent[str(report)] = report.reason
            if is_strict():
                raise PluginError(
                    f"{report} is {report.state}: {report.reason}; LAYERKIT_STRICT is set"
                )
    _report_conflicts(registry, reports)
    return Plugins(registry, reports)


def is_strict() -> bool:
    """Return whether ``LAYERKIT_STRICT`` makes the faults of plugins errors."""
    return os.environ.get("LAYERKIT_STRICT", "0") not in ("", "0")


def _installed() -> list[EntryPoint]:
    found = entry_points(group=hookspecs.PROJECT)
    return sorted(found, key=lambda p: (_provider(p).distribution, p.name))


def _wanted(installed: list[EntryPoint]) -> list[EntryPoint]:
    """Return the plugins that ``LAYERKIT_PLUGINS`` names; all of them where it is not set."""
    setting = os.environ.get("LAYERKIT_PLUGINS")
    if setting is None:
        return installed
    wanted = {name.strip() for name in setting.split(",") if name.strip()}
    known = sorted({n for p in installed for n in (p.name, _provider(p).distribution)})
    for name in sorted(wanted.difference(known)):
        advice = did_you_mean(name, known) or f"; installed: {', '.join(known) or 'none'}"
        raise PluginError(f'LAYERKIT_PLUGINS: no plugin is named "{name}"{advice}')
    return [p for p in installed if wanted & {p.name, _provider(p).distribution}]


def _provider(point: EntryPoint) -> Provider:
    if point.dist is None:  # as only the built-ins' own
        return Provider(BUILTIN, layerkit.__version__, point.value)
    metadata = point.dist.metadata
    # A deletion that was cut short may leave entry points without metadata.
    name = metadata["Name"] if "Name" in metadata else "unknown"  # noqa: SIM401  it has no get
    version = metadata["Version"] if "Version" in metadata else "unknown"  # noqa: SIM401
    return Provider(name, version, point.value)


def _load(point: EntryPoint, registry: Registry) -> PluginReport:
    """Load one plugin with a manager of its own, so that nothing it does concerns another."""
    report = PluginReport(point.name, _provider(point))
    try:
        report.reason = _unmet(point)
        if report.reason:
            report.state = "incompatible"
            return report
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        with redirect_stdout(sys.stderr):  # where what it prints spoils no output
            module = point.load()
        manager.register(module)
        if not manager.get_hookcallers(module):
            report.state = "no hooks"
            report.reason = f"{point.value} has no function marked with @layerkit.hookimpl"
            return report
        report.reason = _misspelt(manager, module)
        if report.reason:
            report.state = "misspelt hook"
        registrar = Registrar(report.provider)
        with redirect_stdout(sys.stderr):
            manager.hook.layerkit_register(registry=registrar)
        if report.provider.distribution != BUILTIN:  # whose options have tests of their own
            for entry in registrar.entries:
                options_schema(entry.cls, registry)
        registry.admit(registrar.entries)
        report.entries, report.hooks = registrar.entries, manager.hook
        if report.compiles_steps:
            registry.compilers.append(_compiler(report, manager.hook))
    except KeyboardInterrupt:
        raise
    # A plugin is a stranger's code: whatever it raises, SystemExit too, must not end the others.
    except BaseException as error:
        report.state, report.reason = "broken", _reason(error)
        report.traceback = traceback.format_exc()
    return report


def _compiler(report: PluginReport, hooks: pluggy.HookRelay) -> "Compiler":
    """Return the hook of a plugin as a function that names the plugin if it raises."""

    def compiled(network: Network, optimizer: Optimizer, batches: "Batches") -> "Step | None":
        try:
            step: Step | None = hooks.layerkit_compile(
                network=network, optimizer=optimizer, batches=batches
            )
        except Exception as error:
            raise PluginError(
                f"{report}: layerkit_compile raised {_reason(error)}; LAYERKIT_PLUGINS can name "
                "the plugins to load without it"
            ) from error
        return step

    return compiled


def _reason(error: BaseException) -> str:
    """Return an exception in one line."""
    lines = str(error).strip().splitlines() or ["no message"]
    if isinstance(error, LayerkitError):
        return lines[0]
    # pluggy says first where and last what.
    line = lines[-1 if isinstance(error, pluggy.PluginValidationError) else 0]
    return f"{type(error).__name__}: {line}"


def _unmet(point: EntryPoint) -> str:
    """Return what a plugin needs of layerkit and does not get, or nothing."""
    if point.dist is None:
        return ""
    # Takes as long to import as many plugins to load, and is not needed where there are none.
    from packaging.requirements import Requirement
    from packaging.version import Version

    own = Version(layerkit.__version__)
    for requirement in map(Requirement, point.dist.requires or ()):
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not applies or requirement.name.lower() != BUILTIN:
            continue
        for part in requirement.specifier:
            if not part.contains(own, prereleases=True):
                bound = Version(part.version.removesuffix(".*"))
                late = bound < own or part.operator.startswith("<")
                outdated = _provider(point).distribution if late else BUILTIN
                return f"needs {BUILTIN} {part}, this is {own}; upgrade {outdated}"
    return ""


def _misspelt(manager: pluggy.PluginManager, module: object) -> str:
    """Return which hooks of a plugin there are not, or nothing."""
    specified = [name for name in vars(hookspecs) if name.startswith(hookspecs.PROJECT)]
    unknown = [
        caller.name
        for caller in manager.get_hookcallers(module) or ()
        if not caller.has_spec() and not all(i.optionalhook for i in caller.get_hookimpls())
    ]
    return "; ".join(f'no hook is named "{n}"{did_you_mean(n, specified)}' for n in unknown)


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
