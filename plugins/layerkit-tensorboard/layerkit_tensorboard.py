"""Writes runs as TensorBoard event files, into the folder of each run.

For each evaluation it writes every score (``loss/train``, ``loss/test``, ...), the learning rate,
and a histogram of each parameter. For each run it writes the spec and how the run ended.
"""

import json
import os
import socket
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from layerkit import hookimpl

if TYPE_CHECKING:
    from layerkit import Array, Evaluation, Result, Trainer

_files: "dict[Path, EventFile]" = {}
_first_import = Lock()
_torch_is_hidden = False


def _begin_again() -> None:
    """Reset the lock and show torch in a forked process, which has no other threads."""
    global _first_import
    _first_import = Lock()
    _show_torch()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


@hookimpl
def layerkit_run_started(folder: Path, spec: dict[str, Any]) -> None:
    """Open the event file of a run, and write its spec."""
    indented = json.dumps(spec, indent=2).replace("\n", "\n    ")
    file = _files[folder] = EventFile(folder)
    file.add([file.summaries.text("spec", f"    {indented}")], 0)  # as code, in Markdown


@hookimpl
def layerkit_epoch_ended(folder: Path, evaluation: "Evaluation", trainer: "Trainer") -> None:
    """Write the scores and the parameters all the way to the file, so they can be read at once."""
    file = _files[folder]
    scores = {"learning_rate": evaluation.learning_rate}
    for name, score in evaluation.scores.items():
        part, _, metric = name.partition("_")
        scores[f"{metric}/{part}"] = score
    file.add(
        [
            *(file.summaries.scalar(tag, score) for tag, score in scores.items()),
            *(
                file.summaries.histogram(name, parameter.value, _bins())
                for name, parameter in trainer.network.parameters.items()
            ),
        ],
        evaluation.step,
    )


@hookimpl
def layerkit_run_ended(folder: Path, result: "Result") -> None:
    """Write how the run ended, and close the file."""
    file = _files.pop(folder)
    try:
        text = f"{result.status} at step {result.steps}"
        file.add([file.summaries.text("status", text)], result.steps)
    finally:
        file.close()


class EventFile:
    """An event file that is written synchronously, with tensorboardX's records.

    tensorboardX's own writer passes events to a thread through a queue. On a full disk that thread
    dies, the queue fills, and every later call waits for ever, even the one at exit.

    Args:
        folder: The folder to create it in.

    Raises:
        OSError: It cannot be written; ``add`` raises this too. The file then ends with the last
            complete event, and is closed.
    """

    def __init__(self, folder: Path) -> None:
        self._events, self.summaries, records = _tensorboardx()
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}"
        self._path = folder / name
        self._size = 0
        self._writer = records.RecordWriter(str(self._path))
        self._write([self._events.Event(wall_time=time.time(), file_version="brain.Event:2")])

    def add(self, summaries: list[Any], step: int) -> None:
        """Write summaries of a step, and flush them."""
        now = time.time()
        self._write([self._events.Event(wall_time=now, step=step, summary=s) for s in summaries])

    def close(self) -> None:
        """Close the file; it may already be closed."""
        self._writer.close()

    def _write(self, events: list[Any]) -> None:
        try:
            for event in events:
                self._writer.write(event.SerializeToString())
            self._writer.flush()
        except BaseException:
            with suppress(OSError):
                self.close()  # which tries to write what is left, and closes all the same
            with suppress(OSError):
                os.truncate(self._path, self._size)
            raise
        self._size = self._path.stat().st_size


@cache
def _bins() -> "Array":
    """Return the edges of TensorBoard's histograms: 10% apart, from 1e-12 to 1e20."""
    edges = 1e-12 * 1.1 ** np.arange(774)
    return np.concatenate([-edges[::-1], [0.0], edges])


def _tensorboardx() -> tuple[Any, Any, Any]:
    """Return tensorboardX's modules of events, summaries and records, imported only for runs.

    tensorboardX imports torch if it is installed, to support its tensors, and a short run then
    takes two seconds more. This plugin passes only arrays, so it hides torch during the import.
    """
    with _first_import:
        if "tensorboardX" not in sys.modules:
            _hide_torch()
        try:
            # Only here, because the import is slow and needs torch to be hidden.
            from tensorboardX import record_writer, summary
            from tensorboardX.proto import event_pb2
        finally:
            _show_torch()
    return event_pb2, summary, record_writer


def _hide_torch() -> None:
    """Make imports of torch fail, unless it is already loaded."""
    global _torch_is_hidden
    modules: dict[str, Any] = sys.modules
    if "torch" not in modules:
        modules["torch"], _torch_is_hidden = None, True


def _show_torch() -> None:
    """Let torch be imported again, if it was hidden here."""
    global _torch_is_hidden
    if _torch_is_hidden:
        del sys.modules["torch"]
        _torch_is_hidden = False
