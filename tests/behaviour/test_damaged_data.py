"""Damaged data files of every format are either read or refused with a message."""

import gzip
import hashlib
import io
import random
import struct
import warnings
import zipfile

import numpy as np
import pytest
from mutating import damaged, tried
from PIL import Image

from layerkit import Form, Targets
from layerkit.builtin.datasets import Csv, Idx, Images, Mnist, Npy, Npz
from layerkit.builtin.datasets.idx import IdxFile

NUMBERS = np.random.default_rng(0)


def npy(array):
    """A ``.npy`` file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


ARRAYS = (
    NUMBERS.normal(size=(12, 3)).astype(np.float32),
    np.asfortranarray(NUMBERS.normal(size=(12, 2, 2))),
    NUMBERS.integers(0, 255, (12, 4)).astype(np.uint8),
    np.arange(12) % 3,
    NUMBERS.normal(size=12).astype(">f8"),
    np.arange(12) % 2 == 0,
)


def damaged_npy(rng, array):
    """A ``.npy`` file with damage to its header, whose length is right, or anywhere."""
    content = npy(array if rng.random() < 0.8 else rng.choice(ARRAYS))
    if rng.random() < 0.4:
        return damaged(content, rng)
    (length,) = struct.unpack("<H", content[8:10])
    header = damaged(content[10 : 10 + length].rstrip(), rng)[:60_000]
    return content[:8] + struct.pack("<H", len(header)) + header + content[10 + length :]


def damaged_npz(rng):
    """An archive of damaged arrays, a damaged archive of arrays, or both."""
    file = io.BytesIO()
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    within = rng.random()
    with zipfile.ZipFile(file, "w", rng.choice(kinds)) as archive:
        for name, array in {"x": ARRAYS[rng.randrange(3)], "t": ARRAYS[rng.choice((3, 4))]}.items():
            whole = within < 0.4 or rng.random() < 0.3
            archive.writestr(f"{name}.npy", npy(array) if whole else damaged_npy(rng, array))
        if rng.random() < 0.1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the name that comes twice
                archive.writestr("x.npy", b"again")
    return file.getvalue() if 0.4 < within < 0.8 else damaged(file.getvalue(), rng)


def test_npy(tmp_path):
    def read(rng):
        paths = [tmp_path / f"{name}.npy" for name in ("x", "t", "x_test", "t_test")]
        wrong = rng.randrange(4)
        for i, path in enumerate(paths):
            array = ARRAYS[(0, 3)[i % 2]]
            path.write_bytes(damaged_npy(rng, array) if i == wrong else npy(array))
        dataset = Npy(*paths)
        dataset.inspect()
        data = dataset.load()
        assert np.isfinite(data.train.x).all()

    outcomes = tried(read)

    assert set(outcomes) == {"read", "DataError"}


def test_npz(tmp_path):
    def read(rng):
        path = tmp_path / "data.npz"
        path.write_bytes(damaged_npz(rng))
        dataset = Npz(path, stratify=rng.random() < 0.2)
        form = dataset.inspect()
        data = dataset.load()
        assert data.train.x.shape[1:] == data.test.x.shape[1:] == form.shape
        assert np.isfinite(data.train.x).all()

    outcomes = tried(read)

    assert set(outcomes) == {"read", "DataError"}


TABLE = (
    'width,"height",colour,price,kind\n'
    + "".join(f'{i}.5,"{i}",{["red", "blue"][i % 2]},"1,{i}00",{"ab"[i % 2]}\n' for i in range(20))
).encode()
OPTIONS = (
    {"target": "kind", "categories": ("colour", "price"), "unseen": "ignore"},
    {"target": "kind", "drop": ("colour", ""), "thousands": ","},
    {
        "target": "kind",
        "categories": ("colour", "width", "price"),
        "stratify": True,
        "unseen": "ignore",
    },
    {"target": "price", "task": "regression", "drop": ("colour", "kind"), "thousands": ","},
    {
        "target": "price",
        "categories": ("colour", "kind", "width"),
        "decimal": ",",
        "unseen": "ignore",
    },
    {"target": "kind", "categories": ("colour",), "delimiter": ";"},
    {"target": -1, "header": False, "categories": "infer", "on_missing": "most_frequent"},
    {"target": "kind", "categories": "infer", "on_missing": "drop", "unseen": "ignore"},
)


def test_csv(tmp_path):
    def read(rng):
        path = tmp_path / "table.csv"
        path.write_bytes(damaged(rng.choice((TABLE, TABLE.replace(b"\n", b"\r"))), rng))
        dataset = Csv(path, **rng.choice(OPTIONS))
        form = dataset.inspect()
        data = dataset.load()
        assert data.train.x.shape[1:] == form.shape
        assert np.isfinite(data.train.x).all()

    outcomes = tried(read)

    assert set(outcomes) == {"read", "DataError"}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["idx", "gz"])
def test_idx(tmp_path, monkeypatch, pack):
    files, contents = [], []
    for i, shape in enumerate([(12, 4, 4), (12,), (6, 4, 4), (6,)]):
        values = random.Random(i).randbytes(int(np.prod(shape)))
        content = struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape) + values
        name, digest = f"file{i}", hashlib.md5(content, usedforsecurity=False).hexdigest()
        files.append(IdxFile(name, shape, digest))
        contents.append(content)
    monkeypatch.setattr("layerkit.builtin.datasets.mnist.FILES", tuple(files))
    monkeypatch.setattr(Mnist, "inspect", lambda self: Form((16,), Targets(classes=10)))
    monkeypatch.setenv("LAYERKIT_DATA", str(tmp_path))

    def read(rng):
        wrong = rng.randrange(4)
        for i, (file, content) in enumerate(zip(files, contents, strict=True)):
            packed = pack(content)
            (tmp_path / file.name).write_bytes(damaged(packed, rng) if i == wrong else packed)
        data = Mnist().load()
        # What is read has the checksum, and so is right.
        assert data.train.x.tobytes() == contents[0][16:]

    outcomes = tried(read)

    assert set(outcomes) <= {"read", "DataError"}
    assert outcomes["DataError"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_idx_files_of_any_shape(tmp_path, pack):
    code = {np.dtype("u1"): 8, np.dtype(">f4"): 13, np.dtype(">i4"): 12}
    arrays = [
        NUMBERS.integers(0, 255, (12, 4, 4)).astype("u1"),
        NUMBERS.normal(size=(12, 3)).astype(">f4"),
        (np.arange(12) % 3 + 1).astype("u1"),
        (np.arange(12) % 3).astype(">i4"),
    ]
    contents = [
        struct.pack(f">4B{a.ndim}I", 0, 0, code[a.dtype], a.ndim, *a.shape) + a.tobytes()
        for a in arrays
    ]

    def read(rng):
        wrong = rng.randrange(2)
        for i, name in enumerate(("x", "t")):
            content = pack(contents[rng.choice((0, 1)) + 2 * i])
            (tmp_path / name).write_bytes(damaged(content, rng) if i == wrong else content)
        dataset = Idx(tmp_path / "x", t=tmp_path / "t", flat=rng.random() < 0.5)
        form = dataset.inspect()
        data = dataset.load()
        assert data.train.x.shape[1:] == form.shape
        assert np.isfinite(data.train.x).all()

    outcomes = tried(read)

    assert set(outcomes) == {"read", "DataError"}


@pytest.mark.parametrize("name", ["png", "jpeg"])
def test_images(tmp_path, name):
    contents = []
    for mode in ("RGB", "L", "P", "RGBA")[: 4 if name == "png" else 2]:
        file = io.BytesIO()
        pixels = NUMBERS.integers(0, 255, (8, 8, 4)).astype(np.uint8)
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(pixels).convert(mode).save(file, name, exif=exif)
        contents.append(file.getvalue())

    def read(rng):
        for label in "ab":
            (tmp_path / label).mkdir(exist_ok=True)
            content = rng.choice(contents)
            content = damaged(content, rng) if label == "b" else content
            (tmp_path / label / f"0.{name}").write_bytes(content)
        dataset = Images(tmp_path, size=rng.choice((None, 4)), colour=rng.choice(("grey", "rgb")))
        form = dataset.inspect()
        data = dataset.load()
        assert data.train.x.shape[1:] == data.test.x.shape[1:] == form.shape

    outcomes = tried(read)

    assert set(outcomes) == {"read", "DataError"}
