"""The output of the command about a run, for people and for programs."""

from dataclasses import asdict
from typing import Any

from layerkit.builder import Experiment
from layerkit.cli.terminal import echo_text, print_json, warn
from layerkit.contracts.dataset import Data
from layerkit.run import Watcher, large_batch, load_data
from layerkit.training import Evaluation, Result


def data_of(experiment: Experiment) -> Data:
    """Return the data of an experiment, and print what the user may not expect of them."""
    data = load_data(experiment)
    for note in data.notes:
        warn(note)
    if warning := large_batch(experiment, len(data.train)):
        echo_text(f"warning: {warning}", err=True)
    return data


def number(value: Any) -> str:
    """Return a number, or nested lists of them, with 10 significant digits."""
    if value is None:
        return ""
    if isinstance(value, list):
        return f"[{', '.join(number(v) for v in value)}]"
    return f"{value + 0:.10g}"  # -0 + 0 is 0


class JsonSummary(Watcher):
    """Prints a run as JSON when it has ended."""

    def __init__(self) -> None:
        self._evaluations: list[Evaluation] = []

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """Store an evaluation."""
        self._evaluations.append(evaluation)

    def ended(self, result: Result) -> None:
        """Print the result and all evaluations."""
        print_json(
            {
                "folder": str(result.folder),
                "status": result.status,
                "steps": result.steps,
                "seconds": result.seconds,
                "best": asdict(result.best) if result.best else None,
                "last": asdict(result.last) if result.last else None,
                "evaluations": [asdict(evaluation) for evaluation in self._evaluations],
            }
        )
