"""Who is told how a run goes: watchers, and the plugins that are watchers by their hooks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from layerkit.errors import PluginError
from layerkit.outputs import output_to_stderr
from layerkit.plugins import RUN_HOOKS, PluginReport, in_order, is_strict
from layerkit.training import Evaluation, Result, Trainer


class Watcher:
    """Somebody who is told how a run goes; a subclass hears what it has a method for."""

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Hear that training begins."""

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """Hear of an evaluation."""

    def ended(self, result: Result) -> None:
        """Hear how it ended, however that was."""


class PluginWatcher(Watcher):
    """Passes on to the hooks of plugins what a watcher hears, in pluggy's order.

    Each hook is called alone, so that none can end a run. One that raises is reported once, and its
    plugin is not called again during that run.

    Args:
        plugins: The plugins.
        spec: The spec that is run, as JSON holds it.
        complain: Takes the message about a hook that raised.
    """

    def __init__(
        self,
        plugins: Sequence[PluginReport],
        spec: dict[str, Any],
        complain: Callable[[str], object],
    ) -> None:
        self._calls = {hook: in_order(plugins, hook) for hook in RUN_HOOKS}
        self._spec = spec
        self._complain = complain
        self._failed: list[PluginReport] = []

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Call ``layerkit_run_started``."""
        self._folder, self._trainer = folder, trainer
        self._call("layerkit_run_started", spec=self._spec, trainer=trainer)

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """Call ``layerkit_epoch_ended``."""
        self._call("layerkit_epoch_ended", evaluation=evaluation, trainer=self._trainer)

    def ended(self, result: Result) -> None:
        """Call ``layerkit_run_ended``."""
        self._call("layerkit_run_ended", result=result)

    def _call(self, hook: str, **arguments: Any) -> None:
        for plugin, call in self._calls[hook]:
            if any(plugin is failed for failed in self._failed):
                continue
            try:
                with output_to_stderr():  # where what it prints spoils no output
                    call(folder=self._folder, **arguments)
            # A plugin is a stranger's code: whatever it raises must not cost the run.
            except KeyboardInterrupt:
                self._failed.append(plugin)  # it may be what the user would not wait for
                raise
            except BaseException as error:
                self._failed.append(plugin)
                message = f"{plugin}: {hook} raised {type(error).__name__}: {error}"
                if is_strict():
                    raise PluginError(f"{message}; LAYERKIT_STRICT is set") from error
                self._complain(f"{message}; it is not called again during this run")


def plugin_watchers(
    plugins: Sequence[PluginReport], spec: dict[str, Any], complain: Callable[[str], object]
) -> list[PluginWatcher]:
    """Return the watcher that passes a run on to the plugins that work; see ``PluginWatcher``."""
    return [PluginWatcher(plugins, spec, complain)]
