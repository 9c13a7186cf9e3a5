"""Writes runs as TensorBoard event files, into the folder of each run.

Of each evaluation it writes every score (``loss/train``, ``loss/test``, ...), the learning rate,
and a histogram of each parameter; of each run its spec and how it ended.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerkit import hookimpl

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

    from layerkit import Evaluation, Result, Trainer

_writers: "dict[Path, SummaryWriter]" = {}


@hookimpl
def layerkit_run_started(folder: Path, spec: dict[str, Any]) -> None:
    """Open the event file of a run, and write its spec."""
    # Imported here, so that only runs pay for it.
    from tensorboardX import SummaryWriter

    writer = _writers[folder] = SummaryWriter(str(folder))
    indented = json.dumps(spec, indent=2).replace("\n", "\n    ")
    writer.add_text("spec", f"    {indented}")  # as code, in TensorBoard's Markdown


@hookimpl
def layerkit_epoch_ended(folder: Path, evaluation: "Evaluation", trainer: "Trainer") -> None:
    """Write the scores and the parameters, and see to it that they can be read at once."""
    writer, step = _writers[folder], evaluation.step
    for name, score in evaluation.scores.items():
        part, _, metric = name.partition("_")
        writer.add_scalar(f"{metric}/{part}", score, step)
    writer.add_scalar("learning_rate", evaluation.learning_rate, step)
    for name, parameter in trainer.network.parameters.items():
        writer.add_histogram(name, parameter.value, step)
    writer.flush()


@hookimpl
def layerkit_run_ended(folder: Path, result: "Result") -> None:
    """Write how it ended, and close the file."""
    writer = _writers.pop(folder)
    writer.add_text("status", f"{result.status} at step {result.steps}", result.steps)
    writer.close()
