"""Loudspeakers without hardware: sound is played by the clock, and kept, or sent on as raw PCM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._protocol.sound import SAMPLE_WIDTH, SampleCutter, check_rate
from ..types import OUTPUT_SAMPLE_RATE
from ._clock import PlaybackClock
from ._wav import Recording

if TYPE_CHECKING:
    import trio
    from typing_extensions import Buffer

# How far sound is written ahead: enough to bridge a slow turn of the event loop, and little to take back.
BUFFER_SECONDS: Final = 0.1


class VirtualSpeaker:
    """Plays in real time by Trio's clock, without a sound, and keeps what a listener would have heard.

    For files, tests and servers. It keeps all of it: some 3 MB a minute.

    Args:
        buffer_seconds: How much sound is taken ahead of time.
    """

    def __init__(self, *, buffer_seconds: float = BUFFER_SECONDS) -> None:
        self._buffer_seconds = buffer_seconds
        self._clock = PlaybackClock()
        self._samples = SampleCutter()
        self._pcm = bytearray()
        self._rate: int | None = None

    @property
    def recording(self) -> Recording:
        """The sound that has been heard so far, without the pauses between."""
        heard = self._pcm[: self.played_samples * SAMPLE_WIDTH]
        return Recording(bytes(heard), self._rate or OUTPUT_SAMPLE_RATE)

    @property
    def played_samples(self) -> int:
        """Number of samples that have been heard."""
        return self._clock.played_samples

    async def write(self, pcm: Buffer, rate: int) -> None:
        """Play *pcm*; return when no more than the buffer is left to play.

        Takes what an `AudioSource` may yield; half a sample at the end is played with the next chunk.

        Raises:
            ValueError: The rate differs from that of the first sound; a recording has one.
            LocalProtocolError: It is something other than PCM, or the rate is no rate of sound.
        """
        _match_rate(rate, self._rate or rate)
        samples = self._samples.cut(pcm)
        self._rate = rate
        self._pcm += samples
        self._clock.add(len(samples) // SAMPLE_WIDTH, rate)
        await self._clock.wait_until_left(self._buffer_seconds)

    def flush(self) -> None:
        """Stop at the sample that is being heard."""
        self._samples.clear()
        self._clock.cut()
        del self._pcm[self.played_samples * SAMPLE_WIDTH :]


class StreamSpeaker:
    """Plays into a stream, as raw PCM and in real time: a player's standard input, a socket.

    What the stream has taken can't be taken back: after a `flush`, up to the buffer's length more is heard. A
    cancelled write may leave the stream in the middle of a sample; then it is of no further use.

    Args:
        stream: Where the samples go.
        rate: Samples a second that the reader of the stream expects.
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
        self._rate = check_rate(rate)
        self._samples = SampleCutter()
        self._buffer_seconds = buffer_seconds
        self._clock = PlaybackClock()

    @property
    def played_samples(self) -> int:
        """Number of samples that have been heard, if the reader plays what it gets at once."""
        return self._clock.played_samples

    async def write(self, pcm: Buffer, rate: int) -> None:
        """Send *pcm*; return when no more than the buffer is left to play.

        Takes what an `AudioSource` may yield; half a sample at the end is sent with the next chunk.

        Raises:
            ValueError: The rate is not the stream's.
            LocalProtocolError: It is something other than PCM.
            trio.BrokenResourceError: Nobody reads the stream any more.
            trio.ClosedResourceError: The stream was closed.
        """
        _match_rate(rate, self._rate)
        samples = self._samples.cut(pcm)
        self._clock.add(len(samples) // SAMPLE_WIDTH, rate)
        await self._stream.send_all(samples)
        await self._clock.wait_until_left(self._buffer_seconds)

    def flush(self) -> None:
        """Send nothing of what is not sent yet."""
        self._samples.clear()
        self._clock.cut()


def _match_rate(rate: int, expected: int) -> None:
    check_rate(rate)
    if rate != expected:
        raise ValueError(f"this speaker plays {expected} samples a second, and was given {rate} Hz sound")
