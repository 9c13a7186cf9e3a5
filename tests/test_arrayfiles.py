"""NumPy's own files: what their headers tell, and whatever a damaged one does."""

import io
import struct
import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from layerkit import NpyHeader, NpzFile, read_npy_header

DAMAGED = {
    "indentation": "  {\n   x\n  y",
    "a dict as a key": "{{}: 1}",
    "a list as a key": "{[]: 1}",
    "a recursion": "-" * 5000 + "1",
    "brackets": "(" * 9000,
    "an escape": r"{'descr': '\<f4', 'fortran_order': False, 'shape': (30, 4)}",
    "a keyword after digits": "1or",
    "no dict": "[1]",
    "another key": "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}",
    "a key too few": "{'descr': '<f4', 'shape': (3,)}",
    "a shape that is none": "{'descr': '<f4', 'fortran_order': False, 'shape': [3]}",
    "an order that is none": "{'descr': '<f4', 'fortran_order': 1, 'shape': (3,)}",
    "a number of many digits": "{'shape': " + "9" * 5000 + "}",
}
"""Texts that no parser takes for a header."""

WRONG = {
    "'shape': (18446744073709551616, 4)": "the header has the shape (18446744073709551616, 4)",
    "'shape': (-1, 4)": "the header has the shape (-1, 4)",
    "'shape': (True, 4)": "the header has the shape (True, 4)",
    f"'shape': ({'1,' * 65})": "the header has 65 axes, and NumPy takes at most 64",
    "'descr': '<u9'": "descr is not a valid dtype descriptor: '<u9'",
    "'descr': '<U99999999999999999999'": "descr is not a valid dtype descriptor: '<U99999",
    "'descr': 5": "descr is not a valid dtype descriptor: 5",
    "'descr': {'a': 1}": "descr is not a valid dtype descriptor: {'a': 1}",
    "'descr': 'a5'": "descr is not a valid dtype descriptor: 'a5'",
}
"""What a header says that no array has, after what it should say."""


def npy(header, version=1, length=None):
    """The start of a ``.npy`` file."""
    text = header.encode("utf-8" if version == 3 else "latin-1")
    size = struct.pack("<H" if version == 1 else "<I", len(text) if length is None else length)
    return b"\x93NUMPY" + bytes((version, 0)) + size + text


def header(content):
    """What a file says, while nothing may warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_npy_header(io.BytesIO(content))


@given(
    arrays.arrays(
        st.sampled_from(["<f4", ">f8", "|u1", "<i8", "<f2", "|b1", "<c8", "<U3", "|S2", "<M8[us]"]),
        arrays.array_shapes(min_dims=0, min_side=0),
    ),
    st.booleans(),
)
def test_it_says_what_numpy_stored(array, by_columns):
    array = np.asfortranarray(array) if by_columns else array
    file = io.BytesIO()
    np.save(file, array)

    told = header(file.getvalue())

    assert told.shape == array.shape
    assert told.dtype == array.dtype
    assert told.size == array.nbytes
    if by_columns and not array.flags.c_contiguous:
        assert told.fortran_order


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_the_format_is_read(version):
    text = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4)}"

    assert header(npy(text, version)) == NpyHeader((3, 4), np.dtype("<f4"), True)


def test_the_file_is_left_where_the_array_begins():
    file = io.BytesIO(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4)}") + b"array")
    read_npy_header(file)

    assert file.read() == b"array"


def test_long_integers_of_python_2_are_read_without_a_warning():
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (30L, 4L), }"

    assert header(npy(text)).shape == (30, 4)


def test_records_are_told_from_numbers():
    text = "{'descr': [('a', 'a5')], 'fortran_order': False, 'shape': (3,)}"

    assert header(npy(text)).dtype.kind == "V"


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_text_that_is_no_header_is_a_value_error(text):
    with pytest.raises(ValueError, match="cannot parse the header: ") as caught:
        header(npy(text))

    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(("wrong", "told"), WRONG.items())
def test_what_no_array_has_is_a_value_error(wrong, told):
    right = {"descr": "'<f4'", "fortran_order": "False", "shape": "(3, 4)"}
    key = wrong.partition(":")[0].strip("'")
    text = ", ".join(wrong if k == key else f"'{k}': {v}" for k, v in right.items())

    with pytest.raises(ValueError) as caught:
        header(npy(f"{{{text}}}"))

    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "EOF: reading magic string"),
        (b"nothing of the kind", "the magic string is not correct"),
        (b"\x93NUMPY\x04\x00", "version 4.0 of the format is not known"),
        (npy("", length=60_000), "the header has 60,000 bytes, more than 10,000"),
        (npy("{", version=2, length=2**32 - 1), "the header has 4,294,967,295 bytes"),
        (npy("{", length=9), "EOF: the header ends after 1 of 9 bytes"),
        (b"\x93NUMPY\x03\x00\x01\x00\x00\x00\xff", "'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_a_start_that_is_none_is_a_value_error(content, told):
    with pytest.raises(ValueError) as caught:
        header(content)

    assert str(caught.value).startswith(told)


def archive(*members, compression=zipfile.ZIP_STORED):
    """An archive of the contents of members, by their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as stored, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in members:
            stored.writestr(name, content)
    return file


HEADER = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}")


def test_an_array_of_an_archive_is_what_was_stored():
    array = np.asfortranarray(np.arange(12, dtype=">i2").reshape(3, 4))
    file = io.BytesIO()
    np.savez_compressed(file, a=array, b=np.float64(3))

    stored = NpzFile(file)

    assert stored.names == ["a", "b"]
    assert stored.header("a") == NpyHeader((3, 4), np.dtype(">i2"), True)
    np.testing.assert_array_equal(stored.array("a"), array)
    assert stored.array("a").dtype == array.dtype
    assert stored.array("b") == 3


@pytest.mark.parametrize("there", [0, 47, 49])
def test_a_header_must_tell_as_many_bytes_as_there_are(there):
    stored = NpzFile(archive(("x.npy", HEADER + bytes(there))))

    with pytest.raises(ValueError, match=f"the header claims 48 bytes of numbers, and .* {there}$"):
        stored.header("x")


def test_nothing_is_allocated_of_what_a_header_only_tells():
    huge = npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**61}, 2)}}")

    with pytest.raises(ValueError, match="the header claims 18,446,744,073,709,551,616 bytes"):
        NpzFile(archive(("x.npy", huge))).array("x")


def test_a_name_that_stands_for_two_arrays_is_refused():
    stored = NpzFile(archive(("x.npy", HEADER + bytes(48)), ("x.npy", HEADER + bytes(48))))

    with pytest.raises(ValueError, match="there are several arrays of that name"):
        stored.array("x")


def test_an_array_of_no_numbers_is_refused():
    text = npy("{'descr': '|S4', 'fortran_order': False, 'shape': (3, 4)}")

    with pytest.raises(ValueError, match=r"it holds \|S4 instead of numbers"):
        NpzFile(archive(("x.npy", text + bytes(48)))).array("x")


def test_a_checksum_that_differs_is_a_value_error():
    content = bytearray(archive(("x.npy", HEADER + bytes(48))).getvalue())
    content[content.index(HEADER) + len(HEADER)] ^= 1

    with pytest.raises(ValueError, match=r"Bad CRC-32 for file 'x\.npy'"):
        NpzFile(io.BytesIO(content)).array("x")


def test_an_array_that_ends_early_though_the_archive_says_how_long_it_is():
    longer = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9, 4)}")
    file = archive(("x.npy", longer + bytes(48)), compression=zipfile.ZIP_DEFLATED)
    content = bytearray(file.getvalue())
    size = struct.pack("<I", len(longer) + 48)
    content = content.replace(size, struct.pack("<I", len(longer) + 144))

    with pytest.raises(ValueError, match=r"EOF: it ends after 48 of 144 bytes|Bad CRC-32"):
        NpzFile(io.BytesIO(content)).array("x")


def test_what_is_no_archive_is_a_value_error():
    with pytest.raises(ValueError, match="File is not a zip file"):
        NpzFile(io.BytesIO(b"text"))
