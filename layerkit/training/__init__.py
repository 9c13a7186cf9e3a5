"""The one SGD loop."""

from layerkit.training.evaluation import evaluate
from layerkit.training.records import Evaluation, Snapshot
from layerkit.training.sampling import Batches
from layerkit.training.step import Step
from layerkit.training.trainer import Trainer

__all__ = ["Batches", "Evaluation", "Snapshot", "Step", "Trainer", "evaluate"]
