"""The thread between the sound system and the event loop, and the one that sees devices go."""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from .errors import DeviceError, DeviceLostError
from .feeder import Feeder
from .listing import find_device, list_devices
from .options import DeviceStatistics
from .periods import PERIOD_SECONDS, SILENCE
from .processing import VoiceProcessor, level_of
from .stream import AHEAD_PERIODS, DeviceStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from .listing import AudioDevice, DeviceKind
    from .options import DeviceOptions

_KEPT_CHUNKS: Final = 100  # of 10 ms, of the microphone, that nobody has received
_STALLED_SECONDS: Final = 0.5  # without a period, after which a device counts as lost
_CHECK_SECONDS: Final = 0.5  # between two looks at which devices there are


class DeviceWorker:
    """Opens devices, works on their sound, and sees them go.

    Args:
        options: Which devices, and how.
        notify: Called when there is news, on threads of its own.

    Attributes:
        stream: What the sound system exchanges sound with.
        feeder: Takes what is to be played.
        chunks: What the microphone has heard, and nobody has received.
        lost: Why the devices have gone, if they have.
        microphone: The microphone in use.
        speaker: The loudspeaker in use.
        microphone_level: In dB below full scale.
        speaker_level: In dB below full scale.
    """

    def __init__(self, options: DeviceOptions, notify: Callable[[], None]) -> None:
        self._options = options
        self._notify = notify
        self._periods: SimpleQueue[None] = SimpleQueue()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"livegen-trio {name}", daemon=True)
            for name, target in (("sound", self._work), ("devices", self._watch))
        ]
        self._processor = VoiceProcessor(options.processing)
        self._dropped = 0  # chunks
        self._reopened = 0
        self.stream: DeviceStream = DeviceStream(
            captures=options.captures, plays=options.plays, notify=lambda: self._periods.put(None)
        )
        self.feeder: Feeder = Feeder(self.stream.playback, AHEAD_PERIODS)
        self.chunks: deque[bytes] = deque()
        self.lost: DeviceError | None = None
        self.microphone: AudioDevice | None = None
        self.speaker: AudioDevice | None = None
        self.microphone_level: float = level_of(SILENCE)
        self.speaker_level: float = level_of(SILENCE)

    def open(self) -> None:
        """Find and open the devices, and begin. *Blocking*.

        Raises:
            DeviceError: One isn't there, or the sound system refuses.
        """
        self._open_devices()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop, and give the devices back. *Blocking*, for some periods. Idempotent."""
        self._stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self.stream.close()

    def statistics(self) -> DeviceStatistics:
        """Return how the devices have done."""
        return DeviceStatistics(
            seconds=self.stream.periods * PERIOD_SECONDS,
            underruns=self.stream.playback.underruns,
            overruns=self.stream.overruns,
            dropped_seconds=self._dropped * PERIOD_SECONDS,
            late_periods=self.stream.late_periods,
            clock_drift=self.stream.clock_drift,
            reopened=self._reopened,
        )

    # Opening

    def _open_devices(self) -> None:
        there = list_devices(backend=self._options.backend)
        if self._options.captures:
            self.microphone = find_device(there, "microphone", self._options.microphone)
        if self._options.plays:
            self.speaker = find_device(there, "speaker", self._options.speaker)
        self.stream.open(self.microphone, self.speaker, self._options.backend)

    # Working on the sound

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wait_for_periods()
                self.feeder.fill()
                while len(self.stream.far):
                    self._work_on_period()
                self._notify()
        except Exception as exc:  # noqa: BLE001 - it is raised where the devices are used
            self._lose(DeviceError(f"working on the sound has failed: {exc!r}"))

    def _wait_for_periods(self) -> None:
        try:
            self._periods.get(timeout=_STALLED_SECONDS)
            while True:
                self._periods.get_nowait()
        except Empty:
            return

    def _work_on_period(self) -> None:
        far = self.stream.far.take()
        self.speaker_level = level_of(far)
        if not self._options.captures:
            return
        voice = self._processor.process(self.stream.near.take(), far)
        if voice:
            self.microphone_level = level_of(voice)
            self.chunks.append(voice)
        while len(self.chunks) > _KEPT_CHUNKS:
            self.chunks.popleft()
            self._dropped += 1

    # Watching over the devices

    def _watch(self) -> None:
        while not self._stopping.wait(_CHECK_SECONDS) and self.lost is None:
            try:
                self._check_devices()
            except DeviceError as exc:
                self._lose(DeviceLostError(f"{self._names()} can't be used any more: {exc}"))

    def _check_devices(self) -> None:
        there = list_devices(backend=self._options.backend)
        gone = [
            device
            for device in (self.microphone, self.speaker)
            if device is not None and device.id not in {one.id for one in there if one.kind == device.kind}
        ]
        if self._options.follow_default and self._default_has_changed(there, gone):
            self._reopen()
        elif gone:
            self._lose(
                DeviceLostError(f"the {gone[0].kind} {gone[0].name!r} is gone; plug it in, or use another")
            )
        elif time.perf_counter() - self.stream.last_at > _STALLED_SECONDS:
            self._lose(
                DeviceLostError(f"{self._names()} gave no sound for {_STALLED_SECONDS} s; open it again")
            )

    def _default_has_changed(self, there: list[AudioDevice], gone: list[AudioDevice]) -> bool:
        """Whether a device in use is the default one no more, and none that the user has named is gone."""
        named = {"microphone": self._options.microphone, "speaker": self._options.speaker}
        if any(named[device.kind] is not None for device in gone):
            return False
        return any(
            device.id != _default_id(there, device.kind)
            for device in (self.microphone, self.speaker)
            if device is not None and named[device.kind] is None
        )

    def _reopen(self) -> None:
        self.stream.close()
        self._open_devices()
        self._reopened += 1

    def _names(self) -> str:
        return " and ".join(repr(one.name) for one in (self.microphone, self.speaker) if one is not None)

    def _lose(self, error: DeviceError) -> None:
        self.lost = self.lost or error
        self._notify()


def _default_id(there: list[AudioDevice], kind: DeviceKind) -> str | None:
    return next((device.id for device in there if device.kind == kind), None)
