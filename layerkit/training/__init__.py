"""Training: the one SGD loop, its settings, batches and evaluations."""

from layerkit.training.evaluation import evaluate
from layerkit.training.records import Evaluation, Result, Snapshot, Status
from layerkit.training.sampling import Batches
from layerkit.training.step import Step
from layerkit.training.trainer import Trainer

__all__ = [
    "Batches",
    "Evaluation",
    "Result",
    "Snapshot",
    "Status",
    "Step",
    "Trainer",
    "evaluate",
]
