"""What a person sees of a run: a line for each evaluation, and on a terminal a bar below them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from layerkit.builder import Experiment
from layerkit.dataset import Data
from layerkit.run import Result
from layerkit.training import Evaluation, Trainer


class Table:
    """Prints a run as a table that grows by a line with each evaluation."""

    def __init__(self, experiment: Experiment, data: Data) -> None:
        self.experiment = experiment
        self.data = data
        names = ["loss", *experiment.metrics]
        self.columns = [f"{part}_{name}" for name in names for part in ("train", "test")]
        self.bar: Any = None
        self.print: Callable[[str], None] = typer.echo

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Print the heading, and show the bar where there is a terminal."""
        self.began = time.perf_counter()
        network, data = self.experiment.network, self.data
        shapes = " -> ".join(_shape(s) for s in (network.shapes[0], network.output_shape))
        if _is_terminal():
            self._show_bar(trainer)
        self.print(
            f"{self.experiment.spec.name}: {len(network.nodes)} layers, {shapes}, "
            f"{network.parameter_count:,} parameters; {len(data.train):,} training and "
            f"{len(data.test):,} test examples; {trainer.total_steps:,} steps"
        )
        self.print("  ".join(["   step", " epoch", *self.columns, "   time"]))

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """Print a line; the best one so far is marked."""
        cells = [f"{evaluation.step:>7}", f"{evaluation.epoch:>6.2f}"]
        cells += [f"{evaluation.scores[name]:>{len(name)}.4f}" for name in self.columns]
        cells.append(f"{time.perf_counter() - self.began:>6.1f}s")
        self.print("  ".join(cells) + ("  *" if is_best else ""))

    def ended(self, result: Result) -> None:
        """Print how it ended, and where the results are."""
        if self.bar is not None:
            self.bar.stop()
        best = result.best
        if best is not None:
            monitor = self.experiment.monitor
            self.print(
                f"{result.status} after {result.steps:,} steps in {result.seconds:.1f} s; best "
                f"{monitor} {best.scores[monitor]:.4f} at step {best.step:,} (*)"
            )
        self.print(f"results in {result.folder}")

    def _show_bar(self, trainer: Trainer) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        class Bar(Progress):
            # Reads the trainer when it is drawn, so that the loop itself draws nothing.
            def get_renderables(self) -> Any:
                for task in self.task_ids:
                    self.update(task, completed=trainer.step, loss=trainer.loss)
                return super().get_renderables()

        self.bar = Bar(
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            transient=True,
        )
        self.bar.add_task("", total=trainer.total_steps, loss=trainer.loss)
        self.bar.start()
        self.print = lambda line: self.bar.console.print(line, markup=False, highlight=False)


def _is_terminal() -> bool:
    import sys

    return sys.stdout.isatty()


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape) or "1"
