"""From a chain of layers and a loss to the program in C that computes their gradients."""

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from layerkit import Array, Batches, DataError, Layer, Network, ShapeError, Split
from layerkit.builtin.layers import Affine, Flatten, Relu, Reshape, Sigmoid, Tanh
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss
from layerkit.builtin.losses.classes import weights_of_classes
from layerkit_compiled import _kernels
from layerkit_compiled.blas import sgemm_address

ACTIVATIONS: dict[type[Layer], int] = {
    Relu: _kernels.RELU,
    Sigmoid: _kernels.SIGMOID,
    Tanh: _kernels.TANH,
}
LABELS = {
    np.dtype(np.uint8): _kernels.BYTES,
    np.dtype(np.int32): _kernels.INTS,
    np.dtype(np.int64): _kernels.LONGS,
}
NUMBERS = LABELS | {
    np.dtype(np.float32): _kernels.FLOATS,
    np.dtype(np.float64): _kernels.DOUBLES,
}

WORTH_A_SHARE = 300_000
"""The least product of weights and examples for a share: about 20 microseconds of work. With half
of it threads gain nothing, because they meet twice in a step."""

ROWS_OF_A_SHARE = 128
"""The least number of examples in each share if there are more than two. The library of matrix
products copies the weights again for each share. Shares of 64 rows cost one thread 14% of a step of
784-50-10 and 5 to 12% of 784-2048-2048-10, shares of 128 rows 0 to 4%. Two shares cost 1 to 4% of a
step of 100 rows, and 10 to 25% if a layer has products at each time step."""

SPARSE_PRODUCT = 3
"""The cost of multiplying a nonzero number alone, relative to one in a whole matrix: 2.8 with AVX2,
on one core."""

LOOKING = 16
"""The cost of testing whether a number is zero, in multiplications of a whole matrix."""


def program_of(network: Network, batches: Batches) -> _kernels.Program | None:
    """Return a program for the gradients; None if the network is not a chain of known layers."""
    split = batches.gather.split
    sgemm, layers, loss = sgemm_address(), _chain(network, split), _loss(network, split)
    x_kind = NUMBERS.get(split.x.dtype) if split.x.flags.c_contiguous else None
    if sgemm is None or layers is None or loss is None or x_kind is None:
        return None
    if split.x.shape[1:] != network.shapes[0]:
        return None  # which NumPy's pass refuses, with both shapes
    if not len(split) or abs(split.scale) > np.finfo(np.float32).max:
        return None  # nothing to compute, or nothing that is finite
    return _kernels.Program(
        sgemm=sgemm,
        layers=layers,
        loss=loss,
        params=network.params,
        grads=network.grads,
        x=split.x,
        t=split.t,
        x_kind=x_kind,
        t_kind=NUMBERS[split.t.dtype],
        scale=split.scale,
        inputs=math.prod(network.shapes[0]),
        outputs=math.prod(network.output_shape),
        batch=batches.size,
        shares=_shares(network, batches),
        looks_once=_looks_once(split),
        weights=_weights(network, split),
    )


def _shares(network: Network, batches: Batches) -> int:
    """Return the number of shares of a batch, a power of two that follows from sizes alone.

    The division of a product changes its rounding, because OpenBLAS uses other instructions at the
    edges of a matrix. If the number depended on the threads or on a measurement, the bytes of a
    training would depend on the machine or on chance.
    """
    worth = batches.size * network.parameter_count // WORTH_A_SHARE
    rows = max(2, batches.size // ROWS_OF_A_SHARE)
    most = max(1, min(worth, rows, _kernels.MOST_SHARES))
    return int(2 ** (most.bit_length() - 1))


class _Link(NamedTuple):
    """A layer of a chain, as ``_kernels.Program`` takes it; -1 stands for a missing parameter."""

    kind: int
    inputs: int
    outputs: int
    weight: int = -1
    bias: int = -1
    steps: int = 1
    returns_sequence: bool = False
    is_reverse: bool = False


def _chain(network: Network, split: Split) -> tuple[_Link, ...] | None:
    """Return each layer that computes something; None if one of them is unknown."""
    if network.input_count != 1 or not all(math.prod(shape) for shape in network.shapes):
        return None
    starts, start = {}, 0
    for parameter in network.parameters.values():
        starts[id(parameter)], start = start, start + parameter.size
    links: list[_Link] = []
    for i, node in enumerate(network.nodes):
        layer: Any = node.layer
        kind, shape = type(layer), network.shapes[i]
        sizes = math.prod(shape), math.prod(network.shapes[i + 1])
        if node.inputs != (i,):
            return None
        if kind is Affine:
            bias = starts[id(layer.b)] if layer.bias else -1
            is_sparse = not links and leaves_out_zeros(split, sizes[1])
            code = _kernels.SPARSE_AFFINE if is_sparse else _kernels.AFFINE
            links.append(_Link(code, *sizes, starts[id(layer.W)], bias))
        elif kind in ACTIVATIONS:
            links.append(_Link(ACTIVATIONS[kind], *sizes))
        elif kind is _lstm():
            # Its parameters form one matrix [W; U; b], because they are declared in this order.
            weight, steps = starts[id(layer.W)], shape[0]
            sequence = layer.returns == "sequence"
            links.append(_Link(_kernels.LSTM, *sizes, weight, -1, steps, sequence, layer.reverse))
        elif kind not in (Flatten, Reshape):
            return None
    return tuple(links)


def leaves_out_zeros(split: Split, units: int) -> bool:
    """Return whether so many numbers are zero that skipping them is faster."""
    sample = split.x[:: max(1, len(split) // 256)]
    columns = math.ceil(units / _kernels.BLOCK) * _kernels.BLOCK
    products = int(np.count_nonzero(sample)) * columns
    looking = 0 if _looks_once(split) else LOOKING * sample.size
    return SPARSE_PRODUCT * products + looking < units * sample.size


def _looks_once(split: Split) -> bool:
    """Return whether the positions of the zeros can be stored.

    This requires that no array allows changing the examples, and that they are in memory and not in
    a mapped file, which may be larger.
    """
    array: Any = split.x
    while isinstance(array, np.ndarray):
        if array.flags.writeable or isinstance(array, np.memmap):
            return False
        array = array.base
    return array is None


def _lstm() -> Any:
    """Return the class ``Lstm`` of ``layerkit-sequence``; None if that is not imported."""
    return getattr(sys.modules.get("layerkit_sequence"), "Lstm", None)


def _loss(network: Network, split: Split) -> int | None:
    """Return the code for a loss and its targets; None if there is none."""
    loss, t, outputs = network.loss_function, split.t, network.output_shape
    if loss is None:
        return None
    try:
        loss.check_targets(outputs, t)
    except (ShapeError, DataError):
        return None  # NumPy's pass refuses them too, with a message
    kind = type(loss)
    if not t.flags.c_contiguous or t.dtype not in NUMBERS:
        return None
    if kind is MeanSquaredError:
        return _kernels.MEAN_SQUARED_ERROR
    if isinstance(loss, SoftmaxWithLoss) and kind is SoftmaxWithLoss and len(outputs) == 1:
        if loss.label_smoothing:
            return None
        if t.shape[1:] == outputs:
            return _kernels.SOFTMAX_OF_PROBABILITIES
        return _kernels.SOFTMAX_OF_LABELS if t.ndim == 1 and t.dtype in LABELS else None
    return None


def _weights(network: Network, split: Split) -> Array | None:
    """Return the weights of the examples, times those of their classes; None if all are 1."""
    loss, weights = network.loss_function, split.weights
    if isinstance(loss, SoftmaxWithLoss):
        of_classes = weights_of_classes(loss.class_weights, loss.balanced_weights)
        if of_classes is not None:
            own = of_classes[split.t] if split.t.ndim == 1 else split.t @ of_classes
            weights = own if weights is None else own * weights
    return None if weights is None else np.require(weights, np.float32, ["C", "A"])
