"""The control groups of this process, with which Linux limits processors and memory.

The limit of a group applies to all groups inside it. The first version has a hierarchy of groups
for each controller, the second version one for all. A system may have both.
"""

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc/self")


def control_groups(controller: str) -> Iterator[tuple[int, Path]]:
    """Yield the control groups of this process for a controller, innermost first.

    Each is a pair of its version and its folder. If both versions are mounted, both count.

    Args:
        controller: The name of the controller, such as ``memory`` or ``cpu``.

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
    """Yield the folders of a group and of the groups around it, as far as they are mounted.

    Args:
        mount_point: The folder where groups are mounted.
        root: The group that is mounted there.
        group: The path of the group, in the same hierarchy as ``root``.
    """
    inside = group.removeprefix(root.rstrip("/")).strip("/")
    # A container may see only the names of its host's groups, which are then not below the root.
    is_below = group == root or group.startswith(root.rstrip("/") + "/")
    folder = mount_point / inside if is_below and ".." not in inside.split("/") else mount_point
    yield folder
    while folder != mount_point:
        folder = folder.parent
        yield folder
