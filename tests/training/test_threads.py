import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from layerkit import Network
from layerkit.builtin.layers import Affine, Relu
from layerkit.training.threads import allowed_threads, blas_threads


def blas():
    """Return how many threads matrix products use now."""
    libraries = ThreadpoolController().select(user_api="blas").info()
    return {library["num_threads"] for library in libraries}


@pytest.mark.parametrize(
    ("batch_size", "threads"),
    # The weight has 100,000 elements, so that a product has 200,000 operations for each example.
    [(1, 1), (49, 1), (50, 2), (99, 2), (100, 3), (150, 4), (10_000, 4)],
)
def test_each_10_million_operations_of_the_largest_product_are_worth_a_thread(batch_size, threads):
    network = Network([Affine(1000, bias=False), Affine(10, bias=False)], (100,))

    with threadpool_limits(4, user_api="blas"):
        with blas_threads(network, batch_size):
            assert blas() == {threads}
        assert blas() == {4}


def test_a_network_without_parameters_is_computed_by_one_thread():
    with threadpool_limits(2, user_api="blas"), blas_threads(Network([Relu()], (3,)), 1000):
        assert blas() == {1}


def test_trainings_beside_each_other_leave_no_limit_behind():
    small, large = (Network([Affine(units)], (100,)) for units in (10, 1000))
    with threadpool_limits(4, user_api="blas"):
        first, second = blas_threads(small, 1), blas_threads(large, 1000)
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert allowed_threads() == 4
        second.__exit__(None, None, None)

        assert blas() == {4}


def test_what_is_allowed_is_what_was_set_before_training():
    network = Network([Affine(10)], (10,))

    with threadpool_limits(3, user_api="blas"):
        assert allowed_threads() == 3
        with blas_threads(network, 1):
            assert blas() == {1}
            assert allowed_threads() == 3
