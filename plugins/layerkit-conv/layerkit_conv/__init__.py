"""Convolution and pooling for layerkit."""

from layerkit import Registrar, hookimpl
from layerkit_conv.average_pool2d import AveragePool2d
from layerkit_conv.conv1d import Conv1d
from layerkit_conv.conv2d import Conv2d
from layerkit_conv.global_average_pool import GlobalAveragePool
from layerkit_conv.max_pool2d import MaxPool2d

__all__ = ["AveragePool2d", "Conv1d", "Conv2d", "GlobalAveragePool", "MaxPool2d"]


@hookimpl
def layerkit_register(registry: Registrar) -> None:
    """Register the layers."""
    registry.layer("average_pool2d", AveragePool2d)
    registry.layer("conv1d", Conv1d)
    registry.layer("conv2d", Conv2d)
    registry.layer("global_average_pool", GlobalAveragePool)
    registry.layer("max_pool2d", MaxPool2d)
