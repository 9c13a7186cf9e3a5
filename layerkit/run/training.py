"""Running a training spec: data in, trained parameters and metrics out."""

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

import layerkit
from layerkit.builder import Experiment
from layerkit.dataset import Data, Form, Split
from layerkit.errors import DataError, RunError, UserError
from layerkit.run.folder import RunFolder
from layerkit.run.provenance import Provenance, lock, provenance
from layerkit.run.relocation import moved
from layerkit.spec import TrainingSpec
from layerkit.training import Evaluation, Step, Trainer
from layerkit.training.checking import check_numbers, check_targets

Status = Literal["finished", "stopped early", "interrupted", "failed"]


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        folder: Where its results stand.
        status: How it ended.
        steps: The number of updates made.
        seconds: The time it took, evaluations included, the reading of the data not.
        best: The evaluation whose parameters are in ``best.npz``; None if there was none.
        last: The last evaluation.
    """

    folder: Path
    status: Status
    steps: int
    seconds: float
    best: Evaluation | None
    last: Evaluation | None


class Watcher(Protocol):
    """Somebody who is told how a run goes."""

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Hear that training begins."""

    def evaluated(self, evaluation: Evaluation, is_best: bool) -> None:
        """Hear of an evaluation."""

    def ended(self, result: Result) -> None:
        """Hear how it ended, however that was."""


def load_data(experiment: Experiment) -> Data:
    """Return the data of an experiment, and check that it has the form that was promised.

    Raises:
        SpecError: A data file is missing or wrong, or does not have the form it promised.
    """
    content = experiment.spec.content
    assert isinstance(content, TrainingSpec)
    dtype = np.dtype(content.dtype)  # of runs, also where the network checks gradients in float64
    try:
        data = experiment.dataset.load()
        for part, split in (("training", data.train), ("test", data.test)):
            _check_form(part, split, experiment.form)
            check_numbers(part, split, dtype)
            _protect(split.x)
            _protect(split.t)
        check_targets(experiment.network, data, experiment.metrics.values())
    except OSError as error:  # of a file that opens, and then cannot be read
        raise experiment.spec.error((("data",), f"cannot be read: {error}")) from error
    except (DataError, MemoryError) as error:
        raise experiment.spec.error((("data",), str(error))) from error
    _check_batches(experiment, len(data.train))
    experiment.check_memory(len(data.train), len(data.test))
    return data


def _protect(array: Any) -> None:
    """Let nobody change an array by mistake, be it through another one: steps may build on that."""
    while isinstance(array, np.ndarray):
        array.flags.writeable = False
        array = array.base


def _check_form(part: str, split: Split, form: Form) -> None:
    if not len(split):
        raise DataError(f"the {part} part has no examples")
    wanted = (len(split), *form.shape), (len(split), *form.targets.shape)
    if (split.x.shape, split.t.shape) != wanted:
        raise DataError(
            f"the {part} part must have examples {wanted[0]} and targets {wanted[1]}, "
            f"got {split.x.shape} and {split.t.shape}"
        )
    classes = form.targets.classes
    if classes is not None and not 0 <= split.t.min() <= split.t.max() < classes:
        raise DataError(
            f"the {part} part must have labels from 0 to {classes - 1}, "
            f"got labels from {split.t.min()} to {split.t.max()}"
        )


def _check_batches(experiment: Experiment, count: int) -> None:
    """Refuse a batch with fewer examples than a layer can train on."""
    settings, network = experiment.settings, experiment.network
    size = settings.batch_size
    smallest = (count % size or size) if settings.sampling == "shuffle" else size
    for node in network.nodes:
        least = max(layer.least_batch for layer in node.layer.walk())
        if smallest < least:
            which = "the last batch of an epoch has" if smallest < size else "a batch has"
            examples = f"{smallest} example{'s' if smallest > 1 else ''}"
            raise experiment.spec.error(
                (
                    ("training", "batch_size"),
                    f"{which} {examples} of {count:,}, and {node} takes at least {least} in "
                    "training; choose another size",
                )
            )


def run_training(
    experiment: Experiment,
    data: Data,
    out: Path | None,
    watchers: Sequence[Watcher] = (),
    accept: Callable[[Provenance], object] | None = None,
) -> Result:
    """Train, and write the results to a new folder.

    The folder holds ``spec.json`` (as it was run, ready to be run again), ``spec.lock.json`` (what
    computed it), ``metrics.jsonl`` (a line for each evaluation), ``best.npz`` and
    ``last.npz`` (parameters and states by name) and ``run.json`` (versions, status, times). All
    but the last are the same to the byte whenever the same spec is run with the same versions on
    the same machine.

    Args:
        experiment: What to train.
        data: The loaded data.
        out: The folder to make; ``runs/NAME-TIME`` unless given.
        watchers: Who is told how it goes.
        accept: Is given what is about to compute; raises where that is to be refused.

    Raises:
        UserError: The folder is there already, or cannot be made; or the experiment has been run.
        PluginError: A plugin was asked for a faster step, and raised.
        NonFiniteError: The loss became NaN or infinite. Whatever is raised, what was found before
            is kept, and ``run.json`` says why the run ended.
    """
    spec = experiment.spec
    if experiment.network.is_initialized:
        raise UserError(
            "the network of this experiment has parameters already, which a run would replace by "
            "the first values of its seed; build the experiment anew for each run"
        )
    experiment.network.initialize(spec.content.seed)
    trainer = Trainer(
        experiment.network,
        data,
        experiment.optimizer,
        experiment.settings,
        experiment.metrics,
        experiment.monitor,
        experiment.higher_is_better,
        spec.content.seed,
    )
    step = type(trainer.fastest_step)  # a plugin that fails here does so before anything is written
    computes = provenance(experiment, step)
    if accept is not None:
        accept(computes)
    folder = RunFolder(out, spec.name)
    with folder.discarded_on_failure():
        folder.write_json("spec.json", moved(spec, folder.path))
        folder.write_json("spec.lock.json", lock(computes))
    last: Evaluation | None = None
    began = time.perf_counter()

    def write_results(status: Status, reason: str = "") -> Result:
        network = experiment.network
        if status != "failed":
            folder.write_parameters("last.npz", network, network.params, network.states)
        result = result_of(status)
        folder.write_json("run.json", _record(experiment, step, result, reason))
        return result

    def result_of(status: Status) -> Result:
        seconds = time.perf_counter() - began
        best = trainer.best.evaluation if trainer.best else None
        return Result(folder.path, status, trainer.step, seconds, best, last)

    def tell(result: Result) -> None:
        for watcher in watchers:
            watcher.ended(result)

    try:
        for watcher in watchers:
            watcher.started(trainer, folder.path)
        for last in trainer.run():
            folder.append_json_line("metrics.jsonl", asdict(last))
            is_best = trainer.best is not None and trainer.best.evaluation is last
            if trainer.best is not None and is_best:
                snapshot = trainer.best
                folder.write_parameters(
                    "best.npz", experiment.network, snapshot.params, snapshot.states
                )
            for watcher in watchers:
                watcher.evaluated(last, is_best)
        if trainer.step == trainer.total_steps:
            result = write_results("finished")
        elif trainer.stop_requested:
            result = write_results("interrupted", trainer.stop_reason)
        else:
            result = write_results("stopped early")
    except KeyboardInterrupt as interrupt:
        # Also where a second signal came while the results were being written.
        tell(write_results("interrupted", str(interrupt)))
        raise
    except Exception as error:
        with suppress(RunError):  # where the folder is the trouble, that is told already
            write_results("failed", str(error) or type(error).__name__)
        tell(result_of("failed"))
        raise
    tell(result)
    return result


def _record(
    experiment: Experiment, step: type[Step], result: Result, reason: str
) -> dict[str, object]:
    return {
        "name": experiment.spec.name,
        "status": result.status,
        **({"reason": reason} if reason else {}),
        "steps": result.steps,
        "seconds": round(result.seconds, 3),
        "parameters": experiment.network.parameter_count,
        "input_shape": list(experiment.form.shape),
        "monitor": experiment.monitor,
        "best": asdict(result.best) if result.best else None,
        "last": asdict(result.last) if result.last else None,
        "step": f"{step.__module__}.{step.__qualname__}",
        "versions": {
            "layerkit": layerkit.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
