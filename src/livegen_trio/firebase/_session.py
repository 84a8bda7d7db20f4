"""`LiveSession` under Firebase's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import trio

from .._protocol.contents import as_content
from ._errors import AIError, AIErrorCode, in_firebases_terms
from ._removed import warn_removed

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Sequence

    from .._inputs import ContentInput
    from .._session.session import LiveSession as Session
    from ..audio import AudioConversation
    from ..types import Blob, FunctionResponse, ServerEvent, SessionResumptionConfig

_SENDING = AIErrorCode.REQUEST_ERROR
_RECEIVING = AIErrorCode.SESSION_CLOSED


class LiveSession:
    """A conversation under way. You get one from `LiveGenerativeModel.connect`, and leaving that block closes it.

    Sending may be done by any number of tasks; receiving by one at a time. A send waits only while a mebibyte of
    messages is unsent.

    Attributes:
        conversation: The audio conversation that was started last, if one was.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.conversation: AudioConversation | None = None

    @property
    def session(self) -> Session:
        """The session of `livegen_trio`, for all that has no name in Firebase."""
        return self._session

    @property
    def is_closed(self) -> bool:
        """Whether the session is over, ended by either side."""
        return self._session.is_closed

    @property
    def in_conversation(self) -> bool:
        """Whether an audio conversation is under way: see `start_audio_conversation`."""
        return self.conversation is not None and not self.conversation.is_over

    # Sending

    async def send(self, request: ContentInput, turn_complete: bool = True) -> None:  # noqa: FBT001, FBT002 - Firebase's
        """Send text or parts, which the model answers at once unless *turn_complete* says that more is to come.

        Raises:
            AIError: INVALID_CONTENT for what is empty or can't be sent so; REQUEST_ERROR if the session is closed.
        """
        with in_firebases_terms(if_closed=_SENDING):
            await self._session.send(as_content(request), turn_complete=turn_complete)

    async def send_text_realtime(self, text: str) -> None:
        """Send text as it is typed, alongside sound and pictures.

        Raises:
            AIError: REQUEST_ERROR if the session is closed; INVALID_CONTENT if the text is empty.
        """
        with in_firebases_terms(if_closed=_SENDING):
            await self._session.send_text_realtime(text)

    async def send_audio_realtime(self, blob: Blob) -> None:
        """Send a chunk of speech: raw PCM, signed 16-bit little-endian, mono, of the rate that the MIME type says.

        Raises:
            AIError: REQUEST_ERROR if the session is closed; INVALID_CONTENT if the blob is of another kind.
        """
        with in_firebases_terms(if_closed=_SENDING):
            await self._session.send_audio_realtime(blob)

    async def send_video_realtime(self, blob: Blob) -> None:
        """Send a picture, at most one a second.

        Raises:
            AIError: REQUEST_ERROR if the session is closed; INVALID_CONTENT if the blob is of another kind.
        """
        with in_firebases_terms(if_closed=_SENDING):
            await self._session.send_video_realtime(blob)

    async def send_function_responses(self, function_responses: Sequence[FunctionResponse]) -> None:
        """Answer function calls, all in one message.

        Raises:
            AIError: REQUEST_ERROR if the session is closed; INVALID_CONTENT if a call has its answer already.
        """
        with in_firebases_terms(if_closed=_SENDING):
            await self._session.send_function_responses(function_responses)

    async def send_media_chunks(self, media_chunks: Sequence[Blob]) -> None:
        """Send sound and pictures, each by its kind.

        Deprecated: removed in Firebase 3.0.0; use `send_audio_realtime` and `send_video_realtime`.

        Raises:
            AIError: As `send_audio_realtime`.
        """
        warn_removed("send_media_chunks", "send_audio_realtime and send_video_realtime")
        await self._send_chunks(media_chunks)

    async def _send_chunks(self, media_chunks: Sequence[Blob]) -> None:
        with in_firebases_terms(if_closed=_SENDING):
            for chunk in media_chunks:
                is_audio = chunk.mime_type.lower().startswith("audio/")
                send = self._session.send_audio_realtime if is_audio else self._session.send_video_realtime
                await send(chunk)

    async def send_media_stream(self, media_chunk_stream: AsyncIterable[Blob]) -> None:
        """Send the chunks of a stream until it ends.

        Deprecated: removed in Firebase 3.0.0; use `session.send_media_stream`, or `send_audio_realtime` for each chunk.

        Raises:
            AIError: REQUEST_ERROR if the stream fails, with its error for the cause; or as `send_media_chunks`.
        """
        warn_removed("send_media_stream", "session.send_media_stream or send_audio_realtime")
        stream = aiter(media_chunk_stream)
        while (chunk := await _next_of(stream)) is not None:
            await self._send_chunks([chunk])

    # Receiving

    def receive(self) -> AsyncIterator[ServerEvent]:
        """The server's messages, as they come: several fields of one message are one event or several, none is lost.

        It ends when the session is closed on this side, or by the server normally. You may break out of the loop, and
        call this again to go on where you were. Messages from before an end come before it.

        Raises:
            AIError: On iteration: SESSION_CLOSED if the session was closed before, or the server ended it otherwise:
                its cause has the close code and the reason; PARSE_FAILED for eight frames in a row that are no
                messages; REQUEST_ERROR if another task is receiving.
        """
        return _Messages(self._session)

    # Ending

    async def resume_session(self, session_resumption: SessionResumptionConfig | None = None) -> None:
        """Go on with the session on another connection: the earlier one is closed first.

        Args:
            session_resumption: What to resume, this once; by default the newest handle that the server has given.

        Raises:
            AIError: UNSUPPORTED if the session was opened without a `session_resumption`; FETCH_ERROR or RESPONSE_ERROR
                as in `LiveGenerativeModel.connect`; REQUEST_ERROR if there is no handle yet, the session was closed, or
                an activity is under way.
        """
        with in_firebases_terms(if_closed=_SENDING, if_wrong=AIErrorCode.REQUEST_ERROR):
            await self._session.resume_session(session_resumption)

    async def close(self) -> None:
        """Send what was accepted, and close the session. Idempotent."""
        await self._session.aclose()


class _Messages:
    """An iterator and no generator: breaking out of a loop over it ends nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._has_begun = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ServerEvent:
        try:
            with in_firebases_terms(if_closed=_RECEIVING):
                event = await self._session.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        except AIError as exc:
            if self._has_begun and isinstance(exc.__cause__, trio.ClosedResourceError):
                raise StopAsyncIteration from None
            raise
        self._has_begun = True
        return event


async def _next_of(stream: AsyncIterator[Blob]) -> Blob | None:
    try:
        return await anext(stream, None)
    except Exception as exc:
        raise AIError(AIErrorCode.REQUEST_ERROR, f"the media stream failed: {exc}") from exc
