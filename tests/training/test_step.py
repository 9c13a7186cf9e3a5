import numpy as np
import pytest

from layerkit import Batches, Network, Split, Step
from layerkit.builtin.layers import Affine, Relu
from layerkit.builtin.optimizers import SGD


def step(layers, batch_size):
    split = Split(np.zeros((2, 100)), np.zeros((2, 10)))
    batches = Batches(split, batch_size, "shuffle", "float32", np.random.default_rng(0))
    return Step(Network(layers, (100,)), SGD(0.1), batches)


@pytest.mark.parametrize(
    ("batch_size", "threads"),
    # The weight has 100,000 elements, so that a product has 200,000 operations for each example.
    [(1, 1), (49, 1), (50, 2), (99, 2), (100, 3), (150, 4), (10_000, 201)],
)
def test_each_10_million_operations_of_the_largest_product_are_worth_a_thread(batch_size, threads):
    layers = [Affine(1000, bias=False), Affine(10, bias=False)]

    assert step(layers, batch_size).blas_threads == threads


def test_a_network_without_parameters_is_computed_by_one_thread():
    assert step([Relu()], 1000).blas_threads == 1
