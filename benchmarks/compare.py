"""layerkit compared with its peers: ``python benchmarks/compare.py [JOB ...]``.

Every peer has its own processes, one for each number of threads, 1 and all cores, and is
represented by the better one; layerkit chooses its threads itself. They are measured one at a time,
each once per round. Then layerkit is measured beside another program that keeps one core busy: with
the threads it chooses, and with one. The output is the median, and the median of layerkit's time
over the peer's with the quartiles of the rounds.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import footprint
from contest import Command, Contestant, Neighbour, Ratio, Times, Worker, contest
from jobs import JOBS, WIDTHS
from peers import PEERS, CannotDo

COMMAND, COMMAND_BAR = "command", 0.6
NAMES = (*JOBS, COMMAND, *footprint.JOBS)
BESIDE_BAR = 1.3
"""The most time that layerkit may take beside a neighbour, relative to one thread there."""
CLIFF = 1.5
"""The most that the time may grow from one width to the next, relative to the multiplications."""


@dataclass(frozen=True)
class Row:
    """A peer's line in the table of a job.

    Attributes:
        times: The times of the peer.
        ratio: The time of layerkit over the peer's; None for layerkit itself.
        at_most: The bar, if the peer has one.
    """

    times: Times
    ratio: Ratio | None
    at_most: float | None

    @property
    def verdict(self) -> str:
        """The bar and whether it holds, in words."""
        if self.ratio is None or self.at_most is None:
            return ""
        return f"at most {self.at_most:g}: {held(self.ratio.median <= self.at_most)}"


def main() -> None:
    """Measure the named jobs, or all of them."""
    options = arguments()
    record: dict[str, Any] = {}
    ours: dict[str, float] = {}
    for name in options.jobs or NAMES:
        if name in footprint.JOBS:
            measures = footprint.JOBS[name](options.rounds)
            print_measures(name, measures)
            record[name] = [vars(measure) | {"holds": measure.holds} for measure in measures]
        else:
            rows = compared(name, options.peers, options.rounds)
            print_rows(name, rows)
            record[name] = [recorded(row) for row in rows]
            ours[name] = rows[0].times.median
            if name in JOBS and options.neighbour:
                rows = beside_a_neighbour(name, options.rounds)
                print_rows(f"{name}, beside", rows)
                record[f"{name} beside a neighbour"] = [recorded(row) for row in rows]
        if options.json:
            options.json.write_text(json.dumps(record, indent=1))
    print_cliffs(ours)
    if options.check is not None and (broken := missed(record, options.check)):
        sys.exit(f"more than {options.check:g} times the bar: {', '.join(broken)}")


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "jobs", nargs="*", metavar="JOB", help=f"{', '.join(NAMES)}; by default all"
    )
    parser.add_argument(
        "--peers",
        default=PEERS,
        type=lambda names: names.split(","),
        help="separated by commas; by default all",
    )
    parser.add_argument(
        "--no-neighbour", dest="neighbour", action="store_false", help="only on an idle machine"
    )
    parser.add_argument("--rounds", type=int, default=9, help="the number of rounds; by default 9")
    parser.add_argument(
        "--check", type=float, metavar="TIMES", help="fail if a number exceeds TIMES its bar"
    )
    parser.add_argument("--json", type=Path, help="the file to write the numbers to")
    options = parser.parse_args()
    for kind, known, named in (("job", NAMES, options.jobs), ("peer", PEERS, options.peers)):
        if unknown := [name for name in named if name not in known]:
            parser.error(f"no {kind} {', '.join(unknown)}; there are {', '.join(known)}")
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    if options.check is not None and not 0 < options.check < math.inf:
        parser.error(f"--check must be greater than 0, got {options.check}")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    if COMMAND in (options.jobs or NAMES) and "LAYERKIT_DATA" not in os.environ:
        parser.error(f"{COMMAND}: LAYERKIT_DATA must name a folder that holds a folder mnist")
    return options


def compared(job: str, peers: Sequence[str], rounds: int) -> list[Row]:
    """Return the times of layerkit in a job, then those of each peer."""
    with ExitStack() as stack:
        contestants: list[Contestant] = []
        for peer in ("layerkit", *(peer for peer in peers if peer != "layerkit")):
            try:
                contestants += [stack.enter_context(entered) for entered in entries(job, peer)]
            except CannotDo as reason:
                print(f"{job}: without {peer}: {reason}", file=sys.stderr)
        if not contestants or contestants[0].peer != "layerkit":
            sys.exit(f"{job}: there is nothing to compare without layerkit")
        check_losses([c for c in contestants if isinstance(c, Worker)])
        ours, *theirs = contest(contestants, rounds)
    bars = JOBS[job].bars if job in JOBS else {p: COMMAND_BAR for p in peers if p != "layerkit"}
    rows = [Row(times, Ratio.between(ours, times), bars.get(times.peer)) for times in theirs]
    return [Row(ours, None, None), *rows]


def beside_a_neighbour(job: str, rounds: int) -> list[Row]:
    """Return the times of layerkit while another program has a core, then those with one thread."""
    with ExitStack() as stack:
        contestants = [
            stack.enter_context(entered)
            for entered in (Worker("layerkit", None, job), Worker("layerkit", 1, job))
        ]
        stack.enter_context(Neighbour())
        ours, alone = contest(contestants, rounds)
    return [Row(ours, None, None), Row(alone, Ratio.between(ours, alone), BESIDE_BAR)]


def entries(job: str, peer: str) -> list[Contestant]:
    """Return a peer with each number of threads."""
    # layerkit is judged by its own choice; one thread shows what that choice is worth.
    counts = (None, 1) if peer == "layerkit" else sorted({1, os.cpu_count() or 1})
    if job in JOBS:
        return [Worker(peer, count, job) for count in counts]
    if peer == "products":
        raise CannotDo("it trains nothing")
    return [Command(peer, count) for count in counts]


def check_losses(workers: Sequence[Worker]) -> None:
    """Check that all workers do the same arithmetic.

    Raises:
        SystemExit: Their first losses, from the same parameters on the same batches, differ.
    """
    comparable = [worker for worker in workers if worker.losses]
    for worker in comparable[1:]:
        pairs = zip(comparable[0].losses or [], worker.losses or [], strict=True)
        if any(abs(a - b) > 1e-3 for a, b in pairs):
            sys.exit(
                f"{comparable[0].peer} and {worker.peer} do not compute the same: "
                f"{comparable[0].losses} and {worker.losses}"
            )


def print_rows(job: str, rows: Sequence[Row]) -> None:
    """Print the table of a job."""
    print(f"\n{job:<22} {'median':>12} {'threads':>8}   layerkit's time over the peer's")
    for row in rows:
        times = row.times
        threads = "its own" if times.threads is None else str(times.threads)
        ratio = "" if row.ratio is None else str(row.ratio)
        line = f"{times.peer:<22} {duration(times.median):>12} {threads:>8}   {ratio:<23}"
        print(f"{line} {row.verdict}".rstrip(), flush=True)


def print_measures(job: str, measures: Sequence[footprint.Measure]) -> None:
    """Print the table of a job that has no peers."""
    print(f"\n{job}")
    for m in measures:
        value = f"{m.value:.3g} {m.unit} ({m.spread[0]:.3g} to {m.spread[1]:.3g})"
        print(f"{m.name:<58} {value:<26} at most {m.at_most:g}: {held(m.holds)}", flush=True)


def print_cliffs(ours: dict[str, float]) -> None:
    """Print how the time of a step grows from width to width, compared with its multiplications."""
    names = [f"width-{w}" for w in WIDTHS if f"width-{w}" in ours]
    if len(names) > 1:
        print("\nfrom width to width      time  multiplications")
    for one, two in pairwise(names):
        time, work = ours[two] / ours[one], multiplications(two) / multiplications(one)
        change = f"{one[6:]} to {two[6:]}"
        print(f"{change:<20} {time:>8.2f} {work:>16.2f}   no cliff: {held(time <= CLIFF * work)}")


def multiplications(job: str) -> int:
    """Return the number of multiplications in the forward pass of an example."""
    widths = JOBS[job].widths
    return sum(a * b for a, b in pairwise(widths))


def missed(record: dict[str, Any], times: float) -> list[str]:
    """Return, in words, the numbers that exceed ``times`` their bar."""
    excesses = []
    for job, rows in record.items():
        for row in rows:
            value = row["ratio"]["median"] if row.get("ratio") else row.get("value")
            if value is not None and row["at_most"] and value > times * row["at_most"]:
                excesses.append(f"{job}, {row.get('peer') or row['name']}: {value:.3g}")
    return excesses


def recorded(row: Row) -> dict[str, Any]:
    """Return a row as JSON values."""
    holds = row.ratio is not None and row.at_most is not None and row.ratio.median <= row.at_most
    return {
        "peer": row.times.peer,
        "threads": row.times.threads,
        "seconds": row.times.seconds,
        "ratio": row.ratio and vars(row.ratio),
        "at_most": row.at_most,
        "holds": holds if row.at_most is not None else None,
    }


def duration(seconds: float) -> str:
    """Return a time with a readable unit."""
    for size, unit in ((1, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e6:.1f} us"


def held(holds: bool) -> str:
    """Return whether something holds, in a word."""
    return "holds" if holds else "FAILS"


if __name__ == "__main__":
    main()
