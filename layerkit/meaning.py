"""What the outputs of a network mean, as its layers and its loss declare."""

from collections.abc import Sequence

from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss
from layerkit.errors import ShapeError
from layerkit.types import Meaning


def output_meaning(
    layers: Sequence[tuple[str, Layer, tuple[int, ...]]], input_count: int, loss: Loss | None
) -> Meaning:
    """Return what the output of the last layer means.

    If they are just numbers, the interpretation by the loss counts. The last layer and the loss
    must agree on whether they are probabilities.

    Args:
        layers: The name of each layer, the layer, and its inputs as positions among the values of
            the network: first its inputs, then the output of each layer.
        input_count: How many inputs the network has.
        loss: The loss, if there is one.

    Raises:
        ShapeError: The last layer gives probabilities and the loss takes logits, or vice versa.
    """
    # The meaning of each value, and the layer that determined it.
    values: list[tuple[Meaning, int]] = [("numbers", 0)] * input_count
    for i, (_, layer, inputs) in enumerate(layers):
        if layer.meaning != "same":
            values.append((layer.meaning, i))
        elif len({values[j][0] for j in inputs}) == 1:
            values.append(values[inputs[0]])
        else:
            values.append(("numbers", i))
    declared, source = values[-1]
    required: Meaning = "numbers" if loss is None else loss.taken_meaning()
    if required == "numbers":
        return declared
    if declared != "numbers" and (declared == "probabilities") != (required == "probabilities"):
        name = layers[source][0]
        if declared == "probabilities":
            raise ShapeError(
                "gives probabilities, but the loss takes logits, which it turns into "
                "probabilities itself",
                "leave this layer out",
                layer=source,
                named=name,
            )
        raise ShapeError(
            "gives logits, but the loss takes probabilities",
            'put "sigmoid" or "softmax" after it',
            layer=source,
            named=name,
        )
    return required
