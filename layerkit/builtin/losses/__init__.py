"""The built-in losses, one file each."""

from layerkit.builtin.losses.huber import Huber
from layerkit.builtin.losses.mean_squared_error import MeanSquaredError
from layerkit.builtin.losses.sigmoid_with_loss import SigmoidWithLoss
from layerkit.builtin.losses.softmax_with_loss import SoftmaxWithLoss

__all__ = ["Huber", "MeanSquaredError", "SigmoidWithLoss", "SoftmaxWithLoss"]
