"""The contract of a learning-rate schedule."""

from abc import abstractmethod
from typing import ClassVar

from layerkit.component import Component


class Schedule(Component):
    """The learning rate as a function of the number of updates made so far."""

    kind: ClassVar[str] = "schedule"
    advised: ClassVar[frozenset[str]] = frozenset({"__call__"})

    def advice(self, name: str) -> str:
        """Return what to call first where an attribute is missing."""
        return "call build(total_steps) first" if name[0] == "_" else ""

    def build(self, total_steps: int) -> None:
        """Take note of how many steps the run will make; for schedules that end with the run."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the learning rate of an update; ``step`` is 0 for the first."""
