"""Records that training produces: plain data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from layerkit.types import Array

Status = Literal["finished", "stopped early", "interrupted", "failed"]


@dataclass(frozen=True)
class Evaluation:
    """The scores of an evaluation.

    Attributes:
        step: The number of updates made.
        epoch: The number of passes made over the training data.
        learning_rate: The learning rate of the last update.
        scores: The loss and the metrics on each part: ``train_loss``, ``test_accuracy``, ...
        details: What metrics say besides their scores, such as the table of a confusion matrix, by
            the names of the scores; plain JSON.
    """

    step: int
    epoch: float
    learning_rate: float
    scores: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """The parameters and states of a network at one evaluation."""

    evaluation: Evaluation
    params: Array
    states: Array


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        folder: The folder of its results.
        status: How it ended.
        steps: The number of updates made.
        seconds: The time it took, including evaluations but not the reading of the data.
        best: The evaluation whose parameters are in ``best.npz``; None if there was none.
        last: The last evaluation.
    """

    folder: Path
    status: Status
    steps: int
    seconds: float
    best: Evaluation | None
    last: Evaluation | None
