"""Checks of a component's options against the annotations of its constructor.

For a spec, pydantic reads these annotations. This module enforces the same bounds on a component
made in Python, without pydantic, which takes longer to import than all of layerkit's layers.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from inspect import isclass, signature
from numbers import Integral, Real
from pathlib import PurePath
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import BaseMetadata, GroupedMetadata

from layerkit.arguments import plain, shown
from layerkit.errors import OptionError


class Requirement(NamedTuple):
    """What a value must be, or what it must have.

    Attributes:
        verb: As in ``must be``.
        what: As in ``greater than 0``.
    """

    verb: str
    what: str

    def __str__(self) -> str:
        return f"{self.verb} {self.what}"


_be = partial(Requirement, "must be")
_have = partial(Requirement, "must have")

_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], Callable[[Any], Requirement]]] = {
    "gt": (lambda limit, value: value > limit, lambda limit: _be(f"greater than {limit:g}")),
    "ge": (lambda limit, value: value >= limit, lambda limit: _be(f"at least {limit:g}")),
    "lt": (lambda limit, value: value < limit, lambda limit: _be(f"less than {limit:g}")),
    "le": (lambda limit, value: value <= limit, lambda limit: _be(f"at most {limit:g}")),
    "multiple_of": (
        lambda limit, value: value % limit == 0,
        lambda limit: _be(f"a multiple of {limit}"),
    ),
    "min_length": (
        lambda limit, value: len(value) >= limit,
        lambda limit: _have(f"at least {_elements(limit)}"),
    ),
    "max_length": (
        lambda limit, value: len(value) <= limit,
        lambda limit: _have(f"at most {_elements(limit)}"),
    ),
}
"""For each kind of bound, a test of a value and the wording for a message."""


class Mismatch(NamedTuple):
    """A value that does not match its annotation.

    Attributes:
        place: The place inside the value, as in ``[1]``.
        expected: What the annotation requires there.
        value: The value at that place.
    """

    place: str
    expected: Requirement
    value: Any


Check: TypeAlias = Callable[[Any], Mismatch | None]
"""Returns the mismatch of a value, or None if it matches."""


def checked_options(
    cls: type[Any], init: Callable[..., None], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a constructor, with NumPy scalars as Python numbers.

    Args:
        cls: The component, for the message.
        init: Its constructor.
        args: The arguments by position, without ``self``.
        kwargs: The arguments by name.

    Raises:
        OptionError: An argument does not match its annotation.
    """
    names, checks = _checks(init)
    # The call itself reports extra and unknown arguments.
    positional, named = [plain(v) for v in args], {name: plain(v) for name, v in kwargs.items()}
    problems = []
    for name, value in (*zip(names, positional, strict=False), *named.items()):
        check = checks.get(name)
        if check and (mismatch := check(value)):
            place, expected, got = mismatch
            problems.append(f"{name}{place}: {expected}, got {shown(got)}")
    if problems:
        raise OptionError(f"{cls.__name__}: {'; '.join(problems)}")
    return positional, named


def worded_bound(name: str, limit: Any) -> Requirement:
    """Return the requirement of a bound as messages word it."""
    return _BOUNDS[name][1](limit)


def _elements(count: int) -> str:
    """Return a number of elements in words."""
    return f"{count} element{'' if count == 1 else 's'}"


@cache
def _checks(init: Callable[..., None]) -> tuple[list[str], dict[str, Check]]:
    """Return the names of the parameters by position, and the check of each that has one."""
    parameters = list(signature(init).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    try:
        hints = get_type_hints(init, include_extras=True)
    except (NameError, TypeError):
        # A name that only a type checker imports. A spec that uses such a component is refused.
        return names, {}
    checks = {
        p.name: _check_of(hints[p.name])
        for p in parameters
        if p.name in hints and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    return names, {name: check for name, check in checks.items() if check}


def _check_of(hint: Any) -> Check | None:
    """Return the check for an annotation; None if it allows every value."""
    hint = getattr(hint, "__value__", hint)  # of a type alias
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _all_of([_check_of(parts[0]), *map(_check_of_bound, _single(parts[1:]))])
    if origin in (Union, UnionType):
        return _any_of([_check_of(part) for part in parts])
    if origin is Literal:
        return _one_of(parts)
    if tuple in (hint, origin) or list in (hint, origin):
        return _sequence(parts, is_fixed=origin is tuple and ... not in parts)
    if isclass(hint) and hint in _TYPES:
        return _TYPES[hint]
    if isclass(hint) and issubclass(hint, PurePath):
        return _test(lambda v: isinstance(v, PurePath), "the pathlib.Path of a file")
    if isclass(hint) and hasattr(hint, "accepts"):  # a kind of component
        return _test(hint.accepts, f"an instance of {hint.__name__}")
    return None


def _test(fits: Callable[[Any], bool], expected: str | Requirement) -> Check:
    requirement = _be(expected) if isinstance(expected, str) else expected
    return lambda value: None if fits(value) else Mismatch("", requirement, value)


def _number(value: Any) -> Mismatch | None:
    if not isinstance(value, Real) or isinstance(value, bool):
        return Mismatch("", _be("a number"), value)
    try:
        is_finite = math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        is_finite = False
    return None if is_finite else Mismatch("", _be("a finite number"), value)


_TYPES: dict[type, Check] = {
    int: _test(lambda v: isinstance(v, Integral) and not isinstance(v, bool), "an integer"),
    float: _number,
    bool: _test(lambda v: isinstance(v, bool), "True or False"),
    str: _test(lambda v: isinstance(v, str), "text"),
    NoneType: _test(lambda v: v is None, "None"),
}


def _single(metadata: Iterable[Any]) -> Iterable[Any]:
    """Yield the bounds of an annotation one by one."""
    for item in metadata:
        if isinstance(item, GroupedMetadata):  # Interval and Len
            yield from _single(item)
        elif isinstance(item, BaseMetadata):
            yield item
        else:  # pydantic's Field keeps its bounds in a list
            yield from _single(getattr(item, "metadata", ()))


def _check_of_bound(bound: BaseMetadata) -> Check | None:
    for name, (keeps, worded) in _BOUNDS.items():
        limit = getattr(bound, name, None)
        if limit is not None:
            return _test(partial(keeps, limit), worded(limit))
    return None


def _all_of(checks: list[Check | None]) -> Check | None:
    """Return a check that reports only the first mismatch, because bounds presuppose the type."""
    active = [check for check in checks if check]
    return lambda v: next((m for check in active if (m := check(v))), None)


def _any_of(checks: list[Check | None]) -> Check | None:
    members = [check for check in checks if check]
    if len(members) < len(checks):
        return None

    def check(value: Any) -> Mismatch | None:
        mismatches = [m for member in members if (m := member(value))]
        if len(mismatches) < len(members):
            return None
        # The member that matched furthest into the value is probably the intended one.
        deepest = max(mismatches, key=lambda m: len(m.place))
        heads = list(dict.fromkeys(m.expected for m in mismatches if m.place == deepest.place))
        first = heads[0]
        words = [head.what if head.verb == first.verb else str(head) for head in heads]
        return deepest._replace(expected=first._replace(what=" or ".join(words)))

    return check


def _one_of(choices: tuple[Any, ...]) -> Check:
    *most, last = (f'"{c}"' if isinstance(c, str) else repr(c) for c in choices)
    expected = f"{', '.join(most)}{' or ' if most else ''}{last}"
    return _test(lambda v: any(type(v) is type(c) and v == c for c in choices), expected)


def _sequence(parts: tuple[Any, ...], is_fixed: bool) -> Check:
    """Return the check for a tuple or a list; either is accepted for the other."""
    checks = [_check_of(part) for part in parts if part is not ...]

    def check(value: Any) -> Mismatch | None:
        if not isinstance(value, tuple | list):
            return Mismatch("", _be("a tuple or a list"), value)
        if is_fixed and len(value) != len(checks):
            return Mismatch("", _have(_elements(len(checks))), value)
        for i, (item, of_item) in enumerate(
            zip(value, checks if is_fixed else checks[:1] * len(value), strict=False)
        ):
            if of_item and (mismatch := of_item(item)):
                return mismatch._replace(place=f"[{i}]{mismatch.place}")
        return None

    return check
