import os
import struct

import numpy as np
import pytest
from refusing import refusal

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Npy
from layerkit.training.sampling import Gather


@pytest.fixture
def stored(tmp_path):
    """Stores arrays in files of their names and returns the data set of them."""

    def store(x, t, x_test=None, t_test=None):
        arrays = {
            "x": x,
            "t": t,
            "x_test": x if x_test is None else x_test,
            "t_test": t if t_test is None else t_test,
        }
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        return Npy(**{name: tmp_path / f"{name}.npy" for name in arrays}, scale=0.5)

    return store


def paths(dataset):
    return {name: getattr(dataset, name) for name in ("x", "t", "x_test", "t_test")}


X, T = np.arange(12, dtype=np.uint8).reshape(4, 3), np.array([0, 1, 1, 0])


class TestWhatIsRead:
    def test_the_files_are_mapped_and_not_read(self, stored):
        data = stored(X, T, X[:2] + 1, T[:2]).load()

        assert isinstance(data.train.x, np.memmap)
        assert data.train.x.dtype == np.uint8
        assert data.train.x.tolist() == X.tolist()
        assert data.train.t.tolist() == T.tolist()
        assert data.test.x.tolist() == (X[:2] + 1).tolist()
        assert data.test.t.tolist() == [0, 1]
        assert data.train.scale == data.test.scale == 0.5

    def test_integers_are_labels_and_floats_are_numbers(self, stored):
        assert stored(X, T).inspect() == Form((3,), Targets(classes=2))
        assert stored(X, T / 2).inspect() == Form((3,), Targets())
        assert stored(X, X / 2).inspect() == Form((3,), Targets((3,)))

    def test_the_task_says_what_targets_are(self, stored):
        whole = Npy(**paths(stored(X, T * 1.0)), task="classification")
        numbers = Npy(**paths(stored(X, T)), task="regression")

        assert whole.load().train.t.tolist() == T.tolist()
        assert whole.inspect().targets == Targets(classes=2)
        assert numbers.inspect().targets == Targets()

    def test_channels_that_are_last_are_put_first_in_each_batch(self, stored):
        x = np.arange(4 * 6 * 5 * 3, dtype=np.uint8).reshape(4, 6, 5, 3)
        dataset = stored(x, T)

        data = Npy(**paths(dataset), channels="last").load()

        gather = Gather(data.train, "float32")
        expected = x.transpose(0, 3, 1, 2)
        assert Npy(**paths(dataset), channels="last").inspect().shape == (3, 6, 5)
        np.testing.assert_array_equal(gather(np.array([2, 0]))[0], expected[[2, 0]])
        np.testing.assert_array_equal(gather.slice(1, 3)[0], expected[1:3])
        assert data.notes == ()
        (note,) = dataset.load().notes
        assert note.endswith('set channels to "last", or to "first" if they are')

    def test_files_may_be_stored_by_columns(self, stored):
        x = np.asfortranarray(X.astype(np.float32))

        assert stored(x, T).load().train.x.tolist() == X.tolist()

    def test_files_of_python_2_are_read_without_a_warning(self, stored, tmp_path):
        dataset = stored(X, T)
        path = tmp_path / "x.npy"
        path.write_bytes(path.read_bytes().replace(b"(4, 3), }  ", b"(4L, 3L), }"))

        assert dataset.load().train.x.tolist() == X.tolist()


class TestWhatIsRefused:
    @pytest.mark.parametrize("array", ["x", "t", "x_test", "t_test"])
    @pytest.mark.parametrize(
        "header",
        [
            "  {\n   x\n  y",
            "{{}: 1}",
            "-" * 5000 + "1",
            f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**64}, 4)}}",
        ],
        ids=["indentation", "key", "recursion", "size"],
    )
    def test_a_header_that_python_cannot_parse(self, stored, tmp_path, array, header):
        dataset = stored(X, T)
        path = tmp_path / f"{array}.npy"
        path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())

        assert refusal(dataset).startswith(f"{path}: has a damaged header (")

    @pytest.mark.parametrize("array", ["x", "t"])
    @pytest.mark.parametrize("rows", [5, 2**40, 2**61])
    def test_a_header_that_says_more_than_the_file_holds(self, stored, tmp_path, array, rows):
        dataset = stored(X, T)
        path = tmp_path / f"{array}.npy"
        head = f"{{'descr': '<i8', 'fortran_order': True, 'shape': ({rows}, 2)}}".encode()
        head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
        path.write_bytes(head + bytes(64))

        assert refusal(dataset) == (
            f"{path}: holds less than its header says (64 of {rows * 16:,} bytes); "
            "store or copy it again"
        )

    @pytest.mark.parametrize("array", ["x", "t_test"])
    def test_a_pipe_or_a_device(self, stored, tmp_path, array):
        dataset = stored(X, T)
        (tmp_path / f"{array}.npy").unlink()
        os.mkfifo(tmp_path / f"{array}.npy")

        assert refusal(dataset) == (
            f"{tmp_path}/{array}.npy: cannot be read: expected a file, got a pipe; "
            "store what comes from it in a file first"
        )

    def test_a_file_that_became_shorter_since_the_last_look(self, stored, tmp_path):
        dataset = stored(X, T)
        dataset.inspect()
        path = tmp_path / "x.npy"
        path.write_bytes(path.read_bytes()[:-3])

        with pytest.raises(DataError, match=r"x\.npy: holds less than its header says"):
            dataset.load()

    def test_a_file_that_is_not_there(self, stored, tmp_path):
        dataset = stored(X, T)
        (tmp_path / "t.npy").unlink()

        assert refusal(dataset) == (
            f"{tmp_path}/t.npy: there is no such file; a relative path starts at the folder of "
            "the spec"
        )

    def test_a_file_of_another_kind(self, stored, tmp_path):
        dataset = stored(X, T)
        (tmp_path / "x.npy").write_text("1,2\n")

        assert refusal(dataset) == (
            f"{tmp_path}/x.npy: is not a .npy file; store one with np.save(path, x)"
        )

    def test_an_archive(self, stored, tmp_path):
        dataset = stored(X, T)
        with (tmp_path / "x.npy").open("wb") as file:
            np.savez(file, x=X)

        assert refusal(dataset) == (
            f'{tmp_path}/x.npy: is an .npz archive; the data set "npz" reads those'
        )

    def test_an_empty_file(self, stored, tmp_path):
        dataset = stored(X, T)
        (tmp_path / "x.npy").write_bytes(b"")

        assert "is not a .npy file" in refusal(dataset)

    @pytest.mark.parametrize(
        ("before", "after", "reason"),
        [
            (b"}", b" ", "cannot parse the header: \"{'descr': '|u1', "),
            (b"(4, 3)", b"(-4,3)", "the header has the shape (-4, 3)"),
            (b"(4, 3)", b"(True,)", "the header has the shape (True,)"),
            (b"|u1", b"|u9", "descr is not a valid dtype descriptor: '|u9'"),
        ],
        ids=["open", "negative", "bool", "type"],
    )
    def test_a_damaged_header(self, stored, tmp_path, before, after, reason):
        dataset = stored(X, T)
        path = tmp_path / "x.npy"
        content = path.read_bytes()
        path.write_bytes(content.replace(before, after))

        told = refusal(dataset)

        assert told.startswith(f"{path}: has a damaged header ({reason}")
        assert told.endswith("); store or copy it again")

    def test_a_file_that_was_cut_short_within_its_header(self, stored, tmp_path):
        dataset = stored(X, T)
        path = tmp_path / "x.npy"
        path.write_bytes(path.read_bytes()[:40])

        assert refusal(dataset).startswith(f"{path}: has a damaged header (EOF: ")

    @pytest.mark.parametrize("name", ["x", "t"])
    def test_a_file_that_was_cut_short(self, stored, tmp_path, name):
        dataset = stored(X, T)
        path = tmp_path / f"{name}.npy"
        path.write_bytes(path.read_bytes()[:-3])

        with pytest.raises(DataError) as caught:
            dataset.load()

        assert str(caught.value).startswith(f"{path}: holds less than its header says (")
        assert str(caught.value).endswith("); store or copy it again")

    def test_another_number_of_targets_than_of_examples(self, stored, tmp_path):
        assert refusal(stored(X, T[:3])) == (
            f'array "{tmp_path}/x.npy" has 4 examples, but array "{tmp_path}/t.npy" has 3 '
            "targets; the numbers must match"
        )

    def test_examples_to_test_on_of_another_shape(self, stored, tmp_path):
        assert refusal(stored(X, T, X[:, :2], T)) == (
            f'each entry of array "{tmp_path}/x_test.npy" must have the shape (3,), like those of '
            f'"{tmp_path}/x.npy", got (2,)'
        )

    def test_a_number_that_is_not_finite_however_far_behind(self, stored, tmp_path):
        x = np.zeros((700_000, 3), np.float32)
        x[600_001, 2] = np.nan
        t = np.resize([0, 1], len(x))

        with pytest.raises(DataError) as caught:
            stored(x, t, X.astype(np.float32), T).load()

        assert str(caught.value) == (
            f"{tmp_path}/x.npy[600001, 2]: must be a finite number, got nan"
        )

    def test_one_in_a_file_stored_by_columns(self, stored, tmp_path):
        x = np.asfortranarray(X.astype(np.float32))
        x[1, 2] = np.inf

        with pytest.raises(DataError, match=r"x.npy\[1, 2\]: must be a finite number, got inf"):
            stored(x, T, X, T).load()

    def test_python_objects(self, stored, tmp_path):
        assert "holds Python objects, which could run code" in refusal(
            stored(np.array([object()] * 4), T)
        )
