"""The hash of a distribution, installed in every way that pip and others have."""

import base64
import hashlib
import importlib
import os
import sys
import zipfile
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES, all_suffixes

import pytest

from layerkit.distributions import find
from layerkit.run.hashing import distribution_hash

FILES = {
    "hashed_package/__init__.py": b"from .layer import gate\n",
    "hashed_package/layer.py": b"gate = abs\n",
    "hashed_package/weights.bin": bytes(range(256)),
    "hashed_package/_kernels.so": b"\x7fELF, as it were",
}


def expected(files):
    """The hash of files, as a reader would compute it."""
    lines = sorted(f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of packages; what is imported from it is forgotten after the test."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in sys.modules if name.startswith("hashed_package")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def write(folder, files=FILES):
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def install(site, files=FILES, record=True, **others):
    """Install a wheel as pip does: the list comes last."""
    write(site, files)
    info = site / "hashed_package-1.0.dist-info"
    write(site, {f"{info.name}/METADATA": b"Name: hashed-package\nVersion: 1.0\n"})
    for name, text in others.items():
        (info / name).write_text(text)
    if record:
        rows = [f"{name},{record_hash(data)},{len(data)}" for name, data in files.items()]
        extra = ["../../bin/tool,sha256=abc,3", "hashed_package/__pycache__/layer.pyc,,"]
        extra += [f"{info.name}/METADATA,sha256=abc,9", f"{info.name}/RECORD,,", ""]
        (info / "RECORD").write_text("\n".join(rows + extra))
    importlib.invalidate_caches()
    return info


def record_hash(data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    return f"sha256={digest}"


def hashed(is_in_full=False):
    return distribution_hash(find("hashed-package"), {"hashed_package"}, is_in_full)


def later(path):
    """Make a file newer than the list, as whoever changes it does."""
    os.utime(path, ns=(0, 2 * 10**18))


def test_it_is_that_of_a_line_for_each_file_data_and_compiled_code_included(site):
    install(site)

    assert hashed() == expected(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_change_of_any_file_shows(site, name):
    install(site)
    data = FILES[name][:-1] + b"!"  # of the same size
    (site / name).write_bytes(data)
    later(site / name)

    assert hashed() == expected({**FILES, name: data})


def test_a_change_of_size_shows_even_if_the_file_looks_old(site):
    install(site)
    (site / "hashed_package/layer.py").write_bytes(b"")
    os.utime(site / "hashed_package/layer.py", ns=(0, 0))

    assert hashed() == expected({**FILES, "hashed_package/layer.py": b""})


def test_in_full_a_change_shows_even_if_size_and_time_are_those_of_the_installation(site):
    install(site)
    name = "hashed_package/layer.py"
    data = FILES[name][:-1] + b"!"
    (site / name).write_bytes(data)
    os.utime(site / name, ns=(0, 0))

    assert hashed(is_in_full=True) == expected({**FILES, name: data})


def test_a_file_that_is_gone_shows(site):
    install(site)
    (site / "hashed_package/weights.bin").unlink()

    assert hashed() not in (None, expected(FILES))


def test_an_unchanged_file_is_not_read_again(site):
    info = install(site)
    # The list says otherwise than the file, which is as old as it: the list is believed.
    text = (info / "RECORD").read_text()
    other = record_hash(b"other")
    (info / "RECORD").write_text(text.replace(record_hash(FILES["hashed_package/layer.py"]), other))

    assert hashed() == expected({**FILES, "hashed_package/layer.py": b"other"})


@pytest.mark.parametrize("stated", ["", "md5=abc", "sha256=not base 64!", "sha256="])
def test_a_list_that_tells_no_hash_leaves_it_to_the_file(site, stated):
    info = install(site)
    text = (info / "RECORD").read_text()
    stated_before = record_hash(FILES["hashed_package/layer.py"])
    (info / "RECORD").write_text(text.replace(stated_before, stated))

    assert hashed() == expected(FILES)


@pytest.mark.parametrize("suffix", all_suffixes())
@pytest.mark.parametrize("folder", ["hashed_package", "hashed_package/inner", "hashed_package/new"])
def test_code_that_is_not_in_the_list_counts(site, folder, suffix):
    files = {**FILES, "hashed_package/inner/__init__.py": b""}
    install(site, files)
    added = {f"{folder}/added{suffix}": b"gate = None\n"}
    write(site, added)

    assert hashed() == expected({**files, **added})
    assert hashed(is_in_full=True) == expected({**files, **added})


ALONE = {"hashed_package.py": b"gate = abs\n"}


@pytest.mark.parametrize("folder", ["", "shared/"])
@pytest.mark.parametrize(
    "added",
    [
        ["hashed_package/__init__.py", "hashed_package/layer.py"],
        ["hashed_package/__init__.pyc"],
        [f"hashed_package{EXTENSION_SUFFIXES[0]}"],
    ],
    ids=["package", "compiled package", "extension"],
)
def test_code_that_is_imported_in_place_of_a_module_counts(site, folder, added):
    files = {f"{folder}{name}": data for name, data in ALONE.items()}
    install(site, files)
    before = hashed()
    instead = {f"{folder}{name}": b"gate = None\n" for name in added}
    write(site, instead)

    assert before == expected(files)
    assert hashed() == hashed(is_in_full=True) == expected({**files, **instead})


def test_python_imports_a_package_in_place_of_a_module(site):
    install(site, ALONE)
    write(site, {"hashed_package/__init__.py": b"gate = None\n"})

    assert importlib.import_module("hashed_package").gate is None


def test_what_is_not_imported_in_place_of_a_module_does_not_count(site):
    install(site, ALONE)
    write(
        site,
        {
            "hashed_package/layer.py": b"",  # a folder that is no package
            "hashed_package.txt": b"",
            "hashed_package_too.py": b"",
            "hashed_package_too/__init__.py": b"",
        },
    )

    assert hashed() == expected(ALONE)


def test_what_cannot_be_imported_does_not_count_if_it_is_not_in_the_list(site):
    install(site)
    write(
        site,
        {
            "hashed_package/notes.txt": b"",
            "hashed_package/__pycache__/layer.cpython-311.pyc": b"",
            "hashed_package/__pycache__/layer.py": b"",
            "beside.py": b"",
            "other_package/__init__.py": b"",
        },
    )

    assert hashed() == expected(FILES)


def test_of_a_folder_that_several_distributions_share_only_the_packages_inside_are_searched(site):
    files = {
        "shared/module.py": b"",
        "shared/hashed_package/__init__.py": b"",
        "shared/hashed_package/inner/__init__.py": b"",
    }
    install(site, files)
    write(site, {"shared/other.py": b"", "shared/other_package/__init__.py": b""})
    assert hashed() == expected(files)

    added = {"shared/hashed_package/inner/extra.py": b"x = 1\n"}
    write(site, added)

    assert hashed() == expected({**files, **added})


@pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")
def test_a_link_in_a_package_that_leads_back_to_it_ends_no_search(site):
    info = install(site)
    (site / "hashed_package" / "again").symlink_to(site / "hashed_package")
    listed = hashed()
    (info / "RECORD").unlink()

    assert listed == hashed() == expected(FILES)


def test_without_a_list_the_package_itself_is_searched(site):
    install(site, record=False)
    write(site, {"hashed_package/__pycache__/layer.cpython-311.pyc": b"compiled"})

    assert hashed() == expected(FILES)


def test_of_an_editable_install_the_files_in_the_source_tree_count(site, tmp_path, monkeypatch):
    install(site, files={}, **{"direct_url.json": '{"url": "x", "dir_info": {"editable": true}}'})
    source = tmp_path / "source"
    write(source)
    monkeypatch.syspath_prepend(source)

    before = hashed()
    (source / "hashed_package/weights.bin").write_bytes(b"")

    assert before == expected(FILES)
    assert hashed() == expected({**FILES, "hashed_package/weights.bin": b""})


@pytest.mark.parametrize("text", ["", "[]", '{"dir_info": 3}', "\x00", '{"dir_info": null}'])
def test_a_damaged_origin_is_no_editable_install(site, text):
    install(site, **{"direct_url.json": text})

    assert hashed() == expected(FILES)


def test_in_an_archive_the_loader_reads_the_files(tmp_path, monkeypatch):
    names = [name for name in FILES if not name.endswith(".so")]
    with zipfile.ZipFile(tmp_path / "plugins.zip", "w") as archive:
        for name in names:
            archive.writestr(name, FILES[name])
        archive.writestr("hashed_module.py", b"x = 1\n")
        archive.writestr("hashed_package-1.0.dist-info/METADATA", "Name: hashed-package\n")
    monkeypatch.syspath_prepend(tmp_path / "plugins.zip")

    assert hashed() == expected({name: FILES[name] for name in names})
    assert distribution_hash(None, {"hashed_module"}) == expected({"hashed_module.py": b"x = 1\n"})


def test_where_there_are_no_files_there_is_no_hash():
    assert distribution_hash(None, {"a_module_of_nobody", "sys"}) is None
    assert distribution_hash(None, set()) is None


def test_of_a_frozen_program_there_is_none(site, monkeypatch):
    install(site)
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert hashed() is None


def test_numpy_as_it_is_installed_has_a_hash_and_it_repeats():
    installed = metadata.distribution("numpy")

    first, second = (distribution_hash(installed, {"numpy"}) for _ in range(2))

    assert first == second
    assert first is not None
    assert len(first) == 64


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_in_place_of_the_origin_is_not_waited_for(site):
    os.mkfifo(install(site) / "direct_url.json")

    assert hashed() == expected(FILES)
