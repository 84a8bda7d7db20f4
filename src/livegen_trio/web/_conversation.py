"""One Live session, and the browser that it is held with, over one connection after another."""

from __future__ import annotations

import math
import secrets
from typing import TYPE_CHECKING

import anyio
import trio

from .._errors import LiveError
from .._protocol.sound import SampleCutter
from ..types import Blob
from ._messages import Activity, Downlink, End, Image, MicrophoneOff, Text, error

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from .._session.session import LiveSession
    from ._limits import Limits
    from ._messages import Upward
    from ._window import Window


class Conversation:
    """A session with a browser that may lose its network and come back.

    Args:
        session: The session.
        window: What the browser has not acknowledged.
        limits: For how long.
        activities: Holds the activity that push to talk marks by hand.
    """

    def __init__(
        self, session: LiveSession, window: Window, limits: Limits, activities: AsyncExitStack
    ) -> None:
        self._session = session
        self._limits = limits
        self._activities = activities
        self._samples = SampleCutter()
        self._over = anyio.Event()
        self._left = anyio.Event()
        self._connection: anyio.CancelScope | None = None
        self.window = window
        self.id: str = secrets.token_urlsafe(24)
        self.active_at: float = anyio.current_time()

    async def pump(self, *, show_tools: bool) -> None:
        """Put what the session receives into the window, as fast as the browser acknowledges it."""
        downlink = Downlink(show_tools=show_tools)
        try:
            async for event in self._session:
                await self.window.wait_room()
                for message in downlink.messages(event):
                    self.window.put(message)
        except (LiveError, trio.ClosedResourceError) as exc:
            self.end("session_closed", f"the conversation with the model has ended: {exc}")
        else:
            self.end("session_closed", "the conversation with the model has ended; start another one")

    def end(self, code: str, message: str) -> None:
        """End the conversation once what is in the window has been sent, an error last."""
        if not self.window.is_closed:
            self.window.put(error(code, message))
            self.window.close()
        self._over.set()

    async def wait_over(self, resume_seconds: float) -> None:
        """Wait until the conversation is over, or its browser has been away for *resume_seconds*, or time is up."""
        started = anyio.current_time()
        away_since = math.inf
        while not self._over.is_set():
            now = anyio.current_time()
            away_since = math.inf if self._connection is not None else min(away_since, now)
            if now - away_since >= resume_seconds:
                self._over.set()
            elif now - started >= self._limits.seconds:
                self.end(
                    "time_up", f"a conversation lasts {self._limits.seconds:.0f} s at most; start another one"
                )
            elif now - self.active_at >= self._limits.idle_seconds:
                self.end("idle", f"nothing was said for {self._limits.idle_seconds:.0f} s; start again")
            else:
                with anyio.move_on_after(0.25):
                    await self._over.wait()

    def join(self, scope: anyio.CancelScope) -> None:
        """Have a connection take the place of the one before, which is cancelled."""
        if self._connection is not None:
            self._connection.cancel()
        self._connection = scope
        self._left = anyio.Event()
        self._samples.clear()

    def leave(self, scope: anyio.CancelScope) -> None:
        """Note that a connection has ended."""
        if self._connection is scope:
            self._connection = None
            self._left.set()

    async def wait_left(self) -> None:
        """Wait until no connection is left."""
        if self._connection is not None:
            await self._left.wait()

    async def hear(self, data: bytes) -> None:
        """Send sound of the browser to the model, in whole samples."""
        if samples := self._samples.cut(data):
            self.active_at = anyio.current_time()
            await self._session.send_audio_realtime(samples)

    async def do(self, message: Upward) -> None:
        """Carry out what a browser asks for.

        Raises:
            LocalProtocolError: The session doesn't allow it.
            SessionClosedError: The session has ended.
        """
        self.active_at = anyio.current_time()
        match message:
            case Text():
                await self._session.send(message.text)
            case Image():
                await self._session.send_video_realtime(Blob(mime_type=message.mime_type, data=message.data))
            case Activity(active=True):
                await self._activities.enter_async_context(self._session.activity())
            case Activity():
                await self._activities.aclose()
            case MicrophoneOff():
                await self._session.end_audio()
            case End():
                self.window.close()
                self._over.set()
            case _:
                pass
