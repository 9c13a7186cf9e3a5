"""Running a training spec: data in, trained parameters and metrics out."""

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from layerkit.builder import Experiment
from layerkit.contracts.dataset import Data
from layerkit.errors import RunError, UserError
from layerkit.run.data import about_data
from layerkit.run.folder import RunFolder
from layerkit.run.locks import lock
from layerkit.run.provenance import Provenance, provenance
from layerkit.run.relocation import moved
from layerkit.run.watching import Watcher
from layerkit.run.weights import write_weights
from layerkit.training import Evaluation, Result, Status, Step, Trainer
from layerkit.version import __version__


def run_training(
    experiment: Experiment,
    data: Data,
    out: Path | None,
    watchers: Sequence[Watcher] = (),
    accept: Callable[[Provenance], object] | None = None,
    is_locked: bool = False,
) -> Result:
    """Train, and write the results to a new folder.

    The folder holds ``spec.json`` (as it was run, ready to be run again), ``spec.lock.json`` (the
    code and the machine), ``metrics.jsonl`` (a line for each evaluation), ``last.npz`` (parameters
    and states by name), ``best.npz`` (those of the best evaluation, if there is a validation part
    to choose it by) and ``run.json`` (versions, status, times). All except the last are identical
    to the byte if the same spec is run with the same versions on the same machine.

    Args:
        experiment: The experiment to train.
        data: The loaded data.
        out: The folder to create; by default ``runs/NAME-TIME``.
        watchers: The watchers of the run.
        accept: Called with the provenance before training; raises to refuse it.
        is_locked: Whether every file of the code is read for the provenance.

    Raises:
        SpecError: The loss or a metric cannot take the targets, or the type of the spec cannot
            hold the numbers.
        UserError: The folder already exists, or cannot be created; or the experiment has been run.
        PluginError: A plugin raised when it was asked for a faster step.
        NonFiniteError: The loss became NaN or infinite. After any exception, the results so far
            are kept, and ``run.json`` says why the run ended.
    """
    spec = experiment.spec
    if experiment.network.is_initialized:
        raise UserError(
            "the network of this experiment already has parameters, which a run would replace with "
            "the initial values of its seed; build a new experiment for each run"
        )
    experiment.network.initialize(spec.content.seed)
    with about_data(experiment):
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
    computes = provenance(experiment, step, is_locked)
    if accept is not None:
        accept(computes)
    folder = RunFolder(out, spec.name)
    with folder.discarded_on_failure():
        folder.write_json("spec.json", moved(spec, folder.path))
        folder.write_json("spec.lock.json", lock(computes))
    network = experiment.network
    last: Evaluation | None = None
    began = time.perf_counter()

    def write_results(status: Status, reason: str = "") -> Result:
        if status != "failed" and not trainer.is_half_done:
            write_weights(folder, "last", network, network.params, network.states)
        result = result_of(status)
        folder.write_json("run.json", _record(experiment, step, result, reason))
        return result

    def result_of(status: Status) -> Result:
        seconds = time.perf_counter() - began
        best = trainer.best.evaluation if trainer.best else None
        return Result(folder.path, status, trainer.step, seconds, best, last)

    def notify_ended(result: Result) -> None:
        for watcher in watchers:
            watcher.ended(result)

    try:
        for watcher in watchers:
            watcher.started(trainer, folder.path)
        for last in trainer.run():
            folder.append_json_line("metrics.jsonl", recorded(last))
            if trainer.monitor is None:  # the last parameters are the model, however the run ends
                write_weights(folder, "last", network, network.params, network.states)
            is_best = trainer.best is not None and trainer.best.evaluation is last
            if trainer.best is not None and is_best:
                snapshot = trainer.best
                write_weights(folder, "best", experiment.network, snapshot.params, snapshot.states)
            for watcher in watchers:
                watcher.evaluated(last, is_best)
        if trainer.step == trainer.total_steps:
            result = write_results("finished")
        elif trainer.stop_requested:
            result = write_results("interrupted", trainer.stop_reason)
        else:
            result = write_results("stopped early")
    except KeyboardInterrupt as interrupt:
        # This includes a second signal while the results were being written.
        reason = str(interrupt)
        if trainer.is_half_done:  # a second signal does not wait for the end of a step
            reason = f"{reason}, in the middle of an update: "
            is_there = trainer.monitor is None and last is not None
            reason += "last.npz is of the last evaluation" if is_there else "there is no last.npz"
        notify_ended(write_results("interrupted", reason))
        raise
    except Exception as error:
        with suppress(RunError):  # a fault of the folder is already being reported
            write_results("failed", str(error) or type(error).__name__)
        notify_ended(result_of("failed"))
        raise
    notify_ended(result)
    return result


def recorded(evaluation: Evaluation) -> dict[str, object]:
    """Return an evaluation as the files of a run hold it; without details if there are none."""
    return {name: value for name, value in asdict(evaluation).items() if value or name != "details"}


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
        "best": recorded(result.best) if result.best else None,
        "last": recorded(result.last) if result.last else None,
        "step": f"{step.__module__}.{step.__qualname__}",
        "versions": {
            "layerkit": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
