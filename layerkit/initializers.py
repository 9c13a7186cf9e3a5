"""Initial values of parameters.

``fan_in`` is the number of inputs of each output, ``fan_out`` the number of outputs of each input.
By default they are the product of all axes except the last, and the last axis. A layer declares
others if necessary: in a convolution, an input meets every position of a filter.
"""

import math
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from layerkit.contracts.initializer import Initializer
from layerkit.types import Array, NonNegativeFloat, Rng, Shape

Distribution: TypeAlias = Literal["normal", "uniform"]
Fans: TypeAlias = tuple[int, int]


class Zeros(Initializer):
    """All zeros, ``w = 0``; for biases, because equal weights would stay equal.

    Source:
        Saito (2016), "Deep Learning from Scratch", section 6.2.1, on why not for weights.
    """

    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Return zeros."""
        return np.zeros(shape)


class Normal(Initializer):
    """Independent normal numbers, ``w ~ N(mean, std^2)``.

    Args:
        mean: Their mean.
        std: Their standard deviation.

    Source:
        Saito (2016), "Deep Learning from Scratch", section 5.7.2, whose networks start from
        0.01 times standard normal numbers.
    """

    def __init__(self, mean: float = 0.0, std: NonNegativeFloat = 0.01) -> None:
        self.mean = mean
        self.std = std

    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Draw from the normal distribution."""
        return rng.normal(self.mean, self.std, shape)


class Uniform(Initializer):
    """Independent uniform numbers, ``w ~ U[low, high)``.

    Args:
        low: The lower bound, included.
        high: The upper bound, excluded.

    Raises:
        ValueError: ``low`` is not less than ``high``.

    Source:
        The default range is that of ``RandomUniform`` in Keras,
        https://keras.io/api/layers/initializers.
    """

    def __init__(self, low: float = -0.05, high: float = 0.05) -> None:
        if not low < high:
            raise ValueError(f"low must be less than high, got low={low} and high={high}")
        if math.isinf(high - low):
            raise ValueError(f"low and high must not be as far apart as {low:g} and {high:g}")
        self.low = low
        self.high = high

    def __call__(self, shape: Shape, rng: Rng) -> Array:
        """Draw from the uniform distribution."""
        return rng.uniform(self.low, self.high, shape)


class Xavier(Initializer):
    """Variance ``2 / (fan_in + fan_out)``; also called Glorot, made for tanh and sigmoid.

    It is a compromise between keeping the variance in the forward pass and in the backward pass.

    Args:
        distribution: ``"uniform"`` draws from ``U[-a, a)`` with ``a^2 = 6 / (fan_in + fan_out)``,
            ``"normal"`` from the normal distribution of the same variance.

    Source:
        Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", eqs. 12 and 16.
    """

    takes_fans: ClassVar[bool] = True

    def __init__(self, distribution: Distribution = "uniform") -> None:
        self.distribution = distribution

    def __call__(self, shape: Shape, rng: Rng, fans: Fans | None = None) -> Array:
        """Draw with that variance."""
        fan_in, fan_out = fans or _fans(shape)
        return _drawn(self.distribution, 2 / (fan_in + fan_out), shape, rng)


class He(Initializer):
    """Variance ``2 / fan_in``; also called Kaiming, made for ReLU, which halves the variance.

    Args:
        distribution: ``"normal"``, or ``"uniform"`` for ``U[-a, a)`` of the same variance,
            ``a^2 = 6 / fan_in``.

    Source:
        He, Zhang, Ren and Sun (2015), "Delving Deep into Rectifiers", eq. 10.
    """

    takes_fans: ClassVar[bool] = True

    def __init__(self, distribution: Distribution = "normal") -> None:
        self.distribution = distribution

    def __call__(self, shape: Shape, rng: Rng, fans: Fans | None = None) -> Array:
        """Draw with that variance."""
        fan_in, _ = fans or _fans(shape)
        return _drawn(self.distribution, 2 / fan_in, shape, rng)


def _fans(shape: Shape) -> Fans:
    return math.prod(shape[:-1]), math.prod(shape[-1:])


def _drawn(distribution: Distribution, variance: float, shape: Shape, rng: Rng) -> Array:
    """Return numbers of mean 0 and the given variance."""
    if distribution == "normal":
        return rng.normal(0, math.sqrt(variance), shape)
    limit = math.sqrt(3 * variance)  # the variance of U[-a, a) is a^2 / 3
    return rng.uniform(-limit, limit, shape)
