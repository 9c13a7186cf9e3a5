"""The best parameters of a training, and early stopping when they no longer improve."""

import math

from layerkit.network import Network
from layerkit.training.records import Evaluation, Snapshot
from layerkit.training.settings import EarlyStopping


class Best:
    """Keeps the best parameters so far, by one score of the evaluations.

    Args:
        monitor: The name of the score.
        higher_is_better: Whether a higher score is better.
        stopping: When to stop; never by default.

    Attributes:
        snapshot: The best parameters; None until an evaluation has a score that is not NaN.
        stale: The number of evaluations since the score last improved.
    """

    def __init__(
        self, monitor: str, higher_is_better: bool, stopping: EarlyStopping | None = None
    ) -> None:
        self.monitor = monitor
        self.snapshot: Snapshot | None = None
        self.stale = 0
        self._stopping = stopping
        self._sign = 1 if higher_is_better else -1
        self._to_beat = self._worst = -self._sign * math.inf

    @property
    def is_final(self) -> bool:
        """Whether the score has not improved for ``patience`` evaluations."""
        return self._stopping is not None and self.stale >= self._stopping.patience

    def judge(self, evaluation: Evaluation, network: Network) -> None:
        """Keep the parameters if they are the best so far, and count evaluations that are not."""
        score = evaluation.scores[self.monitor]
        best = self.snapshot.evaluation.scores[self.monitor] if self.snapshot else self._worst
        if self._is_better(score, best):
            self.snapshot = Snapshot(evaluation, network.params.copy(), network.states.copy())
        least = self._stopping.min_delta if self._stopping else 0.0
        if self._is_better(score, self._to_beat, by=least):
            self._to_beat, self.stale = score, 0
        else:
            self.stale += 1

    def _is_better(self, score: float, other: float, by: float = 0.0) -> bool:
        return self._sign * (score - other) > by
