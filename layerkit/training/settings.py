"""What training has to be told, whoever tells it: plain values, without the rules of a spec."""

from typing import Literal, Protocol, runtime_checkable


class EarlyStopping(Protocol):
    """When to stop before the last step; ``layerkit.spec.EarlyStopping`` is one, and validates."""

    @property
    def metric(self) -> str:
        """The number to watch, as the table of the run calls it: ``test_loss``."""

    @property
    def patience(self) -> int:
        """After how many evaluations without a better value to stop."""

    @property
    def min_delta(self) -> float:
        """By how much a value must be better to count."""


@runtime_checkable
class TrainingSettings(Protocol):
    """How long and on what to train; ``layerkit.spec.TrainingSettings`` is one, and validates."""

    @property
    def steps(self) -> int | None:
        """The number of updates; or else ``epochs``."""

    @property
    def epochs(self) -> int | None:
        """How many times to go through the training data."""

    @property
    def batch_size(self) -> int:
        """The examples of one step."""

    @property
    def sampling(self) -> Literal["shuffle", "with_replacement"]:
        """How batches are drawn: each example once an epoch, or each batch anew."""

    @property
    def evaluate_every(self) -> int | Literal["epoch"]:
        """A number of steps, or ``epoch``."""

    @property
    def max_gradient_norm(self) -> float | None:
        """The Euclidean norm that longer gradients are scaled down to."""

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """When to stop before the last step."""
