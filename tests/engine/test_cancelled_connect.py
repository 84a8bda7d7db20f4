"""`connect()` cancelled at every checkpoint on its way: nothing hangs, and the peer is left."""

from __future__ import annotations

import pytest
import trio

from livegen_trio.transports.base import ConnectionClosed, Progress, Transport
from livegen_trio.transports.memory import MemoryTransport
from support.peer import PeerBackend, model_on


@pytest.mark.parametrize("checkpoints", range(25))
async def test_a_cancelled_connect_ends_at_once_and_leaves_the_peer(
    checkpoints: int, autojump_clock: trio.testing.MockClock
) -> None:
    backend = PeerBackend()
    with trio.fail_after(60):
        scope = trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_after, checkpoints, scope)
            with scope:
                async with model_on(backend).connect():
                    await trio.sleep_forever()
            assert scope.cancelled_caught
            assert trio.current_time() == 0
    if hasattr(backend, "peer"):
        with pytest.raises(ConnectionClosed), trio.fail_after(1):
            while True:
                await backend.peer.transport.receive()


class CancelsOnReceipt(MemoryTransport):
    """Cancels *scope* at the very moment in which a frame has been received."""

    scope: trio.CancelScope

    async def receive(self) -> bytes:
        frame = await super().receive()
        self.scope.cancel()
        return frame


class CancellingBackend(PeerBackend):
    def __init__(self, scope: trio.CancelScope) -> None:
        super().__init__()
        self.scope = scope

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        ours = await super().dial(nursery, progress)
        ours.__class__ = CancelsOnReceipt
        assert isinstance(ours, CancelsOnReceipt)
        ours.scope = self.scope
        return ours


async def test_a_connect_that_is_cancelled_as_the_server_accepts_is_not_stuck(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with trio.fail_after(60), trio.CancelScope() as scope:
        backend = CancellingBackend(scope)
        async with model_on(backend).connect():
            pytest.fail("the body of a cancelled connect ran")
    assert scope.cancelled_caught
    assert trio.current_time() == 0


async def cancel_after(checkpoints: int, scope: trio.CancelScope) -> None:
    for _ in range(checkpoints):
        await trio.lowlevel.checkpoint()
    scope.cancel()
