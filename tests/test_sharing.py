import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

import layerkit.sharing
import layerkit.threads
from layerkit import matmul, share
from layerkit.sharing import LONGEST_PAUSE, SHORTEST_PAUSE, Gate


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch):
    """More threads than cores, in whatever machine, and a gate that is open."""
    monkeypatch.setattr(layerkit.sharing, "allowed_threads", lambda: 8)
    monkeypatch.setattr(layerkit.sharing, "_gate", Gate())


def alone(monkeypatch):
    monkeypatch.setattr(layerkit.sharing, "allowed_threads", lambda: 1)


class TestShare:
    @pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 100])
    def test_every_share_is_done_once(self, count):
        done = []

        share(done.append, count)

        assert sorted(done) == list(range(count))

    def test_shares_are_done_at_the_same_time(self):
        both = threading.Barrier(2, timeout=30)

        share(lambda i: both.wait(), 2)

    def test_a_share_within_a_share_is_done_by_the_same_thread(self):
        threads = {}

        def outer(i):
            share(lambda j: threads.setdefault(i, set()).add(threading.get_ident()), 4)

        share(outer, 4)

        assert [len(threads[i]) for i in range(4)] == [1, 1, 1, 1]

    def test_several_threads_may_share_at_once(self):
        def total(n):
            numbers = np.zeros(50)
            share(lambda i: np.add.at(numbers, i, n), 50)
            return numbers.sum()

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(total, range(200))) == [50 * n for n in range(200)]

    def test_an_error_comes_after_all_that_had_begun_have_ended(self):
        running = []
        both = threading.Barrier(2, timeout=30)

        def task(i):
            running.append(i)
            both.wait()
            if i == 0:
                raise ZeroDivisionError
            running.remove(1)

        with pytest.raises(ZeroDivisionError):
            share(task, 2)
        assert running == [0]

    def test_an_error_of_the_caller_itself_is_raised(self, monkeypatch):
        alone(monkeypatch)

        with pytest.raises(ZeroDivisionError):
            share(lambda i: 1 / i, 2)

    def test_numpy_treats_errors_as_the_caller_says(self):
        with np.errstate(over="ignore"):
            share(lambda i: np.float32(3e38) * np.float32(10), 8)

    def test_products_within_have_one_thread(self):
        found = []

        def task(i):
            libraries = ThreadpoolController().select(user_api="blas").info()
            # SciPy has a library of its own, which another test may have loaded.
            found.extend(each["num_threads"] for each in libraries if "numpy" in each["filepath"])

        share(task, 4)

        assert set(found) == {1}

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_a_process_that_was_forked_off_shares_too(self):
        share(lambda i: None, 8)
        child = os.fork()
        if not child:
            done = []
            share(done.append, 8)
            os._exit(len(done))
        _, status = os.waitpid(child, 0)

        assert os.waitstatus_to_exitcode(status) == 8


class TestGate:
    def test_it_is_open_as_long_as_sharing_pays(self):
        gate = Gate()

        gate.judge(taken=0.6, alone=1.0)

        assert gate.is_open()

    def test_it_closes_for_a_while_when_sharing_took_longer(self, monkeypatch):
        now = 100.0
        monkeypatch.setattr(layerkit.sharing, "perf_counter", lambda: now)
        gate = Gate()

        pauses = []
        for _ in range(8):
            gate.judge(taken=1.1, alone=1.0)
            before = now
            while not gate.is_open():
                now += SHORTEST_PAUSE / 2
            pauses.append(now - before)

        doubled = [min(SHORTEST_PAUSE * 2**i, LONGEST_PAUSE) for i in range(8)]
        np.testing.assert_allclose(pauses, doubled, atol=SHORTEST_PAUSE)

        gate.judge(taken=0.9, alone=1.0)
        gate.judge(taken=1.1, alone=1.0)
        now += SHORTEST_PAUSE
        assert gate.is_open()

    def test_a_closed_gate_has_the_caller_do_all_shares(self):
        layerkit.sharing._gate.judge(taken=2.0, alone=1.0)
        threads = set()

        share(lambda i: threads.add(threading.get_ident()), 8)

        assert threads == {threading.get_ident()}


class TestMatmul:
    SHAPES = (
        ((3, 4), (4, 5)),
        ((300, 400), (400, 500)),
        ((400, 700), (700, 60)),
        ((60, 700), (700, 400)),
        ((9, 100, 300), (9, 300, 200)),
        ((100, 300), (9, 300, 200)),
        ((9, 100, 300), (300, 200)),
        ((1, 400, 500), (500, 400)),
        ((2, 3, 200, 100), (2, 3, 100, 200)),
        ((3, 200, 100), (2, 3, 100, 200)),
    )

    @pytest.mark.parametrize(("a", "b"), SHAPES)
    @pytest.mark.parametrize("has_out", [False, True])
    def test_it_is_the_product_of_numpy(self, a, b, has_out):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=a), rng.normal(size=b)
        out = np.empty((x @ y).shape) if has_out else None

        product = matmul(x, y, out=out)

        np.testing.assert_allclose(product, x @ y, rtol=1e-10, atol=1e-10)
        assert out is None or product is out

    @pytest.mark.parametrize(("a", "b"), SHAPES)
    def test_any_number_of_threads_gives_the_same_bytes(self, a, b, monkeypatch):
        rng = np.random.default_rng(0)
        x, y = (rng.normal(size=shape).astype(np.float32) for shape in (a, b))

        shared = [matmul(x, y).tobytes() for _ in range(3)]
        alone(monkeypatch)

        assert {*shared, matmul(x, y).tobytes()} == {shared[0]}

    def test_views_with_gaps_and_turned_round_are_taken_as_they_are(self):
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(700, 600))[::2], rng.normal(size=(900, 600)).T
        out = np.zeros((350, 1800))[:, ::2]

        matmul(a, b, out=out)

        np.testing.assert_allclose(out, a @ b)

    def test_shapes_that_do_not_fit_are_refused(self):
        with pytest.raises(ValueError, match="matmul"):
            matmul(np.ones((500, 400)), np.ones((500, 600)))
