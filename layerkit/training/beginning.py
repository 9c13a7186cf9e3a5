"""What no training can begin with is refused here, by name and with what to do."""

import numpy as np

from layerkit.arguments import check_instance
from layerkit.dataset import Data, Split
from layerkit.errors import DataError, NotReadyError, ShapeError, UserError
from layerkit.metric import Metric
from layerkit.network import Network
from layerkit.optimizer import Optimizer
from layerkit.registry import did_you_mean
from layerkit.spec import TrainingSettings


def check_arguments(
    network: Network,
    data: Data,
    optimizer: Optimizer,
    settings: TrainingSettings,
    metrics: dict[str, Metric],
) -> None:
    """Refuse arguments of the wrong class, and a network that cannot be trained yet."""
    check_instance(network, Network, "network")
    check_instance(data, Data, "data")
    check_instance(optimizer, Optimizer, "optimizer")
    check_instance(settings, TrainingSettings, "settings")
    check_instance(metrics, dict, "metrics")
    for name, metric in metrics.items():
        check_instance(metric, Metric, f"metrics[{name!r}]")
    if network.loss_function is None:
        raise UserError("this network has no loss; give it one: Network(..., loss=...)")
    network.check_is_whole()
    if not network.is_initialized:
        raise NotReadyError(
            "the network was never initialised; call network.initialize(seed) before Trainer(...)"
        )


def check_monitor(monitor: str, metrics: dict[str, Metric], settings: TrainingSettings) -> None:
    """Refuse a number to monitor that evaluations do not give."""
    known = [f"{part}_{name}" for part in ("train", "test") for name in ("loss", *metrics)]
    if monitor not in known:
        advice = did_you_mean(str(monitor), known)
        raise UserError(f"monitor must be one of {', '.join(known)}, got {monitor!r}{advice}")
    stopping = settings.early_stopping
    if stopping is not None and stopping.metric != monitor:
        raise UserError(
            f'early stopping watches "{stopping.metric}" and the trainer "{monitor}"; name the '
            f'same number in both: Trainer(..., monitor="{stopping.metric}")'
        )


def check_examples(network: Network, data: Data) -> None:
    """Refuse parts without examples, and examples that the network cannot take."""
    for part, split in (("training", data.train), ("test", data.test)):
        check_instance(split, Split, f"the {part} part")
        for name, array in (("examples", split.x), ("targets", split.t)):
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
                got = getattr(array, "dtype", type(array).__name__)
                raise DataError(
                    f"the {part} part must have {name} in an array of numbers, got {got}"
                )
        if not len(split):
            raise DataError(f"the {part} part has no examples")
        shapes = network.shapes[: network.input_count]
        if shapes != [split.x.shape[1:]]:
            takes = " and ".join(map(str, shapes))
            raise ShapeError(
                f"the network takes examples of shape {takes}, and those of the {part} part have "
                f"the shape {split.x.shape[1:]}"
            )
