"""Timing layerkit and a peer in turns, in one run."""

import statistics
import time
from collections.abc import Callable, Mapping


def compare(
    ours: Callable[[], object],
    peers: Mapping[str, Callable[[], Callable[[], object]]],
    *,
    rounds: int = 11,
    calls: int = 10,
) -> float:
    """Print the time of a call of layerkit and of the best peer, and return their ratio.

    Args:
        ours: What layerkit does.
        peers: By name, what prepares a peer (its number of threads, say) and returns the function
            to call. The peer with the least median counts.
        rounds: How many times each is timed, in turns.
        calls: The calls of one round.
    """
    seconds(ours, calls)
    for prepare in peers.values():
        seconds(prepare(), calls)
    times: dict[str, list[float]] = {name: [] for name in ("layerkit", *peers)}
    for _ in range(rounds):
        times["layerkit"].append(seconds(ours, calls))
        for name, prepare in peers.items():
            times[name].append(seconds(prepare(), calls))
    for name, each in times.items():
        print(f"{name:24s}{statistics.median(each) * 1e3:9.3f} ms")
    best = min(peers, key=lambda name: statistics.median(times[name]))
    ratios = sorted(a / b for a, b in zip(times["layerkit"], times[best], strict=True))
    ratio = statistics.median(ratios)
    print(
        f"ratio to {best:15s}{ratio:9.2f}  (from {ratios[0]:.2f} to {ratios[-1]:.2f} over "
        f"{rounds} rounds of {calls} calls)"
    )
    return ratio


def seconds(f: Callable[[], object], calls: int) -> float:
    """Return the time of one call, as the mean of many."""
    began = time.perf_counter()
    for _ in range(calls):
        f()
    return (time.perf_counter() - began) / calls
