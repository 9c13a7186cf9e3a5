"""What the outputs of a network mean, from what its layers and its loss say of themselves."""

from collections.abc import Sequence

from layerkit.contracts.layer import Layer
from layerkit.contracts.loss import Loss
from layerkit.errors import ShapeError
from layerkit.types import Meaning


def output_meaning(
    layers: Sequence[tuple[str, Layer, tuple[int, ...]]], input_count: int, loss: Loss | None
) -> Meaning:
    """Return what the output of the last layer means.

    Numbers may be taken for anything, so that what the loss takes them for counts. Whether they
    are probabilities, the last layer and the loss have to agree on.

    Args:
        layers: Of each layer its name, itself, and its inputs as positions among the values of the
            network: first its inputs, then the output of each layer.
        input_count: How many inputs the network has.
        loss: The loss, if there is one.

    Raises:
        ShapeError: The last layer gives probabilities and the loss takes logits, or the other way
            round.
    """
    # Of each value what it means, and the layer that made it so.
    values: list[tuple[Meaning, int]] = [("numbers", 0)] * input_count
    for i, (_, layer, inputs) in enumerate(layers):
        if layer.meaning != "same":
            values.append((layer.meaning, i))
        elif len({values[j][0] for j in inputs}) == 1:
            values.append(values[inputs[0]])
        else:
            values.append(("numbers", i))
    given, source = values[-1]
    taken: Meaning = "numbers" if loss is None else loss.taken_meaning()
    if taken == "numbers":
        return given
    if given != "numbers" and (given == "probabilities") != (taken == "probabilities"):
        name = layers[source][0]
        if given == "probabilities":
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
    return taken
