"""The contract of a learning-rate schedule."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from layerkit.contracts.component import Component, stored_attributes


class Schedule(Component):
    """The learning rate as a function of the number of updates made so far.

    Attributes:
        is_taken: Whether a trainer uses it; it may then depend on that trainer's number of steps.
    """

    kind: ClassVar[str] = "schedule"
    advised: ClassVar[frozenset[str]] = frozenset({"__call__"})
    is_taken: bool = False

    def advice(self, name: str, method: str) -> str:
        """Return what to call first if an attribute is missing."""
        is_set_by_build = name in stored_attributes(type(self), "build")
        return "call build(total_steps) first" if is_set_by_build else ""

    def build(self, total_steps: int) -> None:
        """Store how many steps the run will make, for schedules that end with the run.

        It is called again when that number changes, for example if training continues.
        """

    def walk(self) -> Iterator["Schedule"]:
        """Yield the schedule, and the schedules among its options."""
        yield self
        for option in vars(self).values():
            if isinstance(option, Schedule):
                yield from option.walk()

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the learning rate of an update; ``step`` is 0 for the first."""
