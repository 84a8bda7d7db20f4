"""Sources of sound: anything that yields PCM, cut into chunks of the length that suits the service."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

from .._protocol.sound import SAMPLE_WIDTH, pcm_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

    from typing_extensions import Buffer

SOURCE_RATE: Final = 16_000  # Hz; what the service recognises best, and the rate of a source that names none
# Seconds of sound in a message, at the least. Browsers' microphones give a sixth of that at once, and messages that
# small cost more than they carry. No message has more than twice as much, so that a voice detector needn't wait for the
# end of a long one.
LEAST_SECONDS: Final = 0.02


@runtime_checkable
class AudioSource(Protocol):
    """Sound that knows its rate: a microphone, or a recording that is played like one.

    It yields PCM, signed 16-bit little-endian mono, in chunks of any length, as it is heard: bytes or the like, or
    16-bit integers with the buffer protocol, such as `array("h")` or a numpy array of int16 and shape (n,) or (n, 1).
    A chunk may end in the middle of a sample, and may be empty. Iterating may raise whatever is wrong with the device.
    The opener of a source closes it; a conversation only stops reading it.
    """

    @property
    def rate(self) -> int:
        """Samples a second."""
        ...

    def __aiter__(self) -> AsyncIterator[Buffer]:
        """Iterate over the chunks."""
        ...


SourceInput: TypeAlias = "AudioSource | AsyncIterable[Buffer]"
"""An `AudioSource`, or anything else that yields PCM: a raw stream, a channel, an async generator."""


class Recutter:
    """Cuts PCM into chunks of 20 to 40 ms, each as soon as there is enough for it."""

    def __init__(self, rate: int) -> None:
        self._least = max(1, round(rate * LEAST_SECONDS))  # samples
        self._held = bytearray()

    def cut(self, pcm: Buffer) -> list[bytes]:
        """Return the chunks that *pcm* completes; what is too short for one is held back.

        Raises:
            LocalProtocolError: It is no PCM; see `pcm_bytes`.
            TypeError: It has no buffer.
        """
        self._held += pcm_bytes(pcm)
        samples = len(self._held) // SAMPLE_WIDTH
        if samples < self._least:
            return []
        count = -(-samples // (2 * self._least))
        bounds = [SAMPLE_WIDTH * (samples * number // count) for number in range(count + 1)]
        chunks = [bytes(self._held[start:end]) for start, end in pairwise(bounds)]
        del self._held[: bounds[-1]]
        return chunks

    def rest(self) -> list[bytes]:
        """Return what is still held back, after the last chunk, without half a sample at the end."""
        whole = len(self._held) // SAMPLE_WIDTH * SAMPLE_WIDTH
        rest = bytes(self._held[:whole])
        self._held.clear()
        return [rest] if rest else []
