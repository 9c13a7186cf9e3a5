"""Training that a signal ends after the present step, so that nothing is lost."""

from contextlib import ExitStack
from pathlib import Path

from layerkit.interrupts import interrupts
from layerkit.run.watching import Watcher
from layerkit.training import Result, Trainer


class Interruptible(Watcher):
    """A watcher that makes a signal end the training after its present step.

    Args:
        training: A stack of contexts that ends with the training, even if it fails.
    """

    def __init__(self, training: ExitStack) -> None:
        self.training = training

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Make signals end this training."""
        self.training.enter_context(interrupts.finishing(trainer))

    def ended(self, result: Result) -> None:
        """Make signals raise again."""
        # The results are written, so the watchers that follow may be interrupted.
        self.training.close()
