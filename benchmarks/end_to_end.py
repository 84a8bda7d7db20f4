"""CPU, latency and memory of whole sessions on loopback: this library beside google-genai and beside the floor.

A server that costs next to nothing runs on one core, and one client at a time on another. The clients take turns, and
medians are told. `--json` prints everything as one JSON object; `--short` takes less than a minute, and its figures
mean little; `--instructions` counts instructions by valgrind, where that is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Final

from _clients import FLOOR, OURS, PEER, WEBSOCKETS, Bench, Case, benching

if TYPE_CHECKING:
    from _clients import Result

NAMES: Final = (PEER, WEBSOCKETS, FLOOR, OURS)
TOO_LATE_MS: Final = 20
PACED_ROUNDS: Final = 3  # each takes its time


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    busy: tuple[Case, ...]
    paced: tuple[Case, ...]
    idle: tuple[Case, ...]


FULL: Final = Plan(
    rounds=5,
    busy=tuple(
        Case(sessions, chunk_ms, pairs, tls=tls)
        for sessions, chunk_ms, pairs in (
            (1, 20, 4000),
            (50, 20, 300),
            (50, 40, 300),
            (50, 100, 200),
            (200, 20, 80),
            (500, 20, 40),
        )
        for tls in (True, False)
    ),
    paced=tuple(Case(sessions, 20, 250, "paced") for sessions in (50, 100, 200, 300, 400, 500, 600, 700)),
    idle=tuple(Case(500, 20, 1, "idle", tls) for tls in (True, False)),
)
SHORT: Final = Plan(
    rounds=1,
    busy=(Case(1, 20, 200, tls=True), Case(10, 20, 50)),
    paced=(Case(20, 20, 50, "paced"),),
    idle=(Case(10, 20, 1, "idle", tls=True),),
)


def busy(bench: Bench, plan: Plan) -> dict[str, dict[str, Result]]:
    """CPU time, as fast as it goes."""
    row = "{:30}{:>14}{:>12}{:>8}{:>14}{:>12}{:>8}{:>8}"
    print(row.format("us of CPU a pair", *NAMES, "times less", "floors", "spread"))
    table = {}
    for case in plan.busy:
        results = table[str(case)] = bench.compare(case, NAMES, plan.rounds)
        times = {name: result["us_a_pair"] for name, result in results.items()}
        ratios = f"{times[PEER] / times[OURS]:.1f}x", f"{times[OURS] / times[FLOOR]:.1f}x"
        spread = max(result["spread"] for result in results.values())
        print(row.format(str(case), *(f"{one:.1f}" for one in times.values()), *ratios, f"{spread:.0%}"))
    return table


def paced(bench: Bench, plan: Plan) -> dict[str, dict[str, Result]]:
    """Load and lateness, in real time; a client that can't keep up is not asked for more."""
    row = "{:>10} {:14}{:>8}{:>11}{:>9}{:>9}"
    print("\n" + row.format("real time", "client", "load", "delivered", "p50 ms", "p99 ms"))
    table: dict[str, dict[str, Result]] = {}
    names = [PEER, FLOOR, OURS]
    for case in plan.paced:
        results = table[str(case)] = bench.compare(case, tuple(names), min(plan.rounds, PACED_ROUNDS))
        for name, result in results.items():
            shares = f"{result['load']:.0%}", f"{result['delivered']:.0%}"
            late = f"{result['p50_ms']:.2f}", f"{result['p99_ms']:.2f}"
            print(row.format(case.sessions, name, *shares, *late))
            if result["delivered"] < 1 or result["p99_ms"] > TOO_LATE_MS:
                names.remove(name)
    return table


def idle(bench: Bench, plan: Plan) -> dict[str, dict[str, float]]:
    """KiB of memory that a session takes which does nothing."""
    table: dict[str, dict[str, float]] = {}
    for many in plan.idle:
        one = replace(many, sessions=1)
        sizes: dict[str, float] = {}
        for name in (PEER, OURS):
            most, least = (bench.compare(case, (name,), 1)[name]["rss_kb"] for case in (many, one))
            sizes[name] = (most - least) / (many.sessions - 1)
        table[str(many)] = sizes
        _compare(f"an idle session of {many}", sizes, "KiB")
    return table


def imports(plan: Plan) -> dict[str, float]:
    """Milliseconds of CPU that an import takes, from the second time on, when all is compiled."""
    program = "import time; start = time.process_time(); import {}; print(time.process_time() - start)"
    modules = {PEER: "google.genai.live", OURS: "livegen_trio"}
    times = {name: 1000 * _seconds(program.format(module), plan.rounds) for name, module in modules.items()}
    _compare("import", times, "ms")
    return times


def _seconds(program: str, rounds: int) -> float:
    """The median of what *program* prints, after a first time that doesn't count."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = [
        float(
            subprocess.run(  # noqa: S603 - our own
                [sys.executable, "-c", program], env=environment, capture_output=True, check=True
            ).stdout
        )
        for _ in range(1 + rounds)
    ]
    return median(times[1:])


def instructions(bench: Bench) -> dict[str, float]:
    """Thousands of instructions that a pair takes, plain."""
    counts = {name: bench.instructions(name) for name in (PEER, FLOOR, OURS)}
    _compare("instructions a pair", counts, "thousand")
    return counts


def _compare(what: str, values: dict[str, float], unit: str) -> None:
    told = ", ".join(f"{name} {value:.0f} {unit}" for name, value in values.items())
    print(f"{what}: {told}: {values[OURS] / values[PEER]:.2f} times")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--instructions", action="store_true")
    arguments = parser.parse_args()
    plan = SHORT if arguments.short else FULL
    with benching() as bench:
        report: dict[str, object] = {
            "busy": busy(bench, plan),
            "paced": paced(bench, plan),
            "idle_kib": idle(bench, plan),
            "import_ms": imports(plan),
        }
        if arguments.instructions:
            report["instructions"] = instructions(bench)
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
