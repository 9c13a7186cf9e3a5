"""Helpers for numerical derivatives of a network: check indices, and repeat random draws."""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from layerkit.arguments import shown
from layerkit.errors import OptionError
from layerkit.types import Array, Rng

Result = TypeVar("Result")


def check_indices(at: Mapping[str, Array], parameters: Collection[str]) -> None:
    """Refuse indices that omit a parameter, or that name an unknown one.

    Args:
        at: The flat indices for each parameter.
        parameters: The names of all parameters.

    Raises:
        OptionError: Names the parameter.
    """
    for name in parameters:
        if name not in at:
            raise OptionError(f'at must have indices for "{name}"; [] leaves it out')
    for name in at:
        if name not in parameters:
            advice = difflib.get_close_matches(str(name), parameters, n=1)
            hint = f'; did you mean "{advice[0]}"?' if advice else ""
            raise OptionError(f"at has indices for {shown(name)}, which is not a parameter{hint}")


def repeatable(f: Callable[[], Result], rngs: Sequence[Rng], states: Array) -> Callable[[], Result]:
    """Wrap a computation so that it draws the same random numbers and sees the same states.

    Args:
        f: The computation.
        rngs: The generators that it draws from.
        states: The states that it may change.
    """
    draws, before = [rng.bit_generator.state for rng in rngs], states.copy()

    def put_back() -> None:
        for rng, draw in zip(rngs, draws, strict=True):
            rng.bit_generator.state = draw
        states[...] = before

    def repeated() -> Result:
        put_back()
        try:
            return f()
        finally:
            put_back()

    return repeated
