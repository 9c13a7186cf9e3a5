"""What a loss keeps from ``forward`` to ``backward``."""

import copy
import pickle

import numpy as np
import pytest

from layerkit import DataError, NotReadyError
from layerkit.builtin.losses import MeanSquaredError, SoftmaxWithLoss

Y, T = np.array([[1.0, 2, 3], [3, 1, 0]]), np.array([2, 0])


def test_a_gradient_is_valid_until_the_next_backward():
    loss = SoftmaxWithLoss()
    loss.forward(Y, T)
    gradient = loss.backward()
    before = gradient.copy()

    loss.forward(-Y, T)

    np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize(
    ("loss", "t", "wrong"),
    [
        (SoftmaxWithLoss(), T, np.array([[0, 0, 5.0], [1, 0, 0]])),
        (SoftmaxWithLoss(), T, np.array([0, 7])),
        (MeanSquaredError(), Y, np.full((2, 3), np.nan)),
    ],
    ids=["no probabilities", "no labels", "no numbers"],
)
def test_nothing_goes_back_through_a_forward_that_was_refused(loss, t, wrong):
    loss.forward(Y, t)
    with pytest.raises(DataError):
        loss.forward(Y, wrong)

    with pytest.raises(NotReadyError, match="call forward first"):
        loss.backward()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_has_no_forward(copied):
    loss = SoftmaxWithLoss(class_weights=[1.0, 2.0, 3.0])
    value = loss.forward(Y, T)

    other = copied(loss)

    with pytest.raises(NotReadyError, match="has no loss yet"):
        other.backward()
    assert other.forward(Y, T) == value
    assert loss.backward().shape == Y.shape


def test_losses_in_a_wider_type_leave_the_type_of_the_gradient():
    class Wide(MeanSquaredError):
        def each(self, y, t):
            return super().each(y, t).astype(np.float64)

    loss = Wide()
    loss.forward(Y.astype(np.float32), Y)

    assert loss.backward().dtype == np.float32
