"""Locks: what is compared with them, what differs, and which files are none."""

import json
import random
import re
import sys
from dataclasses import replace

import pytest
from timing import timed

import layerkit
from layerkit import SpecError, UserError, load_registry
from layerkit.run import compare, lock_of, provenance, remember
from layerkit.run.locks import lock, read_lock
from layerkit.run.provenance import Package
from layerkit.spec import load_spec


def found(file, step=None):
    return provenance(load_spec(file, load_registry()), step)


def test_a_change_of_what_no_component_imports_shows_too(install, spec, tmp_path):
    install("layerkit-foo")
    written = tmp_path / "net.lock.json"
    written.write_text(json.dumps(lock(found(spec))))

    (tmp_path / "site-packages" / "layerkit_foo.py").write_text("# changed\n")

    assert compare(written, found(spec), locked=False) == [
        "layerkit-foo still has version 1.0, but its files have changed"
    ]


def test_a_lock_of_the_same_code_differs_in_nothing(install, spec, tmp_path):
    install("layerkit-foo")
    written = tmp_path / "net.lock.json"
    written.write_text(json.dumps(lock(found(spec))))

    assert lock_of(spec) == written
    assert read_lock(written) == found(spec)
    assert compare(written, found(spec), locked=True) == []


def changed(now, name, **changes):
    """The same with the record of one package changed, or left out."""
    packages = [replace(p, **changes) if p.name == name else p for p in now.packages]
    return replace(now, packages=[p for p in packages if changes or p.name != name])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "numpy still has version 2.0, but its files have changed"),
        ({"sha256": "0" * 64, "version": "1.9"}, "numpy had version 1.9 and now has 2.0"),
        ({}, "numpy 2.0 is not in the lock"),
        (
            {"sha256": None},
            "numpy 2.0 cannot be compared: its files were not available in the lock",
        ),
    ],
)
def test_changed_code_is_told_and_refused_where_locked(install, spec, tmp_path, changes, message):
    install("layerkit-foo")
    now = changed(found(spec), "numpy", version="2.0")
    written = tmp_path / "net.lock.json"
    written.write_text(json.dumps(lock(changed(now, "numpy", **changes))))

    assert compare(written, now, locked=False) == [message]
    with pytest.raises(UserError) as caught:
        compare(written, now, locked=True)
    assert str(caught.value) == f"{written}: the code is not the one that was locked: {message}"


def test_steps_of_another_package_are_told_where_something_is_trained(install, spec, tmp_path):
    install("layerkit-foo")
    now = found(spec, layerkit.Step)
    written = tmp_path / "net.lock.json"
    written.write_text(json.dumps(lock(replace(now, steps="layerkit-fast\x1b[2J"))))

    assert compare(written, now, locked=False) == [
        r"training steps were made by layerkit-fast\x1b[2J, now by layerkit"
    ]
    assert compare(written, found(spec), locked=True) == []  # as of a model that only predicts


def test_a_lock_that_names_nobody_who_made_the_steps_differs_where_something_is_trained(
    install, spec, tmp_path
):
    install("layerkit-foo")
    now = found(spec, layerkit.Step)
    written = tmp_path / "net.lock.json"
    written.write_text(json.dumps(lock(replace(now, steps=None))))
    message = "the lock names no package that made the training steps; now layerkit makes them"

    assert compare(written, now, locked=False) == [message]
    with pytest.raises(UserError, match=message):
        compare(written, now, locked=True)
    assert compare(written, found(spec), locked=True) == []


def test_what_a_lock_leaves_out_of_the_machine_is_reported(install, spec, tmp_path):
    install("layerkit-foo")
    now = found(spec)
    written = tmp_path / "net.lock.json"
    rest = {feature: value for feature, value in now.machine.items() if feature != "python"}
    written.write_text(json.dumps(lock(replace(now, machine=rest))))

    assert compare(written, now, locked=True) == [
        "the machine differs, so the last digits may: python was unknown, now "
        + now.machine["python"]
    ]


def test_another_machine_is_told_and_never_refused(install, spec, tmp_path):
    install("layerkit-foo")
    now = found(spec)
    written = tmp_path / "net.lock.json"
    other = {**now.machine, "blas": "openblas 0.3 for Zen"}
    written.write_text(json.dumps(lock(replace(now, machine=other))))

    for locked in (False, True):
        assert compare(written, now, locked=locked) == [
            "the machine differs, so the last digits may: blas was openblas 0.3 for Zen, now "
            + now.machine["blas"]
        ]
    assert compare(written, now, locked=True, machine=False) == []


def test_without_a_lock_nothing_differs_unless_one_is_asked_for(install, spec, tmp_path):
    install("layerkit-foo")
    missing = tmp_path / "net.lock.json"

    assert compare(missing, found(spec), locked=False) == []
    with pytest.raises(UserError) as caught:
        compare(missing, found(spec), locked=True)
    assert str(caught.value) == (
        f"{missing}: cannot be read: No such file or directory; "
        "a run leaves such a lock in its folder, spec.lock.json"
    )


def test_a_lock_whose_name_would_be_too_long_is_missing(install, spec, tmp_path):
    install("layerkit-foo")

    assert compare(tmp_path / ("n" * 300), found(spec), locked=False) == []


def test_a_lock_of_the_first_version_is_told_and_refused_where_locked(install, spec, tmp_path):
    install("layerkit-foo")
    old = tmp_path / "net.lock.json"
    old.write_text('{"version": 1, "components": []}')
    message = (
        "is a lock of version 1, which says nothing about data files, compiled code and NumPy; "
        "take a new spec.lock.json from a run of this version"
    )

    assert compare(old, found(spec), locked=False) == [message]
    with pytest.raises(UserError, match=f"^{re.escape(f'{old}: {message}')}$"):
        compare(old, found(spec), locked=True)


NO_LOCKS = [
    "",
    "[]",
    "{}",
    "\xff",
    '{"version": 3}',
    '{"version": 2}',
    '{"version": true, "packages": []}',
    '{"version": 2, "packages": [{"name": "a"}], "components": [], "steps": null, "machine": {}}',
    '{"version": 2, "packages": [], "components": [], "steps": 7, "machine": {}}',
    '{"version": 2, "packages": [], "components": [], "steps": null, "machine": {"a": 1}}',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", NO_LOCKS, ids=range(len(NO_LOCKS)))
def test_a_file_that_is_no_lock_is_refused(install, spec, tmp_path, text):
    install("layerkit-foo")
    wrong = tmp_path / "net.lock.json"
    wrong.write_text(text, encoding="latin-1")

    with pytest.raises(UserError, match=r"is not a lock; take spec\.lock\.json from the"):
        compare(wrong, found(spec), locked=False)


NUMPY = '{"name": "numpy", "version": "1", "sha256": "0"}'
AFFINE = '{"kind": "layer", "name": "layerkit/affine"}'
LOCK = '{"version": 2, "packages": [%s], "components": [%s], "steps": null, "machine": {}}'


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (LOCK % (f"{NUMPY}, {NUMPY}", ""), "package numpy"),
        (LOCK % (f"{NUMPY}, {NUMPY.replace('1', '2')}", ""), "package numpy"),
        (LOCK % (f"{NUMPY}, {NUMPY.replace('numpy', 'NumPy')}", ""), "package numpy"),
        (LOCK % (NUMPY, f"{AFFINE}, {AFFINE}"), "layer layerkit/affine"),
        (LOCK.replace("null", 'null, "steps": "layerkit"') % (NUMPY, AFFINE), "key steps"),
        (LOCK % (NUMPY.replace("}", ', "sha256": "1"}'), AFFINE), "key sha256"),
        (LOCK.replace("{}", r'{"\u001b[2J": "", "\u001b[2J": ""}') % ("", ""), r"key \x1b[2J"),
    ],
)
def test_a_lock_that_lists_anything_twice_is_refused(install, spec, tmp_path, text, twice):
    install("layerkit-foo")
    written = tmp_path / "net.lock.json"
    written.write_text(text)

    with pytest.raises(UserError) as caught:
        compare(written, found(spec), locked=False)

    assert str(caught.value) == (
        f"{written}: lists the {twice} twice; take spec.lock.json from the folder of a run"
    )


@pytest.mark.parametrize(
    "entries",
    [
        ("", ", ".join(AFFINE.replace('"layer"', f'"kind{i}"') for i in range(20_000))),
        ("", ", ".join(AFFINE.replace("affine", f"affine{i}") for i in range(20_000))),
        (", ".join(NUMPY.replace("numpy", f"numpy{i}") for i in range(20_000)), ""),
    ],
    ids=["kinds", "names", "packages"],
)
def test_a_lock_with_many_entries_is_read_in_time(tmp_path, entries):
    written = tmp_path / "net.lock.json"
    written.write_text(LOCK % entries)

    read, seconds = timed(lambda: read_lock(written), 2)

    assert len(read.packages + read.components) == 20_000
    assert seconds < 2


VALUES = [None, True, 0, -1.5, 1e999, "", "\x1b[2J\n" * 50, [], {}, [[]], {"name": {}}, "é"]


def mutated(content, rng):
    """Return the text of a lock with one thing changed: a value, a key, or a byte of the text."""
    content = json.loads(json.dumps(content))
    places = [(content, key) for key in content]
    for holder, key in places:
        value = holder[key]
        if isinstance(value, dict | list):
            places += [
                (value, k) for k in (value if isinstance(value, dict) else range(len(value)))
            ]
    holder, key = rng.choice(places)
    if rng.random() < 0.5:
        holder[key] = rng.choice(VALUES)
    elif isinstance(holder, dict) and rng.random() < 0.5:
        holder[rng.choice(["", "name", "version", "\x1b[31m"])] = holder.pop(key)
    else:
        del holder[key]
    text = bytearray(json.dumps(content).encode())
    if rng.random() < 0.3:
        for _ in range(rng.randint(1, 4)):
            text[rng.randrange(len(text))] = rng.randrange(256)
    return bytes(text[: rng.choice([None, None, None, rng.randrange(len(text))])])


def test_a_mutated_lock_is_compared_or_refused_and_nothing_else(install, spec, tmp_path):
    install("layerkit-foo")
    now = found(spec, layerkit.Step)
    content, written, rng = lock(now), tmp_path / "net.lock.json", random.Random(0)
    registry, refused, compared = load_registry(), 0, 0
    for _ in range(2000):
        written.write_bytes(mutated(content, rng))
        try:
            remember(registry, spec)
            changes = compare(written, now, locked=rng.random() < 0.5)
            compared += 1
        except UserError as error:
            changes = [str(error).replace(str(tmp_path), "")]
            refused += 1
        assert all(len(change) < 2000 and change.isprintable() for change in changes), changes

    assert refused > 200
    assert compared > 200


def test_a_missing_component_is_named_with_the_package_that_it_came_from(
    install, spec, tmp_path, monkeypatch
):
    install("layerkit-foo")
    (tmp_path / "net.lock.json").write_text(json.dumps(lock(found(spec))))

    def message(plugins):
        monkeypatch.setenv("LAYERKIT_PLUGINS", plugins)
        registry = load_registry()
        remember(registry, spec)
        with pytest.raises(SpecError) as raised:
            load_spec(spec, registry)
        return raised.value.problems[0].message

    without = 'no layer is named "swish"; it came from layerkit-foo 1.0, which is not installed'
    assert message("") == f"{without}, or which LAYERKIT_PLUGINS leaves out"

    module = tmp_path / "site-packages" / "layerkit_foo.py"
    del sys.modules["layerkit_foo"]
    module.write_text(module.read_text().replace('registry.layer("swish"', 'registry.layer("new"'))
    assert message("foo") == (
        'no layer is named "swish"; it came from layerkit-foo 1.0, but the version that is '
        "installed has none"
    )
    del sys.modules["layerkit_foo"]
    module.write_text("1 / 0")
    assert message("foo") == (
        'no layer is named "swish"; plugin layerkit-foo (foo), which is not working, may have it: '
        "ZeroDivisionError: division by zero"
    )


def test_a_package_without_files_is_compared_by_its_version(install, spec, tmp_path):
    install("layerkit-foo")
    now = found(spec)
    frozen = replace(now, packages=[Package(p.name, p.version, None) for p in now.packages])
    written = tmp_path / "net.lock.json"
    written.write_text(json.dumps(lock(frozen)))

    assert compare(written, frozen, locked=True) == []
