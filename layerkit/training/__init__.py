"""The one SGD loop."""

from layerkit.training.evaluation import evaluate
from layerkit.training.sampling import Batches
from layerkit.training.step import Step
from layerkit.training.trainer import Evaluation, Snapshot, Trainer

__all__ = ["Batches", "Evaluation", "Snapshot", "Step", "Trainer", "evaluate"]
