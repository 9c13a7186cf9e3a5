"""Who owns a variable: the search through components, lists and dicts, and one owner for each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from layerkit.contracts.variable import Parameter, State
from layerkit.errors import UserError

PLAIN = frozenset({type(None), bool, int, float, str, np.ndarray, np.random.Generator})
"""Types of attributes that hold no part. Leaving them out of the search halves its time."""


def variables(owner: object) -> Iterator[tuple[str, State]]:
    """Yield the variables of ``owner``, with their names; see ``parts``."""
    for name, part in parts(owner):
        if isinstance(part, State):
            yield name, part


class SharedError(UserError):
    """Two owners share a variable, or a layer; the message names both places."""


@dataclass(frozen=True)
class _Place:
    """The first place where a part was found.

    Attributes:
        name: Its dotted name.
        owners: The owners around it, the outermost first.
        container: The innermost list, tuple or dict around it; None without one.
    """

    name: str
    owners: tuple[object, ...]
    container: object


def parts(owner: object) -> Iterator[tuple[str, object]]:
    """Yield the variables, and the owners of variables, among the attributes of ``owner``.

    Attributes that own variables themselves (a layer inside a layer), and lists, tuples and dicts
    of them, are searched too. Their variables get dotted names such as ``inner.W``, ``blocks.0.W``
    and ``heads.left.W``. An owner and the owners around it may have several names for a part. The
    part is yielded once, under the first of them.

    Raises:
        SharedError: Two separate owners have the same part, or a list has one twice.
    """
    places: dict[int, _Place] = {id(owner): _Place("", (), None)}

    def search(
        name: str, value: object, owners: tuple[object, ...], containers: tuple[object, ...]
    ) -> Iterator[tuple[str, object]]:
        if isinstance(value, list | tuple | dict):
            if not any(value is container for container in containers):
                items = value.items() if isinstance(value, dict) else enumerate(value)
                for key, item in items:
                    if type(item) not in PLAIN:
                        yield from search(f"{name}.{key}", item, owners, (*containers, value))
            return
        if not (isinstance(value, State) or getattr(value, "owns_variables", False)):
            return
        place = _Place(name, owners, containers[-1] if containers else None)
        first = places.setdefault(id(value), place)
        if first is not place:
            _check_alias(value, first, place)
            return
        yield name, value
        if not isinstance(value, State):
            for inner, part in vars(value).items():
                if type(part) not in PLAIN:
                    yield from search(f"{name}.{inner}", part, (*owners, value), ())

    for name, value in vars(owner).items():
        if type(value) not in PLAIN:
            yield from search(name, value, (owner,), ())


def _check_alias(part: object, first: _Place, second: _Place) -> None:
    """Refuse a second place of a part, unless it is only a second name for the first."""
    depth = min(len(first.owners), len(second.owners))
    is_within = all(a is b for a, b in zip(first.owners, second.owners, strict=False))
    is_state = isinstance(part, State)
    same_list = first.container is not None and first.container is second.container
    if depth == 0 or (is_within and (is_state or not same_list)):
        return
    raise SharedError(f"{first.name} and {second.name} are one {noun(part)}; {remedy(part)}")


def noun(part: object) -> str:
    """Return a word for a part, such as ``parameter``."""
    return type(part).__name__.lower() if isinstance(part, State) else getattr(part, "kind", "part")


def remedy(part: object) -> str:
    """Return advice about a part that two owners have."""
    if isinstance(part, Parameter):
        return "give each its own, because backward sets a gradient and does not add to it"
    if isinstance(part, State):
        return "give each its own"
    return "make one for each place, because it keeps what its backward needs"
