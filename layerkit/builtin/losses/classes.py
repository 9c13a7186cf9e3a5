"""What losses of classes share: the weights of the classes."""

from typing import Annotated, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Le, MinLen

from layerkit import Array, DataError, NotReadyError, ShapeError

ClassWeights: TypeAlias = (
    Annotated[list[Annotated[float, Ge(0), Le(1e30)]], MinLen(2)] | Literal["balanced"] | None
)
"""A weight for each class, or the inverse of their frequency, or 1 for each."""


def check_class_weights(class_weights: ClassWeights) -> None:
    """Refuse weights that are all 0.

    Raises:
        ValueError: They are.
    """
    if isinstance(class_weights, list) and not any(class_weights):
        raise ValueError("class_weights must not all be 0, because nothing would be learnt")


def check_number_of_weights(class_weights: ClassWeights, classes: int) -> None:
    """Refuse a number of weights that is not the number of classes.

    Raises:
        ShapeError: It is not.
    """
    if isinstance(class_weights, list) and len(class_weights) != classes:
        raise ShapeError(
            f"takes one of the class_weights for each of {classes} classes, got "
            f"{len(class_weights)}"
        )


def balanced(counts: Array) -> Array:
    """Return ``n / (classes * count)`` for each class, as scikit-learn's ``balanced`` does.

    Args:
        counts: The training examples of each class, ``(classes,)``.

    Raises:
        DataError: A class has none.
    """
    if not counts.all():
        missing = int(np.argmin(counts != 0))
        raise DataError(
            f'class {missing} has no training examples, so "balanced" cannot weight it; give '
            "class_weights as numbers"
        )
    return np.asarray(counts.sum() / (len(counts) * counts), np.float64)


def weights_of_classes(class_weights: ClassWeights, balanced_weights: Array | None) -> Array | None:
    """Return the weight of each class; None if all are 1.

    Args:
        class_weights: The option.
        balanced_weights: The weights that ``fit`` found.

    Raises:
        NotReadyError: The weights are to be found by ``fit``, which was not called.
    """
    if class_weights != "balanced":
        return None if class_weights is None else np.asarray(class_weights)
    if balanced_weights is None:
        raise NotReadyError(
            'class_weights of "balanced" need the training targets: call fit(shape, t)'
        )
    return balanced_weights
