"""Find the plugin that is to blame for an unexpected exception."""

import sys
from pathlib import Path
from traceback import walk_tb


def mistake_of_plugin(error: BaseException) -> str:
    """Return what a plugin's component raised, in one line; empty if no plugin was running.

    Args:
        error: An exception that nothing in the command caught.
    """
    # Every verb ends with an exception, and importing components takes long, so look in
    # ``sys.modules``: if nothing imported the class, no component was running.
    module = sys.modules.get("layerkit.contracts.component")
    frames = list(walk_tb(error.__traceback__))
    at_work = [(type(frame.f_locals.get("self")), frame) for frame, _ in frames]
    if module is None or not any(issubclass(cls, module.Component) for cls, _ in at_work):
        return ""
    # Only here, because most errors come before a component runs.
    from layerkit.plugins import load_registry, one_line
    from layerkit.registry import BUILTIN

    entries = {entry.cls: entry for entry in load_registry()}
    for cls, frame in reversed(at_work):  # the innermost first
        entry = entries.get(cls)
        if entry is None or entry.provider.distribution == BUILTIN:
            continue
        own = [(f, line) for f, line in frames if f.f_code.co_filename == frame.f_code.co_filename]
        last, line = own[-1]
        return (
            f"{entry.kind} {entry.qualified_name} ({entry.provider.distribution} "
            f"{entry.provider.version}): {frame.f_code.co_name} raised {one_line(error)} "
            f"({Path(last.f_code.co_filename).name}, line {line}); the mistake is in that plugin, "
            f"and layerkit verify {entry.qualified_name} shows more"
        )
    return ""
