"""Data that cannot be read, or that do not fit a spec, are reported where the spec names them."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from mistakes import SPEC, told_of, write_data

pytestmark = pytest.mark.usefixtures("data_folder")


def csv_spec(**options: object) -> str:
    data = {"type": "csv", "path": "data.csv", "target": "kind", **options}
    return SPEC.replace('{"type": "npz", "path": "data.npz"}', json.dumps(data))


MNIST = SPEC.replace('{"type": "npz", "path": "data.npz"}', '"mnist"').replace("3}", "10}")


def data_problem(refused, text: str) -> str:
    """Return what is said of the data of a spec, and check where."""
    told = told_of(refused, text)
    assert told.startswith("spec.json:3:11: data: ")
    assert told.endswith("^\n1 problem; nothing was run.\n")
    return told.removeprefix("spec.json:3:11: data: ").partition("\n    3 |")[0]


@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_class_that_is_not_in_both_parts_is_warned_of(layerkit, verb):
    lines = [f"{i},{'ab'[i % 2]}" for i in range(20)]
    Path("data.csv").write_text("\n".join(["x,kind", *lines, "20,c"]))
    Path("spec.json").write_text(csv_spec(stratify=True))
    out = ("--out", "results") if verb == "run" else ()

    ran = layerkit(verb, "spec.json", *out)

    assert ran.code == 0
    assert ran.err == (
        'warning: data.csv: the test part has no example of class "c", which is not tested\n'
    )


@pytest.mark.parametrize(
    ("kind", "what"), [("pipe", "a pipe"), ("device", "a device"), ("folder", None)]
)
@pytest.mark.parametrize("data", ["csv", "npz", "npy"])
def test_what_is_no_file_is_refused_and_not_waited_for(refused, data, kind, what):
    path = "/dev/zero" if kind == "device" else kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        Path(path).mkdir()
    options = {
        "csv": {"path": path, "target": "kind"},
        "npz": {"path": path},
        "npy": dict.fromkeys(("x", "t", "x_test", "t_test"), path),
    }[data]

    described = json.dumps({"type": data} | options)
    text = SPEC.replace('{"type": "npz", "path": "data.npz"}', described)

    reason = f"expected a file, got {what}; store what" if what else "Is a directory"
    assert data_problem(refused, text).startswith(f"{path}: cannot be read: {reason}")


def test_a_data_set_that_takes_more_memory_than_there_is_is_refused(refused):
    spiral = '{"type": "spiral", "per_class": 1000000000000000}'
    text = SPEC.replace('{"type": "npz", "path": "data.npz"}', spiral)

    told = told_of(refused, text)

    assert re.match(
        r"spec\.json:3:11: data: 3 arms of 1,000,000,000,000,000 points: needs 2\.4e\+08 GB of "
        r"memory, and [\d.]+ GB are free\n",
        told,
    )


def test_numbers_that_float32_does_not_hold_are_refused(refused):
    write_data(np.full((30, 4), 1e300), np.arange(30) % 3)

    told = told_of(refused, SPEC)

    assert (
        "the examples of the training part must be from -3.4e+38 to 3.4e+38, which float32 holds, "
        "got numbers up to 1e+300"
    ) in " ".join(told.split())


@pytest.mark.parametrize("scale", ["1e300", "1e-300"])
def test_a_scale_that_float32_does_not_hold_is_refused(refused, scale):
    write_data(np.zeros((30, 4)), np.arange(30) % 3)

    told = told_of(refused, SPEC.replace('"data.npz"', f'"data.npz", "scale": {scale}'))

    assert "the training part must have a scale of 1.2e-38 to 3.4e+38, which float32 can" in told


@pytest.mark.parametrize(
    "data", ['"npz", "path": "\\u0000"', '"csv", "path": "\\u0000", "target": "y"']
)
def test_a_path_with_a_null_byte_is_refused(refused, data):
    told = told_of(refused, SPEC.replace('"npz", "path": "data.npz"', data))

    assert "\\x00': cannot be read: embedded null byte" in told


def test_labels_in_a_column_are_no_probabilities(refused):
    write_data(np.zeros((30, 4)), np.arange(30)[:, None] % 3)

    told = told_of(refused, SPEC)

    assert "got numbers of shape (1,); for numbers there is" in told
    assert "labels are stored without that last axis of 1" in told


@pytest.mark.parametrize("size", [1, 28])
def test_batches_of_one_are_refused_where_a_layer_needs_more(refused, size):
    text = SPEC.replace('"relu"', '"batch_norm"').replace(
        '"batch_size": 4', f'"batch_size": {size}'
    )

    told = told_of(refused, text.replace('"data.npz"', '"data.npz", "test_fraction": 0.0001'))

    assert "training.batch_size: " in told
    assert "1 example of 29, and layers[1] (batch_norm) takes at least 2 in training" in told


class TestData:
    def test_that_is_missing(self, refused):
        Path("data.npz").unlink()

        assert data_problem(refused, SPEC) == (
            "data.npz: there is no such file; a relative path starts at the folder of the spec"
        )

    def test_that_is_truncated(self, refused):
        whole = Path("data.npz").read_bytes()
        Path("data.npz").write_bytes(whole[: len(whole) // 2])

        assert data_problem(refused, SPEC) == (
            "data.npz: is a damaged .npz file, perhaps cut short; store or copy it again"
        )

    def test_that_is_no_archive(self, refused):
        Path("data.npz").write_text("x,t\n1,2\n")

        assert data_problem(refused, SPEC) == (
            "data.npz: is not an .npz file; store one with np.savez(path, x=x, t=t)"
        )

    def test_that_has_another_checksum(self, refused):
        x = np.arange(120.0).reshape(30, 4)
        write_data(x, np.arange(30) % 3)
        Path("data.npz").write_bytes(
            Path("data.npz").read_bytes().replace(x[3:5].tobytes(), bytes(64))
        )

        assert data_problem(refused, SPEC) == (
            "data.npz: array \"x\" cannot be read (Bad CRC-32 for file 'x.npy'); the file is "
            "damaged: store it again"
        )

    def test_of_another_shape(self, refused):
        write_data(np.zeros((30, 4)), np.arange(20) % 3)

        assert data_problem(refused, SPEC) == (
            'data.npz: array "x" has 30 examples, but array "t" has 20 targets; the numbers '
            "must match"
        )

    def test_with_text_where_numbers_should_be(self, refused):
        write_data(np.full((30, 4), "one"), np.arange(30) % 3)

        assert data_problem(refused, SPEC) == 'data.npz: array "x" must hold numbers, got <U3'

    def test_with_a_number_missing(self, refused):
        x = np.zeros((30, 4))
        x[7, 2] = np.nan
        write_data(x, np.arange(30) % 3)

        assert data_problem(refused, SPEC) == "data.npz: x[7, 2]: must be a finite number, got nan"

    def test_with_one_class_only(self, refused):
        write_data(np.zeros((30, 4)), np.zeros(30, int))

        assert data_problem(refused, SPEC) == (
            'data.npz: array "t" must have labels of at least 2 classes, got only 0; if its '
            'integers are no labels, set task to "regression", or store them as floats'
        )

    def test_with_python_objects_which_are_not_unpickled(self, refused):
        write_data(np.array([{}] * 30), np.arange(30) % 3)

        assert data_problem(refused, SPEC) == (
            'data.npz: array "x" holds Python objects, which could run code when they are read; '
            "store it as numbers"
        )

    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ("", "is empty; expected a header that names the columns, then the data"),
            (
                "a,b,kind\n1,2,x\n3,four,y\n",
                'line 3, column "b": expected a number, got "four"; if it is a category, name it '
                "in categories",
            ),
            (
                "a,b,kind\n1,2,x\n,4,y\n",
                'line 3, column "a": expected a value, got none; fill it in, remove the line, '
                "drop the column or set on_missing",
            ),
            ("a,b,kind\n1,2,x\n3,y\n", "line 3: expected 3 values, got 2"),
            (
                "a,b,kind\n1,2,x\n3,4,x\n",
                'column "kind": expected at least 2 classes, got the same one in every row',
            ),
            ("a,b,kid\n1,2,x\n", 'target: no column is named "kind"; did you mean "kid"?'),
        ],
    )
    def test_of_a_table_is_told_with_line_and_column(self, refused, table, told):
        Path("data.csv").write_text(table)

        assert data_problem(refused, csv_spec()) == f"data.csv: {told}"

    def test_of_a_table_with_several_problems_is_told_with_all(self, refused):
        Path("data.csv").write_text("a,b,kind\n1,two,x\n3,,y\n")

        assert data_problem(refused, csv_spec()) == (
            "data.csv:\n"
            '  line 2, column "b": expected a number, got "two"; if it is a category, name it in '
            "categories\n"
            '  line 3, column "b": expected a value, got none; fill it in, remove the line, drop '
            "the column or set on_missing"
        )

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"hello", "is not an IDX file of 3 axes"),
            (bytes([0, 0, 8, 3]), "ends within its header"),
            (
                bytes([0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(9),
                "ends after 9 of",
            ),
        ],
    )
    def test_of_mnist_that_is_no_idx_file(self, refused, monkeypatch, content, told):
        monkeypatch.setenv("LAYERKIT_DATA", "data")
        Path("data").mkdir()
        Path("data", "train-images-idx3-ubyte").write_bytes(content)

        message = data_problem(refused, MNIST)

        assert message.startswith(f"data/train-images-idx3-ubyte: {told}")
        assert message.endswith(
            "; put the right file in its place, or remove it to have it downloaded"
        )

    def test_of_mnist_that_has_another_checksum(self, refused, monkeypatch, mnist_folder):
        monkeypatch.setenv("LAYERKIT_DATA", "data")
        Path("data").mkdir()
        [images] = mnist_folder.glob("train-images-idx3-ubyte*")
        Path("data", images.name).symlink_to(images)
        header = bytes([0, 0, 8, 1, 0, 0, 234, 96])
        Path("data", "train-labels-idx1-ubyte").write_bytes(header + bytes(60_000))

        message = data_problem(refused, MNIST)

        assert re.match(
            r"data/train-labels-idx1-ubyte: has the MD5 checksum \w{32} where "
            r"a25bea736e30d166cdddb491f175f624 was expected",
            message,
        )


LARGE_BATCH = """{
  "version": 1,
  "data": "digits",
  "layers": [{"type": "affine", "units": 10}],
  "loss": "softmax_with_loss", "optimizer": "sgd",
  "training": {"steps": 1, "batch_size": 2000}
}
"""


@pytest.mark.parametrize(
    ("sampling", "takes"),
    [
        ("shuffle", "each step takes them all"),
        ("with_replacement", "each step draws some of them several times"),
    ],
)
@pytest.mark.parametrize("verb", [("run", "--quiet"), ("check",)])
def test_a_batch_larger_than_the_data_is_reported_where_it_stands(
    layerkit, tmp_path, monkeypatch, verb, sampling, takes
):
    monkeypatch.chdir(tmp_path)
    Path("large.json").write_text(LARGE_BATCH.replace("2000", f'2000, "sampling": "{sampling}"'))

    outcome = layerkit(*verb, "large.json")

    assert outcome.code == 0
    assert outcome.err == (
        "warning: large.json:6:42: training.batch_size: is 2,000, but there are 1,438 training "
        f"examples; {takes}\n"
        f'    6 |   "training": {{"steps": 1, "batch_size": 2000, "sampling": "{sampling}"}}\n'
        "      |                                          ^^^^\n"
    )


def test_nothing_is_said_of_a_batch_size_that_the_spec_leaves_out(layerkit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = LARGE_BATCH.replace('"digits"', '{"type": "spiral", "per_class": 4}')
    Path("few.json").write_text(few.replace(', "batch_size": 2000', "").replace("10}", "3}"))

    assert layerkit("run", "few.json", "--quiet").err == ""


@pytest.mark.parametrize("size", [1438, 10**5, 10**8])
def test_memory_is_counted_for_no_more_examples_than_there_are(
    layerkit, tmp_path, monkeypatch, size
):
    monkeypatch.chdir(tmp_path)
    Path("large.json").write_text(LARGE_BATCH.replace("2000", str(size)))

    outcome = layerkit("check", "large.json")

    assert outcome.code == 0
    assert "650 parameters; training takes 862 kB, the data aside\n" in outcome.out
    assert layerkit("run", "large.json", "--quiet").code == 0
