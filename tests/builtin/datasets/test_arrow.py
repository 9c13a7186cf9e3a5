"""A large table is read by Arrow, and gives what reading it row by row gives."""

import gzip
import re

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from layerkit import DataError
from layerkit.builtin.datasets import Csv, arrow, table

pytest.importorskip("pyarrow")


@pytest.fixture
def by_arrow(monkeypatch):
    """Has even small tables read by Arrow, and returns the number of rows of each that was."""
    numbers = []

    def add_rows(*args):
        numbers.append(arrow.add_rows(*args))
        return numbers[-1]

    monkeypatch.setattr(arrow, "SMALLEST", 0)
    monkeypatch.setattr(table, "FIRST_VALUES", 1)
    monkeypatch.setattr(table, "add_rows", add_rows)
    return numbers


def outcome(path, **options):
    """What a table gives, or what is said about it."""
    dataset = Csv(path, -1, shuffle=False, unseen="ignore", **options)
    try:
        data = dataset.load()
    except DataError as error:
        return str(error)
    return [
        dataset.preparation, data.notes,
        *(a.tolist() for part in (data.train, data.test) for a in (part.x, part.t)),
    ]  # fmt: skip


def row_by_row(path, monkeypatch, **options):
    with monkeypatch.context() as patch:
        patch.setattr(table, "add_rows", lambda *_: None)
        return outcome(path, **options)


WORDS = ("p", " q", '"r,s"')
ROWS = "".join(f"{i}.25,{WORDS[i % 3]},{'ab'[i % 2]}\n" for i in range(40))
MISSING = {"on_missing": "most_frequent", "categories": "infer"}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x,c,t\n" + ROWS, {"categories": (1,)}),
        ("\n\nx,c,t\n\n" + ROWS.replace("\n", "\n\n"), {"categories": "infer"}),
        ("x,c,t\r" + ROWS.replace("\n", "\r"), {"categories": "infer"}),
        ("x,c,t\r\n" + ROWS.replace("\n", "\r\n"), {"categories": "infer", "drop": (0,)}),
        (ROWS, {"header": False, "categories": "infer"}),
        ("skipped\nx,c,t\n" + ROWS, {"skip": 1, "categories": "infer"}),
        ('x,"c,\nd",t\n' + ROWS, {"categories": "infer"}),
        ("\ufeffx,c,t\n" + ROWS, {"categories": "infer"}),
        ("x,c,t\n" + ROWS + ",p,a\n3,?,b\nNA,NaN,b\n", MISSING),
        ("x,c,t\n" + ROWS + "-999,p,a\n", {**MISSING, "missing": ("-999",)}),
        ("x;c;t\n" + ROWS.replace(",", ";").replace(".", ","), {"decimal": ",", **MISSING}),
        ("x,c,t\n" + ROWS + '1,"two\nlines",a\n2," ""so"" ",b\n', {"categories": "infer"}),
    ],
)
def test_it_gives_the_same(tmp_path, monkeypatch, by_arrow, text, options):
    path = tmp_path / "table.csv"
    path.write_text(text, newline="")

    read = outcome(path, **options)

    assert not isinstance(read, str)
    assert by_arrow[-1] is not None
    assert read == row_by_row(path, monkeypatch, **options)


@pytest.mark.parametrize(
    "line",
    [
        "x,p,a",
        "1_0,p,a",
        "nan,p,a",
        "1e999,p,a",
        "1,p",
        "1,p,a,b",
        '1,"p"q,a',
        '1,"p,a',
        '1, "p,q",a',
        '1,p",a',
        '1,""p,a',
        "1,p\0,a",
        "\u00a01,p,a",
        "\u0661,p,a",
        "0x10,p,a",
        "   ",
        "-999,p,a",
        " -999 ,p,a",
        ",p,a",
        "1,p,c",
    ],
)
def test_what_arrow_reads_in_another_way_is_read_row_by_row(tmp_path, monkeypatch, by_arrow, line):
    path = tmp_path / "table.csv"
    path.write_text(f"x,c,t\n{ROWS}{line}\n{ROWS}")
    options = {"categories": (1,), "classes": ("a", "b"), "missing": ("-999",)}

    assert outcome(path, **options) == row_by_row(path, monkeypatch, **options)
    assert by_arrow == [None]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_read_row_by_row(tmp_path, by_arrow, encoding):
    path = tmp_path / "table.csv"
    path.write_bytes(f"x,c,t\n{ROWS}1,é,a\n".encode(encoding))

    assert "É" not in str(outcome(path, categories="infer", encoding=encoding))
    assert by_arrow[-1] is None


def test_a_compressed_table_is_read_and_a_damaged_one_refused(tmp_path, monkeypatch, by_arrow):
    path = tmp_path / "table.csv.gz"
    content = gzip.compress(("x,c,t\n" + ROWS * 2_000).encode())
    path.write_bytes(content)

    assert outcome(path, categories="infer") == row_by_row(path, monkeypatch, categories="infer")
    assert by_arrow[-1] == 80_000
    path.write_bytes(content[: len(content) // 2])
    assert "cannot be decompressed" in outcome(path, categories="infer")


def test_quotes_may_lie_on_the_bounds_of_blocks(tmp_path, monkeypatch, by_arrow):
    path = tmp_path / "table.csv"
    path.write_text('x,c,t\n1,"p",a\n2,"q""",b\n1,"p",a\n"3",q,b\n')
    expected = row_by_row(path, monkeypatch, categories=("c",))

    for block in range(1, 40):
        monkeypatch.setattr(arrow, "BLOCK", block)
        with path.open("rb") as file:
            assert arrow._quotes(file, ",") is True
    monkeypatch.setattr(arrow, "BLOCK", 64)
    assert outcome(path, categories=("c",)) == expected


def test_reading_ends_before_memory_does(tmp_path, monkeypatch, by_arrow):
    path = tmp_path / "table.csv"
    path.write_text("x,c,t\n" + ROWS)
    monkeypatch.setattr("layerkit.contracts.dataset.available_memory", lambda: 1_000)

    told = outcome(path, categories=("c",))

    assert re.fullmatch(rf"{path}: the values after row 0: needs .* GB of memory.*", told)


TEXTS = st.text(st.sampled_from('0123456789.eE+- _,;"\t\r\nab?NA\u00e9\0'), max_size=6)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=8),
    is_quoted=st.booleans(),
    options=st.sampled_from([{}, {"categories": "infer"}, MISSING, {"decimal": ","}]),
)
def test_whatever_a_file_holds_it_gives_the_same(
    tmp_path, monkeypatch, by_arrow, rows, is_quoted, options
):
    path = tmp_path / "table.csv"

    def written(text):
        escaped = text.replace('"', '""')
        return f'"{escaped}"' if is_quoted else text

    lines = [f"{i},{written(a)},{written(b)},{'pq'[i % 2]}" for i, (a, b) in enumerate(rows)]
    path.write_bytes("\n".join(["i,a,b,t", *lines]).encode())
    options = {"delimiter": ",", **options}

    assert outcome(path, **options) == row_by_row(path, monkeypatch, **options)
