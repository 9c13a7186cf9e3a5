"""The hooks that a plugin may implement.

``hookimpl(tryfirst=True)`` and ``trylast=True`` order the calls of a hook across all plugins, as in
pluggy. All other calls follow the names of the distributions. The order of ``layerkit_register``
makes no difference, because no name is ever replaced. Wrappers are reported and not supported:
layerkit calls each plugin separately, so one that raises does not affect the others.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerkit.markers import hookspec

if TYPE_CHECKING:
    from layerkit.contracts.optimizer import Optimizer
    from layerkit.contracts.registrar import Registrar
    from layerkit.network import Network
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
        network: The network, with its memory and initial values.
        optimizer: The optimizer, with its states.
        batches: The source of batches.

    Returns:
        The step, or None if there is no faster way.
    """


@hookspec
def layerkit_run_started(folder: Path, spec: dict[str, Any], trainer: "Trainer") -> None:
    """Called when training begins. Like every hook, it may declare only the arguments it needs.

    Args:
        folder: The folder of the run, which identifies it; the hook may write there.
        spec: The spec, as JSON values.
        trainer: The trainer; ``trainer.network`` is the network.
    """


@hookspec
def layerkit_epoch_ended(folder: Path, evaluation: "Evaluation", trainer: "Trainer") -> None:
    """Called after an evaluation: at the end of each epoch, or at the interval in the spec.

    Args:
        folder: The folder of the run.
        evaluation: The step, the epoch, the learning rate and the scores.
        trainer: The trainer.
    """


@hookspec
def layerkit_run_ended(folder: Path, result: "Result") -> None:
    """Called when a run has ended in any way.

    Args:
        folder: The folder of the run.
        result: Its status, its best and its last evaluation.
    """
