"""What a training leaves on its way: plain data."""

from dataclasses import dataclass

from layerkit.types import Array


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        step: The number of updates made.
        epoch: How many times over the training data has been seen.
        learning_rate: The learning rate of the last update.
        scores: The loss and the metrics on each part: ``train_loss``, ``test_accuracy``, ...
    """

    step: int
    epoch: float
    learning_rate: float
    scores: dict[str, float]


@dataclass(frozen=True)
class Snapshot:
    """The parameters and states of a network at one evaluation."""

    evaluation: Evaluation
    params: Array
    states: Array
