"""How much memory this process may still take."""

import sys
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    resource = None
else:
    import resource

PROC = Path("/proc/self")


def available_memory() -> int | None:
    """Return how many bytes this process may still take; None where the system does not tell.

    That is the memory that is free, or less where the limits of the process, of its control group
    or of one that holds this group leave less. Files that the system keeps in memory as long as
    nobody needs it count as free.
    """
    import psutil  # takes 20 ms, which only large networks pay

    limits: list[int] = []
    try:
        limits.append(psutil.virtual_memory().available)
        if resource is not None:
            most, _ = resource.getrlimit(resource.RLIMIT_AS)
            if most != resource.RLIM_INFINITY:
                limits.append(most - psutil.Process().memory_info().vms)
    except (psutil.Error, OSError):  # as in a sandbox without /proc; the limits below may be seen
        pass
    limits += _left_in_control_groups()
    return max(0, min(limits)) if limits else None


def _left_in_control_groups() -> Iterator[int]:
    """Yield what the memory limit of each control group of this process leaves."""
    for version, folder in control_groups("memory"):
        limit_file, usage_file, kind = _FILES[version]
        try:
            # "max" in the second version; the first one writes a number that no machine reaches.
            limit = int((folder / limit_file).read_text().replace("max", "-1"))
            if limit >= 0:
                statistics = dict(map(str.split, (folder / "memory.stat").read_text().splitlines()))
                files = sum(int(statistics[f"{kind}{use}_file"]) for use in ("active", "inactive"))
                yield limit - int((folder / usage_file).read_text()) + files
        except (OSError, ValueError, KeyError):
            continue  # the group at the root has no such files, and others may not be readable


_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    2: ("memory.max", "memory.current", ""),
}
"""For each version of control groups the file of the limit, that of the usage, and how the numbers
in ``memory.stat`` begin that count the groups below as the usage does."""


def control_groups(controller: str) -> Iterator[tuple[int, Path]]:
    """Yield the control groups that a controller limits this process by, innermost first.

    Each comes as its version and its folder. Where both versions are mounted, both count.

    Args:
        controller: As in ``memory`` or ``cpu``.

    Source:
        Linux manual pages cgroups(7), section "/proc/pid/cgroup", and proc_pid_mountinfo(5).
    """
    try:
        groups = (PROC / "cgroup").read_text().splitlines()
        mounts = (PROC / "mountinfo").read_text().splitlines()
    except OSError:  # not Linux
        return
    paths: dict[int, str] = {}
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            paths[2] = path
        elif controller in controllers.split(","):
            paths[1] = path
    for line in mounts:
        # ID, parent, device, root, mount point, options and tags; then type, source, options.
        head, _, tail = line.partition(" - ")
        root, mount_point = head.split()[3:5]
        kind, *_, options = tail.split()
        version = {"cgroup": 1, "cgroup2": 2}.get(kind)
        if version not in paths or (version == 1 and controller not in options.split(",")):
            continue
        yield from ((version, f) for f in _folders(Path(mount_point), root, paths[version]))


def _folders(mount_point: Path, root: str, group: str) -> Iterator[Path]:
    """Yield the folders of a group and of those that hold it, as far as they are mounted.

    Args:
        mount_point: Where groups are mounted.
        root: The group that is mounted there.
        group: The group, as seen from the same place as ``root``.
    """
    inside = group.removeprefix(root.rstrip("/")).strip("/")
    # In a container that sees the groups of its host by name only, they are not below the root.
    is_below = group == root or group.startswith(root.rstrip("/") + "/")
    folder = mount_point / inside if is_below and ".." not in inside.split("/") else mount_point
    yield folder
    while folder != mount_point:
        folder = folder.parent
        yield folder
