"""A plugin, what became of it, and its hooks in the order to call them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import pluggy

from layerkit.contracts.registrar import Entry, Provider
from layerkit.errors import LayerkitError
from layerkit.wording import visible

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
        if not is_wrapper(impl)
    ]
    calls.sort(key=lambda call: call[1].trylast - call[1].tryfirst)
    return [(report, _by_name(impl)) for report, impl in calls]


def _by_name(impl: pluggy.HookImpl) -> Callable[..., Any]:
    return lambda **arguments: impl.function(*(arguments[name] for name in impl.argnames))


def is_wrapper(impl: pluggy.HookImpl) -> bool:
    """Return whether an implementation wraps those of other plugins."""
    return impl.wrapper or impl.hookwrapper


def one_line(error: BaseException) -> str:
    """Return an exception in one line."""
    lines = str(error).strip().splitlines() or ["no message"]
    if isinstance(error, LayerkitError):
        return lines[0]
    # pluggy's first line says where the fault is, and its last line what it is.
    line = lines[-1 if isinstance(error, pluggy.PluginValidationError) else 0]
    return f"{type(error).__name__}: {visible(line)}"
