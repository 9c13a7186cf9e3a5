"""Tables in the forms in which people download them, against scikit-learn's preprocessing."""

import io

import numpy as np
import pytest

from layerkit.builtin.datasets import Csv

pd = pytest.importorskip("pandas")
compose = pytest.importorskip("sklearn.compose")
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import OneHotEncoder, StandardScaler  # noqa: E402


def numbers(fill="mean"):
    return make_pipeline(SimpleImputer(strategy=fill), StandardScaler())


def names(fill="most_frequent", unseen="error"):
    filled = SimpleImputer(strategy=fill, fill_value="", missing_values=np.nan)
    return make_pipeline(filled, OneHotEncoder(handle_unknown=unseen, sparse_output=False))


def check(dataset, frame, target, *steps, test=None):
    """Compare what a data set gives with what scikit-learn's steps give for the same lines."""
    data = dataset.load()
    if test is None:
        frame, test = frame[: len(data.train)], frame[len(data.train) :]
    frames = (frame, test)
    transformer = compose.ColumnTransformer([(str(i), *step) for i, step in enumerate(steps)])
    transformer.fit(frames[0])
    for part, rows in zip((data.train, data.test), frames, strict=True):
        expected = np.asarray(transformer.transform(rows), float)
        np.testing.assert_allclose(part.x, expected, rtol=1e-12, atol=1e-12)
        t = rows[target].to_numpy()
        if dataset.preparation.classes is None:
            np.testing.assert_array_equal(part.t, t)
        else:
            assert [dataset.preparation.classes[label] for label in part.t] == [
                str(word).strip() for word in t
            ]


@pytest.fixture
def write(tmp_path):
    def write(text, name="table.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_flowers_without_a_header(write):
    text = "".join(
        f"{4.3 + i % 7 / 10:.1f},{2 + i % 5 / 10:.1f},Iris-{['setosa', 'virginica'][i % 3 > 1]}\n"
        for i in range(20)
    )

    dataset = Csv(write(text + "\n"), -1, header=False, shuffle=False)

    check(dataset, pd.read_csv(io.StringIO(text), header=None), 2, (numbers(), [0, 1]))


CENSUS = """\
39, State-gov, 77516, Bachelors, United-States, <=50K
50, Private, 83311, Bachelors, ?, <=50K
38, ?, 215646, HS-grad, United-States, >50K
53, Private, 234721, 11th, Cuba, <=50K
28, Private, 338409, Bachelors, Cuba, >50K
"""
CENSUS_TEST = """\
|1x3 Cross validator
25, Private, 226802, 11th, United-States, <=50K.
38, ?, 89814, HS-grad, Cuba, >50K.
"""


def test_a_census_with_blanks_behind_commas_and_a_test_file(write):
    test_text = CENSUS_TEST.replace("K.", "K")
    options = {"header": False, "categories": "infer", "comment": "|", "on_missing": "category"}

    dataset = Csv(write(CENSUS), -1, test_path=write(test_text, "test.csv"), **options)

    reading = {"header": None, "skipinitialspace": True, "na_values": "?", "comment": "|"}
    frame, test = (pd.read_csv(io.StringIO(text), **reading) for text in (CENSUS, test_text))
    data = dataset.load()
    # scikit-learn sorts the empty name first, and we put it last; so names are compared alone.
    for part, rows in zip((data.train, data.test), (frame, test), strict=True):
        for feature, start in zip(dataset.preparation.features, (0, 1, 4, 5, 8), strict=True):
            if hasattr(feature, "values"):
                words = rows[int(feature.name)].fillna("")
                one_hot = part.x[:, start : start + feature.width]
                assert [feature.values[i] for i in one_hot.argmax(axis=1)] == list(words)
    assert dataset.preparation.classes == ("<=50K", ">50K")
    assert any('missing values: 1 of "1" (a category of their own), 1 of "4"' in n
               for n in data.notes)  # fmt: skip


CARS = """\
18.0   8   307.0      130.0      3504.      12.0   70  1\t"chevrolet chevelle malibu"
15.0   8   350.0      165.0      3693.      11.5   70  1\t"buick skylark 320"
25.0   4   98.00      ?          2046.      19.0   71  1\t"ford pinto"
24.0   4   113.0      95.00      2372.      15.0   70  3\t"toyota corona mark ii"
26.0   4   97.00      46.00      1835.      20.5   70  2\t"vw 1131"
21.0   6   200.0      ?          2875.      17.0   74  1\t"ford maverick"
"""


@pytest.mark.parametrize("fill", ["mean", "median", "most_frequent"])
def test_cars_between_runs_of_blanks(write, fill):
    dataset = Csv(
        write(CARS), 0, "regression", header=False, delimiter="whitespace", drop=(-1,),
        on_missing=fill, shuffle=False,
    )  # fmt: skip

    frame = pd.read_csv(io.StringIO(CARS), sep=r"\s+", header=None, na_values="?")
    check(dataset, frame, 0, (numbers(fill), list(range(1, 8))))


def test_wine_with_semicolons_and_a_quoted_header(write):
    text = '"fixed acidity";"pH";"alcohol";"quality"\n' + "".join(
        f"{7 + i % 5 / 10:.1f};{3 + i % 4 / 100:.2f};{9 + i % 6 / 2};{5 + i % 3}\n"
        for i in range(20)
    )

    dataset = Csv(write(text), "quality", "regression", shuffle=False)

    frame = pd.read_csv(io.StringIO(text), sep=";")
    check(dataset, frame, "quality", (numbers(), ["fixed acidity", "pH", "alcohol"]))


PASSENGERS = """\
PassengerId,Survived,Pclass,Name,Sex,Age,Fare,Embarked
1,0,3,"Berg, Mr. Ole (""Oli"")",male,22,7.25,S
2,1,1,"Lund, Mrs. Kari (Ada Holm)",female,38,71.2833,C
3,1,3,"Dahl, Miss. Siri",female,,7.925,S
4,1,1,"Moe, Mrs. Liv (Ida)",female,35,53.1,
5,0,3,"Vik, Mr. Per",male,,8.05,S
6,0,3,"Lie, Mr. Jan",male,54,51.8625,C
7,1,2,"Bye, Miss. Anna",female,14,30.0708,S
"""


def test_passengers_with_empty_values_and_commas_in_names(write):
    dataset = Csv(
        write(PASSENGERS), "Survived", drop=("PassengerId", "Name"), shuffle=False,
        categories=("Pclass", "Sex", "Embarked"), unseen="ignore",
        on_missing=(("Age", "median"), ("Embarked", "most_frequent")),
    )  # fmt: skip

    frame = pd.read_csv(io.StringIO(PASSENGERS))
    check(
        dataset, frame, "Survived",
        (names(unseen="ignore"), ["Pclass"]),
        (names(unseen="ignore"), ["Sex"]),
        (numbers("median"), ["Age"]),
        (numbers(), ["Fare"]),
        (names(unseen="ignore"), ["Embarked"]),
    )  # fmt: skip


def test_a_series_of_a_sensor_with_decimal_commas(write):
    text = "Date;Time;CO(GT);T;RH;;\r\n" + "".join(
        f"1{i}/03/2004;{i:02}.00.00;{'-200' if i == 3 else f'{i % 4},{i}'};{10 + i},5;48,{i};;\r\n"
        for i in range(10)
    )

    dataset = Csv(
        write(text, encoding="utf-16"), "CO(GT)", "regression", drop=("Date", "Time", ""),
        decimal=",", missing=("-200",), on_missing="drop", shuffle=False,
    )  # fmt: skip

    frame = pd.read_csv(io.StringIO(text), sep=";", decimal=",", na_values="-200")
    check(dataset, frame.dropna(subset=["CO(GT)"]), "CO(GT)", (numbers(), ["T", "RH"]))
