"""A session as a pair of AnyIO's object streams, for code that works with any stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeGuard, cast

import anyio.abc

from ..types import Blob, FunctionResponse, ServerEvent
from ._view import View

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._inputs import ContentInput
    from .._session.session import LiveSession

SessionInput: TypeAlias = "ContentInput | Blob | Buffer | FunctionResponse | Sequence[FunctionResponse]"
"""Items that `input_stream` sends: content, media, or responses of tools."""


class EventStream(View, anyio.abc.ObjectReceiveStream[ServerEvent]):
    """A session's events. Made by `event_stream`."""

    async def receive(self) -> ServerEvent:
        """Receive the next event. Cancelling this loses none.

        Raises:
            anyio.EndOfStream: The server ended the session normally.
            anyio.BrokenResourceError: The session ended otherwise; the cause is the `SessionClosedError`.
            anyio.ClosedResourceError: This stream was closed, or the session on this side.
            anyio.BusyResourceError: Another task is receiving.
        """
        return await self._wait_for(self._session.receive(), action="receiving from")


class InputStream(View, anyio.abc.ObjectSendStream[SessionInput]):
    """A session's input. Made by `input_stream`."""

    async def send(self, item: SessionInput) -> None:
        """Send *item*, in the way that its type asks for; see `input_stream`.

        Raises:
            anyio.BrokenResourceError: The session has ended; the cause is the `SessionClosedError`.
            anyio.ClosedResourceError: This stream was closed, or the session on this side.
            anyio.WouldBlock: There is no room for media, and `Buffering(media="fail")` was asked for.
            LocalProtocolError: It may not be sent now, or there is nothing in it.
        """
        await self._wait_for(self._send(item), action="sending to")

    async def _send(self, item: SessionInput) -> None:
        session = self._session
        match item:
            case Blob() if item.mime_type.lower().startswith("audio/"):
                await session.send_audio_realtime(item)
            case Blob():
                await session.send_video_realtime(item)
            case _ if _has_buffer(item):
                await session.send_audio_realtime(item)
            case FunctionResponse():
                await session.send_function_responses([item])
            case _ if _are_responses(item):
                # The first one decides for all; the codec refuses others.
                await session.send_function_responses(cast("Sequence[FunctionResponse]", item))
            case _:
                await session.send(cast("ContentInput", item))  # `send` refuses what it doesn't know


def event_stream(session: LiveSession) -> EventStream:
    """The events of *session* as an AnyIO stream, which fails as AnyIO's do.

    It is a view: what it receives, the session doesn't receive any more. Closing it leaves the session open.
    """
    return EventStream(session)


def input_stream(session: LiveSession) -> InputStream:
    """A stream that sends to *session*, by the type of what is sent, and fails as AnyIO's do.

    Text, a `Part`, several of these, or a `Content` are the user's, and answered: `session.send`. A `Blob` is media,
    sent in real time as audio or video; bytes are 16 kHz PCM. A `FunctionResponse` or several answer tool calls.

    It is a view: closing it leaves the session open. Say `session.end_audio()` when the microphone is off.
    """
    return InputStream(session)


def _has_buffer(item: object) -> TypeGuard[Buffer]:
    try:
        memoryview(item)  # type: ignore[arg-type]  # whether it can be one is the question
    except TypeError:
        return False
    return True


def _are_responses(item: object) -> bool:
    if not isinstance(item, Sequence) or isinstance(item, str) or not item:
        return False
    return isinstance(cast("Sequence[object]", item)[0], FunctionResponse)
