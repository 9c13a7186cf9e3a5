"""The control groups of this process, by which Linux shares out processors and memory.

A process is in one group of each hierarchy, and what any group above that allows holds too. Of the
first version there is a hierarchy for each controller, of the second version one for all; a system
may have both.
"""

from collections.abc import Iterator
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
HIERARCHIES = Path("/sys/fs/cgroup")


def control_groups(controller: str) -> Iterator[Path]:
    """Yield the folders of the process's groups that have a controller, the innermost first.

    In a container the innermost groups are often out of sight; those in sight are yielded.

    Args:
        controller: ``cpu`` or ``memory``.
    """
    try:
        memberships = MEMBERSHIP.read_text().splitlines()
    except OSError:  # not Linux, or /proc is hidden
        return
    for membership in memberships:
        _, controllers, group = membership.split(":", 2)
        if not controllers:
            root = HIERARCHIES  # of the second version, or "unified" in it beside the first
            if (HIERARCHIES / "unified").is_dir():
                root = HIERARCHIES / "unified"
        elif controller in controllers.split(","):
            named = (HIERARCHIES / controller, HIERARCHIES / controllers)
            root = next((each for each in named if each.is_dir()), HIERARCHIES)
        else:
            continue
        folder = root / group.lstrip("/")
        for each in (folder, *folder.parents):
            if each.is_dir() and each.is_relative_to(root):
                yield each
