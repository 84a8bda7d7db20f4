"""A stream of a device, or of two at once: what the sound system calls back, and how it is opened and closed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from .errors import DeviceError
from .listing import native_backends
from .packages import require
from .periods import PERIOD_BYTES, PERIOD_SECONDS, RATE, SILENCE, PeriodRing, PlaybackPeriods

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType

    from .listing import AudioDevice
    from .packages import NativeDevice

AHEAD_PERIODS: Final = (
    6  # for the loudspeaker, ready to be taken; a flush makes them void, so they delay nothing
)
_DEVICE_PERIODS: Final = 2  # that the sound system holds
PLAYBACK_LATENCY: Final = _DEVICE_PERIODS * PERIOD_SECONDS
_HEARD_PERIODS: Final = 50  # of the microphone, that wait for the worker
_SETTLED: Final = 100  # periods until the clock is measured: the first come in a burst
_MEASURED_SECONDS: Final = 5.0  # of measuring until the result is any good


class DeviceStream:
    """Exchanges periods with a microphone, a loudspeaker or both, 100 times a second.

    Args:
        captures: Whether there is a microphone.
        plays: Whether there is a loudspeaker.
        notify: Called on the sound system's thread after each period. Must not block.

    Attributes:
        near: What the microphone heard.
        far: What the loudspeaker was given in the same periods.
        playback: What the loudspeaker will be given.
        overruns: Periods of the microphone that were lost.
        periods: Periods so far.
        late_periods: Periods that came late.
        last_at: When the last period came, by `time.perf_counter`.
    """

    def __init__(self, *, captures: bool, plays: bool, notify: Callable[[], None]) -> None:
        self._captures = captures
        self._plays = plays
        self._notify = notify
        self._device: NativeDevice | None = None
        self._first: tuple[int, float] | None = None
        self.near: PeriodRing = PeriodRing(_HEARD_PERIODS)
        self.far: PeriodRing = PeriodRing(_HEARD_PERIODS)
        self.playback: PlaybackPeriods = PlaybackPeriods(AHEAD_PERIODS, PLAYBACK_LATENCY)
        self.overruns: int = 0
        self.periods: int = 0
        self.late_periods: int = 0
        self.last_at: float = 0.0

    @property
    def clock_drift(self) -> float | None:
        """By how many millionths the device's clock is faster than this machine's; None if that is not known so far."""
        if self._first is None:
            return None
        periods, at = self._first
        seconds = self.last_at - at
        if seconds < _MEASURED_SECONDS:
            return None
        return 1e6 * ((self.periods - periods) * PERIOD_SECONDS / seconds - 1)

    def open(self, microphone: AudioDevice | None, speaker: AudioDevice | None, backend: str | None) -> None:
        """Open the devices and begin. *Blocking*.

        Raises:
            DeviceError: The sound system refuses.
        """
        miniaudio = require("miniaudio")
        try:
            device: NativeDevice = self._opened(miniaudio, microphone, speaker, native_backends(backend))
            generator = self._exchange()
            next(generator)
            self.last_at = time.perf_counter()
            self._first = None
            device.start(generator)
        except miniaudio.MiniaudioError as exc:
            names = " and ".join(repr(one.name) for one in (microphone, speaker) if one is not None)
            raise DeviceError(
                f"{names} can't be opened: {exc}; another program may hold it, or this one may not use it"
            ) from exc
        self._device = device

    def close(self) -> None:
        """Stop, and give the devices back. *Blocking*."""
        device, self._device = self._device, None
        if device is not None:
            device.close()
            _free_context(device)

    def _opened(
        self,
        miniaudio: ModuleType,
        microphone: AudioDevice | None,
        speaker: AudioDevice | None,
        backends: list[object],
    ) -> NativeDevice:
        ids: dict[str, object] = {}
        options: dict[str, object] = {
            "sample_rate": RATE,
            "buffersize_msec": round(1000 * PERIOD_SECONDS),
            "callback_periods": _DEVICE_PERIODS,
            "backends": backends,
        }
        kind = miniaudio.SampleFormat.SIGNED16
        if self._captures and self._plays:
            ids = {"capture_device_id": _native(microphone), "playback_device_id": _native(speaker)}
            stream = miniaudio.DuplexStream(kind, 1, kind, 1, **options, **ids)
        elif self._captures:
            stream = miniaudio.CaptureDevice(kind, 1, device_id=_native(microphone), **options)
        else:
            stream = miniaudio.PlaybackDevice(kind, 1, device_id=_native(speaker), **options)
        native: NativeDevice = stream
        return native

    # On the sound system's thread

    def _exchange(self) -> Generator[bytes, bytes | int, None]:
        """Take what was heard, or the number of samples that are wanted, and give what is to be played."""
        heard = yield b""
        while True:
            self._count()
            heard = yield self._turn_over(heard)

    def _turn_over(self, heard: bytes | int) -> bytes:
        """Exchange one period. Only copies: this thread must not wait."""
        wanted = 2 * heard if isinstance(heard, int) else len(heard)
        if wanted != PERIOD_BYTES:
            return bytes(wanted)  # miniaudio gives periods of the length that was asked for
        played = (self.playback.take() if self._plays else None) or SILENCE
        if not isinstance(heard, int) and self._captures:
            if self.near.put(heard):
                self.far.put(played)
            else:
                self.overruns += 1
        elif self._plays and not self._captures:
            self.far.put(played)
        self._notify()
        return played

    def _count(self) -> None:
        now = time.perf_counter()
        if now - self.last_at > 2 * PERIOD_SECONDS:
            self.late_periods += 1
            self._first = None  # a stream that has stood still says nothing about its clock
        self.last_at = now
        self.periods += 1
        if self._first is None and self.periods % _SETTLED == 0:
            self._first = (self.periods, now)


def _native(device: AudioDevice | None) -> object:
    return None if device is None else device.native_id


def _free_context(device: NativeDevice) -> None:
    """Free the connection to the sound system, which miniaudio's Python package keeps for as long as the process."""
    context = getattr(device, "_context", None)
    if context is not None:
        require("_miniaudio").lib.ma_context_uninit(context)
