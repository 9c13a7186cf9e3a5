"""The built-in metrics, one file each."""

from layerkit.builtin.metrics.accuracy import Accuracy
from layerkit.builtin.metrics.average_precision import AveragePrecision
from layerkit.builtin.metrics.binary_accuracy import BinaryAccuracy
from layerkit.builtin.metrics.confusion_matrix import ConfusionMatrix
from layerkit.builtin.metrics.f1 import F1
from layerkit.builtin.metrics.log_loss import LogLoss
from layerkit.builtin.metrics.mean_absolute_error import MeanAbsoluteError
from layerkit.builtin.metrics.precision import Precision
from layerkit.builtin.metrics.r2 import R2
from layerkit.builtin.metrics.recall import Recall
from layerkit.builtin.metrics.roc_auc import RocAuc
from layerkit.builtin.metrics.root_mean_squared_error import RootMeanSquaredError
from layerkit.builtin.metrics.top_k import TopK

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "AveragePrecision",
    "BinaryAccuracy",
    "ConfusionMatrix",
    "LogLoss",
    "MeanAbsoluteError",
    "Precision",
    "Recall",
    "RocAuc",
    "RootMeanSquaredError",
    "TopK",
]
