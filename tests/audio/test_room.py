"""A simulated room: the user is heard in it, and the model is not, as long as its echo is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from livegen_trio.local import load_engines, speech_available

if TYPE_CHECKING:
    from _room import Sound

    from livegen_trio.local import SpeechSynthesizer

for package in ("numpy", "pywebrtc_audio", "soxr"):
    pytest.importorskip(package, reason="the extra `audio` is not installed")
if not speech_available():
    pytest.skip("the extra `local` is not installed", allow_module_level=True)

import numpy as np  # noqa: E402 - all of these need the extras
from _room import Room, clean, device_sound, level  # noqa: E402
from echo import MODEL_SAYS, ROOMS, USER_AT, USER_SAYS, measure, power, spoken_over  # noqa: E402

from livegen_trio.audio._devices.options import ProcessingOptions  # noqa: E402
from livegen_trio.audio._speech_detector import SpeechDetector  # noqa: E402

CHUNK = 320  # bytes, 10 ms
WITHOUT = ProcessingOptions(echo_cancellation=False)


# Seconds until the user is heard, where it may take longer: the reverberation hides the first sounds in some runs.
LATEST = {"living room": 0.4}


@pytest.fixture(name="synthesizer", scope="module")
def loaded_synthesizer() -> SpeechSynthesizer:
    synthesizer = load_engines().synthesizer
    assert synthesizer is not None
    return synthesizer


def speech_begins(pcm: bytes) -> float | None:
    """When somebody is first heard, in seconds."""
    detector = SpeechDetector(16_000, 0.5)
    for start in range(0, len(pcm), CHUNK):
        if detector.hears_speech(pcm[start : start + CHUNK]):
            return start / 32_000
    return None


def onset(track: Sound) -> float:
    """When a user begins to be loud, in seconds."""
    return int(np.argmax(np.abs(track) > 0.1 * np.max(np.abs(track)))) / 48_000


@pytest.mark.parametrize("name", ROOMS)
def test_the_model_does_not_hear_itself_and_the_user_is_heard_over_it_within_300_ms(
    name: str, synthesizer: SpeechSynthesizer
) -> None:
    model = device_sound(synthesizer.synthesize(MODEL_SAYS), 24_000)
    echo = ROOMS[name].echo(model)
    # Nobody speaks as quietly as an echo out of headphones.
    loudness = 2 * max(power(echo), 0.001)
    user = spoken_over(device_sound(synthesizer.synthesize(USER_SAYS), 24_000), len(model), power=loudness)
    assert speech_begins(clean(echo, model, ProcessingOptions())) is None
    heard_at = speech_begins(clean(echo + user, model, ProcessingOptions()))
    assert heard_at is not None
    assert 0 <= heard_at - onset(user) <= LATEST.get(name, 0.3)


def test_without_cancellation_the_model_hears_itself_at_once(synthesizer: SpeechSynthesizer) -> None:
    model = device_sound(synthesizer.synthesize(MODEL_SAYS), 24_000)
    heard_at = speech_begins(clean(Room().echo(model), model, WITHOUT))
    assert heard_at is not None
    assert heard_at < USER_AT


def test_the_echo_is_20_db_quieter_and_the_user_3_db_at_most(synthesizer: SpeechSynthesizer) -> None:
    figures = measure(ROOMS["laptop"], synthesizer)
    assert figures["erle"] > 20
    assert figures["lost"] < 3


def test_noise_suppression_takes_steady_noise_out() -> None:
    noise = 0.01 * np.random.default_rng(1).standard_normal(48_000 * 5)
    silence = np.zeros_like(noise)
    plain = clean(noise, silence, WITHOUT)
    quiet = clean(noise, silence, ProcessingOptions(echo_cancellation=False, noise_suppression=True))
    assert level(plain, 3, 5) - level(quiet, 3, 5) > 8


def test_automatic_gain_makes_a_voice_from_afar_louder(synthesizer: SpeechSynthesizer) -> None:
    voice = 0.03 * device_sound(synthesizer.synthesize(MODEL_SAYS), 24_000)
    silence = np.zeros_like(voice)
    gained = clean(voice, silence, ProcessingOptions(echo_cancellation=False, automatic_gain=True))
    assert level(gained, 5, 8) - level(clean(voice, silence, WITHOUT), 5, 8) > 6
