import resource
from types import SimpleNamespace

import psutil
import pytest

from layerkit import control_groups as groups
from layerkit.control_groups import control_groups
from layerkit.memory import available_memory

FREE = 1_000_000


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 1,000,000 bytes free; its process is in no control group and has no limit."""
    monkeypatch.setattr(groups, "PROC", tmp_path / "proc")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=FREE))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    (tmp_path / "proc").mkdir()
    return tmp_path


def join(system, groups, mounts):
    """Put the process into control groups, mounted below the folder of the test."""
    (system / "proc" / "cgroup").write_text("".join(f"{line}\n" for line in groups))
    lines = [
        f"3{i} 23 0:2{i} {root} {system}/{mount_point} rw,nosuid shared:9 - {kind} source {options}"
        for i, (root, mount_point, kind, options) in enumerate(mounts)
    ]
    lines.insert(0, "23 1 259:1 / / rw,relatime - ext4 /dev/root rw")
    (system / "proc" / "mountinfo").write_text("".join(f"{line}\n" for line in lines))


def second(system, folder, limit, usage=0, files=0):
    """Make a group of the second version."""
    group = system / folder
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.max").write_text(f"{limit}\n")
    (group / "memory.current").write_text(f"{usage}\n")
    (group / "memory.stat").write_text(f"anon 7\nactive_file {files}\ninactive_file {files}\n")


def first(system, folder, limit, usage=0, files=0):
    """Make a group of the first version; the files of the groups below count in its totals."""
    group = system / folder
    group.mkdir(parents=True, exist_ok=True)
    (group / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (group / "memory.usage_in_bytes").write_text(f"{usage}\n")
    (group / "memory.stat").write_text(
        f"active_file 0\ninactive_file 0\ntotal_active_file {files}\ntotal_inactive_file {files}\n"
    )


SECOND = ("/", "cgroup", "cgroup2", "rw,nsdelegate")
FIRST = ("/", "cgroup/memory", "cgroup", "rw,memory")


def test_it_is_what_is_free_where_nothing_sets_a_limit(system):
    assert available_memory() == FREE


def test_the_limit_of_the_process_leaves_what_it_does_not_use_yet(system, monkeypatch):
    limits = {resource.RLIMIT_AS: (500_000, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(psutil.Process, "memory_info", lambda _: SimpleNamespace(vms=300_000))

    assert available_memory() == 200_000


def test_a_group_leaves_its_limit_less_what_is_used_but_for_files(system):
    join(system, ["0::/job"], [SECOND])
    second(system, "cgroup/job", 5000, usage=3000, files=500)

    # 1000 of the 3000 are files that the system drops when their memory is needed.
    assert available_memory() == 5000 - (3000 - 1000)


@pytest.mark.parametrize("limits", [(4000, 9000, 9000), (9000, 4000, 9000), (9000, "max", 4000)])
def test_the_least_of_nested_groups_counts(system, limits):
    join(system, ["0::/user/session/job"], [SECOND])
    for folder, limit in zip(("user", "user/session", "user/session/job"), limits, strict=True):
        second(system, f"cgroup/{folder}", limit)

    assert available_memory() == 4000


@pytest.mark.parametrize("limits", [(4000, 9000), (9000, 4000)])
def test_groups_of_the_first_version_count_nested_ones_too(system, limits):
    join(system, ["4:cpu,memory:/batch/job", "3:cpuset:/", "0::/"], [FIRST, SECOND])
    first(system, "cgroup/memory", 9223372036854771712)
    first(system, "cgroup/memory/batch", limits[0], usage=100, files=30)
    first(system, "cgroup/memory/batch/job", limits[1], usage=100, files=30)

    assert available_memory() == 4000 - 100 + 60


def test_in_a_container_the_group_is_mounted_in_place_of_the_root(system):
    join(
        system, ["4:memory:/docker/f00"], [("/docker/f00", "cgroup/memory", "cgroup", "rw,memory")]
    )
    first(system, "cgroup/memory", 4000)

    assert available_memory() == 4000


@pytest.mark.parametrize("group", ["/../../job", "/elsewhere/job"])
def test_a_group_that_is_not_mounted_is_represented_by_the_one_that_is(system, group):
    join(system, [f"0::{group}"], [("/docker/f00", "cgroup", "cgroup2", "rw")])
    second(system, "cgroup", 4000)

    assert available_memory() == 4000


def test_a_group_that_holds_more_than_it_may_leaves_nothing(system):
    join(system, ["0::/"], [SECOND])
    second(system, "cgroup", 4000, usage=5000)

    assert available_memory() == 0


def test_a_group_that_cannot_be_read_is_passed_over(system):
    join(system, ["0::/user/job"], [SECOND])
    second(system, "cgroup/user", 4000)
    second(system, "cgroup/user/job", "garbage")

    assert available_memory() == 4000


def test_where_the_system_tells_nothing_it_is_unknown(system, monkeypatch):
    def refuse():
        raise PermissionError

    monkeypatch.setattr(psutil, "virtual_memory", refuse)

    assert available_memory() is None


def test_the_groups_of_another_controller_are_found_in_their_own_tree(system):
    join(
        system,
        ["5:cpu,cpuacct:/batch", "4:memory:/"],
        [FIRST, ("/", "cgroup/cpu", "cgroup", "rw,cpu,cpuacct")],
    )

    assert list(control_groups("cpu")) == [
        (1, system / "cgroup/cpu/batch"),
        (1, system / "cgroup/cpu"),
    ]
