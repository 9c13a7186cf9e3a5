"""The hooks that a plugin may implement.

``hookimpl(tryfirst=True)`` and ``trylast=True`` order the calls of a hook across all plugins, as in
pluggy; otherwise they follow the names of the distributions. The order of ``layerkit_register``
makes no difference, because no name is ever replaced. Wrappers are not supported and are reported:
layerkit calls each plugin alone, so that one that raises concerns no other.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerkit.markers import hookspec

if TYPE_CHECKING:
    from layerkit.contracts.optimizer import Optimizer
    from layerkit.network import Network
    from layerkit.registry import Registrar
    from layerkit.training import Batches, Evaluation, Result, Step, Trainer


@hookspec
def layerkit_register(registry: "Registrar") -> None:
    """Register components, as in ``registry.layer("swish", Swish)``.

    Args:
        registry: Has one method for each kind of component: ``layer``, ``loss``, ``optimizer``,
            ``schedule``, ``initializer``, ``dataset`` and ``metric``.
    """


@hookspec(firstresult=True)
def layerkit_compile(
    network: "Network", optimizer: "Optimizer", batches: "Batches"
) -> "Step | None":
    """Offer a faster way to make the training steps of a network, with the same numbers.

    Args:
        network: The network, with its memory and first values.
        optimizer: The optimizer, with its states.
        batches: Where batches come from.

    Returns:
        The step, or None where there is no faster way.
    """


@hookspec
def layerkit_run_started(folder: Path, spec: dict[str, Any], trainer: "Trainer") -> None:
    """Hear that training begins. Like every hook, it may take only the arguments it needs.

    Args:
        folder: The folder of the run, which tells it from other runs; it may write there.
        spec: The spec, as JSON holds it.
        trainer: What trains; ``trainer.network`` is the network.
    """


@hookspec
def layerkit_epoch_ended(folder: Path, evaluation: "Evaluation", trainer: "Trainer") -> None:
    """Hear of an evaluation: at the end of each epoch, or every so many steps as the spec says.

    Args:
        folder: The folder of the run.
        evaluation: The step, the epoch, the learning rate and the scores.
        trainer: What trains.
    """


@hookspec
def layerkit_run_ended(folder: Path, result: "Result") -> None:
    """Hear how a run ended, however that was.

    Args:
        folder: The folder of the run.
        result: Its status, its best and its last evaluation.
    """
