"""How devices are opened, and how they have done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .listing import AudioDevice


@dataclass(frozen=True, slots=True)
class ProcessingOptions:
    """What is done to a microphone's sound.

    Attributes:
        echo_cancellation: Whether what the loudspeaker plays is taken out.
        noise_suppression: Whether steady noise is.
        automatic_gain: Whether a voice is brought to the same level, be it near or far.
        echo_delay: Seconds from when a sample is played until its echo is heard, roughly; the canceller measures it.
    """

    echo_cancellation: bool = True
    noise_suppression: bool = False
    automatic_gain: bool = False
    echo_delay: float = 0.03

    @property
    def processes(self) -> bool:
        """Whether anything is done at all."""
        return self.echo_cancellation or self.noise_suppression or self.automatic_gain


@dataclass(frozen=True, slots=True)
class DeviceOptions:
    """Which devices are opened, and how.

    Attributes:
        microphone: Which one, or None for the default.
        speaker: Which one, or None for the default.
        captures: Whether a microphone is opened.
        plays: Whether a loudspeaker is opened.
        processing: What is done to the microphone's sound.
        follow_default: Whether the default device is left for another that becomes the default.
        backend: The sound system, or None for the first that works.
    """

    microphone: str | AudioDevice | None
    speaker: str | AudioDevice | None
    captures: bool
    plays: bool
    processing: ProcessingOptions
    follow_default: bool
    backend: str | None


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """How devices have done since they were opened.

    Attributes:
        seconds: Sound that has passed, by the device's clock.
        underruns: Gaps in what was played: the next sound wasn't there in time.
        overruns: Periods of 10 ms of the microphone that were lost, since this process was too slow for them.
        dropped_seconds: Sound of the microphone that was dropped since nobody received it for a second.
        late_periods: Periods that came more than 10 ms late from the sound system, and may be heard as gaps: the
            machine is too busy.
        clock_drift: By how many millionths the device's clock is faster than this machine's, measured since the last
            late period; None in the first seconds of that.
        reopened: How often the devices were left for new default ones.
    """

    seconds: float
    underruns: int
    overruns: int
    dropped_seconds: float
    late_periods: int
    clock_drift: float | None
    reopened: int
