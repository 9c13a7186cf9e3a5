"""The memory that this process may still take."""

import sys
from collections.abc import Iterator

from layerkit.control_groups import control_groups

if sys.platform == "win32":
    resource = None
else:
    import resource


def available_memory() -> int | None:
    """Return how many bytes this process may still take; None if the system does not report it.

    This is the free memory, or less if the limits of the process, of its control group or of the
    groups around it leave less. Memory in which the system caches files counts as free.
    """
    import psutil  # here, because it takes 20 ms and only large networks need it

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
    """Yield the bytes that the memory limit of each control group of this process leaves."""
    for version, folder in control_groups("memory"):
        limit_file, usage_file, kind = _FILES[version]
        try:
            # No limit is "max" in the second version, and in the first an unreachable number.
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
"""For each version of control groups: the file of the limit, the file of the usage, and the prefix
of the numbers in ``memory.stat`` that, like the usage, include the groups below."""
