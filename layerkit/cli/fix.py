"""``layerkit check --fix``: write the certain corrections of a spec into its file."""

import os
import sys
from pathlib import Path

from layerkit.cli.problems import edit_lines, edits_as_json, problems_as_json
from layerkit.cli.terminal import echo, print_json
from layerkit.errors import UserError
from layerkit.paths import expanded, write_whole
from layerkit.plugins import load_registry
from layerkit.run import remember
from layerkit.run.fixing import fix
from layerkit.spec.extending import is_extending
from layerkit.spec.text import descriptor, read_text

BOM = b"\xef\xbb\xbf"


def fix_file(spec: Path, set_: list[str], json: bool) -> None:
    """Mend a spec in its file; print a mended spec that came from standard input.

    Raises:
        SpecError: Some problems remain.
        UserError: The file cannot be written, or ``--set`` or ``--json`` does not apply.
    """
    if set_:
        raise UserError("--fix: --set gives values that no file holds; leave one of them out")
    number, path = descriptor(spec), expanded(spec)
    if number:
        raise UserError(f"--fix: {spec} is a pipe, which cannot be written; store the spec first")
    if number is not None and json:
        raise UserError("--fix: standard output is for the spec from standard input; leave --json")
    if number is None:
        _check_writable(path)
    registry = load_registry()
    remember(registry, spec)
    text = read_text(path)
    if is_extending(text):
        # Its problems may be in another file, where no edit of this text would mend them.
        raise UserError(
            f"--fix: {spec} extends another file, and only a whole spec can be mended; correct the "
            f"places that layerkit check {spec} shows"
        )
    folder = path.parent if number is None else Path()
    fixed = fix(text, registry, str(path) if number is None else "standard input", folder)
    if number is not None:
        sys.stdout.flush()
        sys.stdout.buffer.write(fixed.text.encode("utf-8", "surrogatepass"))
    elif fixed.edits:
        _write(path, text, fixed.text)
    if json:
        count = problems_as_json(fixed.error)
        print_json({"fixed": edits_as_json(fixed.edits), **count})
    else:
        name = str(spec) if number is None else "standard input"
        lines = edit_lines(name, text, fixed) if fixed.edits else []
        changes = f"{len(fixed.edits)} mended" if fixed.edits else "nothing to mend"
        echo(*lines, f"{name}: {changes}", err=number is not None)
    if fixed.error is not None:
        raise fixed.error


def _check_writable(path: Path) -> None:
    """Refuse a file that its owner has protected, even if root could write it."""
    try:
        is_protected = not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK)
    except OSError:
        return  # reading the file reports what is wrong
    if is_protected and path.is_file():
        raise UserError(f"--fix: {path} is read-only; allow it to be written: chmod u+w {path}")
    if path.is_file() and path.stat().st_nlink > 1:
        raise UserError(
            f"--fix: {path} has another name, a hard link, that would keep the old text"
        )


def _write(path: Path, before: str, text: str) -> None:
    path = path.resolve()  # write the target of a link, so that the link is kept
    try:
        content = path.read_bytes()
        mark = BOM if content.startswith(BOM) else b""
        if content != mark + before.encode():
            raise UserError(f"--fix: {path} was changed meanwhile; try again")
        write_whole(path, lambda file: file.write(mark + text.encode()))
    except OSError as error:
        raise UserError(f"--fix: {path}: cannot be written: {error.strerror}") from None
