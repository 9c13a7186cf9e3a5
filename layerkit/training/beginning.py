"""Checks of a trainer's arguments: their classes, and whether they fit together."""

from layerkit.arguments import check_instance
from layerkit.contracts.dataset import Data
from layerkit.contracts.metric import Metric, check_metrics, score_names
from layerkit.contracts.optimizer import Optimizer
from layerkit.contracts.schedule import Schedule
from layerkit.errors import NotReadyError, UserError
from layerkit.network import Network
from layerkit.training.settings import TrainingSettings
from layerkit.wording import did_you_mean


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
    check_metrics(metrics)
    if network.loss_function is None:
        raise UserError("this network has no loss; give it one: Network(..., loss=...)")
    network.check_is_whole()
    if not network.is_initialized:
        raise NotReadyError(
            "the network was never initialised; call network.initialize(seed) before Trainer(...)"
        )
    if optimizer.is_initialized:
        raise UserError(
            "the optimizer already belongs to another training, whose states would be lost; "
            f"make a new one for each Trainer, as in {type(optimizer).__name__}(...), or train "
            "on with the first Trainer: raise its total_steps and call run() again"
        )
    if isinstance(optimizer.learning_rate, Schedule):
        for schedule in optimizer.learning_rate.walk():
            if schedule.is_taken:
                name = type(schedule).__name__
                raise UserError(
                    f"the schedule {name} already belongs to another training, whose rates would "
                    "change with the number of steps; make a new one for each Trainer, as in "
                    f"{name}(...)"
                )


def checked_monitor(
    monitor: str | None, metrics: dict[str, Metric], settings: TrainingSettings, data: Data
) -> str | None:
    """Return the score that chooses the best parameters; None if none does.

    Only a score of the validation part may: a choice by the test part would make its scores better
    than those of new examples.

    Raises:
        UserError: There is no such score, no validation part to choose by, or early stopping
            watches another score.
    """
    stopping = settings.early_stopping
    if data.validation is None:
        if monitor is None and stopping is None:
            return None
        what = "early stopping" if monitor is None else f"monitor={monitor!r}"
        raise UserError(
            f"{what} chooses by a validation part, and these data have none; give them one, as in "
            "Data(train, test, validation), or leave it out"
        )
    if monitor is None:
        monitor = "validation_loss" if stopping is None else stopping.metric
    scores = score_names(metrics, ["validation"])
    if monitor not in scores:
        advice = did_you_mean(str(monitor), scores)
        raise UserError(f"monitor must be one of {', '.join(scores)}, got {monitor!r}{advice}")
    if stopping is not None and stopping.metric != monitor:
        raise UserError(
            f'early stopping watches "{stopping.metric}" and the trainer "{monitor}"; name the '
            f'same number in both: Trainer(..., monitor="{stopping.metric}")'
        )
    return monitor


def batch_problem(network: Network, settings: TrainingSettings, count: int) -> str:
    """Return a message about a batch with fewer examples than a layer can train on, or nothing.

    Args:
        network: The network.
        settings: The size and the sampling of batches.
        count: The number of training examples.
    """
    size = settings.batch_size
    smallest = (count % size or size) if settings.sampling == "shuffle" else size
    for node in network.nodes:
        least = max(layer.least_batch for layer in node.layer.walk())
        if smallest < least:
            which = "the last batch of an epoch has" if smallest < size else "a batch has"
            examples = f"{smallest} example{'s' if smallest > 1 else ''}"
            return (
                f"{which} {examples} of {count:,}, and {node} takes at least {least} in "
                "training; choose another size"
            )
    return ""
