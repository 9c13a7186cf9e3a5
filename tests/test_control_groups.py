import sys

import pytest

import layerkit.control_groups
import layerkit.threads
from layerkit.control_groups import control_groups


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Return a function that lays out control groups: memberships, and files with their text."""
    hierarchies = tmp_path / "cgroup"

    def lay_out(memberships, files):
        membership = tmp_path / "membership"
        membership.write_text(memberships)
        monkeypatch.setattr(layerkit.control_groups, "MEMBERSHIP", membership)
        monkeypatch.setattr(layerkit.control_groups, "HIERARCHIES", hierarchies)
        for name, text in files.items():
            (hierarchies / name).parent.mkdir(parents=True, exist_ok=True)
            (hierarchies / name).write_text(text)
        layerkit.threads._quota.cache_clear()

    yield lay_out
    layerkit.threads._quota.cache_clear()


def folders(controller, root):
    return [str(folder.relative_to(root / "cgroup")) for folder in control_groups(controller)]


def test_groups_of_the_second_version_are_yielded_from_the_innermost_on(system, tmp_path):
    system("0::/a/b\n", {"a/b/cpu.max": "max 100000", "cpu.stat": ""})

    assert folders("cpu", tmp_path) == ["a/b", "a", "."]


def test_groups_of_the_first_version_are_those_of_the_controller(system, tmp_path):
    memberships = "4:memory:/m/n\n1:cpu,cpuacct:/c\n"
    system(memberships, {"memory/m/n/x": "", "cpu,cpuacct/c/x": ""})

    assert folders("memory", tmp_path) == ["memory/m/n", "memory/m", "memory"]
    assert folders("cpu", tmp_path) == ["cpu,cpuacct/c", "cpu,cpuacct"]


def test_both_versions_may_stand_beside_each_other(system, tmp_path):
    system("3:cpu:/c\n0::/u\n", {"cpu/c/x": "", "unified/u/x": ""})

    assert folders("cpu", tmp_path) == ["cpu/c", "cpu", "unified/u", "unified"]


def test_groups_out_of_sight_are_left_out(system, tmp_path):
    system("0::/outside/of/the/container\n", {"cpu.max": "100000 100000"})

    assert folders("cpu", tmp_path) == ["."]


def test_a_system_without_control_groups_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(layerkit.control_groups, "MEMBERSHIP", tmp_path / "nothing")

    assert list(control_groups("cpu")) == []


V1 = "1:cpu,cpuacct:/c\n"


@pytest.mark.parametrize(
    ("memberships", "files", "processors"),
    [
        ("0::/a\n", {"a/cpu.max": "max 100000"}, sys.maxsize),
        ("0::/a\n", {"a/cpu.max": "150000 100000"}, 2),
        ("0::/a\n", {"a/cpu.max": "20000 100000"}, 1),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        (V1, {"cpu/c/cpu.cfs_quota_us": "-1", "cpu/c/cpu.cfs_period_us": "100000"}, sys.maxsize),
        (V1, {"cpu/c/cpu.cfs_quota_us": "400000", "cpu/c/cpu.cfs_period_us": "100000"}, 4),
        (V1, {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ("0::/\n", {}, sys.maxsize),
    ],
)
def test_a_quota_of_processors_is_heeded(system, memberships, files, processors):
    system(memberships, files)

    assert layerkit.threads._quota() == processors
