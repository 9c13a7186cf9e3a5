"""Which outputs and targets match: one set of rules for losses and metrics."""

from layerkit import Shape, ShapeError, Targets


def check_an_output_for_each_class(shape: Shape, targets: Targets) -> None:
    """Refuse anything but one output for each class, at each position of the targets.

    Raises:
        ShapeError: The outputs or the targets do not fit.
    """
    if targets.classes is not None:
        expected_shape = (*targets.shape, targets.classes)
    elif targets.shape and targets.shape[-1] > 1:
        expected_shape = targets.shape
    else:
        hint = targets.advice or 'for numbers there is "mean_squared_error"'
        if targets.shape:
            hint += "; labels are stored without that last axis of 1"
        raise ShapeError(
            f"takes labels of classes, or one probability for each class, got {targets}",
            hint,
            is_about_data=bool(targets.advice),
        )
    *positions, classes = expected_shape
    if len(shape) != len(expected_shape) and not positions:
        raise ShapeError(
            f"takes a vector of one output for each class, got {shape}",
            'end the network with "flatten" and "affine"',
        )
    if shape != expected_shape:
        where = f" at each of {tuple(positions)} positions" if positions else ""
        raise ShapeError(
            f"takes one output for each of {classes} classes{where}, got {shape}",
            f"let the last layer give {expected_shape}"
            if positions
            else f"give the last layer {classes} units",
        )


def check_an_output_for_each_number(shape: Shape, targets: Targets, instead: str) -> None:
    """Refuse labels of classes, and outputs whose shape differs from the targets'.

    For a single output, targets may omit its axis of 1, and a column of targets matches
    outputs without axes.

    Args:
        shape: The shape of the network's output, without the batch axis.
        targets: The form of the targets in the data set.
        instead: The component to use for labels of classes.

    Raises:
        ShapeError: The outputs or the targets do not fit.
    """
    if targets.classes is not None:
        raise ShapeError(
            f"takes numbers as targets, got {targets}",
            targets.advice or f'use "{instead}"',
            is_about_data=bool(targets.advice),
        )
    if shape in (targets.shape, (*targets.shape, 1)) or (shape == () and targets.shape == (1,)):
        return
    if targets.shape:
        expected = f"outputs of shape {targets.shape} for targets of that shape"
    else:
        expected = "one output for one target"
    raise ShapeError(f"takes {expected}, got {shape}")


def check_an_output_for_each_question(shape: Shape, targets: Targets, instead: str) -> None:
    """Refuse labels of more than two classes, and outputs whose shape differs from the targets'.

    Args:
        shape: The shape of the network's output, without the batch axis.
        targets: The form of the targets in the data set.
        instead: The component to use for labels of more classes.

    Raises:
        ShapeError: The outputs or the targets do not fit.
    """
    if targets.classes not in (None, 2):
        raise ShapeError(f"takes labels of 2 classes, got {targets}", f'use "{instead}"')
    check_an_output_for_each_number(shape, Targets(targets.shape), instead)
