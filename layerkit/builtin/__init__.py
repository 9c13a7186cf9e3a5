"""The built-in plugin: it imports only what any other plugin may import."""

from layerkit import He, Normal, Registrar, Uniform, Xavier, Zeros, hookimpl
from layerkit.builtin import metrics, schedules
from layerkit.builtin.datasets import Csv, Digits, Idx, Images, Mnist, Npy, Npz, Spiral
from layerkit.builtin.initializers import Constant
from layerkit.builtin.layers import (
    Add,
    Affine,
    BatchNorm,
    Dropout,
    Flatten,
    Gelu,
    LayerNorm,
    LeakyRelu,
    Mul,
    Relu,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)
from layerkit.builtin.losses import Huber, MeanSquaredError, SigmoidWithLoss, SoftmaxWithLoss
from layerkit.builtin.optimizers import SGD, AdaGrad, Adam, AdamW, RMSprop


@hookimpl
def layerkit_register(registry: Registrar) -> None:
    """Register all built-in components."""
    registry.layer("add", Add)
    registry.layer("affine", Affine)
    registry.layer("batch_norm", BatchNorm)
    registry.layer("dropout", Dropout)
    registry.layer("flatten", Flatten)
    registry.layer("gelu", Gelu)
    registry.layer("layer_norm", LayerNorm)
    registry.layer("leaky_relu", LeakyRelu)
    registry.layer("mul", Mul)
    registry.layer("relu", Relu)
    registry.layer("reshape", Reshape)
    registry.layer("sigmoid", Sigmoid)
    registry.layer("softmax", Softmax)
    registry.layer("tanh", Tanh)

    registry.loss("huber", Huber)
    registry.loss("mean_squared_error", MeanSquaredError)
    registry.loss("sigmoid_with_loss", SigmoidWithLoss)
    registry.loss("softmax_with_loss", SoftmaxWithLoss)

    registry.optimizer("adagrad", AdaGrad)
    registry.optimizer("adam", Adam)
    registry.optimizer("adamw", AdamW)
    registry.optimizer("rmsprop", RMSprop)
    registry.optimizer("sgd", SGD)

    registry.schedule("constant", schedules.Constant)
    registry.schedule("cosine", schedules.Cosine)
    registry.schedule("linear_warmup", schedules.LinearWarmup)
    registry.schedule("step", schedules.Step)

    registry.initializer("constant", Constant)
    registry.initializer("he", He)
    registry.initializer("normal", Normal)
    registry.initializer("uniform", Uniform)
    registry.initializer("xavier", Xavier)
    registry.initializer("zeros", Zeros)

    registry.metric("accuracy", metrics.Accuracy)
    registry.metric("average_precision", metrics.AveragePrecision)
    registry.metric("binary_accuracy", metrics.BinaryAccuracy)
    registry.metric("confusion_matrix", metrics.ConfusionMatrix)
    registry.metric("f1", metrics.F1)
    registry.metric("log_loss", metrics.LogLoss)
    registry.metric("mean_absolute_error", metrics.MeanAbsoluteError)
    registry.metric("precision", metrics.Precision)
    registry.metric("r2", metrics.R2)
    registry.metric("recall", metrics.Recall)
    registry.metric("roc_auc", metrics.RocAuc)
    registry.metric("root_mean_squared_error", metrics.RootMeanSquaredError)
    registry.metric("top_k", metrics.TopK)

    registry.dataset("csv", Csv)
    registry.dataset("digits", Digits)
    registry.dataset("idx", Idx)
    registry.dataset("images", Images)
    registry.dataset("mnist", Mnist)
    registry.dataset("npy", Npy)
    registry.dataset("npz", Npz)
    registry.dataset("spiral", Spiral)
