"""Whether the loss and the metrics can take the targets of data; looked at once, at the start."""

from collections.abc import Iterable

from layerkit.dataset import Data
from layerkit.errors import DataError, ShapeError
from layerkit.loss import Loss
from layerkit.metric import Metric
from layerkit.network import Network


def check_targets(network: Network, data: Data, metrics: Iterable[Metric]) -> None:
    """Refuse targets that the loss or a metric cannot take.

    Args:
        network: The network; one without a loss is left to whoever trains it.
        data: The examples.
        metrics: What evaluations tell besides the loss.

    Raises:
        ShapeError: Targets have another shape than goes with the outputs, or a metric has no use
            for outputs of that meaning.
        DataError: Targets are not finite, no integers where they are labels, of no class, or no
            probabilities where the loss wants them to be.
    """
    if network.loss_function is None:
        return
    metrics = list(metrics)
    for metric in metrics:
        metric.meaning = network.meaning
    for part, split in (("training", data.train), ("test", data.test)):
        components: list[Loss | Metric] = [network.loss_function, *metrics]
        for component in components:
            try:
                component.check_targets(network.output_shape, split.t)
            except DataError as error:
                raise DataError(f"the {part} part: {error}") from error
            except ShapeError as error:
                name = type(component).__name__
                raise ShapeError(
                    f"{name} on the {part} part: {error.expected}", error.hint
                ) from error
