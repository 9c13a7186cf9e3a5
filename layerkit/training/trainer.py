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
from layerkit.contracts.component import refuse_unheld_options
from layerkit.contracts.dataset import Data
from layerkit.contracts.metric import Metric, is_better_higher
from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.schedule import Schedule
from layerkit.contracts.variable import CopiedWhole, bind_all, variables
from layerkit.errors import NonFiniteError, UserError
from layerkit.network import Network
from layerkit.threads import one_blas_thread
from layerkit.training.beginning import batch_problem, check_arguments, check_monitor
from layerkit.training.checking import check_data
from layerkit.training.evaluation import evaluate
from layerkit.training.records import Evaluation, Snapshot
from layerkit.training.sampling import Batches
from layerkit.training.settings import TrainingSettings
from layerkit.training.step import Step
from layerkit.training.stopping import Best
from layerkit.types import Array


def _fixed(name: str) -> Any:
    """Return a property that is set once, because a step holds what it was made of."""

    def put(trainer: "Trainer", value: object) -> None:
        if f"_{name}" in vars(trainer):
            raise UserError(
                f"the {name} of a Trainer cannot be replaced, because its steps are made for the "
                "first one; make a new Trainer(...)"
            )
        vars(trainer)[f"_{name}"] = value

    return property(attrgetter(f"_{name}"), put)


class Trainer(CopiedWhole):
    """Trains one network. All that a run is made of is among its attributes.

    It begins with the parameters that the network has, first values or trained ones, and makes the
    optimizer ready, which therefore has to be new. To train on after the end, raise
    ``total_steps`` and call ``run`` again; after a stop that was requested, set ``stop_requested``
    back to False. One thread at a time may train.

    ``copy.deepcopy`` takes everything but the examples, which the copy shares with the original
    as nobody changes them; ``pickle`` takes them too. Either goes on to the same numbers.

    Args:
        network: The network, initialised, with a loss.
        data: The examples.
        optimizer: How gradients change the parameters; a new one.
        settings: How long and on what to train.
        metrics: What evaluations tell besides the loss, by name.
        monitor: The number that tells the best parameters.
        higher_is_better: Which way that number is better; by default as its metric says.
        seed: What the order of the examples follows from, and what the optimizer draws.

    Attributes:
        step: The number of updates made.
        loss: The loss of the last batch.
        batches: Where batches come from.
        optimizer_state: The states of the optimizer, one vector.
        stop_requested: Set from outside, it ends the training after the present step.
        stop_reason: Set with it, why: the name of a signal, say.
        is_half_done: Whether an exception, such as that of Ctrl-C, broke off an update half-way;
            the trainer refuses to train on then.

    Raises:
        NotReadyError: The network was never initialised.
        ShapeError: The examples do not have the shape that the network takes, or targets another
            one than goes with its outputs.
        DataError: A part has no examples, or holds something else than arrays of numbers; or the
            loss or a metric cannot take such targets.
        UserError: The optimizer belongs to another trainer, there is no such number to monitor,
            or an argument is of the wrong class.
    """

    network: Network = _fixed("network")
    data: Data = _fixed("data")
    optimizer: Optimizer = _fixed("optimizer")
    batches: Batches = _fixed("batches")
    _network: Network  # under these names they are read in each step, which takes less time
    _batches: Batches

    def __init__(
        self,
        network: Network,
        data: Data,
        optimizer: Optimizer,
        settings: TrainingSettings,
        metrics: dict[str, Metric],
        monitor: str = "test_loss",
        higher_is_better: bool | None = None,
        seed: int = 0,
    ) -> None:
        check_arguments(network, data, optimizer, settings, metrics)
        if not (higher_is_better is None or isinstance(higher_is_better, bool)):
            raise UserError(
                f"higher_is_better must be True, False or None, got {shown(higher_is_better)}"
            )
        check_monitor(monitor, metrics, settings)
        check_data(network, data, metrics.values())
        too_small = batch_problem(network, settings, len(data.train))
        if too_small:
            raise UserError(f"batch_size: {too_small}")
        # A run's seed has three children; the first is that of the network.
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
        if higher_is_better is None:
            higher_is_better = is_better_higher(monitor, metrics)
        self.monitor = monitor
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
        """The number of updates to make; a schedule that ends with the run is told of a new one."""
        return self._total_steps

    @total_steps.setter
    def total_steps(self, steps: int) -> None:
        self._total_steps = checked_count(steps, "total_steps")
        if isinstance(self.optimizer.learning_rate, Schedule):
            self.optimizer.learning_rate.build(self._total_steps)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        memo.update({id(part): part for part in (self.data, self.data.train, self.data.test)})
        other = memo[id(self)] = object.__new__(type(self))
        other.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle holds; a step is made anew, as it may hold what pickles cannot."""
        left_out = ("fastest_step", "optimizer_state")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        states = [state for _, state in variables(self.optimizer)]
        self.optimizer_state = bind_all(states, self.network.dtype)

    @cached_property
    def fastest_step(self) -> Step:
        """The arithmetic of a step: a plugin's, or else NumPy's; settled when training begins."""
        parts = self.network, self.optimizer, self.batches
        asked = self.network.compilers
        for compiler in compilers.find() if asked is None else asked:
            step: Step | None = compiler(*parts)
            if step is not None:
                return step
        return Step(*parts)

    @property
    def stopped_early(self) -> bool:
        """Whether the monitored number has stopped getting better."""
        return self._best.is_final

    @property
    def best(self) -> Snapshot | None:
        """The best parameters so far."""
        return self._best.snapshot

    def run(self) -> Iterator[Evaluation]:
        """Train, and yield every evaluation.

        Raises:
            NonFiniteError: The loss became NaN or infinite; says where it began.
            UserError: Another thread is training the network.
        """
        every = self.settings.evaluate_every
        interval = self.batches.per_epoch if every == "epoch" else every
        while not (self.stopped_early or self.stop_requested):
            with self.network.turns.training:
                if not self._is_evaluation_due:  # as it is after one that was broken off
                    if self.step >= self.total_steps:
                        return
                    until = self.step - self.step % interval + interval
                    self.train_until(min(until, self.total_steps))
                    self._is_evaluation_due = True
                evaluation = self._evaluate()
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
        with turns.training, turns.turn:  # who predicts meanwhile sees no half of an update
            self._update()

    def train_until(self, step: int) -> None:
        """Make updates until there are so many, or until ``stop_requested`` is set.

        Where there are as many already, it makes none.

        Raises:
            NonFiniteError: The loss became NaN or infinite; that step updated nothing.
            UserError: Another thread is training the network.
        """
        step, turns = checked_count(step, "step"), self.network.turns
        # Overflow shows in the loss, and is reported there with its place.
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with turns.training, one_blas_thread, quiet:
            while self.step < step and not self.stop_requested:
                with turns.turn:
                    self._update()
                    # To give the turn back after each step takes as long as a small step.
                    while not (turns.turn.is_wanted or self.step >= step or self.stop_requested):
                        self._update()

    def _update(self) -> None:
        if self.is_half_done:
            raise UserError(
                f"update {self.step + 1} was broken off half-way, so that the parameters are "
                "neither those before it nor those after it; put back whole ones, as of "
                "trainer.best, and make a new Trainer(...)"
            )
        self.loss = self.fastest_step.gradients(self._batches.indices())
        if not math.isfinite(self.loss):
            raise self._non_finite(f"the loss became {self.loss} at step {self.step + 1}")
        grads = self._network.grads
        # Here, and only here, several processes would sum their gradients.
        longest = self.settings.max_gradient_norm
        if longest is not None:
            norm = _norm(grads)
            if norm > longest:
                grads *= longest / norm
        self.is_half_done = True
        self.fastest_step.update(self.step)
        self.step += 1
        self.is_half_done = False

    def _evaluate(self) -> Evaluation:
        scores: dict[str, float] = {}
        with one_blas_thread, np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for part, split in (("train", self.data.train), ("test", self.data.test)):
                found = evaluate(self.network, split, self.metrics, self.fastest_step.outputs)
                scores |= {f"{part}_{name}": score for name, score in found.items()}
                loss = scores[f"{part}_loss"]
                if not math.isfinite(loss):
                    raise self._non_finite(f"the {part} loss became {loss} after step {self.step}")
        if self._began_finite and not np.isfinite(self.optimizer_state).all():
            # From then on its rates are 0, and training stands still without a word.
            raise NonFiniteError(
                f"what {type(self.optimizer).__name__} keeps of the gradients became larger than "
                f"{self.network.dtype} holds before step {self.step}; scale the inputs or the "
                'targets, set max_gradient_norm, or compute in "dtype": "float64"'
            )
        epoch = self.step / self.batches.per_epoch
        rate = float(self.optimizer.rate(max(self.step - 1, 0)))
        return Evaluation(self.step, epoch, rate, scores)

    def _non_finite(self, what: str) -> NonFiniteError:
        ts = self.data.train.t, self.data.test.t
        of_loss = "the loss itself" if all(np.isfinite(t).all() for t in ts) else "the targets"
        where = self.network.first_non_finite() or of_loss
        if self.step:
            advice = "; a lower learning_rate or a max_gradient_norm may help"
        else:  # no update had a part in it
            advice = "; scale the inputs or the targets"
            if self.network.dtype != np.float64:
                advice += ', or compute in "dtype": "float64"'
        return NonFiniteError(
            f"{what}; the first value that is not finite arose in {where}"
            + (advice if where not in ("the data", "the targets") else "")
        )


def _norm(vector: Array) -> float:
    """Return the Euclidean norm."""
    norm = math.sqrt(float(vector @ vector))
    if norm < math.inf:
        return norm
    # A square overflows long before the norm does.
    largest = float(np.abs(vector).max())
    return largest * float(np.linalg.norm(vector / largest)) if largest < math.inf else largest
