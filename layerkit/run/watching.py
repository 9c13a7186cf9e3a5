"""Watchers of a run, and the plugins that watch it through their hooks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from layerkit.errors import PluginError
from layerkit.outputs import output_to_stderr
from layerkit.plugins import RUN_HOOKS, PluginReport, in_order, is_strict
from layerkit.training import Evaluation, Result, Trainer


class Watcher:
    """An observer of a run; a subclass overrides the methods for the events it needs."""

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Called when training begins."""

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """Called after each evaluation."""

    def ended(self, result: Result) -> None:
        """Called when the run has ended in any way."""


class PluginWatcher(Watcher):
    """A watcher that calls the hooks of plugins, in pluggy's order.

    Each hook is called separately, so none can end a run. One that raises is reported once, and its
    plugin is not called again during that run.

    Args:
        plugins: The plugins.
        spec: The spec of the run, as JSON values.
        complain: Called with the message about a hook that raised.
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
                with output_to_stderr():  # keeps its prints out of the results
                    call(folder=self._folder, **arguments)
            # A plugin is a stranger's code: nothing that it raises may end the run.
            except KeyboardInterrupt:
                self._failed.append(plugin)  # the user may have interrupted this very hook
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
    """Return the watcher that calls the hooks of working plugins; see ``PluginWatcher``."""
    return [PluginWatcher(plugins, spec, complain)]
