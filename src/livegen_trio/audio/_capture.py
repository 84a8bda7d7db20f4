"""The user's voice on its way to the session."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from inspect import isasyncgen
from typing import TYPE_CHECKING

import anyio.lowlevel
import trio

from .._errors import LocalProtocolError
from .._protocol.sound import check_rate
from .._session.closed import SessionClosedError
from ._source import Recutter

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from typing_extensions import Buffer

    from .._session.session import LiveSession


class Capture:
    """Sends the sound of a source, and marks its end.

    Args:
        session: The session.
        source: Yields PCM.
        rate: Its samples a second.
        is_muted: Called for each message: while it is true, silence is sent in place of the sound, since the server's
            voice detection needs a stream without holes.

    Raises:
        LocalProtocolError: The rate is no rate of sound.
    """

    def __init__(
        self,
        session: LiveSession,
        source: AsyncIterable[Buffer],
        rate: int,
        *,
        is_muted: Callable[[], bool],
    ) -> None:
        self._session = session
        self._source = source
        rate = check_rate(rate)
        self._mime_type = f"audio/pcm;rate={rate}"
        self._recutter = Recutter(rate)
        self._is_muted = is_muted
        self._is_open = False

    async def run(self) -> None:
        """Send until the source ends, or the session does. Raises what the source raises.

        Raises:
            LocalProtocolError: The source yields something other than PCM.
        """
        async with AsyncExitStack() as stack:
            if isasyncgen(self._source):  # nothing else can read on; other sources belong to their openers
                stack.push_async_callback(self._source.aclose)
            async for pcm in self._source:
                chunks = self._recutter.cut(pcm)
                if not chunks:
                    await anyio.lowlevel.checkpoint()  # a source that never waits lets others run
                if not await self._send(chunks):
                    return
        if await self._send(self._recutter.rest()):
            with suppress(SessionClosedError, trio.ClosedResourceError):  # receiving raises it
                await self.end()

    async def end(self) -> None:
        """Send the end of the audio, if any was sent, so that the server doesn't wait for more.

        Raises:
            SessionClosedError: The session has ended.
            trio.ClosedResourceError: The session was closed on this side.
        """
        if self._is_open:
            with suppress(LocalProtocolError):  # activity is marked by hand: the server doesn't wait
                await self._session.end_audio()
            self._is_open = False

    async def _send(self, chunks: Sequence[bytes]) -> bool:
        """Send *chunks*. Return False if the session has ended."""
        try:
            for chunk in chunks:
                data = bytes(len(chunk)) if self._is_muted() else chunk
                await self._session.send_audio_realtime(data, mime_type=self._mime_type)
                self._is_open = True
        except (SessionClosedError, trio.ClosedResourceError):
            return False  # receiving raises how
        return True
