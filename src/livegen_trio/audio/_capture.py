"""The user's voice on its way to the session."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from inspect import isasyncgen
from typing import TYPE_CHECKING

import trio

from .._errors import LocalProtocolError
from .._session.closed import SessionClosedError
from ._source import Recutter

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from typing_extensions import Buffer

    from .._session.session import LiveSession


class Capture:
    """Sends what a source yields, and says when there is no more.

    *is_muted* is asked for each message: while it is so, silence goes out in place of the sound. The server's detection
    of voices wants a stream without holes.
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
        self._mime_type = f"audio/pcm;rate={rate}"
        self._recutter = Recutter(rate)
        self._is_muted = is_muted
        self._is_open = False

    async def run(self) -> None:
        """Send until the source ends, or the session does. Raises what the source raises."""
        async with AsyncExitStack() as stack:
            if isasyncgen(self._source):  # nobody else can read on; other sources belong to their openers
                stack.push_async_callback(self._source.aclose)
            async for pcm in self._source:
                if not await self._send(self._recutter.cut(pcm)):
                    return
        if await self._send(self._recutter.rest()):
            with suppress(SessionClosedError, trio.ClosedResourceError):  # whoever receives is told
                await self.end()

    async def end(self) -> None:
        """Say that the microphone is off, if it was on, so that the server doesn't wait for more.

        Raises:
            SessionClosedError: The session has ended.
            trio.ClosedResourceError: The session was closed on this side.
        """
        if self._is_open:
            with suppress(LocalProtocolError):  # the user's activity is marked by hand: nobody waits
                await self._session.end_audio()
            self._is_open = False

    async def _send(self, chunks: Sequence[bytes]) -> bool:
        """Send *chunks*; False if the session has ended."""
        try:
            for chunk in chunks:
                data = bytes(len(chunk)) if self._is_muted() else chunk
                await self._session.send_audio_realtime(data, mime_type=self._mime_type)
                self._is_open = True
        except (SessionClosedError, trio.ClosedResourceError):
            return False  # whoever receives is told how
        return True
