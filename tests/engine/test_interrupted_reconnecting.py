"""Ctrl+C at every line of what keeps a session connected: it leaves the block bare, and the server gets a Close."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import trio
import trio.testing

from livegen_trio import Reconnected
from livegen_trio._engine import (
    connection,
    dialler,
    hand_over,
    next_setup,
    observers,
    shielded_nursery,
    succession,
    supervisor,
    triggers,
)
from livegen_trio.transports.memory import MemoryTransport
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, model_on, text

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import TraceFunction

    from livegen_trio.transports.base import Progress, Transport

MODULES = (
    connection,
    dialler,
    hand_over,
    next_setup,
    observers,
    shielded_nursery,
    succession,
    supervisor,
    triggers,
)
FILES = {module.__file__ for module in MODULES}


class Interrupter:
    """Raises SIGINT just before the nth of the lines that are run for the first time."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.seen: set[tuple[str, int]] = set()
        self.was_raised_in = ""

    def trace(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        code = frame.f_code
        if code.co_filename not in FILES:
            return None
        if event == "line" and (code.co_filename, frame.f_lineno) not in self.seen:
            self.seen.add((code.co_filename, frame.f_lineno))
            self.left -= 1
            if self.left == 0:
                self.was_raised_in = f"{code.co_qualname}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self.trace


class RecordsEnd(MemoryTransport):
    """Remembers how it was ended on this side: by a close code, or by an abort."""

    ends: list[int | None]

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        self.ends.append(code)
        await super().aclose(code, reason)

    async def abort(self) -> None:
        self.ends.append(None)
        await super().abort()


class RecordingFleet(Fleet):
    """Keeps how this side has ended each connection."""

    def __init__(self) -> None:
        super().__init__(SETUP_COMPLETE, HANDLE)
        self.ends: list[list[int | None]] = []
        self.was_cut = False
        self.opened = 1

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        ours = await super().dial(nursery, progress)
        ours.__class__ = RecordsEnd
        assert isinstance(ours, RecordsEnd)
        ours.ends = []
        self.ends.append(ours.ends)
        return ours


async def converse(fleet: RecordingFleet, interrupter: Interrupter) -> None:
    """Converse on three connections: lost, announced to end, and left; interrupted after the first setup."""
    fleet.lost_network = True
    try:
        async with model_on(fleet).connect(close_timeout=2) as session:
            sys.settrace(interrupter.trace)
            for task in _tasks():
                if task.coro.cr_frame is not None:
                    task.coro.cr_frame.f_trace = interrupter.trace
            await session.send("Hello")
            await fleet.peer.say(text("Hi!"), TURN_COMPLETE)
            fleet.was_cut = True
            await fleet.peer.transport.abort()
            while not isinstance(await session.receive(), Reconnected):
                pass
            await fleet.peer.say(text("Where were we?"), TURN_COMPLETE, {"goAway": {"timeLeft": "9s"}})
            while not isinstance(await session.receive(), Reconnected):
                pass
            await session.resume_session()
            await fleet.peer.say(text("And on."), TURN_COMPLETE)
            await trio.sleep(0.1)
    finally:
        sys.settrace(None)
        fleet.opened += session.statistics().reconnections


def _tasks() -> list[trio.lowlevel.Task]:
    found, nurseries = list[trio.lowlevel.Task](), [*trio.lowlevel.current_task().child_nurseries]
    while nurseries:
        for task in nurseries.pop().child_tasks:
            found.append(task)
            nurseries.extend(task.child_nurseries)
    return found


def test_ctrl_c_leaves_the_block_bare_and_closes_the_connection() -> None:
    n = 0
    while True:
        n += 1
        fleet, interrupter = RecordingFleet(), Interrupter(n)
        clock = trio.testing.MockClock(autojump_threshold=0)
        try:
            trio.run(converse, fleet, interrupter, clock=clock)
        except KeyboardInterrupt:
            assert interrupter.was_raised_in
        else:
            assert not interrupter.was_raised_in
            break
        was_lost = fleet.was_cut and len(fleet.ends) == 1
        is_open = len(fleet.ends) == fleet.opened
        if is_open and not was_lost:
            assert fleet.ends[-1][0] == 1000, (interrupter.was_raised_in, fleet.ends, fleet.opened)
    assert n > 100
