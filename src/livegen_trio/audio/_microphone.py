"""A recording as a microphone would give it: chunk by chunk, in real time by Trio's clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from .._needs_trio import needs_trio
from .._protocol.sound import SAMPLE_WIDTH, check_rate, pcm_bytes

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK_SECONDS: Final = 0.02  # what most devices and browsers deliver at once; 20 to 100 ms suit the service


class PcmStream(trio.abc.ReceiveChannel[bytes]):
    """Chunks of a recording, each given when a microphone would have heard the whole of it.

    The times are counted from the first call of `receive`. A late caller gets the chunks that are due at once, so that
    delays do not add up. It holds nothing that must be closed.
    """

    def __init__(self, pcm: bytes, rate: int, chunk_seconds: float) -> None:
        self._pcm = memoryview(pcm)
        self._chunk_samples = max(1, round(rate * chunk_seconds))
        self._rate = rate
        self._samples_given = 0
        self._started_at = -math.inf
        self._closed = False

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self._rate

    async def receive(self) -> bytes:
        """Wait for the next chunk; the last may be shorter. A cancelled call takes none.

        Raises:
            trio.EndOfChannel: The recording is over.
            trio.ClosedResourceError: The stream was closed.
        """
        needs_trio("stream_pcm()", on_asyncio="send the chunks between calls of asyncio.sleep()")
        if self._closed:
            raise trio.ClosedResourceError
        total = len(self._pcm) // SAMPLE_WIDTH
        if self._samples_given >= total:
            await trio.lowlevel.checkpoint()
            raise trio.EndOfChannel
        if self._started_at == -math.inf:
            self._started_at = trio.current_time()
        start, end = self._samples_given, min(self._samples_given + self._chunk_samples, total)
        await trio.sleep_until(self._started_at + end / self._rate)
        self._samples_given = end
        return bytes(self._pcm[start * SAMPLE_WIDTH : end * SAMPLE_WIDTH])

    async def aclose(self) -> None:
        """Give no more chunks."""
        self._closed = True
        await trio.lowlevel.checkpoint()


def stream_pcm(pcm: Buffer, rate: int, chunk_seconds: float = CHUNK_SECONDS) -> PcmStream:
    """Give *pcm*, 16-bit mono, in real time: the source of an `AudioConversation`, or of `session.send_media_stream`.

    Args:
        pcm: Samples: signed 16-bit little-endian mono, in bytes or any buffer that an `AudioSource` may yield.
        rate: Samples a second.
        chunk_seconds: The length of a chunk.

    Raises:
        ValueError: The length of a chunk or the rate is not above zero.
        LocalProtocolError: *pcm* is something other than PCM, or the rate is no rate of sound.
    """
    if chunk_seconds <= 0 or rate <= 0:
        raise ValueError(
            f"chunks of {chunk_seconds} s at {rate} Hz can't be given: both have to be above zero"
        )
    return PcmStream(bytes(pcm_bytes(pcm)), check_rate(rate), chunk_seconds)
