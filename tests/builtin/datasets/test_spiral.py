import numpy as np
import pytest

from layerkit import DataError, Form, Targets
from layerkit.builtin.datasets import Spiral


def points(spiral):
    data = spiral.load()
    return np.concatenate((data.train.x, data.test.x)), np.concatenate((data.train.t, data.test.t))


def test_without_noise_a_point_lies_where_the_formula_says():
    x, t = points(Spiral(classes=2, per_class=2, noise=0))

    # i = 0 is the origin; i = 1 of 2 has the radius 1/2 and the angle 4 c + 2.
    wanted = {
        (0, 0.0, 0.0),
        (1, 0.0, 0.0),
        (0, round(np.sin(2) / 2, 6), round(np.cos(2) / 2, 6)),
        (1, round(np.sin(6) / 2, 6), round(np.cos(6) / 2, 6)),
    }
    found = {
        (int(c), round(float(a), 6), round(float(b), 6)) for (a, b), c in zip(x, t, strict=True)
    }
    assert found == wanted


def test_noise_turns_points_but_keeps_their_distance_from_the_origin():
    x, t = points(Spiral(noise=0.5))

    radius = np.sort(np.hypot(*x[t == 1].T))
    np.testing.assert_allclose(radius, np.arange(100) / 100, atol=1e-12)


def test_the_noise_is_the_deviation_of_the_angle():
    calm, _ = points(Spiral(per_class=4000, noise=0))
    noisy, _ = points(Spiral(per_class=4000, noise=0.2))

    # The same seed draws the same test points, so that the points come in the same order.
    away = np.hypot(*calm.T) > 0
    turn = np.angle((noisy @ [1, 1j])[away] / (calm @ [1, 1j])[away])
    assert turn.std() == pytest.approx(0.2, rel=0.02)
    assert turn.mean() == pytest.approx(0, abs=0.01)


def test_each_class_has_as_many_points():
    data = Spiral(classes=4, per_class=50).load()

    t = np.concatenate((data.train.t, data.test.t))
    assert np.bincount(t).tolist() == [50, 50, 50, 50]
    assert len(data.test) == 40


def test_the_form_is_points_of_the_plane_in_so_many_classes():
    assert Spiral(classes=5).inspect() == Form((2,), Targets(classes=5))


def test_the_seed_decides_the_points():
    first, again, other = (Spiral(seed=s).load().train.x for s in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("options", [{"per_class": 10**18}, {"classes": 10**400}])
def test_more_points_than_there_is_memory_for_are_refused(options):
    with pytest.raises(DataError, match=r"arms of .* points: needs .* GB of memory"):
        Spiral(**options).inspect()
    with pytest.raises(DataError, match=r"arms of .* points: needs .* GB of memory"):
        Spiral(**options).load()


def test_stratified_each_arm_has_its_share():
    data = Spiral(per_class=10, stratify=True).load()

    assert np.bincount(data.test.t).tolist() == [2, 2, 2]


def test_a_validation_part_is_taken_from_the_training_part():
    spiral = Spiral(stratify=True, validation_fraction=0.1)

    data = spiral.load()

    assert spiral.inspect() == Form((2,), Targets(classes=3), has_validation=True)
    counts = [np.bincount(part.t).tolist() for part in data.parts.values()]
    assert counts == [[70] * 3, [10] * 3, [20] * 3]
    np.testing.assert_array_equal(data.test.x, Spiral(stratify=True).load().test.x)
