"""The exception tree.

LayerkitError
├── UserError              the spec, the data or the call is wrong (exit code 2)
│   ├── OptionError        an option or an argument is out of its bounds; a ValueError
│   ├── NotReadyError      something was used before what prepares it; an AttributeError
│   ├── ShapeError         a shape does not fit a layer, a loss or a metric
│   ├── DataError          a data file is missing or wrong
│   ├── PluginError        a plugin, or what it registered, is wrong
│   └── SpecError          problems of a spec, each at its place
└── RunError               the run itself failed (exit code 1)
    ├── NonFiniteError     the loss became NaN or infinite
    └── GradientError      a gradient check failed
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from layerkit.wording import shortened, visible

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a spec: ``("layers", 1, "units")`` is ``layers[1].units``."""


class LayerkitError(Exception):
    """Anything that layerkit raises on purpose."""


class UserError(LayerkitError):
    """The spec, the data or the call is wrong; the message says where and what to do."""


class OptionError(UserError, ValueError):
    """An option is not what its annotation asks for, or does not go together with another one.

    Or an argument of a call is not one that the call takes.
    """


class NotReadyError(UserError, AttributeError):
    """Something was used before what prepares it, as ``backward`` before ``forward``."""


class ShapeError(UserError):
    """A shape does not fit; raised by ``build`` and by ``Loss.check``.

    Whoever raises it says what is expected, in words that go on after its own name; who came
    before it and what that gives is added by the network, which knows.

    Args:
        expected: What would fit, as in ``"takes vectors"``.
        hint: What to do about it, as in ``'put "flatten" before it'``.

    Attributes:
        layer: The position in the network of the layer that refused, once that is known.
        is_about_data: Whether the data are to be changed, rather than a layer.
    """

    def __init__(
        self,
        expected: str,
        hint: str = "",
        layer: int | None = None,
        is_about_data: bool = False,
    ) -> None:
        super().__init__(f"{expected}; {hint}" if hint else expected)
        self.expected = expected
        self.hint = hint
        self.layer = layer
        self.is_about_data = is_about_data


class DataError(UserError):
    """A data file is missing, damaged or does not hold what the spec says.

    Args:
        message: What is wrong. Names in it may be anybody's: they cannot forge a line.
        details: What is wrong in particular, an indented line for each.
    """

    def __init__(self, message: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(message, details)
        self.message = message
        self.details = tuple(details)

    def __str__(self) -> str:
        return "\n  ".join(map(visible, (self.message, *self.details)))


class PluginError(UserError):
    """A plugin is broken, or a component that it registers does not keep the contract."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a spec.

    Attributes:
        path: The place in the spec.
        message: What was expected, what came, and what to do.
        at_key: Whether the key is wrong rather than the value it names.
        span: The offending characters of the text, where the text did not even parse.
    """

    path: Path
    message: str
    at_key: bool = False
    span: tuple[int, int] | None = None


class SpecError(UserError):
    """All the problems of one spec.

    Args:
        problems: Each at its place.
        report: The text for people, with file, line, column and caret.
    """

    def __init__(self, problems: Sequence[Problem], report: str = "") -> None:
        super().__init__(report or "\n".join(f"{place(p.path)}: {p.message}" for p in problems))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems, str(self))


class RunError(LayerkitError):
    """The run itself failed, though nothing was wrong with what was asked."""


class NonFiniteError(RunError):
    """The loss became NaN or infinite."""


class GradientError(RunError):
    """Back-propagation and numerical differentiation disagree."""


def place(path: Path) -> str:
    """Return a path as people write it: ``layers[1].units``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = visible(shortened(part))
            text += f".{key}" if text else key
    return text or "the spec"
