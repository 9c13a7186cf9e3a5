"""The loop: a batch, its loss and gradient, an update, and an evaluation now and then."""

import copy
import math
from collections.abc import Iterator
from functools import cached_property
from operator import attrgetter
from typing import Any, Self

import numpy as np

from layerkit import compilers
from layerkit.arguments import checked_count, checked_seed, shown
from layerkit.contracts.dataset import Data
from layerkit.contracts.metric import PARTS, Metric, is_better_higher
from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.ownership import variables
from layerkit.contracts.schedule import Schedule
from layerkit.contracts.unheld import refuse_unheld_options
from layerkit.contracts.variable import CopiedWhole, bind_all
from layerkit.errors import NonFiniteError, UserError
from layerkit.network import Network
from layerkit.threads import one_blas_thread
from layerkit.training.beginning import batch_problem, check_arguments, checked_monitor
from layerkit.training.data_checks import check_data
from layerkit.training.evaluation import evaluate
from layerkit.training.records import Evaluation, Snapshot
from layerkit.training.sampling import Batches
from layerkit.training.settings import TrainingSettings
from layerkit.training.step import Step
from layerkit.training.stopping import Best
from layerkit.types import Array


def _fixed(name: str) -> Any:
    """Return a property that can be set once, because steps keep references to the first value."""

    def put(trainer: "Trainer", value: object) -> None:
        if f"_{name}" in vars(trainer):
            raise UserError(
                f"the {name} of a Trainer cannot be replaced, because its steps are made for the "
                "first one; make a new Trainer(...)"
            )
        vars(trainer)[f"_{name}"] = value

    return property(attrgetter(f"_{name}"), put)


class Trainer(CopiedWhole):
    """Trains one network. Its attributes hold the whole state of a run.

    It starts from the present parameters of the network, initial or trained, and initialises the
    optimizer, which therefore must be new. To continue after the end, raise ``total_steps`` and
    call ``run`` again. After a requested stop, set ``stop_requested`` back to False. One thread at
    a time may train. In one thread, several trainers of a network may alternate, each with the
    states of its own optimizer: each step starts from the present parameters.

    ``copy.deepcopy`` copies everything except the examples, which the copy shares with the original
    because nobody changes them. ``pickle`` includes them. Both continue with the same numbers.

    Args:
        network: The network, initialised, with a loss.
        data: The examples.
        optimizer: The optimizer; a new one.
        settings: How long to train, and on which batches.
        metrics: The metrics that evaluations report besides the loss, by name.
        monitor: The score of the validation part that selects the best parameters; by default
            its loss. Without a validation part nothing is selected.
        higher_is_better: Whether a higher score is better; by default as its metric declares.
        seed: The seed of the order of the examples and of the optimizer's random numbers.

    Attributes:
        step: The number of updates made.
        loss: The loss of the last batch.
        batches: The source of batches.
        optimizer_state: The states of the optimizer, one vector.
        stop_requested: If it is set from outside, training ends after the present step.
        stop_reason: The reason for the stop, such as the name of a signal; set together with it.
        is_half_done: Whether an exception, such as that of Ctrl-C, interrupted an update; the
            trainer then refuses to train on.

    Raises:
        NotReadyError: The network was never initialised.
        ShapeError: The examples do not have the shape that the network takes, or the targets do not
            match its outputs.
        DataError: A part has no examples, or is not an array of numbers; or the loss or a metric
            cannot take such targets.
        UserError: The optimizer belongs to another trainer, there is no such score to monitor,
            or an argument is of the wrong class.
    """

    network: Network = _fixed("network")
    data: Data = _fixed("data")
    optimizer: Optimizer = _fixed("optimizer")
    batches: Batches = _fixed("batches")
    _network: Network  # each step reads these, because properties take longer
    _batches: Batches

    def __init__(
        self,
        network: Network,
        data: Data,
        optimizer: Optimizer,
        settings: TrainingSettings,
        metrics: dict[str, Metric],
        monitor: str | None = None,
        higher_is_better: bool | None = None,
        seed: int = 0,
    ) -> None:
        check_arguments(network, data, optimizer, settings, metrics)
        if not (higher_is_better is None or isinstance(higher_is_better, bool)):
            raise UserError(
                f"higher_is_better must be True, False or None, got {shown(higher_is_better)}"
            )
        monitor = checked_monitor(monitor, metrics, settings, data)
        check_data(network, data, metrics.values())
        assert network.loss_function is not None
        network.loss_function.fit(network.output_shape, data.train.t)
        too_small = batch_problem(network, settings, len(data.train))
        if too_small:
            raise UserError(f"batch_size: {too_small}")
        # A run's seed has three children; the first one is for the network.
        for_batches, for_optimizer = (
            np.random.default_rng(np.random.SeedSequence(checked_seed(seed), spawn_key=(child,)))
            for child in (1, 2)
        )
        self.network = network
        self.data = data
        self.optimizer = optimizer
        self.settings = settings
        self.metrics = metrics
        self.batches = Batches(
            data.train, settings.batch_size, settings.sampling, network.dtype, for_batches
        )
        self.step = 0
        self.loss = math.nan
        self.stop_requested = False
        self.stop_reason = ""
        self.monitor = monitor
        self._best: Best | None = None
        if monitor is not None:
            if higher_is_better is None:
                higher_is_better = is_better_higher(monitor, metrics)
            self._best = Best(monitor, higher_is_better, settings.early_stopping)
        self.is_half_done = False
        self._is_evaluation_due = False
        refuse_unheld_options(optimizer, network.dtype)
        self.total_steps = settings.steps or (settings.epochs or 0) * self.batches.per_epoch
        if isinstance(optimizer.learning_rate, Schedule):
            for schedule in optimizer.learning_rate.walk():
                schedule.is_taken = True
        self.optimizer_state = optimizer.initialize(
            network.parameter_count, for_optimizer, network.dtype
        )
        self._began_finite = bool(np.isfinite(self.optimizer_state).all())

    @property
    def total_steps(self) -> int:
        """The number of updates to make; setting it also updates a schedule that depends on it."""
        return self._total_steps

    @total_steps.setter
    def total_steps(self, steps: int) -> None:
        self._total_steps = checked_count(steps, "total_steps")
        if isinstance(self.optimizer.learning_rate, Schedule):
            self.optimizer.learning_rate.build(self._total_steps)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        memo.update({id(part): part for part in (self.data, *self.data.parts.values())})
        other = memo[id(self)] = object.__new__(type(self))
        other.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a pickle, without the step, which may hold unpicklable objects."""
        left_out = ("fastest_step", "optimizer_state")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        states = [state for _, state in variables(self.optimizer)]
        self.optimizer_state = bind_all(states, self.network.dtype)

    @cached_property
    def fastest_step(self) -> Step:
        """The arithmetic of a step: a plugin's, or else NumPy's; chosen when training begins."""
        parts = self.network, self.optimizer, self.batches
        own_compilers = self.network.compilers
        for compiler in compilers.find() if own_compilers is None else own_compilers:
            step: Step | None = compiler(*parts)
            if step is not None:
                return step
        return Step(*parts)

    @property
    def stopped_early(self) -> bool:
        """Whether the monitored score has stopped improving."""
        return self._best is not None and self._best.is_final

    @property
    def best(self) -> Snapshot | None:
        """The best parameters so far, by the validation part; None if there is none."""
        return None if self._best is None else self._best.snapshot

    def run(self) -> Iterator[Evaluation]:
        """Train, and yield every evaluation.

        Raises:
            NonFiniteError: The loss became NaN or infinite; the message says where it arose.
            UserError: Another thread is training the network.
        """
        every = self.settings.evaluate_every
        interval = self.batches.per_epoch if every == "epoch" else every
        while not (self.stopped_early or self.stop_requested):
            with self.network.turns.training:
                if not self._is_evaluation_due:  # it is due if the last one was interrupted
                    if self.step >= self.total_steps:
                        return
                    until = self.step - self.step % interval + interval
                    self.train_until(min(until, self.total_steps))
                    self._is_evaluation_due = True
                evaluation = self._evaluate()
                if self._best is not None:
                    self._best.judge(evaluation, self.network)
                self._is_evaluation_due = False
            yield evaluation

    def train_step(self) -> None:
        """Make one update.

        Raises:
            NonFiniteError: The loss became NaN or infinite; nothing was updated.
            UserError: Another thread is training the network.
        """
        turns = self.network.turns
        with turns.training, turns.turn:  # no other thread predicts in the middle of an update
            self._update()

    def train_until(self, step: int) -> None:
        """Make updates until ``step`` of them have been made, or ``stop_requested`` is set.

        If ``step`` updates have already been made, it makes none.

        Raises:
            NonFiniteError: The loss became NaN or infinite; that step updated nothing.
            UserError: Another thread is training the network.
        """
        step, turns = checked_count(step, "step"), self.network.turns
        # Overflow shows in the loss, where it is reported with its place.
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with turns.training, one_blas_thread, quiet:
            while self.step < step and not self.stop_requested:
                with turns.turn:
                    self._update()
                    # Releasing the turn after each step would take as long as a small step.
                    while not (turns.turn.is_wanted or self.step >= step or self.stop_requested):
                        self._update()

    def _update(self) -> None:
        if self.is_half_done:
            example = "" if self.best is None else ", such as trainer.best"
            raise UserError(
                f"update {self.step + 1} was interrupted half-way, so the parameters are "
                f"neither those before it nor those after it; restore complete ones{example}, and "
                "make a new Trainer(...)"
            )
        self.loss = self.fastest_step.gradients(self._batches.indices())
        if not math.isfinite(self.loss):
            raise self._non_finite(f"the loss became {self.loss} at step {self.step + 1}")
        grads = self._network.grads
        # This is the only place where several processes would sum their gradients.
        longest = self.settings.max_gradient_norm
        if longest is not None:
            norm = _norm(grads)
            if norm > longest:
                grads *= longest / norm
        self.is_half_done = True
        self._network.forget_forward()
        self.fastest_step.update(self.step)
        self.step += 1
        self.is_half_done = False

    def _evaluate(self) -> Evaluation:
        scores: dict[str, float] = {}
        details: dict[str, Any] = {}
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for name, split in self.data.parts.items():
                part = PARTS[name]
                part_scores = evaluate(self.network, split, self.metrics, self.fastest_step.outputs)
                scores |= {f"{part}_{name}": score for name, score in part_scores.items()}
                loss = scores[f"{part}_loss"]
                if not math.isfinite(loss):
                    raise self._non_finite(f"the {name} loss became {loss} after step {self.step}")
                for metric_name, metric in self.metrics.items():
                    if of_metric := metric.details():
                        details[f"{part}_{metric_name}"] = of_metric
        if self._began_finite and not np.isfinite(self.optimizer_state).all():
            # From then on its rates are 0, and training would silently stop making progress.
            raise NonFiniteError(
                f"what {type(self.optimizer).__name__} keeps of the gradients became larger than "
                f"{self.network.dtype} holds before step {self.step}; scale the inputs or the "
                'targets, set max_gradient_norm, or compute in "dtype": "float64"'
            )
        epoch = self.step / self.batches.per_epoch
        rate = float(self.optimizer.rate(max(self.step - 1, 0)))
        return Evaluation(self.step, epoch, rate, scores, details)

    def _non_finite(self, event: str) -> NonFiniteError:
        where = self.network.first_non_finite() or "the loss itself"
        if self.step:
            advice = "; a lower learning_rate or a max_gradient_norm may help"
        else:  # no update had a part in it
            advice = "; scale the inputs or the targets"
            if self.network.dtype != np.float64:
                advice += ', or compute in "dtype": "float64"'
        return NonFiniteError(
            f"{event}; the first value that is not finite arose in {where}"
            + (advice if where != "the data" else "")
        )


def _norm(vector: Array) -> float:
    """Return the Euclidean norm."""
    norm = math.sqrt(float(vector @ vector))
    if norm < math.inf:
        return norm
    # The square overflows long before the norm does.
    largest = float(np.abs(vector).max())
    return largest * float(np.linalg.norm(vector / largest)) if largest < math.inf else largest
