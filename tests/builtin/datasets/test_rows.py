"""Tables as people download them: each test has a small file in a form of its own."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from refusals import refusal

from layerkit import Form, Targets
from layerkit.builtin.datasets import Csv
from layerkit.spec.options import given_options, options_model


@pytest.fixture
def file(tmp_path):
    """Writes a file as text, in an encoding, and returns its path."""

    def write(text, encoding="utf-8", pack=bytes):
        path = tmp_path / "table.csv"
        path.write_bytes(pack(text.encode(encoding)))
        return path

    return write


def rows(dataset):
    """All examples with their targets, in the order of their numbers."""
    data = dataset.load()
    parts = [np.column_stack((part.x, part.t)) for part in (data.train, data.test)]
    return sorted(map(tuple, np.concatenate(parts).tolist()))


FLOWERS = (
    "5.1,3.5,Iris-setosa\n4.9,3.0,Iris-setosa\n6.3,3.3,Iris-virginica\n5.8,2.7,Iris-virginica\n\n"
)


class TestWithoutAHeader:
    @pytest.mark.parametrize("target", [2, -1, "2"])
    def test_columns_have_numbers(self, file, target):
        dataset = Csv(file(FLOWERS), target, header=False, standardize=False)

        assert dataset.inspect() == Form((2,), Targets(classes=2))
        assert rows(dataset) == [(4.9, 3, 0), (5.1, 3.5, 0), (5.8, 2.7, 1), (6.3, 3.3, 1)]

    def test_columns_have_the_names_that_are_given(self, file):
        names = ("length", "width", "kind")

        dataset = Csv(
            file(FLOWERS), "kind", header=False, names=names, drop=("width",), standardize=False
        )

        assert rows(dataset) == [(4.9, 0), (5.1, 0), (5.8, 1), (6.3, 1)]

    def test_there_must_be_a_name_for_each_column(self, file):
        dataset = Csv(path := file(FLOWERS), "b", header=False, names=("a", "b"))

        assert refusal(dataset) == f"{path}: names: lists 2 columns, but line 1 has 3 values"

    @pytest.mark.parametrize("target", [3, -4])
    def test_a_number_that_no_column_has_is_refused(self, file, target):
        path = file(FLOWERS)

        assert refusal(Csv(path, target, header=False)) == (
            f"{path}: target: there is no column {target}; the last one is 2"
        )

    def test_a_header_that_is_taken_for_data_is_told(self, file):
        path = file("length,kind\n1,a\nx,b\n")

        assert refusal(Csv(path, -1, header=False)).splitlines()[1:] == [
            '  line 1, column "0": expected a number, got "length"; if it is a category, name it '
            "in categories; if this line names the columns, set header to true",
            '  line 3, column "0": expected a number, got "x"; if it is a category, name it in '
            "categories",
        ]

    def test_names_and_a_header_exclude_each_other(self, tmp_path):
        with pytest.raises(ValueError, match="names are those of a file without a header"):
            Csv(tmp_path / "table.csv", "a", names=("a", "b"))


class TestDelimiters:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "   "])
    def test_the_delimiter_is_found(self, file, delimiter):
        lines = [("width", "kind"), ("1.5", "a"), ("2.5", "b")]

        dataset = Csv(file("\n".join(map(delimiter.join, lines))), "kind", standardize=False)

        assert rows(dataset) == [(1.5, 0), (2.5, 1)]

    def test_with_decimal_commas_a_comma_is_no_delimiter(self, file):
        path = file("1,5;0,5\n2,5;1,5\n")
        options = {"task": "regression", "header": False, "standardize": False}

        assert rows(Csv(path, 1, decimal=",", **options)) == [(1.5, 0.5), (2.5, 1.5)]
        assert refusal(Csv(path, 1, **options)) == (
            f"{path}: the first rows can be split at more than one delimiter; set delimiter to "
            '"," or ";"'
        )

    def test_runs_of_blanks_part_values_and_quotes_hide_them(self, file):
        path = file(
            '18.0   8   307.0\t"chevrolet chevelle"\n'
            '15.0   8   350.0\t"buick ""skylark"""\n'
            ' 36.1  4   98.00\t"ford"  \n'
        )

        dataset = Csv(
            path, 0, "regression", drop=(3,), header=False, delimiter="whitespace",
            standardize=False,
        )  # fmt: skip

        assert rows(dataset) == [(4, 98, 36.1), (8, 307, 18), (8, 350, 15)]

    def test_blanks_that_may_be_in_values_are_asked_about(self, file):
        path = file('18.0   8\t"a b"\n15.0   8\t"c d"\n')

        assert refusal(Csv(path, 0, header=False)) == (
            f"{path}: the first rows can be split at more than one delimiter; set delimiter to "
            '"\\t" or "whitespace"'
        )

    def test_a_quote_that_does_not_end_is_refused_in_its_line(self, file):
        path = file('1 "a b"\n2 "c\n')

        assert refusal(Csv(path, 1, header=False, delimiter="whitespace")) == (
            f"{path}: line 2: cannot be parsed: a quoted value must end, with a quote and a blank, "
            "in the same line; check the quotes"
        )


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"]
    )
    def test_a_mark_tells_the_encoding(self, file, encoding):
        mark = "\ufeff" if encoding.endswith("be") else ""

        dataset = Csv(file(f"{mark}höhe;art\r\n1;ä\r\n2;ö\r\n", encoding), "art", standardize=False)

        assert rows(dataset) == [(1, 0), (2, 1)]
        assert dataset.preparation.classes == ("ä", "ö")

    @pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "mac-roman", "utf-16-le"])
    def test_others_are_named(self, file, encoding):
        dataset = Csv(file("höhe,art\n1,ä\n2,ö\n", encoding), "art", encoding=encoding)

        dataset.load()

        assert dataset.preparation.classes == ("ä", "ö")

    @pytest.mark.parametrize("name", ["utf8", "UTF-8", "utf-16"])
    def test_a_mark_may_be_there_if_its_encoding_is_named(self, file, name):
        text = "\ufeffx,t\n1,a\n2,b\n"

        dataset = Csv(file(text, "utf-16-be" if "16" in name else "utf-8"), "t", encoding=name)

        assert dataset.inspect().shape == (1,)

    def test_utf_16_without_a_mark_is_told(self, file):
        path = file("x,t\n1,a\n2,b\n", "utf-16-le")

        assert refusal(Csv(path, "t")).splitlines()[2] == (
            "  line 1: has zeros between its characters; if it is UTF-16 without a byte-order "
            'mark, set encoding to "utf-16-le"'
        )

    def test_a_byte_that_the_encoding_does_not_have_is_named_with_its_line(self, file):
        path = file("x,t\n" + "1,a\r2,b\r\n" * 9_000 + "3,é\n", "latin-1")

        assert refusal(Csv(path, "t")).startswith(
            f"{path}: line 18002: expected text in UTF-8, got the byte 0xe9; if the file is"
        )

    @pytest.mark.parametrize("encoding", ["utf-99", "base64", "\0"])
    def test_what_is_no_encoding_is_refused(self, tmp_path, encoding):
        with pytest.raises(ValueError, match=r"encoding must be .* that Python knows"):
            Csv(tmp_path / "table.csv", "t", encoding=encoding)


class TestCompression:
    TEXT = "x,t\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(200))

    def test_gzip_is_read(self, file):
        assert len(rows(Csv(file(self.TEXT, pack=gzip.compress), "t"))) == 200

    @pytest.mark.parametrize("damage", [lambda c: c[:-12], lambda c: c[:30] + b"0000" + c[34:]])
    def test_a_damaged_file_is_refused(self, file, damage):
        path = file(self.TEXT, pack=lambda content: damage(gzip.compress(content)))

        assert refusal(Csv(path, "t")).startswith(f"{path}: cannot be decompressed: ")


class TestLinesThatDoNotCount:
    def test_comments_and_skipped_lines(self, file):
        path = file(
            'Station "north\n\nof 2024\n# unit: m\nx,t\n1,"a\n# no comment"\n  # b\n2,b\n?,c\n'
        )

        assert refusal(Csv(path, "t", comment="#", skip=3)) == (
            f'{path}: line 10, column "x": expected a value, got the mark "?" of a missing one; '
            "fill it in, remove the line, drop the column or set on_missing"
        )
        dataset = Csv(path, "t", comment="#", skip=3, on_missing="drop", stratify=False)
        dataset.load()
        assert dataset.preparation.classes == ("a\n# no comment", "b", "c")

    @pytest.mark.parametrize("comment", [" ", "#\n", '"'])
    def test_what_cannot_start_a_comment_is_refused(self, tmp_path, comment):
        with pytest.raises(ValueError, match="comment must be characters other than"):
            Csv(tmp_path / "table.csv", "t", comment=comment)

    def test_an_index_without_a_name_is_left_out_and_told(self, file):
        path = file(",x,t\n0,5,a\n1,6,b\n2,5,a\n3,6,b\n")

        dataset = Csv(path, "t", standardize=False)

        assert rows(dataset) == [(5, 0), (5, 0), (6, 1), (6, 1)]
        assert dataset.load().notes[0] == (
            f'{path}: the first column has no name; it is taken for an index and left out, as "" '
            "in drop would do"
        )


def _examples():
    """The data of ``csv`` that the documents show."""
    text = (Path(__file__).parents[3] / "docs" / "specs.md").read_text(encoding="utf-8")
    blocks = re.findall(r'^"data": (\{"type": "csv".*?\})$', text, re.MULTILINE | re.DOTALL)
    return [json.loads(block) for block in blocks]


@pytest.mark.parametrize("options", _examples(), ids=lambda options: options["path"])
def test_what_the_documents_show_are_options(options):
    del options["type"]

    model = options_model(Csv).model_validate(options)

    Csv(**given_options(model))


def test_options_come_from_json(file):
    path = file("1,?,a\n2,3,b\n4,5,a\n,6,b\n")
    options = {
        "path": str(path),
        "target": -1,
        "header": False,
        "on_missing": [[0, "mean"], ["1", "median"]],
        "shuffle": False,
        "standardize": False,
    }

    dataset = Csv(**given_options(options_model(Csv).model_validate(options)))

    assert dataset.load().train.x.tolist() == [[1, 4], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    "options",
    [
        {"target": 1.0}, {"target": True}, {"on_missing": "zero"}, {"on_missing": [["a"]]},
        {"on_missing": {"a": "mean"}}, {"categories": "all"}, {"skip": -1}, {"unseen": "drop"},
    ],
)  # fmt: skip
def test_options_of_another_type_are_refused(options):
    with pytest.raises(ValidationError):
        options_model(Csv).model_validate({"path": "a.csv", "target": "t", **options})
