"""The progress of a run: a line for each evaluation, and on a terminal a bar below them."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from layerkit.builder import Experiment
from layerkit.cli.terminal import echo
from layerkit.contracts.dataset import Data
from layerkit.contracts.metric import PARTS
from layerkit.run import Result, Watcher
from layerkit.training import Evaluation, Trainer
from layerkit.wording import visible

SCORE_WIDTH = len("1234.5678")


class Table(Watcher):
    """Prints a run as a table that grows by a line with each evaluation."""

    def __init__(self, experiment: Experiment, data: Data) -> None:
        self.experiment = experiment
        self.data = data
        names = ["loss", *experiment.metrics]
        scores = [f"{PARTS[part]}_{name}" for name in names for part in data.parts]
        self.widths = {score: max(len(score), SCORE_WIDTH) for score in scores}
        self.bar: Any = None
        self.print: Callable[[str], None] = echo

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Print the heading, and show the bar on a terminal."""
        self.began = time.perf_counter()
        network, data = self.experiment.network, self.data
        shapes = " -> ".join(_shape(s) for s in (network.shapes[0], network.output_shape))
        if sys.stdout.isatty():
            self._show_bar(trainer)
        self.print(
            f"{self.experiment.spec.name}: {len(network.nodes)} layers, {shapes}, "
            f"{network.parameter_count:,} parameters; {counted(data)}; "
            f"{trainer.total_steps:,} steps"
        )
        scores = [name.rjust(width) for name, width in self.widths.items()]
        self.print("  ".join(["  step", " epoch", *scores, "   time"]))

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """Print a line; the best one so far is marked."""
        cells = [f"{evaluation.step:>6}", f"{evaluation.epoch:>6.2f}"]
        cells += [score(evaluation.scores[name]).rjust(w) for name, w in self.widths.items()]
        cells.append(f"{time.perf_counter() - self.began:>6.1f}s")
        self.print("  ".join(cells) + ("  *" if is_best else ""))

    def ended(self, result: Result) -> None:
        """Print how it ended, and where the results are."""
        if self.bar is not None:
            self.bar.stop()
        steps = "1 step" if result.steps == 1 else f"{result.steps:,} steps"
        line = f"{result.status} after {steps} in {result.seconds:.1f} s"
        monitor = self.experiment.monitor
        if result.best is not None and monitor is not None:
            best = score(result.best.scores[monitor])
            line += f"; best {monitor} {best} at step {result.best.step:,} (*)"
        self.print(line)
        self.print(f"results in {result.folder}")

    def _show_bar(self, trainer: Trainer) -> None:
        # Only here, because the import is slow and most runs do not end on a terminal.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class Bar(Progress):
            # It reads the trainer when it is drawn, so the training loop draws nothing.
            def get_renderables(self) -> Any:
                for task in self.task_ids:
                    loss = f"loss {score(trainer.loss)}" if trainer.step else ""
                    self.update(task, completed=trainer.step, loss=loss)
                return super().get_renderables()

        # Some terminals report 0 columns, and rich would then print nothing at all.
        width = None if Console().width else get_terminal_size().columns
        self.bar = Bar(
            BarColumn(),
            TextColumn("{task.completed:,} of {task.total:,} steps"),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            transient=True,
            console=Console(width=width),
        )
        self.bar.add_task("", total=trainer.total_steps, loss="")
        self.bar.start()
        # Plain text, so that the terminal wraps long lines.
        self.print = lambda line: self.bar.console.print(Text(visible(line)), soft_wrap=True)


def counted(data: Data) -> str:
    """Return how many examples each part has, in words."""
    *first, last = [f"{len(split):,} {part}" for part, split in data.parts.items()]
    return f"{', '.join(first)} and {last} examples"


def score(value: float) -> str:
    """Return a loss or metric in at most ``SCORE_WIDTH`` characters."""
    text = f"{value:.4f}"
    says_enough = value == 0 or abs(value) >= 0.001
    return text if says_enough and len(text) <= SCORE_WIDTH else f"{value:.2e}"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape) or "1"
