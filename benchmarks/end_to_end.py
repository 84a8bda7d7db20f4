"""CPU, latency and memory of whole sessions on loopback: this library beside google-genai and beside the floor.

A server that costs next to nothing runs on one core, and one client at a time on another. The clients take turns, and
medians are told. `--json` prints everything as one JSON object; `--short` takes less than a minute, and its figures
mean little; `--instructions` counts instructions by valgrind, where that is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent
OURS: Final = "livegen_trio"
PEER: Final = "google-genai"
FLOOR: Final = "floor"
SCRIPTS: Final = {
    PEER: "_client_google_genai.py",
    "websockets": "_client_websockets.py",
    FLOOR: "_client_floor.py",
    OURS: "_client_ours.py",
}
TOO_LATE_MS: Final = 20
PATIENCE: Final = 300  # seconds that one client may take

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What is done by each client."""

    sessions: int
    chunk_ms: int
    pairs: int
    mode: str = "busy"
    tls: bool = False

    def __str__(self) -> str:
        plural = "s" if self.sessions > 1 else ""
        return f"{self.sessions} session{plural}, {self.chunk_ms} ms, {'TLS' if self.tls else 'plain'}"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int
    busy: tuple[Case, ...]
    paced: tuple[Case, ...]
    idle: Case


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
    paced=tuple(Case(sessions, 20, 250, "paced") for sessions in (50, 75, 100, 200, 300, 400, 500, 600)),
    idle=Case(100, 20, 1, "idle"),
)
SHORT: Final = Plan(
    rounds=1,
    busy=(Case(1, 20, 200, tls=True), Case(10, 20, 50)),
    paced=(Case(20, 20, 50, "paced"),),
    idle=Case(10, 20, 1, "idle"),
)


class Bench:
    """Runs the clients, each in a process of its own, against a server in another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(folder / "authority.pem")
        certificate = self._authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
        # Where there is but one core to be had, all share it.
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._cores = (cores[0], cores[-1]) if cores else None

    def compare(self, case: Case, names: tuple[str, ...], rounds: int) -> dict[str, Result]:
        """The medians of *rounds* by client, and how far apart their CPU times were."""
        results: dict[str, list[Result]] = defaultdict(list)
        with self._server(case) as port:
            for _ in range(rounds):
                for name in names:
                    results[name].append(self.run(name, case, port))
        return {name: _medians(some) for name, some in results.items()}

    def run(self, name: str, case: Case, port: int, *before: str) -> Result:
        """What one client tells of itself."""
        command = [*before, sys.executable, str(HERE / SCRIPTS[name]), self._options(case, port)]
        done = subprocess.run(  # noqa: S603 - our own script
            self._pinned(0, command), capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr}")
        result: Result = json.loads(done.stdout.splitlines()[-1])
        result["stderr"] = done.stderr
        return result

    def instructions(self, name: str) -> float:
        """How many instructions a pair takes, in thousands: by the difference of two runs."""
        few, many = Case(10, 20, 20), Case(10, 20, 60)
        counts = []
        for case in (few, many):
            with self._server(case) as port:
                grind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
                found = re.search(r"Collected : (\d+)", self.run(name, case, port, *grind)["stderr"])
                assert found is not None
                counts.append(int(found[1]))
        return (counts[1] - counts[0]) / (many.pairs - few.pairs) / many.sessions / 1000

    @contextmanager
    def _server(self, case: Case) -> Iterator[int]:
        files = [str(self._folder / name) for name in ("certificate.pem", "key.pem")] if case.tls else []
        command = [sys.executable, str(HERE / "_fast_server.py"), str(case.chunk_ms), *files]
        with subprocess.Popen(  # noqa: S603 - the same
            self._pinned(1, command), stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            try:
                yield int(server.stdout.readline())
            finally:
                server.kill()

    def _options(self, case: Case, port: int) -> str:
        authority = str(self._folder / "authority.pem") if case.tls else None
        return json.dumps(
            {
                "port": port,
                "authority": authority,
                "sessions": case.sessions,
                "chunk_ms": case.chunk_ms,
                "pairs": case.pairs,
                "mode": case.mode,
            }
        )

    def _pinned(self, which: int, command: list[str]) -> list[str]:
        if self._cores is None or shutil.which("taskset") is None:
            return command
        return ["taskset", "--cpu-list", str(self._cores[which]), *command]


def _medians(results: list[Result]) -> Result:
    medians = {
        key: median(result[key] for result in results)
        for key, value in results[0].items()
        if isinstance(value, int | float)
    }
    if "us_a_pair" in medians:
        times = [result["us_a_pair"] for result in results]
        medians["spread"] = (max(times) - min(times)) / medians["us_a_pair"]
    return medians


def busy(bench: Bench, plan: Plan) -> dict[str, dict[str, Result]]:
    """CPU time, as fast as it goes."""
    row = "{:30}{:>14}{:>12}{:>8}{:>14}{:>12}{:>8}{:>8}"
    print(row.format("us of CPU a pair", *SCRIPTS, "times less", "floors", "spread"))
    table = {}
    for case in plan.busy:
        results = table[str(case)] = bench.compare(case, tuple(SCRIPTS), plan.rounds)
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
        results = table[str(case)] = bench.compare(case, tuple(names), 1)
        for name, result in results.items():
            shares = f"{result['load']:.0%}", f"{result['delivered']:.0%}"
            late = f"{result['p50_ms']:.2f}", f"{result['p99_ms']:.2f}"
            print(row.format(case.sessions, name, *shares, *late))
            if result["delivered"] < 1 or result["p99_ms"] > TOO_LATE_MS:
                names.remove(name)
    return table


def idle(bench: Bench, plan: Plan) -> dict[str, float]:
    """KiB of memory that a session takes which does nothing."""
    one = Case(1, plan.idle.chunk_ms, 1, "idle", plan.idle.tls)
    sizes = {}
    for name in (PEER, OURS):
        many, few = (bench.compare(case, (name,), plan.rounds)[name]["rss_kb"] for case in (plan.idle, one))
        sizes[name] = (many - few) / (plan.idle.sessions - 1)
    _compare("\nan idle session", sizes, "KiB")
    return sizes


def imports(plan: Plan) -> dict[str, float]:
    """Milliseconds of CPU that an import takes."""
    program = "import time; start = time.process_time(); import {}; print(time.process_time() - start)"
    modules = {PEER: "google.genai.live", OURS: "livegen_trio"}
    times = {
        name: 1000 * median(_seconds(program.format(module)) for _ in range(plan.rounds))
        for name, module in modules.items()
    }
    _compare("import", times, "ms")
    return times


def _seconds(program: str) -> float:
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)  # noqa: S603 - our own


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
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
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
