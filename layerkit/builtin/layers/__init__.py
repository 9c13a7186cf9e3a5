"""The built-in layers, one file each."""

from layerkit.builtin.layers.add import Add
from layerkit.builtin.layers.affine import Affine
from layerkit.builtin.layers.batch_norm import BatchNorm
from layerkit.builtin.layers.dropout import Dropout
from layerkit.builtin.layers.flatten import Flatten
from layerkit.builtin.layers.gelu import Gelu
from layerkit.builtin.layers.layer_norm import LayerNorm
from layerkit.builtin.layers.leaky_relu import LeakyRelu
from layerkit.builtin.layers.mul import Mul
from layerkit.builtin.layers.relu import Relu
from layerkit.builtin.layers.reshape import Reshape
from layerkit.builtin.layers.sigmoid import Sigmoid
from layerkit.builtin.layers.softmax import Softmax
from layerkit.builtin.layers.tanh import Tanh

__all__ = [
    "Add",
    "Affine",
    "BatchNorm",
    "Dropout",
    "Flatten",
    "Gelu",
    "LayerNorm",
    "LeakyRelu",
    "Mul",
    "Relu",
    "Reshape",
    "Sigmoid",
    "Softmax",
    "Tanh",
]
