"""The settings that training reads: plain values, without the rules of a spec."""

from typing import Literal, Protocol, runtime_checkable


class EarlyStopping(Protocol):
    """When to stop before the last step; ``layerkit.spec.EarlyStopping`` is one, and validates."""

    @property
    def metric(self) -> str:
        """The score to watch, by its name in the table of the run: ``validation_loss``."""

    @property
    def patience(self) -> int:
        """The number of evaluations without a better value after which to stop."""

    @property
    def min_delta(self) -> float:
        """The least improvement that counts."""


@runtime_checkable
class TrainingSettings(Protocol):
    """How long and on what to train; ``layerkit.spec.TrainingSettings`` is one, and validates."""

    @property
    def steps(self) -> int | None:
        """The number of updates; None if ``epochs`` is set."""

    @property
    def epochs(self) -> int | None:
        """The number of passes over the training data; None if ``steps`` is set."""

    @property
    def batch_size(self) -> int:
        """The examples of one step."""

    @property
    def sampling(self) -> Literal["shuffle", "with_replacement"]:
        """How batches are drawn: each example once per epoch, or each batch independently."""

    @property
    def evaluate_every(self) -> int | Literal["epoch"]:
        """The interval of evaluations: a number of steps, or ``epoch``."""

    @property
    def max_gradient_norm(self) -> float | None:
        """The Euclidean norm that longer gradients are scaled down to."""

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """When to stop before the last step."""
