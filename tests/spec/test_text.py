"""Files that cannot be read, or that are no spec."""

import os
import re
from pathlib import Path

import pytest
from mistakes import SPEC

WORDS = {
    "an empty file": (b"", "spec.json:1:1: the file is empty; a spec is a JSON object\n"),
    "blanks": (b" \n\t", "spec.json:1:1: the file is empty; a spec is a JSON object\n"),
    "an array": (b"[]", "spec.json:1:1: must be an object, got []\n"),
    "text": (b'"relu"', 'spec.json:1:1: must be an object, got "relu"\n'),
    "null": (b"null", "spec.json:1:1: must be an object, got null\n"),
    "an object cut short": (
        b'{"a": ',
        "spec.json:1:7: expected a value, got the end of the text\n",
    ),
    "arrays nested 10,000 deep": (
        b"[" * 10_000,
        "spec.json:1:101: nested deeper than 100 levels\n",
    ),
    "objects nested 10,000 deep": (
        b'{"a":' * 10_000,
        "spec.json:1:501: nested deeper than 100 levels\n",
    ),
    "a number of 10,000 digits": (
        b'{"seed": ' + b"9" * 10_000,
        "spec.json:1:10: the number is too large\n",
    ),
    "bytes that are no text": (b"\x80\x81", None),
    "UTF-16": ('{"version": 1}'.encode("utf-16"), None),
    "zeros": (bytes(100), "spec.json:1:1: expected a value, got '\\x00'\n"),
}


@pytest.mark.parametrize(("content", "heading"), WORDS.values(), ids=WORDS)
def test_a_file_that_is_no_spec_is_refused(refused, content, heading):
    Path("spec.json").write_bytes(content)

    told = refused("run", "spec.json")

    if heading is None:
        assert re.fullmatch(
            r"layerkit: spec\.json:1:1: a spec is JSON text in UTF-8, got the byte 0x\w\w, which "
            r"is not; if it is text, save it as UTF-8\n",
            told,
        )
    else:
        assert told.startswith(heading)
        assert told.endswith("1 problem; nothing was run.\n")


class TestAFileThatCannotBeRead:
    def test_because_it_is_missing(self, refused):
        assert refused("run", "nowhere.json") == (
            "layerkit: nowhere.json: cannot be read: No such file or directory\n"
        )

    def test_because_it_is_a_folder(self, refused):
        Path("folder.json").mkdir()

        assert refused("run", "folder.json") == (
            "layerkit: folder.json: cannot be read: Is a directory\n"
        )

    def test_because_its_name_is_too_long(self, refused):
        told = refused("run", "x" * 300)

        assert told.endswith("x: cannot be read: File name too long\n")

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
    def test_because_it_is_not_allowed(self, refused):
        Path("spec.json").write_text(SPEC)
        Path("spec.json").chmod(0)

        assert refused("run", "spec.json") == (
            "layerkit: spec.json: cannot be read: Permission denied\n"
        )

    def test_because_it_is_huge_and_so_it_is_not_read_on(self, layerkit, data_folder):
        with open("huge.json", "wb") as file:
            file.truncate(40 * 2**30)  # sparse: it takes no room

        outcome = layerkit("run", "huge.json")

        assert outcome.code == 2
        assert outcome.err == (
            "layerkit: huge.json: a spec has at most 1 MB, and this file is larger; numbers in "
            "bulk belong in a data file\n"
        )


@pytest.mark.parametrize("folder", [".", "..", "/"])
@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_folder_is_no_spec(refused, verb, folder):
    assert refused(verb, folder) == f"layerkit: {folder}: cannot be read: Is a directory\n"
