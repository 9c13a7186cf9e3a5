"""Bars of processor time judge the code, on a busy machine too."""

import sys
from types import SimpleNamespace

import pytest
import timing
from timing import REFERENCE, timed

BAR = 2.0


@pytest.fixture
def machine(monkeypatch):
    """A clock that only work moves, on a machine that is ``slower`` by a factor."""
    machine = SimpleNamespace(now=0.0, slower=1.0)

    def spend(seconds: float) -> None:
        machine.now += seconds * machine.slower

    machine.spend = spend
    monkeypatch.setattr(timing.time, "process_time", lambda: machine.now)
    monkeypatch.setattr(timing, "_unchanging_work", lambda: spend(REFERENCE))
    return machine


@pytest.mark.parametrize(
    ("slower", "took", "measured"),
    [
        (1.0, 1.9, 1.9),
        (1.0, 2.1, 2.1),
        (2.5, 1.9, 1.9),
        (2.5, 2.1, 2.1),
        (0.5, 3.9, 1.95),
        (0.5, 4.1, 2.05),
    ],
)
def test_what_a_busy_machine_adds_is_left_out(machine, slower, took, measured):
    machine.slower = slower

    _, seconds = timed(lambda: machine.spend(took), BAR)

    assert seconds == pytest.approx(measured)


def test_work_that_stays_below_its_bar_is_done_once(machine):
    calls = []

    result, _ = timed(lambda: calls.append(machine.spend(1.9)) or "done", BAR)

    assert (result, len(calls)) == ("done", 1)


def test_work_that_is_too_slow_is_measured_three_times_and_the_least_counts(machine):
    times = iter([5.0, 3.0, 4.0])

    _, seconds = timed(lambda: machine.spend(next(times)), BAR)

    assert seconds == pytest.approx(3.0)
    assert next(times, None) is None


def test_a_trace_is_switched_off_after_the_first_try_and_on_again(machine):
    traces = []

    def trace(*_):
        return None

    def work():
        traces.append(sys.gettrace())
        machine.spend(3.0)

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        timed(work, BAR)
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)
    assert traces == [trace, None, None]


def test_work_that_never_changes_takes_some_time():
    _, seconds = timing._measured(timing._unchanging_work)

    assert seconds > REFERENCE / 10
