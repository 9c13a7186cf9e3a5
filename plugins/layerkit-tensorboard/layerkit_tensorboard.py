"""Writes runs as TensorBoard event files, into the folder of each run.

Of each evaluation it writes every score (``loss/train``, ``loss/test``, ...), the learning rate,
and a histogram of each parameter; of each run its spec and how it ended.
"""

import json
import sys
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from layerkit import hookimpl

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

    from layerkit import Evaluation, Result, Trainer

_writers: "dict[Path, SummaryWriter]" = {}
_first_import = Lock()


@hookimpl
def layerkit_run_started(folder: Path, spec: dict[str, Any]) -> None:
    """Open the event file of a run, and write its spec."""
    writer = _writers[folder] = _summary_writer()(str(folder))
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


def _summary_writer() -> Any:
    """Return tensorboardX's writer, imported here so that only runs pay for it.

    tensorboardX imports torch where that is installed, for the sake of its tensors, and a short run
    then takes two seconds more. Here it gets arrays only, and while it is imported there is no
    torch.
    """
    modules: dict[str, Any] = sys.modules
    with _first_import:
        is_hidden = "tensorboardX" not in modules and "torch" not in modules
        if is_hidden:
            modules["torch"] = None
        try:
            from tensorboardX import SummaryWriter
        finally:
            if is_hidden:
                del modules["torch"]
    return SummaryWriter
