"""Media on their way from asyncio to Trio: posted without waiting, as long as there is room for them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import anyio.lowlevel
import trio

from .._resumption.inputs import Kind

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._engine.engine import Engine
    from .._protocol.codec import MediaKind
    from ._bridge import Bridge

_MAX_POSTED: Final = 2**18  # bytes that are posted, and not yet in the session's buffer


class MediaPoster:
    """Encodes media on the loop's thread, and posts them to the outbox of *engine*.

    Whether there is room is read across threads, as single values that don't depend on one another. Where there is
    none, a chunk is a call on Trio, which waits for room.
    """

    def __init__(self, engine: Engine, bridge: Bridge) -> None:
        self._engine = engine
        self._bridge = bridge
        self._outbox = engine.operations.outbox
        self._posted = 0  # bytes, counted on the loop
        self._put = 0  # bytes, counted on Trio
        self._in_a_row = 0  # chunks without a pause in which Trio could take them

    async def send(self, kind: MediaKind, data: Buffer, mime_type: str) -> None:
        """Send a chunk, whole or not at all; see `Engine.send_media`."""
        self._bridge.host.check_runs_here()
        await anyio.lowlevel.checkpoint_if_cancelled()
        self._outbox.check_open()
        on_the_way = self._posted - self._put
        self._in_a_row = self._in_a_row + 1 if on_the_way else 0
        if on_the_way >= _MAX_POSTED or not self._outbox.has_room(Kind.MEDIA, coming=on_the_way):
            after, self._in_a_row = self._in_a_row, 0
            await self._bridge.call(partial(self._send_later, kind, data, mime_type, after=after))
            return
        frame = self._engine.protocol.send_media(kind, data, mime_type)
        if frame is None:
            await anyio.lowlevel.cancel_shielded_checkpoint()  # a source of empty chunks lets others run
            return
        self._posted += len(frame)
        self._bridge.post(partial(self._put_frame, frame))

    # On Trio

    def _put_frame(self, frame: bytes) -> None:
        self._put += len(frame)
        self._outbox.put(frame, Kind.MEDIA)

    async def _send_later(self, kind: MediaKind, data: Buffer, mime_type: str, *, after: int) -> None:
        # As if those before had been put one by one: whether there is room then is up to the network.
        for _ in range(after):
            await trio.lowlevel.checkpoint()
        await self._engine.send_media(kind, data, mime_type)
