"""The exception tree.

LayerkitError
├── UserError              the spec, the data or the call is wrong (exit code 2)
│   ├── OptionError        an option or an argument is out of bounds; a ValueError
│   ├── NotReadyError      something was used before what prepares it; an AttributeError
│   ├── ShapeError         a shape does not fit a layer, a loss or a metric
│   ├── DataError          a data file is missing or wrong
│   ├── PluginError        a plugin or a component that it registered is wrong
│   └── SpecError          problems of a spec, each at its place
└── RunError               the run itself failed (exit code 1)
    ├── NonFiniteError     the loss became NaN or infinite
    └── GradientError      a gradient check failed
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from layerkit.wording import LONGEST_NAME, shortened, visible

Span: TypeAlias = tuple[int, int]
"""Characters of a text: the offset of the first one, and the offset after the last one."""

Path: TypeAlias = tuple[str | int, ...]
"""The place of a value in a spec: ``("layers", 1, "units")`` is ``layers[1].units``."""


class LayerkitError(Exception):
    """Anything that layerkit raises on purpose."""


class UserError(LayerkitError):
    """The spec, the data or the call is wrong; the message says where and what to do."""


class OptionError(UserError, ValueError):
    """An option violates its annotation or is incompatible with another one.

    It is also raised for an argument that a call does not accept.
    """


class NotReadyError(UserError, AttributeError):
    """Something was used before what prepares it, such as ``backward`` before ``forward``."""


class ShapeError(UserError):
    """A shape does not fit; raised by ``build`` and by ``Loss.check``.

    A layer says what it expects, in words that continue a sentence after its name. The network adds
    what precedes the layer and the shape that this gives.

    Args:
        expected: What would fit, as in ``"takes vectors"``.
        hint: What to do about it, as in ``'put "flatten" before it'``.
        layer: The position in the network of the layer that refused, once that is known.
        is_about_data: Whether the data must change, rather than a layer.
        given: What the layer receives, as in ``"layers[0] (affine) gives (5,)"``.
        named: The name of that layer in the message.
    """

    def __init__(
        self,
        expected: str,
        hint: str = "",
        layer: int | None = None,
        is_about_data: bool = False,
        given: str = "",
        named: str = "",
    ) -> None:
        words = f"{named} {expected}" if named else expected
        words += f", but {given}" if given else ""
        super().__init__(f"{words}; {hint}" if hint else words)
        self.expected = expected
        self.hint = hint
        self.layer = layer
        self.is_about_data = is_about_data
        self.given = given


class DataError(UserError):
    """A data file is missing, damaged or does not hold what the spec says.

    Args:
        message: What is wrong. Control characters in it are escaped, so that a name from a file
            cannot forge a line.
        details: The individual faults, each printed on an indented line.
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
class Suggestion:
    """An edit that may mend a problem.

    Attributes:
        text: What to write, as JSON; empty if characters are to be removed.
        applicability: ``certain`` if it is what was meant, so that a program may apply it;
            ``maybe`` if a person has to decide.
        wording: How the message puts it: ``ask`` whether that was meant, say to ``write`` it, say
            to write it for ``text``, or stay ``silent`` because the message already says it.
        inside: Its place relative to that of the problem.
        at_key: Whether it replaces the key rather than the value; None to follow the problem.
        span: The characters that it replaces, if they are neither a value nor a key.
    """

    text: str
    applicability: Literal["certain", "maybe"]
    wording: Literal["ask", "write", "text", "silent"] = "ask"
    inside: Path = ()
    at_key: bool | None = None
    span: Span | None = None

    def __str__(self) -> str:
        text = visible(shortened(self.text, LONGEST_NAME + 2))  # the quotes aside
        return {
            "ask": f"did you mean {text}?",
            "write": f"write {text}",
            "text": f"for text write {text}",
            "silent": "",
        }[self.wording]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a spec, as data.

    Attributes:
        code: The kind of problem, as in ``out-of-bounds``; ``docs/specs.md`` lists them.
        path: The place in the spec.
        expected: What would be valid, as in ``greater than 0``; the whole message if a component or
            a data set reported the problem.
        got: The offending value as JSON, cut short if it is long.
        suggestion: How to mend it, if that is known.
        hint: What to do about it, if no single edit can be suggested.
        at_key: Whether the key is wrong rather than its value.
        span: The offending characters, if the text did not even parse.
        also: The problems with other kinds of value that the place accepts.
    """

    code: str
    path: Path = ()
    expected: str = ""
    got: str | None = None
    suggestion: Suggestion | None = None
    hint: str = ""
    at_key: bool = False
    span: Span | None = None
    also: tuple["Problem", ...] = ()

    @property
    def suggestions(self) -> list[Suggestion]:
        """All suggestions for its place; if there are several, none is certain."""
        return [p.suggestion for p in (self, *self.also) if p.suggestion is not None]

    @property
    def message(self) -> str:
        """The whole problem in one sentence."""
        sentence = _SENTENCES.get(self.code, "{expected}")
        if self.got is not None and "{got}" not in sentence:
            sentence += ", got {got}"
        suggestion = str(self.suggestion or "")
        return "; ".join(
            [
                sentence.format(expected=self.expected, got=self.got),
                *(words for words in (self.hint, suggestion) if words),
                *(other.message for other in self.also),
            ]
        )


_SENTENCES = {
    "duplicate-key": "the key {got} appears twice",
    "empty-text": "must not be empty",
    "missing-key": "needs {expected}",
    "out-of-bounds": "must be {expected}",
    "shapes-do-not-fit": "{expected}, but {got}",
    "syntax": "expected {expected}",
    "unheld-number": "must be {expected}",
    "unknown-input": "nothing earlier is named {got}",
    "unknown-key": "unknown key {got}",
    "unknown-type": "no {expected} is named {got}",
    "wrong-length": "must have {expected}",
    "wrong-pattern": "must match {expected}",
    "wrong-type": "must be {expected}",
    "wrong-value": "must be {expected}",
}
"""The sentence for each code; problems of other codes are a sentence in ``expected``."""


class SpecError(UserError):
    """All the problems of one spec.

    Args:
        problems: The problems, each with its place.
        report: The text for people, with file, line, column and caret.
        records: The first problems as JSON for programs, in the order of the text.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        report: str = "",
        records: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(report or "\n".join(f"{place(p.path)}: {p.message}" for p in problems))
        self.problems = tuple(problems)
        self.records = tuple(records)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems, str(self), self.records)


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
