"""The paths of a spec, rewritten relative to the folder of its run."""

import os
from pathlib import Path
from typing import Any

from layerkit.spec import ComponentSpec, Spec
from layerkit.spec.extending import BaseText


def moved(spec: Spec, folder: Path) -> Any:
    """Return a spec as JSON values, with its paths rewritten so that it means the same in a folder.

    A path relative to the folder of the spec becomes relative to the new folder, so that both can
    be moved together with the data. A path that begins at the root or at ``~`` is unchanged.

    Args:
        spec: The spec.
        folder: The new folder.
    """
    places = _Places(spec.folder.resolve(), folder.resolve())
    value = dict(spec.document.value)
    for key, part in vars(spec.content).items():
        if isinstance(part, ComponentSpec):
            value[key] = places.component(value[key], part)
        elif key in ("layers", "metrics") and part is not None:
            components = [getattr(item, "component", item) for item in part]
            pairs = zip(value[key], components, strict=True)
            value[key] = [places.component(*pair) for pair in pairs]
    return value


class _Places:
    """Rewrites the paths of a spec.

    Args:
        before: The folder of the spec.
        after: The new folder.
    """

    def __init__(self, before: Path, after: Path) -> None:
        self.before, self.after = before, after

    def component(self, written: Any, component: ComponentSpec[Any]) -> Any:
        """Return a component as the spec has to write it in the new folder."""
        options = written if isinstance(written, dict) else {}
        changed = {
            # A default path is written too, because it is relative to the folder of the spec.
            name: self.option(options.get(name), option)
            for name, option in component.options.items()
            if _has_path(option)
        }
        if not changed:
            return written
        return {**(options or {"type": written}), **changed}

    def option(self, written: Any, option: Any) -> Any:
        """Return an option, or an element of one."""
        if isinstance(option, ComponentSpec):
            return self.component(written, option)
        if isinstance(option, Path):
            return self.path(written, option)
        if isinstance(option, list | tuple):
            elements = written if written is not None else [None] * len(option)
            return [self.option(*pair) for pair in zip(elements, option, strict=True)]
        return written

    def path(self, written: str | None, path: Path) -> str:
        """Return a path as written, or else relative to the new folder."""
        if written is not None and (written.startswith("~") or os.path.isabs(written)):
            return written
        if isinstance(written, BaseText):
            written = written.as_path
        target = os.path.realpath(path)
        try:
            if written is not None:
                # The folders have their links resolved, because ".." leads out of the real folder.
                moved = os.path.relpath(self.before / written, self.after)
                if os.path.realpath(self.after / moved) == target:
                    return moved
            return os.path.relpath(target, self.after)  # for a path with a link followed by ".."
        except ValueError:  # on Windows, a target on another drive has no relative path
            return target


def _has_path(option: Any) -> bool:
    if isinstance(option, ComponentSpec):
        return any(map(_has_path, option.options.values()))
    if isinstance(option, list | tuple):
        return any(map(_has_path, option))
    return isinstance(option, Path)
