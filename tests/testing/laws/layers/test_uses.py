"""Which examples of a layer the kit tries."""

import pytest
from mutants.layers.sound import OfScale, Scale

from layerkit import Example


@pytest.mark.parametrize(
    ("examples", "says"),
    [
        (Example({}, [(3,)]), "examples must be a tuple of Example"),
        ((Example({}, (3,)),), "shapes must be a list of shapes, one for each input"),
        ((Example({}, [(3,), (3,)]),), "are shapes of 2 inputs, and forward takes 1"),
    ],
)
def test_a_slip_in_the_examples_is_told(examples, says, broken):
    cls = type("Slips", (OfScale,), {"__doc__": Scale.__doc__, "examples": examples})

    assert says in broken(cls)["gradients_of_inputs_are_the_numerical_ones"]
