import zlib

import numpy as np
import pytest

from layerkit import Form, Targets
from layerkit.builtin.datasets import Digits


@pytest.fixture(scope="module")
def digits():
    return Digits(flat=False).load()


def test_a_fifth_of_1797_images_is_tested_on(digits):
    assert (len(digits.train), len(digits.test)) == (1438, 359)


def test_images_are_bytes_from_0_to_16_that_the_scale_brings_to_0_to_1(digits):
    for part in (digits.train, digits.test):
        assert part.x.dtype == np.uint8
        assert part.x.max() * part.scale == 1.0
        assert part.x.min() == 0


def test_there_are_about_180_of_each_digit(digits):
    t = np.concatenate((digits.train.t, digits.test.t))

    # As load_digits().target of scikit-learn counts them.
    assert np.bincount(t).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_shipped_numbers_are_those_of_the_source(digits):
    x = np.concatenate((digits.train.x, digits.test.x))
    first = [
        [0, 0, 5, 13, 9, 1, 0, 0],
        [0, 0, 13, 15, 10, 15, 5, 0],
        [0, 3, 15, 2, 0, 11, 8, 0],
        [0, 4, 12, 0, 0, 8, 8, 0],
        [0, 5, 8, 0, 0, 9, 8, 0],
        [0, 4, 11, 0, 1, 12, 7, 0],
        [0, 2, 14, 5, 10, 12, 0, 0],
        [0, 0, 6, 13, 10, 0, 0, 0],
    ]

    assert (x == np.array(first)).all(axis=(1, 2, 3)).sum() == 1
    assert x.sum(dtype=int) == 561718  # as load_digits().images.sum() of scikit-learn
    t = np.concatenate((digits.train.t, digits.test.t))
    examples = sorted(bytes((*image.ravel(), digit)) for image, digit in zip(x, t, strict=True))
    # Of load_digits() of scikit-learn in the same way.
    assert zlib.crc32(b"".join(examples)) == 1031579281


def test_flat_images_are_the_rows_one_after_the_other(digits):
    flat = Digits(flat=True).load()

    np.testing.assert_array_equal(flat.train.x, digits.train.x.reshape(-1, 64))


@pytest.mark.parametrize(("flat", "shape"), [(True, (64,)), (False, (1, 8, 8))])
def test_the_form_is_that_of_what_is_loaded(flat, shape):
    dataset = Digits(flat=flat)

    assert dataset.inspect() == Form(shape, Targets(classes=10))
    assert dataset.load().train.x.shape[1:] == shape


def test_the_seed_decides_what_is_tested_on(digits):
    again, other = Digits(flat=False).load(), Digits(flat=False, seed=1).load()

    np.testing.assert_array_equal(again.test.x, digits.test.x)
    assert not np.array_equal(other.test.x, digits.test.x)


def test_the_share_to_test_on_can_be_chosen():
    data = Digits(test_fraction=0.5).load()

    assert (len(data.train), len(data.test)) == (899, 898)


def test_stratified_each_digit_has_its_share():
    data = Digits(stratify=True).load()

    train, test = np.bincount(data.train.t), np.bincount(data.test.t)
    np.testing.assert_array_equal(test, np.rint((train + test) / 5))


def test_a_validation_part_is_taken_from_the_training_part(digits):
    data = Digits(flat=False, validation_fraction=0.1).load()

    assert Digits(validation_fraction=0.1).inspect().has_validation
    assert [len(part) for part in data.parts.values()] == [1258, 180, 359]
    np.testing.assert_array_equal(data.test.x, digits.test.x)
    both = np.concatenate((data.train.x, data.validation.x)).reshape(1438, 64)
    expected = digits.train.x.reshape(1438, 64)
    assert sorted(map(bytes, both)) == sorted(map(bytes, expected))
