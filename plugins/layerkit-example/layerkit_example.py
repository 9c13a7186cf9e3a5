"""The layer swish."""

from layerkit import Array, Layer, NonNegativeFloat, Registrar, hookimpl, sigmoid


class Swish(Layer):
    """Self-gated activation, ``y = x sigmoid(beta x)``.

    Args:
        beta: Slope of the gate; 0 gives ``x / 2``, large values approach ReLU.

    Shapes:
        x: ``(batch, *shape)``
        y: the shape of ``x``

    Source:
        Ramachandran, Zoph and Le (2017), "Searching for Activation Functions", section 5.
    """

    def __init__(self, beta: NonNegativeFloat = 1.0) -> None:
        self.beta = beta

    def forward(self, x: Array) -> Array:
        """Return ``x sigmoid(beta x)``."""
        self._x, self._gate = x, sigmoid(self.beta * x)
        return x * self._gate

    def backward(self, dout: Array) -> Array:
        """Return ``dout y'``."""
        # The sigmoid s has s' = s (1 - s), so y' = s + x beta s (1 - s).
        return dout * self._gate * (1 + self.beta * self._x * (1 - self._gate))


@hookimpl
def layerkit_register(registry: Registrar) -> None:
    """Register the layer under the name that specs use."""
    registry.layer("swish", Swish)
