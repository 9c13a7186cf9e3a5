import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

import layerkit.threads
from layerkit import allowed_threads, limit_blas_threads


def blas():
    """Return how many threads NumPy's matrix products use now."""
    libraries = ThreadpoolController().select(user_api="blas").info()
    # SciPy has a library of its own, which another test may have loaded.
    return {each["num_threads"] for each in libraries if "numpy" in each["filepath"]}


@pytest.fixture(autouse=True)
def four_threads():
    with threadpool_limits(4, user_api="blas"):
        yield
        assert blas() == {4}


@pytest.mark.parametrize(("limit", "threads"), [(1, 1), (3, 3), (4, 4), (100, 4)])
def test_a_limit_lasts_as_long_as_its_context(limit, threads):
    with limit_blas_threads(limit):
        assert blas() == {threads}
    assert blas() == {4}


def test_of_several_limits_the_least_counts():
    with limit_blas_threads(2):
        with limit_blas_threads(1), limit_blas_threads(3):
            assert blas() == {1}
        assert blas() == {2}


def test_limits_of_one_thread_may_leave_in_any_order():
    two, one = limit_blas_threads(2), limit_blas_threads(1)
    two.__enter__()
    one.__enter__()
    two.__exit__(None, None, None)
    assert blas() == {1}
    one.__exit__(None, None, None)

    with limit_blas_threads(2):
        assert blas() == {2}


def test_a_limit_is_taken_away_after_an_error():
    with pytest.raises(ZeroDivisionError), limit_blas_threads(1):
        1 / 0  # noqa: B018

    assert blas() == {4}


@pytest.mark.parametrize("first_to_leave", [0, 1])
def test_threads_may_come_and_leave_in_any_order(first_to_leave):
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as another:
        places = [(one, limit_blas_threads(1)), (another, limit_blas_threads(2))]
        for thread, context in places:
            thread.submit(context.__enter__).result()
        assert blas() == {1}

        thread, context = places.pop(first_to_leave)
        thread.submit(context.__exit__, None, None, None).result()
        assert blas() == {2 if first_to_leave == 0 else 1}

        [(thread, context)] = places
        thread.submit(context.__exit__, None, None, None).result()
        assert blas() == {4}


def test_a_limit_set_elsewhere_outlives_one_of_another_thread():
    def limited():
        with limit_blas_threads(1):
            return blas()

    with threadpool_limits(3, user_api="blas"):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(limited).result() == {1}
        assert blas() == {3}
    assert blas() == {4}


@pytest.fixture
def eight_processors(monkeypatch):
    monkeypatch.setattr(layerkit.threads, "_processors", lambda: 8)


@pytest.mark.usefixtures("eight_processors")
def test_what_is_allowed_is_what_was_set_before():
    with threadpool_limits(3, user_api="blas"):
        assert allowed_threads() == 3
        with limit_blas_threads(1):
            assert blas() == {1}
            assert allowed_threads() == 3
    assert allowed_threads() == 4


def test_no_more_are_allowed_than_there_are_processors(monkeypatch):
    monkeypatch.setattr(layerkit.threads, "_processors", lambda: 2)

    assert allowed_threads() == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux has it")
def test_processors_are_those_that_the_process_may_run_on():
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert allowed_threads() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("eight_processors")
def test_no_more_are_allowed_than_the_quota_is_worth(monkeypatch):
    monkeypatch.setattr(layerkit.threads, "_quota", lambda: 3)

    assert allowed_threads() == 3


V1, V2 = ("cpu.cfs_quota_us", "cpu.cfs_period_us"), ("cpu.max",)


@pytest.mark.parametrize(
    ("groups", "processors"),
    [
        ([(2, V2, "max 100000")], sys.maxsize),
        ([(2, V2, "150000 100000")], 2),
        ([(2, V2, "20000 100000")], 1),
        ([(2, V2, "max 100000"), (2, V2, "300000 100000")], 3),
        ([(1, V1, "-1 100000")], sys.maxsize),
        ([(1, V1, "400000 100000"), (1, V1, "-1 100000")], 4),
        ([(1, V1, "50000 100000"), (2, V2, "200000 100000")], 1),
        ([(2, (), "")], sys.maxsize),
        ([], sys.maxsize),
    ],
)
def test_a_quota_of_processors_is_heeded(groups, processors, tmp_path, monkeypatch):
    folders = []
    for i, (version, names, text) in enumerate(groups):
        folder = tmp_path / str(i)
        folder.mkdir()
        for name, part in zip(names, text.split(" ", len(names) - 1), strict=False):
            (folder / name).write_text(part)
        folders.append((version, folder))
    monkeypatch.setattr(layerkit.threads, "control_groups", lambda controller: folders)

    assert layerkit.threads._quota.__wrapped__() == processors


@pytest.mark.parametrize("name", ["get", "set"])
def test_a_library_without_functions_of_its_own_is_asked_through_threadpoolctl(name, monkeypatch):
    library, *_ = ThreadpoolController().select(user_api="blas").lib_controllers
    monkeypatch.setattr(type(library), "threading_layer", "openmp", raising=False)
    library.threading_layer = "openmp"

    assert layerkit.threads._functions(library) is None
    through = layerkit.threads._through_controller(library)
    assert callable(getattr(through, name))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_limit_goes_on_and_ends_in_a_process_that_is_forked_off():
    child = None
    with limit_blas_threads(1):
        child = os.fork()
        within = blas()
    if not child:
        os._exit(0 if (within, blas()) == ({1}, {4}) else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize(("own", "in_child"), [(None, 4), (3, 3), (1, 1)])
def test_limits_of_other_threads_end_in_a_process_that_is_forked_off(own, in_child):
    limit, others = limit_blas_threads(1), [limit_blas_threads(2), limit_blas_threads(1)]
    child = None
    with ThreadPoolExecutor(1) as other:
        for each in others:
            other.submit(each.__enter__).result()
        with limit_blas_threads(own) if own else nullcontext():
            child = os.fork()
            if not child:
                within = blas()
                with limit:
                    inside = blas()
                again = blas()
        if not child:
            seen = within, inside, again, blas()
            os._exit(0 if seen == ({in_child}, {1}, {in_child}, {4}) else 1)
        _, status = os.waitpid(child, 0)
        assert blas() == {1}
        for each in others:
            other.submit(each.__exit__, None, None, None).result()

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_limit_may_end_in_another_thread_than_it_began_in():
    limit = limit_blas_threads(1)
    with ThreadPoolExecutor(1) as other:
        limit.__enter__()
        other.submit(limit.__exit__, None, None, None).result()
        assert blas() == {4}
        with limit_blas_threads(2):
            assert blas() == {2}
