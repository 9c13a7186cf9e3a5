import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from refusing import refusal

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Npz


@pytest.fixture
def stored(tmp_path):
    """Stores arrays and returns the path of the file."""

    def store(**arrays):
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return path

    return store


def labels(count, classes=2):
    return np.arange(count) % classes


class TestWhatIsRead:
    def test_integers_are_the_labels_of_classes(self, stored):
        path = stored(x=np.zeros((6, 4, 3)), t=labels(6, 3).astype(np.uint8))

        assert Npz(path).inspect() == Form((4, 3), Targets(classes=3))

    def test_floats_are_numbers(self, stored):
        path = stored(x=np.zeros((6, 4)), t=np.zeros(6))

        assert Npz(path).inspect() == Form((4,), Targets())

    def test_several_numbers_an_example_are_numbers_though_they_be_integers(self, stored):
        path = stored(x=np.zeros((6, 4)), t=np.zeros((6, 2), int))

        assert Npz(path).inspect() == Form((4,), Targets((2,)))

    def test_a_part_is_kept_for_testing(self, stored):
        path = stored(x=np.arange(10.0), t=np.arange(10.0) * 2)

        data = Npz(path, test_fraction=0.3).load()

        assert (len(data.train), len(data.test)) == (7, 3)
        np.testing.assert_array_equal(data.test.t, data.test.x * 2)
        assert sorted([*data.train.x, *data.test.x]) == list(range(10))

    def test_the_seed_decides_what_is_tested_on(self, stored):
        path = stored(x=np.arange(50.0), t=np.arange(50.0))

        first, again, other = (set(Npz(path, seed=s).load().test.t) for s in (1, 1, 2))

        assert first == again != other

    def test_a_test_part_of_its_own_is_taken_as_it_stands(self, stored):
        path = stored(
            a=np.arange(6).reshape(3, 2), b=labels(3), c=np.array([[7, 8]]), d=np.array([2])
        )

        data = Npz(path, x="a", t="b", x_test="c", t_test="d", scale=0.5).load()

        assert data.train.x.tolist() == [[0, 1], [2, 3], [4, 5]]
        assert data.train.t.tolist() == [0, 1, 0]
        assert data.test.x.tolist() == [[7, 8]]
        assert data.test.t.tolist() == [2]
        assert data.train.scale == data.test.scale == 0.5

    def test_a_class_may_be_in_the_test_part_only(self, stored):
        path = stored(x=np.zeros((2, 2)), t=labels(2), v=np.zeros((1, 2)), w=np.array([2]))

        assert Npz(path, x_test="v", t_test="w").inspect().targets.classes == 3

    def test_integers_stay_integers(self, stored):
        path = stored(x=np.zeros((6, 4), np.uint8), t=labels(6))

        data = Npz(path, scale=1 / 255).load()

        assert data.train.x.dtype == np.uint8
        assert data.train.scale == 1 / 255

    def test_compressed_archives_are_read_too(self, tmp_path):
        path = tmp_path / "small.npz"
        np.savez_compressed(path, x=np.arange(20.0), t=labels(20))

        assert len(Npz(path).load().train) == 16

    def test_inspecting_reads_of_the_examples_only_the_header(self, stored):
        path = stored(x=np.zeros((1000, 1000)), t=labels(1000))
        tracemalloc.start()

        Npz(path).inspect()

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000

    def test_loading_holds_the_examples_in_memory_once(self, stored):
        x = np.zeros((1000, 1000))
        path = stored(x=x, t=labels(1000))
        tracemalloc.start()

        Npz(path, test_fraction=0.1).load()

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.3 * x.nbytes


class TestLabelsOfOtherTypes:
    @pytest.mark.parametrize(
        "t",
        [[0.0, 1, 2] * 2, [[0], [1], [2]] * 2, [[0.0], [1], [2]] * 2, [0, 1, 2] * 2],
        ids=["floats", "a column", "a column of floats", "integers"],
    )
    def test_are_labels_if_the_task_says_so(self, stored, t):
        dataset = Npz(stored(x=np.arange(6.0), t=np.array(t)), task="classification")

        data = dataset.load()

        assert dataset.inspect().targets == Targets(classes=3)
        np.testing.assert_array_equal(data.train.t, data.train.x % 3)
        assert data.train.t.dtype.kind == "i"

    def test_may_be_booleans(self, stored):
        dataset = Npz(stored(x=np.arange(6.0), t=np.arange(6) % 2 == 1), task="classification")

        assert dataset.inspect().targets == Targets(classes=2)
        np.testing.assert_array_equal(dataset.load().test.t, dataset.load().test.x % 2)

    @pytest.mark.parametrize("t", [[3, 5, 9, 9], [0, 0, 0, 0]])
    def test_are_numbers_if_the_task_says_so(self, stored, t):
        dataset = Npz(stored(x=np.arange(4.0), t=np.array(t)), task="regression")

        assert dataset.inspect().targets == Targets()
        assert sorted([*dataset.load().train.t, *dataset.load().test.t]) == sorted(t)

    @pytest.mark.parametrize(
        ("t", "told"),
        [
            ([0, 1, 0.5, 1], 't[2]: task is "classification", so it must be an integer, got 0.5'),
            (
                np.eye(4),
                't: task is "classification", so it must hold one label for each example, got '
                "entries of shape (4,); for one-hot targets store t.argmax(axis=1)",
            ),
        ],
    )
    def test_are_refused_if_they_cannot_be_labels(self, stored, t, told):
        path = stored(x=np.zeros((4, 2)), t=np.array(t))

        assert refusal(Npz(path, task="classification")) == f"{path}: {told}"

    def test_have_advice_for_losses_of_labels(self, stored):
        path = stored(x=np.zeros((4, 2)), t=np.array([0.0, 1, 0, 1]))

        assert Npz(path).inspect().targets.advice == (
            'labels are integers; store t.astype(int), or set task to "classification"'
        )


class TestChannels:
    X = np.arange(4 * 6 * 5 * 3).reshape(4, 6, 5, 3)

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_that_are_last_are_put_first(self, stored, order):
        x = np.array(self.X, order=order)
        path = stored(x=x, t=labels(4), v=x[:2], w=labels(2))

        dataset = Npz(path, x_test="v", t_test="w", channels="last")
        data = dataset.load()

        assert dataset.inspect().shape == (3, 6, 5)
        np.testing.assert_array_equal(data.train.x, self.X.transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(data.test.x, self.X[:2].transpose(0, 3, 1, 2))
        assert data.notes == ()

    def test_are_put_first_in_place(self, stored):
        x = np.zeros((500, 20, 20, 3))
        path = stored(x=x, t=labels(500))
        tracemalloc.start()

        Npz(path, channels="last", test_fraction=0.1).load()

        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1.3 * x.nbytes

    @pytest.mark.parametrize(
        ("shape", "channels", "is_noted"),
        [
            ((6, 5, 3), None, True),
            ((6, 5, 1), None, True),
            ((6, 5, 3), "first", False),
            ((3, 6, 5), None, False),
            ((3, 3, 3), None, False),
            ((6, 5), None, False),
            ((6, 5, 8), None, False),
        ],
    )
    def test_that_look_last_are_noted(self, stored, shape, channels, is_noted):
        path = stored(x=np.zeros((4, *shape)), t=labels(4))

        notes = [n for n in Npz(path, channels=channels).load().notes if "channels" in n]

        assert notes == is_noted * [
            f"{path}: examples of shape {shape} look like images with their channels last, and "
            'layers take channels first; set channels to "last", or to "first" if they are'
        ]

    def test_of_vectors_are_refused(self, stored):
        path = stored(x=np.zeros((4, 3)), t=labels(4))

        assert refusal(Npz(path, channels="last")) == (
            f'{path}: x: channels "last" needs examples of at least 2 axes, got the shape (3,)'
        )


def npy(header, content=b""):
    """A ``.npy`` file."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


class TestClassesThatAreNotInBothParts:
    def test_they_are_named(self, stored):
        path = stored(x=np.zeros((11, 2)), t=np.array([0, 1] * 5 + [2]))

        # The first seed that trains on class 2, and tests on one example of each of the others.
        in_train = next(s for s in range(99) if set(Npz(path, seed=s).load().test.t) == {0, 1})

        assert Npz(path, seed=in_train).load().notes == (
            f"{path}: the test part has no example of class 2, which is not tested; set stratify "
            "to true to have each class in both parts",
        )

    def test_of_a_test_part_of_its_own_too(self, stored):
        path = stored(x=np.zeros((2, 2)), t=labels(2), v=np.zeros((1, 2)), w=np.array([2]))

        assert Npz(path, x_test="v", t_test="w").load().notes == (
            f"{path}: the training part has no example of class 2, which cannot be learnt",
            f"{path}: the test part has no example of classes 0, 1, which is not tested",
        )

    def test_stratified_they_are(self, stored):
        path = stored(x=np.zeros((12, 2)), t=np.array([0, 1] * 5 + [2, 2]))

        data = Npz(path, stratify=True).load()

        assert np.bincount(data.test.t).tolist() == [1, 1, 1]
        assert data.notes == ()

    def test_numbers_cannot_be_stratified(self, stored):
        path = stored(x=np.zeros((12, 2)), t=np.arange(12.0))

        assert refusal(Npz(path, stratify=True)) == (
            f'{path}: stratify needs labels, and array "t" holds numbers'
        )

    def test_two_parts_cannot_be_stratified(self, tmp_path):
        with pytest.raises(ValueError, match="stratify needs one part to split, and x_test names"):
            Npz(tmp_path / "data.npz", x_test="v", t_test="w", stratify=True)


class TestWhatIsRefused:
    @pytest.mark.parametrize("array", ["x", "t"])
    @pytest.mark.parametrize(
        "header",
        ["  {\n   x\n  y", "{{}: 1}", "-" * 5000 + "1", "9" * 5000],
        ids=["indentation", "key", "recursion", "digits"],
    )
    def test_a_header_that_python_cannot_parse(self, tmp_path, array, header):
        good = npy("{'descr': '<i8', 'fortran_order': False, 'shape': (4,)}", bytes(32))
        path = tmp_path / "data.npz"
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("x", "t"):
                archive.writestr(f"{name}.npy", npy(header) if name == array else good)

        told = refusal(Npz(path))

        assert told.startswith(f'{path}: array "{array}" cannot be read (cannot parse the header: ')
        assert told.endswith("); the file is damaged: store it again")

    def test_more_numbers_than_there_is_memory_for(self, tmp_path, monkeypatch):
        path = tmp_path / "data.npz"
        np.savez_compressed(path, x=np.zeros((1000, 1000)), t=labels(1000))
        monkeypatch.setattr("layerkit.contracts.dataset.available_memory", lambda: 5_000_000)

        with pytest.raises(DataError) as caught:
            Npz(path).load()

        assert str(caught.value) == (
            f'{path}: array "x": needs 0.008 GB of memory, and 0.005 GB are free'
        )

    @pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_sizes_that_only_the_header_tells(self, tmp_path, compression):
        path = tmp_path / "data.npz"
        header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({2**61}, 2)}}"
        with zipfile.ZipFile(path, "w", compression) as archive:
            archive.writestr("x.npy", npy(header))
            archive.writestr("t.npy", npy(header))

        claim = "(the header claims 36,893,488,147,419,103,232 bytes of numbers"
        assert claim in refusal(Npz(path))

    def test_an_encrypted_array(self, stored):
        path = stored(x=np.zeros((4, 2)), t=labels(4))
        content = path.read_bytes()
        for start, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            for at in [i for i in range(len(content)) if content.startswith(start, i)]:
                content = content[: at + flags] + b"\1" + content[at + flags + 1 :]
        path.write_bytes(content)

        assert refusal(Npz(path)) == (
            f'{path}: array "t" cannot be read (it is encrypted; store it without a password); '
            "the file is damaged: store it again"
        )

    def test_an_array_that_is_there_twice(self, stored):
        path = stored(x=np.zeros((4, 2)), t=labels(4))
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("t", b"another")

        assert "(there are several arrays of that name)" in refusal(Npz(path))

    def test_records(self, stored):
        path = stored(x=np.zeros((4, 2)), t=np.zeros(4, [("a", "f4"), ("b", "i4")]))

        assert refusal(Npz(path)) == (
            f'{path}: array "t" must hold numbers, got records; store each field separately'
        )

    def test_of_many_arrays_the_message_names_the_first(self, stored):
        path = stored(**{f"a{i}": np.zeros(2) for i in range(50)})

        assert refusal(Npz(path)).endswith('"a18", "a19" and 30 more')

    def test_a_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "data.npz")

        assert refusal(Npz(tmp_path / "data.npz")) == (
            f"{tmp_path}/data.npz: cannot be read: expected a file, got a pipe; "
            "store what comes from it in a file first"
        )

    def test_half_a_test_part(self, tmp_path):
        with pytest.raises(ValueError, match="x_test and t_test go together: give both or neither"):
            Npz(tmp_path / "data.npz", x_test="v")

    def test_a_missing_file(self, tmp_path):
        path = tmp_path / "nowhere.npz"

        assert refusal(Npz(path)) == (
            f"{path}: there is no such file; a relative path starts at the folder of the spec"
        )

    def test_a_folder(self, tmp_path):
        assert refusal(Npz(tmp_path)) == f"{tmp_path}: cannot be read: Is a directory"

    def test_a_file_of_another_kind(self, tmp_path):
        path = tmp_path / "data.npz"
        path.write_text("x,t\n1,2\n")

        assert refusal(Npz(path)) == (
            f"{path}: is not an .npz file; store one with np.savez(path, x=x, t=t)"
        )

    def test_a_single_array(self, tmp_path):
        path = tmp_path / "data.npy"
        np.save(path, np.zeros(3))

        assert refusal(Npz(path)) == (
            f"{path}: is a .npy file, which holds one array; "
            "store both with np.savez(path, x=x, t=t)"
        )

    def test_a_file_that_was_cut_short(self, stored):
        path = stored(x=np.zeros((100, 10)), t=labels(100))
        path.write_bytes(path.read_bytes()[:2000])

        assert refusal(Npz(path)) == (
            f"{path}: is a damaged .npz file, perhaps cut short; store or copy it again"
        )

    def test_an_array_whose_bytes_have_changed(self, stored):
        path = stored(x=np.full((100, 10), 7.0), t=labels(100))
        content = bytearray(path.read_bytes())
        content[2000] ^= 1
        path.write_bytes(content)

        with pytest.raises(DataError) as error:
            Npz(path).load()

        assert str(error.value) == (
            f"{path}: array \"x\" cannot be read (Bad CRC-32 for file 'x.npy'); "
            "the file is damaged: store it again"
        )

    def test_damaged_lzma(self, tmp_path):
        path = tmp_path / "data.npz"
        arrays = {"x": np.random.default_rng(0).normal(size=(100, 10)), "t": labels(100)}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
            for name, array in arrays.items():
                stored = io.BytesIO()
                np.save(stored, array)
                archive.writestr(f"{name}.npy", stored.getvalue())
        content = bytearray(path.read_bytes())
        content[4000:4100] = bytes(100)
        path.write_bytes(content)

        with pytest.raises(DataError, match=r"cannot be read \(.*\); the file is damaged"):
            Npz(path).load()

    def test_a_missing_array(self, stored):
        path = stored(images=np.zeros(3), t=labels(3))

        assert refusal(Npz(path)) == f'{path}: has no array "x"; it has "images", "t"'

    def test_python_objects(self, stored):
        path = stored(x=np.array([{}, {}]), t=labels(2))

        assert refusal(Npz(path)) == (
            f'{path}: array "x" holds Python objects, which could run code when they are read; '
            "store it as numbers"
        )

    def test_text(self, stored):
        path = stored(x=np.zeros(2), t=np.array(["cat", "dog"]))

        assert refusal(Npz(path)) == (
            f'{path}: array "t" must hold numbers, got <U3; '
            "np.unique(t, return_inverse=True)[1] numbers the classes of a text"
        )

    def test_no_examples(self, stored):
        path = stored(x=np.zeros((0, 4)), t=np.zeros(0))

        assert refusal(Npz(path)) == (
            f'{path}: array "t" must hold at least one example, got the shape (0,)'
        )

    def test_a_number_where_an_array_should_be(self, stored):
        path = stored(x=np.float64(3), t=labels(2))

        assert refusal(Npz(path)) == (
            f'{path}: array "x" must hold at least one example, got the shape ()'
        )

    def test_a_single_example(self, stored):
        path = stored(x=np.zeros((1, 4)), t=np.zeros(1))

        assert refusal(Npz(path)) == (
            f"{path}: needs at least 2 examples, one to train on and one to test on, got 1"
        )

    def test_fewer_targets_than_examples(self, stored):
        path = stored(x=np.zeros((5, 4)), t=labels(4))

        assert refusal(Npz(path)) == (
            f'{path}: array "x" has 5 examples, but array "t" has 4 targets; the numbers must match'
        )

    @pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
    def test_an_example_that_is_not_finite(self, stored, number):
        x = np.zeros((5, 4))
        x[3, 1] = x[4, 0] = float(number)
        path = stored(x=x, t=labels(5))

        with pytest.raises(DataError) as error:
            Npz(path).load()

        assert str(error.value) == f"{path}: x[3, 1]: must be a finite number, got {number}"

    def test_a_target_that_is_not_finite(self, stored):
        path = stored(x=np.zeros((3, 4)), t=np.array([0.0, np.nan, 1.0]))

        assert refusal(Npz(path)) == f"{path}: t[1]: must be a finite number, got nan"

    def test_a_negative_label(self, stored):
        path = stored(x=np.zeros((3, 4)), t=np.array([0, 1, -1]))

        assert refusal(Npz(path)) == f"{path}: t[2]: labels start at 0, got -1"

    def test_labels_with_a_gap(self, stored):
        path = stored(x=np.zeros((3, 4)), t=np.array([0, 1, 3]))

        assert refusal(Npz(path)) == (
            f'{path}: array "t" has labels up to 3, but none is 2; number the classes without '
            "gaps, as np.unique(t, return_inverse=True)[1] does"
        )

    def test_of_many_gaps_the_message_names_the_first(self, stored):
        t = np.array([1, 2, 5, 9, 11, 13, 15, 17, 10**18])
        path = stored(x=np.zeros((9, 4)), t=t)

        assert (
            f"labels up to {10**18}, but none is 0, 3 to 4, 6 to 8, 10, 12 or many more up to "
            f"{10**18 - 1}; number"
        ) in refusal(Npz(path))

    def test_labels_that_count_from_1(self, stored):
        path = stored(x=np.zeros((3, 4)), t=np.array([1, 2, 3]))

        assert "has labels up to 3, but none is 0" in refusal(Npz(path))

    def test_a_single_class(self, stored):
        path = stored(x=np.zeros((3, 4)), t=np.zeros(3, int))

        assert refusal(Npz(path)) == (
            f'{path}: array "t" must have labels of at least 2 classes, got only 0; '
            'if its integers are no labels, set task to "regression", or store them as floats'
        )

    def test_test_examples_of_another_shape(self, stored):
        path = stored(x=np.zeros((3, 4)), t=labels(3), v=np.zeros((2, 5)), w=labels(2))

        assert refusal(Npz(path, x_test="v", t_test="w")) == (
            f'{path}: each entry of array "v" must have the shape (4,), like those of "x", got (5,)'
        )

    def test_test_targets_of_another_kind(self, stored):
        path = stored(x=np.zeros((3, 4)), t=labels(3), v=np.zeros((2, 4)), w=np.zeros(2))

        assert refusal(Npz(path, x_test="v", t_test="w")) == (
            f'{path}: arrays "t" and "w" must both hold integers or both floats, '
            f"got {labels(3).dtype} and float64"
        )


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(at=st.integers(0, 1500), byte=st.integers(0, 255), end=st.integers(0, 1500) | st.none())
def test_a_damaged_file_gives_the_same_numbers_or_a_data_error(tmp_path, at, byte, end):
    path = tmp_path / "data.npz"
    np.savez(path, x=np.arange(60.0).reshape(20, 3), t=labels(20))
    content = bytearray(path.read_bytes())
    wanted = Npz(path).load().train.x
    content[min(at, len(content) - 1)] = byte
    path.write_bytes(content[:end])

    try:
        found = Npz(path).load().train.x
    except DataError as error:
        assert str(path) in str(error)
    else:
        np.testing.assert_array_equal(found, wanted)
