"""What the clients that are compared have in common: what they are told, and what is measured."""

from __future__ import annotations

import gc
import json
import os
import ssl
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, TypeVar

MODEL: Final = "gemini-2.5-flash-native-audio-preview-12-2025"
MIME_TYPE: Final = "audio/pcm;rate=16000"
PATH: Final = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Options:
    """What a client is told.

    Attributes:
        port: Where the server listens.
        authority: A file with the certificate to trust; None without TLS.
        sessions: How many of them.
        chunk_ms: How much speech a message has.
        pairs: Messages sent and received, a session.
        mode: "busy" sends a chunk as soon as the last one is answered; "paced" in real time, so that lateness shows;
            "idle" only holds the sessions.
        transport: Of this library's sessions.
        loop: What they are used on.
    """

    port: int
    authority: str | None
    sessions: int
    chunk_ms: int
    pairs: int
    mode: Literal["busy", "paced", "idle"] = "busy"
    transport: Literal["direct", "trio-websocket"] = "direct"
    loop: Literal["trio", "asyncio", "uvloop"] = "trio"

    @property
    def chunk(self) -> bytes:
        """Speech of 16 kHz."""
        return bytes(32 * self.chunk_ms)

    @property
    def interval(self) -> float:
        """Seconds between two chunks in real time."""
        return self.chunk_ms / 1000

    @property
    def patience(self) -> float:
        """Seconds that a paced client has in all."""
        return self.pairs * self.interval + 1

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """Trusts the server."""
        return None if self.authority is None else ssl.create_default_context(cafile=self.authority)

    def url(self, scheme: str) -> str:
        """The server's, with an `s` if there is TLS."""
        return f"{scheme}{'' if self.authority is None else 's'}://127.0.0.1:{self.port}"

    def shifts(self, sessions: list[_T]) -> list[tuple[list[_T], float]]:
        """Which of *sessions* speak at the same time, and how many seconds after the first: a millisecond apart."""
        count = self.chunk_ms
        return [(sessions[n::count], n / 1000) for n in range(count) if sessions[n::count]]


class Measurement:
    """The time from when all sessions are open until all have done, and how late what was received was."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._unfinished = options.sessions
        self._received = 0
        self._latenesses: list[float] = []
        self._cpu = self._wall = 0.0

    def begin(self) -> None:
        """All sessions are open. The garbage collector forgets these and looks rarely, as in a server that is tuned."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 50, 50)
        self._cpu = time.process_time()
        self._wall = time.perf_counter()

    def received(self, speech: bytes, sent_at: float | None = None) -> None:
        """Some speech was received, whose question went out then."""
        assert len(speech) == 48 * self._options.chunk_ms
        self._received += 1
        if sent_at is not None:
            self._latenesses.append(time.perf_counter() - sent_at)

    def finish_session(self) -> bool:
        """A session has done, and is still open; True for the last of them, whereupon it is told what it came to."""
        self._unfinished -= 1
        if self._unfinished:
            return False
        cpu = time.process_time() - self._cpu
        wall = time.perf_counter() - self._wall
        pairs = self._options.sessions * self._options.pairs
        self._latenesses.sort()
        _tell(
            us_a_pair=1e6 * cpu / pairs,
            load=cpu / wall,
            delivered=self._received / pairs,
            p50_ms=self._percentile(50),
            p99_ms=self._percentile(99),
        )
        return True

    def _percentile(self, percent: int) -> float | None:
        late = self._latenesses
        return 1000 * late[min(len(late) - 1, len(late) * percent // 100)] if late else None


def tell_memory() -> None:
    """Print how much memory the process has; for "idle"."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    _tell(rss_kb=pages * os.sysconf("SC_PAGE_SIZE") // 1024)


def _tell(**result: float | None) -> None:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()


def told() -> Options:
    """The options of this process."""
    return Options(**json.loads(sys.argv[1]))
