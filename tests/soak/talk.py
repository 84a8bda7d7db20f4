"""Talk by microphone and loudspeaker in real time, on a PulseAudio of its own, and see that nothing runs dry or grows.

    nox -s soak -- talk            ten minutes
    python tests/soak/talk.py 60   a minute

A user asks every ten seconds, and the embedded server answers aloud. The exit code is 1 if a question goes unanswered,
sound is lost, an answer has a gap, memory or files grow, or the device's clock is not measured.
"""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from livegen_trio import LiveGenerationConfig, LocalBackend, get_live_generative_model
from livegen_trio.audio import AudioConversation, AudioDevices, SpeechEnded, open_devices
from livegen_trio.local import Say, load_engines
from support.live_client import ScriptedResponder
from support.pulseaudio import running_pulseaudio
from support.voice import HUMAN_RATE, human_voice

if TYPE_CHECKING:
    from collections.abc import Callable

TURN_SECONDS: Final = 10.0
ANSWER: Final = "Tomorrow it will rain in the morning, and the sun will shine in the afternoon."
GROWTH: Final = 0.05
WARM_UP: Final = 0.3  # of the run, after which memory has to be flat


def resident_mib() -> float:
    """Return how much memory this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


class Run:
    """The turns of a run, and what they came to."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.asked = 0
        self.answered = 0
        self.memory: list[float] = []
        self.files: list[int] = []

    async def count_answers(self, conversation: AudioConversation) -> None:
        """Count the answers that were heard to their end."""
        async for event in conversation:
            if isinstance(event, SpeechEnded) and not event.interrupted:
                self.answered += 1

    async def ask(self, speak: Callable[[bytes, int], None]) -> None:
        """Ask, turn by turn."""
        end = trio.current_time() + self._seconds
        while trio.current_time() < end:
            next_at = trio.current_time() + TURN_SECONDS
            self.asked += 1
            await trio.to_thread.run_sync(speak, human_voice(), HUMAN_RATE)
            await trio.sleep_until(next_at)
            self.memory.append(resident_mib())
            self.files.append(len(os.listdir("/proc/self/fd")))

    def report(self, devices: AudioDevices) -> bool:
        """Print what came of it; return whether all is well."""
        statistics = devices.statistics()
        warm = round(len(self.memory) * WARM_UP)
        growth = max(self.memory[warm:]) / self.memory[warm] - 1
        print(f"turns        {self.answered} of {self.asked} answered")
        print(f"gaps         {statistics.underruns} played, {statistics.overruns} heard")
        print(f"dropped      {statistics.dropped_seconds:.2f} s of the microphone")
        print(f"late periods {statistics.late_periods} of {statistics.seconds * 100:.0f}")
        print(f"clock        {statistics.clock_drift or 0:+.1f} millionths")
        print(f"memory       {self.memory[warm]:.0f} MiB, {100 * growth:+.1f} % since")
        print(f"files        {self.files[0]} to {self.files[-1]}")
        lost = statistics.underruns + statistics.overruns + statistics.dropped_seconds
        is_flat = growth < GROWTH and self.files[-1] <= self.files[0] + 2
        return self.answered == self.asked and not lost and is_flat and statistics.clock_drift is not None


async def main(seconds: float) -> int:
    """Talk for *seconds*."""
    with running_pulseaudio() as pulse:
        os.environ.update(pulse.environment)
        engines = replace(load_engines(), responder=ScriptedResponder(lambda _: Say(ANSWER)))
        model = get_live_generative_model(
            "gemini-2.5-flash-native-audio-preview-12-2025",
            backend=LocalBackend(engines=engines),
            generation_config=LiveGenerationConfig(response_modalities=["AUDIO"]),
        )
        run = Run(seconds)
        async with (
            model.connect() as session,
            open_devices() as devices,
            AudioConversation(session, source=devices.microphone, sink=devices.speaker) as conversation,
            trio.open_nursery() as nursery,
        ):
            pulse.let_the_microphone_hear_the_speaker()
            nursery.start_soon(run.count_answers, conversation)
            await run.ask(pulse.speak)
            nursery.cancel_scope.cancel()
        return 0 if run.report(devices) else 1


if __name__ == "__main__":
    sys.exit(trio.run(main, float(sys.argv[1]) if len(sys.argv) > 1 else 600.0))
