"""What a program holds of open devices: a source, a sink, and both of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import anyio.lowlevel
import trio

from ..._no_public_constructor import NoPublicConstructor, construct
from ..._protocol.sound import SAMPLE_WIDTH, SampleCutter, check_rate
from .periods import MICROPHONE_RATE

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .listing import AudioDevice
    from .options import DeviceStatistics
    from .signals import Signal
    from .worker import DeviceWorker

# How far sound is written ahead: enough to bridge a slow turn of the event loop.
_BUFFER_SECONDS: Final = 0.1


class DeviceUse:
    """Devices while they are open, as their users on the event loop see them.

    Args:
        worker: Works on their sound.
        signal: Woken when there is news of them.

    Attributes:
        worker: Works on their sound.
        signal: Woken when there is news of them.
        is_closed: Whether their block was left.
    """

    def __init__(self, worker: DeviceWorker, signal: Signal) -> None:
        self.worker: DeviceWorker = worker
        self.signal: Signal = signal
        self.is_closed: bool = False

    def check(self) -> None:
        """Check that the devices can be used.

        Raises:
            DeviceError: They are gone.
            trio.ClosedResourceError: Their block was left.
        """
        if self.is_closed:
            raise trio.ClosedResourceError("the block that opened the device was left")
        if self.worker.lost is not None:
            raise self.worker.lost.with_traceback(None)


class Microphone(metaclass=NoPublicConstructor):
    """An open microphone: an `AudioSource` of the user's voice, in chunks of 10 ms at 16 kHz.

    What nobody receives for a second is dropped, oldest first, and counted.
    """

    def __init__(self, use: DeviceUse) -> None:
        self._use = use

    @property
    def rate(self) -> int:
        """Samples a second."""
        return MICROPHONE_RATE

    @property
    def device(self) -> AudioDevice:
        """The device; another one after the default has changed, with `follow_default`."""
        assert self._use.worker.microphone is not None
        return self._use.worker.microphone

    @property
    def level(self) -> float:
        """How loud the last 10 ms were, in dB below full scale, for meters: 0 is the loudest, -96 is silence."""
        return self._use.worker.microphone_level

    def statistics(self) -> DeviceStatistics:
        """Return how the device has done."""
        return self._use.worker.statistics()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await self.receive()

    async def receive(self) -> bytes:
        """Wait for the next chunk: signed 16-bit little-endian mono PCM. A cancelled call takes none.

        Raises:
            DeviceLostError: The device is gone. What it heard before has been received.
            DeviceError: Its sound can't be worked on.
            trio.ClosedResourceError: The block that opened it was left.
        """
        await anyio.lowlevel.checkpoint()
        while not self._use.worker.chunks:
            self._use.check()
            await self._use.signal.wait()
        return self._use.worker.chunks.popleft()


class Speaker(metaclass=NoPublicConstructor):
    """An open loudspeaker: an `AudioSink` that takes sound of any rate. One task writes."""

    def __init__(self, use: DeviceUse) -> None:
        self._use = use
        self._playback = use.worker.stream.playback
        self._samples = SampleCutter()
        self._written = 0

    @property
    def device(self) -> AudioDevice:
        """The device; another one after the default has changed, with `follow_default`."""
        assert self._use.worker.speaker is not None
        return self._use.worker.speaker

    @property
    def level(self) -> float:
        """How loud the last 10 ms were, in dB below full scale, for meters: 0 is the loudest, -96 is silence."""
        return self._use.worker.speaker_level

    @property
    def played_samples(self) -> int:
        """Number of the samples written so far that have been heard, by the latency that the device was opened with."""
        return self._playback.played_samples

    def statistics(self) -> DeviceStatistics:
        """Return how the device has done."""
        return self._use.worker.statistics()

    async def write(self, pcm: Buffer, rate: int) -> None:
        """Play *pcm* after what was written before; return when no more than a tenth of a second is left to play.

        Takes what an `AudioSource` may yield, of 8,000 to 96,000 samples a second; half a sample at the end is played
        with the next chunk. A cancelled write plays all of it.

        Raises:
            DeviceLostError: The device is gone.
            DeviceError: Its sound can't be worked on.
            LocalProtocolError: It is something other than PCM, or the rate is no rate of sound.
            trio.ClosedResourceError: The block that opened it was left.
        """
        rate = check_rate(rate)
        self._use.check()
        samples = bytes(self._samples.cut(pcm))
        self._written += len(samples) // SAMPLE_WIDTH
        self._use.worker.feeder.write(samples, rate)
        await anyio.lowlevel.checkpoint()
        while self._written - self._playback.given_samples > rate * _BUFFER_SECONDS:
            self._use.check()
            await self._use.signal.wait()

    def flush(self) -> None:
        """Fall silent within two periods of the device, 20 ms: drop what the device has not been given yet."""
        self._samples.clear()
        self._playback.flush()
        self._written = self._playback.given_samples
        self._use.signal.wake()


class AudioDevices(metaclass=NoPublicConstructor):
    """A microphone and a loudspeaker, opened together.

    Attributes:
        microphone: An `AudioSource`, without the echo of what *speaker* plays.
        speaker: An `AudioSink`.
    """

    def __init__(self, use: DeviceUse) -> None:
        self._use = use
        self.microphone: Microphone = construct(Microphone, use)
        self.speaker: Speaker = construct(Speaker, use)

    def statistics(self) -> DeviceStatistics:
        """Return how the devices have done."""
        return self._use.worker.statistics()
