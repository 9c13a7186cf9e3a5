"""Helpers for layers of images: options for height and width, and the shape of an image."""

from layerkit import Shape, ShapeError


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """Return an option for height and width as a pair."""
    return (value, value) if isinstance(value, int) else value


def refuse_no_image(shape: Shape) -> None:
    """Refuse a shape that is not an image.

    Raises:
        ShapeError: The shape is not ``(channels, height, width)``.
    """
    if len(shape) != 3:
        side = round(shape[0] ** 0.5) if len(shape) == 1 else 0
        image = [1, *shape] if len(shape) == 2 else [1, side, side]
        square = len(shape) == 2 or side * side == sum(shape)
        hint = f'{{"type": "reshape", "shape": {image}}}' if square else '"reshape"'
        raise ShapeError("takes images (channels, height, width)", f"put {hint} before it")
