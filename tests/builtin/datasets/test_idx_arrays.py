import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from refusing import refusal

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Idx

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx(array, dtype="u1"):
    """An IDX file."""
    array = np.asarray(array)
    start = bytes((0, 0, CODES[dtype], array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return start + array.astype(dtype).tobytes()


IMAGES = np.arange(6 * 3 * 2).reshape(6, 3, 2)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def store(folder, names, images=IMAGES, labels=LABELS, **options):
    """Store a part of a data set under two names, packed if they end with ``.gz``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(names, (images, labels), strict=True):
        content = idx(array)
        content = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def loading_refused(dataset):
    """Return the message about examples, which only ``load`` reads."""
    with pytest.raises(DataError) as caught:
        dataset.load()
    return str(caught.value)


HYPHENS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
DOTS = ("train-images.idx3-ubyte", "train-labels.idx1-ubyte")


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        (".", HYPHENS),
        (".", [f"{name}.gz" for name in HYPHENS]),
        (".", DOTS),
        (".", [f"{name}.gz" for name in DOTS]),
        (".", [f"{name}/{name}" for name in HYPHENS]),
        (".", [f"emnist-digits-{name}.gz" for name in HYPHENS]),
        ("raw", HYPHENS),
    ],
    ids=["hyphens", "packed", "dots", "dots, packed", "folders", "prefix", "torchvision"],
)
def test_a_folder_is_read_under_every_name_in_use(tmp_path, folder, names):
    store(tmp_path / folder, names)
    test = [n.replace("train", "test" if "emnist" in n else "t10k") for n in names]
    store(tmp_path / folder, test, IMAGES[:2] + 100, LABELS[1:3])

    data = Idx(tmp_path).load()

    assert data.train.x.tolist() == IMAGES.reshape(6, 6).tolist()
    assert data.train.t.tolist() == LABELS.tolist()
    assert data.test.x.tolist() == (IMAGES[:2] + 100).reshape(2, 6).tolist()
    assert data.test.t.tolist() == [1, 2]
    assert (data.train.x.dtype, data.train.scale) == (np.uint8, 1 / 255)


def test_an_unpacked_file_is_preferred_to_its_packed_one(tmp_path):
    store(tmp_path, HYPHENS)
    (tmp_path / f"{HYPHENS[0]}.gz").write_bytes(b"not packed")

    assert len(Idx(tmp_path, test_fraction=0.5).load().train) == 3


def test_labels_from_1_become_labels_from_0_and_a_note_says_so(tmp_path):
    store(tmp_path, HYPHENS, labels=LABELS + 1)
    store(tmp_path, [n.replace("train", "test") for n in HYPHENS], IMAGES[:2], [3, 1])

    dataset = Idx(tmp_path)
    data = dataset.load()

    assert dataset.inspect() == Form((6,), Targets(classes=3))
    assert (data.train.t.tolist(), data.test.t.tolist()) == (LABELS.tolist(), [2, 0])
    path = tmp_path / "train-labels-idx1-ubyte"
    assert data.notes[0] == f"{path}: the labels 1 to 3 became 0 to 2"


def test_labels_with_gaps_are_refused(tmp_path):
    store(tmp_path, HYPHENS, labels=[1, 3, 1, 3, 1, 3])

    path = tmp_path / "train-labels-idx1-ubyte"
    assert refusal(Idx(tmp_path)).startswith(
        f'array "{path}" has labels up to 3, but none is 0 or 2; number the classes'
    )


@pytest.mark.parametrize(
    ("flat", "images", "shape"),
    [
        (True, IMAGES, (6,)),
        (False, IMAGES, (1, 3, 2)),
        (False, np.zeros((6, 3, 4, 4)), (3, 4, 4)),
        (True, np.zeros((6, 3, 4, 4)), (48,)),
        (False, np.zeros((6, 5)), (5,)),
    ],
)
def test_images_of_rows_and_columns_get_a_channel_unless_flat(tmp_path, flat, images, shape):
    store(tmp_path, HYPHENS, images=images)

    assert Idx(tmp_path, flat=flat).inspect().shape == shape
    assert Idx(tmp_path, flat=flat).load().train.x.shape[1:] == shape


@pytest.mark.parametrize("dtype", CODES)
def test_numbers_of_every_type_are_read_in_the_order_of_the_machine(tmp_path, dtype):
    numbers = np.array([[1, 2], [3, 4], [5, 6], [7, 100]])
    (tmp_path / "x").write_bytes(idx(numbers, dtype))
    (tmp_path / "t").write_bytes(idx([0.5, 1, 2, 3], ">f8"))

    dataset = Idx(tmp_path / "x", t=tmp_path / "t", x_test=tmp_path / "x", t_test=tmp_path / "t")
    data = dataset.load()

    assert data.train.x.tolist() == numbers.tolist()
    assert data.train.x.dtype.isnative
    assert data.train.scale == (1 / 255 if dtype == "u1" else 1)
    assert dataset.inspect().targets == Targets()


def test_data_without_a_test_part_are_split(tmp_path):
    store(tmp_path, HYPHENS)

    data = Idx(tmp_path, test_fraction=0.5, stratify=True).load()

    assert sorted(data.train.t) == sorted(data.test.t) == [0, 1, 2]


def test_a_number_that_is_not_finite_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(idx([[1, 2], [3, np.nan]], ">f4"))
    (tmp_path / "t").write_bytes(idx([0, 1]))

    assert loading_refused(Idx(tmp_path / "x", t=tmp_path / "t")) == (
        f"{tmp_path / 'x'}[1, 1]: must be a finite number, got nan"
    )


class TestRefusals:
    def test_of_a_folder_with_several_data_sets(self, tmp_path):
        for name in ("emnist-letters", "emnist-digits"):
            store(tmp_path, [f"{name}-{n}" for n in HYPHENS])

        assert refusal(Idx(tmp_path)) == (
            f"{tmp_path}: holds several data sets; set prefix to one of "
            '"emnist-digits", "emnist-letters"'
        )
        assert Idx(tmp_path, prefix="emnist-letters").inspect().shape == (6,)
        assert refusal(Idx(tmp_path, prefix="emnist-latters")) == (
            f'{tmp_path}: no file begins with "emnist-latters-train"; prefix may be '
            '"emnist-digits", "emnist-letters"'
        )

    def test_of_a_folder_without_such_files(self, tmp_path):
        (tmp_path / "labels.txt").write_text("")

        assert refusal(Idx(tmp_path)) == (
            f"{tmp_path}: expected files named like train-images-idx3-ubyte and "
            "train-labels-idx1-ubyte, unpacked or as .gz; if they have other names, give them as "
            "path and t"
        )

    def test_of_the_folder_around_that_of_torchvision(self, tmp_path):
        store(tmp_path / "KMNIST" / "raw", HYPHENS)

        message = refusal(Idx(tmp_path))
        assert message.endswith(f"; set path to {tmp_path / 'KMNIST' / 'raw'}")

    def test_of_a_part_without_labels(self, tmp_path):
        store(tmp_path, HYPHENS)
        (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES))

        assert refusal(Idx(tmp_path)) == (
            f"{tmp_path}: has t10k-images-idx3-ubyte and no labels of that part; add them"
        )

    def test_of_a_missing_file(self, tmp_path):
        assert refusal(Idx(tmp_path / "nosuch")) == (
            f"{tmp_path / 'nosuch'}: there is no such file; a relative path starts at the folder "
            "of the spec"
        )

    def test_of_a_file_without_targets_and_a_folder_with(self, tmp_path):
        store(tmp_path, ("x", "t"))

        assert refusal(Idx(tmp_path / "x")) == (
            f"{tmp_path / 'x'}: is a file; t must name the file of its targets"
        )
        assert refusal(Idx(tmp_path, t=tmp_path / "t")) == (
            f"{tmp_path}: is a folder; path must be the file of the examples if t names that of "
            "their targets"
        )

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "is not an IDX file: expected it to begin with two zeros, the code of a type and "
             "the number of axes, got nothing"),
            (b"a,b\n", "is not an IDX file: expected it to begin with two zeros, the code of a "
             "type and the number of axes, got 61 2c 62 0a"),
            (bytes((0, 0, 8, 200)), "has 200 axes, and at most 32 are read"),
            (bytes((0, 0, 8, 2, 0, 0)), "ends within its header"),
            (idx(IMAGES)[:-3], "ends after 33 of 36 bytes of data"),
            (idx(IMAGES) + b"12", "continues after 36 bytes of data, where it should end"),
            (gzip.compress(idx(IMAGES), mtime=0)[:-9],
             "is damaged: Compressed file ended before the end-of-stream marker was reached"),
        ],
    )  # fmt: skip
    def test_of_a_damaged_file(self, tmp_path, content, told):
        store(tmp_path, ("x", "t"))
        (tmp_path / "x").write_bytes(content)

        assert loading_refused(Idx(tmp_path / "x", t=tmp_path / "t")) == f"{tmp_path / 'x'}: {told}"

    def test_of_a_header_that_claims_more_than_memory(self, tmp_path):
        store(tmp_path, ("x", "t"))
        shape = struct.pack(">4I", 6, 2**31, 2**31, 2**10)
        (tmp_path / "x").write_bytes(gzip.compress(bytes((0, 0, 8, 4)) + shape))

        assert "GB of memory" in loading_refused(Idx(tmp_path / "x", t=tmp_path / "t"))

    def test_of_a_share_of_each_class_beside_a_test_part(self, tmp_path):
        store(tmp_path, HYPHENS)
        store(tmp_path, [n.replace("train", "t10k") for n in HYPHENS])

        assert refusal(Idx(tmp_path, stratify=True)) == (
            "stratify draws a share of each class, and a test part exists; leave it out"
        )

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"t": "t", "prefix": "a"}, "prefix chooses files of a folder"),
            ({"x_test": "x", "t_test": "t"}, "x_test needs t"),
            ({"t": "t", "x_test": "x"}, "x_test and t_test go together"),
            ({"t": "t", "x_test": "x", "t_test": "t", "stratify": True}, "stratify needs one part"),
        ],
    )
    def test_of_options_that_contradict_each_other(self, tmp_path, options, told):
        with pytest.raises(ValueError, match=told):
            Idx(tmp_path, **{k: Path(v) if k[0] in "xt" else v for k, v in options.items()})


def test_a_spec_trains_on_a_folder(tmp_path, layerkit, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2 + 1
    images = rng.integers(0, 100, (200, 4, 4)) + 100 * (labels - 1)[:, None, None]
    store(tmp_path / "raw", HYPHENS, images, labels)
    (tmp_path / "spec.json").write_text(
        json.dumps(
            {
                "version": 1,
                "data": {"type": "idx", "path": "."},
                "layers": [{"type": "affine", "units": 2}],
                "loss": "softmax_with_loss",
                "optimizer": {"type": "sgd", "learning_rate": 0.5},
                "training": {"epochs": 20, "batch_size": 20},
            }
        )
    )

    outcome = layerkit("run", "spec.json", "--json")

    assert outcome.code == 0
    assert json.loads(outcome.out)["last"]["scores"]["test_accuracy"] > 0.9
    assert "the labels 1 to 2 became 0 to 1" in outcome.err
