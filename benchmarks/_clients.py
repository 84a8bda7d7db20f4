"""Runs the clients that are compared, each in a process of its own, against a server in another."""

from __future__ import annotations

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
WEBSOCKETS: Final = "websockets"
ON_ASYNCIO: Final = "on asyncio"
ON_UVLOOP: Final = "on uvloop"
SCRIPTS: Final = {
    PEER: "_client_google_genai.py",
    WEBSOCKETS: "_client_websockets.py",
    FLOOR: "_client_floor.py",
    OURS: "_client_ours.py",
    ON_ASYNCIO: "_client_on_asyncio.py",
    ON_UVLOOP: "_client_on_asyncio.py",
}
LOOPS: Final = {ON_ASYNCIO: "asyncio", ON_UVLOOP: "uvloop"}
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


class Bench:
    """Runs the clients. Made by `benching`."""

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
        command = [*before, sys.executable, str(HERE / SCRIPTS[name]), self._options(name, case, port)]
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

    def _options(self, name: str, case: Case, port: int) -> str:
        authority = str(self._folder / "authority.pem") if case.tls else None
        return json.dumps(
            {
                "port": port,
                "authority": authority,
                "sessions": case.sessions,
                "chunk_ms": case.chunk_ms,
                "pairs": case.pairs,
                "mode": case.mode,
                "loop": LOOPS.get(name, "trio"),
            }
        )

    def _pinned(self, which: int, command: list[str]) -> list[str]:
        if self._cores is None or shutil.which("taskset") is None:
            return command
        return ["taskset", "--cpu-list", str(self._cores[which]), *command]


@contextmanager
def benching() -> Iterator[Bench]:
    """A bench, with a folder for its certificates."""
    with tempfile.TemporaryDirectory() as folder:
        yield Bench(Path(folder))


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
