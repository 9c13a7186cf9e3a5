"""``"extends": "base.json"``: a spec that is merged into another one."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from layerkit.errors import Problem, SpecError, Suggestion, UserError
from layerkit.paths import expanded
from layerkit.spec.report import spec_error
from layerkit.spec.text import Document, descriptor, parse, read_text
from layerkit.spec.wording import got
from layerkit.wording import is_one_edit_away, visible

KEY = "extends"

MOST_FILES = 16
"""The most files in a chain of specs that extend each other."""


class BaseText(str):
    """A text in a base, which may be a path relative to the folder of its own file.

    Attributes:
        folder: That folder, relative to the folder of the spec.
    """

    folder: FilePath

    @property
    def as_path(self) -> str:
        """The text as a path relative to the folder of the spec."""
        return str(self) if self.startswith("~") else os.path.join(self.folder, self)


def is_extending(text: str) -> bool:
    """Return whether a text is a spec that extends another, or may be one once it is JSON."""
    document = parse(text, "")
    if any(problem.span and not problem.path for problem in document.problems):
        return KEY in text
    return isinstance(document.value, dict) and KEY in document.value


def extend(document: Document, folder: FilePath) -> None:
    """Merge the base of a document into its value, if it has one.

    Members of objects are merged at every depth. Arrays and plain values replace those of the base,
    and ``null`` removes them. An object with another ``type`` replaces the whole object, because
    options of one component mean nothing to another. A bare name in the base counts as an object
    with that type.

    Args:
        document: The document, which is changed in place.
        folder: The folder that its paths are relative to.

    Raises:
        SpecError: A base cannot be read or is not a spec, or the chain of bases is circular or too
            long. The error points into the file that names the base, or into the base.
    """
    _extend(document, folder, [])


def with_base(problem: Problem) -> Problem:
    """Return the problem of an unknown key, with ``extends`` as the one that may be meant."""
    path = problem.path
    if problem.code != "unknown-key" or len(path) != 1 or not is_one_edit_away(str(path[0]), KEY):
        return problem
    # Never certain: with a base, other things are wrong, or in another file.
    return replace(problem, suggestion=Suggestion(f'"{KEY}"', "maybe"), hint="")


def _extend(document: Document, folder: FilePath, extending: list[FilePath]) -> None:
    written = document.value
    if not isinstance(written, dict) or KEY not in written:
        return
    files = [*extending, FilePath(document.file)]
    path, base = _read_base(document, folder, files)
    _extend(base, folder / path.parent, files)
    document.base, document.written = base, written
    own = _rebuilt(written, str)
    del own[KEY]
    document.value = _merged(_rebuilt(base.value, lambda text: _moved(text, path.parent)), own)


def _read_base(
    document: Document, folder: FilePath, files: list[FilePath]
) -> tuple[FilePath, Document]:
    """Return the path of a document's base, relative to the folder, and what it holds."""
    written = document.value[KEY]
    if not isinstance(written, str):
        hint = "a spec extends one other, which may extend another" if type(written) is list else ""
        raise _refusal(document, "the path of a spec", got(written), hint, "wrong-type")
    if not written:
        raise _refusal(document, "", code="empty-text")
    try:
        path = expanded(written)
    except UserError as error:
        raise _refusal(document, str(error)) from None
    file = folder / path
    text = _text(document, file)
    _check_chain(document, file, files)
    base = parse(text, str(file))
    if base.problems:
        raise spec_error(base, base.problems)
    if not isinstance(base.value, dict):
        shown = visible(base.file)
        raise _refusal(document, f"{shown} is no spec: expected an object", got(base.value))
    return path, base


def _text(document: Document, file: FilePath) -> str:
    """Return the text of a base."""
    if descriptor(file) is not None:
        reason = f"{visible(str(file))} is a pipe"
        raise _refusal(document, reason, hint="store what comes from it in a file first")
    try:
        return read_text(file)
    except UserError as error:
        is_missing = "\0" not in str(file) and not os.path.lexists(file)
        hint = "a relative path starts at the folder of this file" if is_missing else ""
        raise _refusal(document, str(error), hint=hint) from None


def _check_chain(document: Document, file: FilePath, files: list[FilePath]) -> None:
    real = os.path.realpath(file)
    start = next((i for i, f in enumerate(files) if os.path.realpath(f) == real), None)
    if start is not None:
        names = " extends ".join(visible(str(f)) for f in (*files[start:], file))
        raise _refusal(document, f"is circular: {names}", hint="name another file, or none")
    if len(files) == MOST_FILES:
        expected = f"is a chain of more than {MOST_FILES} files"
        raise _refusal(document, expected, hint="write some of them as one")


def _refusal(
    document: Document,
    expected: str,
    given: str | None = None,
    hint: str = "",
    code: str = "wrong-base",
) -> SpecError:
    return spec_error(document, [Problem(code, (KEY,), expected, given, hint=hint)])


def _rebuilt(value: Any, text: Callable[[str], str]) -> Any:
    """Return a copy of a JSON value with each text, but no key, replaced by what a call returns."""
    if isinstance(value, dict):
        return {key: _rebuilt(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rebuilt(inner, text) for inner in value]
    return text(value) if isinstance(value, str) else value


def _moved(text: str, folder: FilePath) -> BaseText:
    moved = BaseText(text)
    moved.folder = folder / text.folder if isinstance(text, BaseText) else folder
    return moved


def _merged(base: Any, own: Any) -> Any:
    if isinstance(base, str) and isinstance(own, dict):
        base = {"type": base}
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    is_same = own.get("type", base.get("type")) == base.get("type")
    merged = {**base} if is_same else {}
    for key, value in own.items():
        if value is None and key in base:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged[key], value) if key in merged else value
    return merged
