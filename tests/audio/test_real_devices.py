"""Devices of a PulseAudio: sound goes in by the microphone's end and comes out of the loudspeaker's monitor."""

from __future__ import annotations

import math
from array import array
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LocalBackend,
    ServerContent,
    get_live_generative_model,
)
from livegen_trio.audio import (
    AudioConversation,
    DeviceLostError,
    SpeechEnded,
    list_devices,
    open_devices,
    open_microphone,
    open_speaker,
)
from livegen_trio.local import Engines, Say, load_engines, speech_available
from support.live_client import ScriptedResponder
from support.pulseaudio import (
    MICROPHONE,
    MONITOR_RATE,
    SPEAKER,
    PulseAudio,
    needs_pulseaudio,
    running_pulseaudio,
)
from support.voice import HUMAN_RATE, human_voice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

pytest.importorskip("miniaudio", reason="the extra `audio` is not installed")
pytestmark = needs_pulseaudio

RATE = 24_000
PERIOD_SECONDS = 0.01


@pytest.fixture(name="pulse")
def pulse_fixture(monkeypatch: pytest.MonkeyPatch) -> Generator[PulseAudio]:
    with running_pulseaudio() as pulse:
        for name, value in pulse.environment.items():
            monkeypatch.setenv(name, value)
        yield pulse


def tone(seconds: float) -> bytes:
    return array("h", (round(8000 * math.sin(i / 10)) for i in range(round(seconds * RATE)))).tobytes()


def loud_seconds(pcm: bytes) -> float:
    """From the first sound to the last."""
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    loud = [index for index, sample in enumerate(samples) if abs(sample) > 1000]
    return (loud[-1] - loud[0]) / MONITOR_RATE if loud else 0.0


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    with trio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - a device has no event for it
            await trio.sleep(0.01)


async def test_the_default_devices_come_first_with_their_rates(pulse: PulseAudio) -> None:
    devices = list_devices()
    assert [one.id for one in devices if one.is_default] == [MICROPHONE, SPEAKER]
    assert next(one.id for one in devices if one.kind == "speaker") == SPEAKER
    assert devices[0].rates == (48_000,)


async def test_what_is_played_takes_as_long_as_it_is_and_has_no_gap(pulse: PulseAudio) -> None:
    with pulse.monitoring() as monitor:
        await trio.sleep(0.3)
        async with open_speaker() as speaker:
            await speaker.write(tone(2), RATE)
            await until(lambda: speaker.played_samples == 2 * RATE)
            await trio.sleep(0.2)
            assert speaker.statistics().underruns == 0
        assert loud_seconds(monitor.pcm()) == pytest.approx(2, abs=0.02)


async def test_played_samples_are_right_to_within_two_periods_and_a_flush_silences_as_soon(
    pulse: PulseAudio,
) -> None:
    with pulse.monitoring() as monitor:
        async with open_devices() as devices:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(devices.speaker.write, tone(5), RATE)
                await trio.sleep(1)
                devices.speaker.flush()
                played = devices.speaker.played_samples / RATE
            await trio.sleep(0.5)
            assert devices.speaker.played_samples == played * RATE
        assert loud_seconds(monitor.pcm()) == pytest.approx(played, abs=2 * PERIOD_SECONDS)


@pytest.mark.parametrize("rate", [44_100, 16_000])
async def test_a_device_of_another_rate_plays_at_the_same_speed(pulse: PulseAudio, rate: int) -> None:
    pulse.control(
        "load-module", "module-null-sink", "sink_name=other", f"rate={rate}", "channels=1", "norewinds=1"
    )
    with pulse.monitoring("other") as monitor:
        await trio.sleep(0.2)
        async with open_speaker("other") as speaker:
            await speaker.write(tone(1), RATE)
            await until(lambda: speaker.played_samples == RATE)
            await trio.sleep(0.2)
        assert loud_seconds(monitor.pcm()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("name", [SPEAKER, MICROPHONE])
async def test_a_device_that_is_unplugged_raises_an_error_that_names_it(pulse: PulseAudio, name: str) -> None:
    async with open_devices() as devices:
        await devices.microphone.receive()
        pulse.unplug(name)
        start = trio.current_time()
        with trio.fail_after(5), pytest.raises(DeviceLostError, match="is gone; plug it in"):
            while True:
                await devices.microphone.receive()
        assert trio.current_time() - start < 2
        with pytest.raises(DeviceLostError):
            await devices.speaker.write(tone(1), RATE)


async def test_a_sound_system_that_ends_is_a_lost_device() -> None:
    with running_pulseaudio() as pulse, pytest.MonkeyPatch.context() as patch:
        for name, value in pulse.environment.items():
            patch.setenv(name, value)
        async with open_microphone() as microphone:
            await microphone.receive()
            pulse.end()
            with trio.fail_after(5), pytest.raises(DeviceLostError):
                while True:
                    await microphone.receive()


async def test_the_default_device_is_followed(pulse: PulseAudio) -> None:
    pulse.plug_in("headset")
    async with open_devices(follow_default=True) as devices:
        await devices.speaker.write(tone(0.1), RATE)
        pulse.control("set-default-sink", "headset")
        await until(lambda: devices.speaker.device.id == "headset")
        with pulse.monitoring("headset") as monitor:
            await trio.sleep(0.2)
            await devices.speaker.write(tone(0.5), RATE)
            await trio.sleep(0.5)
            assert loud_seconds(monitor.pcm()) == pytest.approx(0.5, abs=0.03)
        pulse.unplug("headset")
        await until(lambda: devices.speaker.device.id != "headset")
        await devices.microphone.receive()
        await until(lambda: devices.statistics().reopened == 2)


CONFIG = LiveGenerationConfig(
    response_modalities=["AUDIO"],
    input_audio_transcription=AudioTranscriptionConfig(),
    output_audio_transcription=AudioTranscriptionConfig(),
)
ANSWER = "Tomorrow it will rain in the morning, and in the afternoon the sun will shine."
LONG_ANSWER = " ".join([ANSWER] * 4)
needs_speech = pytest.mark.skipif(not speech_available(), reason="the extra `local` is not installed")


@pytest.fixture(name="engines", scope="module")
def loaded_engines() -> Engines:
    return load_engines()


@asynccontextmanager
async def talking(
    engines: Engines, answer: str, *, echo_cancellation: bool = True
) -> AsyncGenerator[AudioConversation]:
    """A conversation by the default devices, with a server that answers everything with *answer*."""
    backend = LocalBackend(engines=replace(engines, responder=ScriptedResponder(lambda _: Say(answer))))
    model = get_live_generative_model(
        "gemini-2.5-flash-native-audio-preview-12-2025", backend=backend, generation_config=CONFIG
    )
    async with (
        model.connect() as session,
        open_devices(echo_cancellation=echo_cancellation) as devices,
        AudioConversation(session, source=devices.microphone, sink=devices.speaker) as conversation,
    ):
        yield conversation


async def speech_ended(conversation: AudioConversation) -> SpeechEnded:
    with trio.fail_after(60):
        async for event in conversation:
            if isinstance(event, SpeechEnded):
                return event
    raise AssertionError("the conversation ended before the model had spoken")


def words(text: str) -> list[str]:
    return "".join(character for character in text.lower() if character.isalpha() or character == " ").split()


async def spoken_to(pulse: PulseAudio) -> None:
    """Ask something, and wait until it is asked."""
    await trio.to_thread.run_sync(pulse.speak, human_voice(), HUMAN_RATE)


@needs_speech
async def test_a_spoken_question_is_answered_audibly_twice(pulse: PulseAudio, engines: Engines) -> None:
    assert engines.recognizer is not None
    async with talking(engines, ANSWER) as conversation:
        for _ in range(2):
            with pulse.monitoring() as monitor:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(spoken_to, pulse)
                    ended = await speech_ended(conversation)
                assert not ended.interrupted
                answer = await trio.to_thread.run_sync(
                    engines.recognizer.transcribe, monitor.pcm(), MONITOR_RATE
                )
            assert words(answer) == words(ANSWER)


@needs_speech
async def test_speaking_over_the_answer_silences_the_loudspeaker(pulse: PulseAudio, engines: Engines) -> None:
    with pulse.monitoring() as monitor:
        async with talking(engines, LONG_ANSWER) as conversation, trio.open_nursery() as nursery:
            await spoken_to(pulse)
            await until(lambda: conversation.played_seconds > 2, 30)
            nursery.start_soon(spoken_to, pulse)
            with trio.fail_after(20):
                async for event in conversation:
                    if isinstance(event, ServerContent) and event.interrupted:
                        break
            await trio.sleep(0.15)
            recorded = monitor.pcm()
            last = array("h", recorded[: len(recorded) // 2 * 2])[-MONITOR_RATE // 20 :]
            assert max(map(abs, last)) < 100  # the last 50 ms of them
            nursery.cancel_scope.cancel()


@needs_speech
@pytest.mark.parametrize("echo_cancellation", [True, False])
async def test_in_a_room_the_model_is_interrupted_by_its_own_voice_unless_the_echo_is_cancelled(
    pulse: PulseAudio, engines: Engines, echo_cancellation: bool
) -> None:
    async with talking(engines, LONG_ANSWER, echo_cancellation=echo_cancellation) as conversation:
        await spoken_to(pulse)
        pulse.let_the_microphone_hear_the_speaker()
        ended = await speech_ended(conversation)
    assert ended.interrupted is not echo_cancellation
