"""Training that a signal ends after its present step, so that nothing is lost."""

from contextlib import ExitStack
from pathlib import Path

from layerkit.interrupts import interrupts
from layerkit.run.watching import Watcher
from layerkit.training import Result, Trainer


class Interruptible(Watcher):
    """Has a signal end the training after its present step.

    Args:
        training: What ends with the training, however that ends.
    """

    def __init__(self, training: ExitStack) -> None:
        self.training = training

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Have signals end this training."""
        self.training.enter_context(interrupts.finishing(trainer))

    def ended(self, result: Result) -> None:
        """Have signals raise again."""
        # The results are written; whoever hears of them next may be interrupted.
        self.training.close()
