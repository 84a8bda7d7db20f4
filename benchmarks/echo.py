"""Cancel the model's voice in a simulated room: how much of it is left, what is lost of the user's, and what it costs.

Run it with `nox -s bench -- echo`. Needs the extras `audio` and `local`: the embedded server's voice is the model's.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Final

import numpy as np
from _room import Room, clean, device_sound, level

from livegen_trio.audio._devices.options import ProcessingOptions
from livegen_trio.audio._devices.periods import RATE
from livegen_trio.local import load_engines

if TYPE_CHECKING:
    from _room import Sound

    from livegen_trio.local import SpeechSynthesizer

MODEL_SAYS: Final = (
    "It is sunny in Paris today, and twenty one degrees. Tomorrow it will rain in the morning, and in the afternoon the"
    " sun comes back. Take an umbrella with you, and enjoy the city of light."
)
USER_SAYS: Final = "Stop, I would like to know about London."
USER_AT: Final = 4.0  # seconds
SETTLED: Final = 2.0  # seconds until the canceller is measured
ROOMS: Final = {
    "headset": Room(gain=0.03, reverberation=0.05),
    "laptop": Room(gain=0.3),
    "laptop, loud": Room(gain=0.6),
    "living room": Room(delay=0.12, gain=0.3, reverberation=0.6),
    "noisy": Room(gain=0.3, noise=0.005),
}
ROW: Final = "{:14}{:>12}{:>10}{:>14}{:>14}{:>14}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--short", action="store_true")
    arguments = parser.parse_args()
    synthesizer = load_engines().synthesizer
    assert synthesizer is not None
    rooms = dict(list(ROOMS.items())[:2]) if arguments.short else ROOMS
    report = {name: measure(room, synthesizer) for name, room in rooms.items()}
    if arguments.json:
        print(json.dumps(report))
        return
    print(ROW.format("room", "echo, dB", "ERLE, dB", "1st second", "user lost, dB", "CPU, ms/s"))
    for name, result in report.items():
        print(ROW.format(name, *(f"{result[key]:.1f}" for key in ("echo", "erle", "first", "lost", "cpu"))))


def measure(room: Room, synthesizer: SpeechSynthesizer) -> dict[str, float]:
    """Measure one room.

    Returns:
        Its figures: the echo's level, how much the canceller takes off it after two seconds and in the first one, by
        how much the user is quieter who speaks over the model at the same level, and milliseconds of CPU a second.
    """
    model = device_sound(synthesizer.synthesize(MODEL_SAYS), 24_000)
    echo = room.echo(model)
    user = spoken_over(device_sound(synthesizer.synthesize(USER_SAYS), 24_000), len(model), power=power(echo))
    start = time.process_time()
    cancelled = clean(echo, model, ProcessingOptions())
    cpu = time.process_time() - start
    heard = clean(echo, model, ProcessingOptions(echo_cancellation=False))
    alone = clean(user, np.zeros_like(user), ProcessingOptions(echo_cancellation=False))
    both = clean(echo + user, model, ProcessingOptions())
    end = len(model) / RATE - 0.5
    speaking = (USER_AT + 0.3, USER_AT + 2)
    return {
        "echo": level(heard, SETTLED, end),
        "erle": level(heard, SETTLED, end) - level(cancelled, SETTLED, end),
        "first": level(heard, 0.2, 1) - level(cancelled, 0.2, 1),
        "lost": level(alone, *speaking) - level(both, *speaking),
        "cpu": 1000 * cpu / (len(model) / RATE),
    }


def power(sound: Sound) -> float:
    """Return the mean power of *sound*."""
    return float(np.mean(sound**2))


def spoken_over(user: Sound, length: int, *, power: float) -> Sound:
    """Return *user* at `USER_AT` of a silence of *length* samples, with twice the *power* where they speak."""
    start = round(USER_AT * RATE)
    part = user[: length - start]
    loud = part[np.abs(part) > 0.02 * np.max(np.abs(part))]
    track = np.zeros(length)
    track[start : start + len(part)] = part * np.sqrt(2 * power / np.mean(loud**2))
    return track


if __name__ == "__main__":
    main()
