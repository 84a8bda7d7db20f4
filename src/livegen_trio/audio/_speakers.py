"""Loudspeakers without hardware: sound is played by the clock, and kept, or sent on as raw PCM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..types import OUTPUT_SAMPLE_RATE
from ._clock import PlaybackClock
from ._samples import SAMPLE_WIDTH
from ._wav import Recording

if TYPE_CHECKING:
    import trio

BUFFER_SECONDS: Final = 0.1
"""How far sound is written ahead: enough to bridge a slow turn of the event loop, and little to take back."""


class VirtualSpeaker:
    """Plays in real time by Trio's clock, without a sound, and keeps what a listener would have heard.

    For files, tests and servers. It keeps all of it: some 3 MB a minute.

    Args:
        buffer_seconds: How much sound is taken ahead of time.
    """

    def __init__(self, *, buffer_seconds: float = BUFFER_SECONDS) -> None:
        self._buffer_seconds = buffer_seconds
        self._clock = PlaybackClock()
        self._pcm = bytearray()
        self._rate: int | None = None

    @property
    def recording(self) -> Recording:
        """What has been heard so far, without the pauses between."""
        heard = self._pcm[: self.played_samples * SAMPLE_WIDTH]
        return Recording(bytes(heard), self._rate or OUTPUT_SAMPLE_RATE)

    @property
    def played_samples(self) -> int:
        """How many samples have been heard."""
        return self._clock.played_samples

    async def write(self, pcm: bytes, rate: int) -> None:
        """Play *pcm*; returns when no more than the buffer is left to play.

        Raises:
            ValueError: The rate is another than that of the first sound; a recording has one.
        """
        self._rate = self._rate or rate
        _check_rate(rate, self._rate)
        self._pcm += pcm
        self._clock.add(len(pcm) // SAMPLE_WIDTH, rate)
        await self._clock.wait_until_left(self._buffer_seconds)

    def flush(self) -> None:
        """Stop at the sample that is being heard."""
        self._clock.cut()
        del self._pcm[self.played_samples * SAMPLE_WIDTH :]


class StreamSpeaker:
    """Plays into a stream, as raw PCM and in real time: a player's standard input, a socket.

    What the stream has taken can't be taken back: after a `flush`, up to the buffer's length more is heard. A
    cancelled write leaves the stream in the middle of a sample, perhaps: then it is of no use any more.

    Args:
        stream: Where the samples go.
        rate: Samples a second that whoever reads the stream has been told.
        buffer_seconds: How much sound is sent ahead of time.
    """

    def __init__(
        self,
        stream: trio.abc.SendStream,
        *,
        rate: int = OUTPUT_SAMPLE_RATE,
        buffer_seconds: float = BUFFER_SECONDS,
    ) -> None:
        self._stream = stream
        self._rate = rate
        self._buffer_seconds = buffer_seconds
        self._clock = PlaybackClock()

    @property
    def played_samples(self) -> int:
        """How many samples have been heard, if the reader plays what it gets at once."""
        return self._clock.played_samples

    async def write(self, pcm: bytes, rate: int) -> None:
        """Send *pcm*; returns when no more than the buffer is left to play.

        Raises:
            ValueError: The rate is not the stream's.
            trio.BrokenResourceError: Nobody reads the stream any more.
            trio.ClosedResourceError: The stream was closed.
        """
        _check_rate(rate, self._rate)
        self._clock.add(len(pcm) // SAMPLE_WIDTH, rate)
        await self._stream.send_all(pcm)
        await self._clock.wait_until_left(self._buffer_seconds)

    def flush(self) -> None:
        """Send nothing of what is not sent yet."""
        self._clock.cut()


def _check_rate(rate: int, expected: int) -> None:
    if rate != expected:
        raise ValueError(f"this speaker plays {expected} samples a second, and was given {rate} Hz sound")
