"""Devices of miniaudio's Null backend: silent, and in real time."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import threading
from array import array
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio.audio import (
    AudioDevice,
    AudioSink,
    AudioSource,
    DeviceError,
    list_devices,
    open_devices,
    open_microphone,
    open_speaker,
)
from livegen_trio.audio._devices.listing import find_device

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("miniaudio", reason="the extra `audio` is not installed")

RATE = 24_000
THREADS = ("livegen-trio sound", "livegen-trio devices")


def tone(seconds: float) -> bytes:
    return array("h", (round(8000 * math.sin(i / 10)) for i in range(round(seconds * RATE)))).tobytes()


def device(name: str, device_id: str, *, is_default: bool = False) -> AudioDevice:
    return AudioDevice("speaker", name, device_id, is_default, (48_000,), 2, "test")


async def until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - a device has no event for it
            await trio.sleep(0.01)


async def test_the_null_backend_lists_one_device_of_each_kind() -> None:
    microphone, speaker = list_devices(backend="null")
    assert (microphone.kind, speaker.kind) == ("microphone", "speaker")
    assert microphone.is_default
    assert speaker.is_default


async def test_a_microphone_gives_chunks_of_10_ms_at_16_khz_in_real_time() -> None:
    async with open_microphone(backend="null") as microphone:
        assert isinstance(microphone, AudioSource)
        await microphone.receive()
        start = trio.current_time()
        sizes = {len(await microphone.receive()) for _ in range(30)}
        assert microphone.rate == 16_000
        assert sizes <= {320, 640}
        assert 0.1 < trio.current_time() - start < 1.5


async def test_a_speaker_takes_any_rate_and_counts_what_was_heard() -> None:
    async with open_speaker(backend="null") as speaker:
        assert isinstance(speaker, AudioSink)
        await speaker.write(tone(0.2), RATE)
        assert speaker.played_samples < RATE // 5
        await speaker.write(bytes(2 * 441), 44_100)
        await until(lambda: speaker.played_samples == RATE // 5 + 441)


async def test_a_write_returns_when_a_tenth_of_a_second_is_left_to_play() -> None:
    async with open_speaker(backend="null") as speaker:
        start = trio.current_time()
        await speaker.write(tone(0.5), RATE)
        assert 0.3 < trio.current_time() - start < 0.6


async def test_what_is_flushed_never_counts_and_a_write_that_waits_returns() -> None:
    async with open_devices(backend="null") as devices:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(devices.speaker.write, tone(5), RATE)
            await trio.sleep(0.2)
            devices.speaker.flush()
            heard = devices.speaker.played_samples
        await trio.sleep(0.1)
        assert devices.speaker.played_samples == heard < RATE
        await devices.speaker.write(tone(0.05), RATE)
        await until(lambda: devices.speaker.played_samples == heard + RATE // 20)


async def test_levels_are_in_decibels_for_meters() -> None:
    async with open_devices(backend="null") as devices:
        assert devices.speaker.level == -96
        await devices.speaker.write(tone(0.2), RATE)
        assert -16 < devices.speaker.level < -14
        assert devices.microphone.level < -60


async def test_what_nobody_receives_for_a_second_is_dropped_and_counted() -> None:
    async with open_microphone(backend="null") as microphone:
        await until(lambda: microphone.statistics().dropped_seconds > 0)
        assert microphone.statistics().seconds > 1


async def test_a_gap_in_speech_is_counted_as_an_underrun() -> None:
    async with open_speaker(backend="null") as speaker:
        await speaker.write(tone(0.03), RATE)
        await trio.sleep(0.12)
        await speaker.write(tone(0.03), RATE)
        await until(lambda: speaker.statistics().underruns == 1)


async def test_leaving_the_block_leaves_no_thread_and_closes_the_device() -> None:
    before = threading.active_count()
    async with open_devices(backend="null") as devices:
        await devices.microphone.receive()
    assert not [
        thread
        for thread in threading.enumerate()
        if thread.name in ("livegen-trio sound", "livegen-trio devices")
    ]
    assert threading.active_count() <= before + 1  # Trio keeps its worker threads for a while
    with pytest.raises(trio.ClosedResourceError):
        await devices.speaker.write(b"\0\0", RATE)


def test_devices_are_the_same_on_asyncio() -> None:
    async def main() -> int:
        async with open_devices(backend="null") as devices:
            await devices.speaker.write(tone(0.15), RATE)
            chunk = await devices.microphone.receive()
            while devices.speaker.played_samples < RATE * 0.15:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            return len(chunk)

    assert asyncio.run(asyncio.wait_for(main(), 10)) == 320


@pytest.mark.parametrize("backend", ["nul", "PulseAudio 2"])
async def test_a_sound_system_that_does_not_exist_is_named_with_those_that_do(backend: str) -> None:
    with pytest.raises(DeviceError, match=r"alsa, .*null"):
        list_devices(backend=backend)


async def test_a_device_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(DeviceError, match="no speaker 'headset'; there are: 'NULL Playback Device'"):
        async with open_devices(speaker="headset", backend="null"):
            pass


def test_a_device_is_found_by_its_id_its_name_or_a_part_of_that() -> None:
    headset = device("USB Headset", "usb-1")
    devices = [device("Speakers", "pci", is_default=True), headset, device("USB Headset Pro", "usb-2")]
    assert find_device(devices, "speaker", None).id == "pci"
    assert find_device(devices, "speaker", "usb-2").name == "USB Headset Pro"
    assert find_device(devices, "speaker", "usb headset") is headset
    assert find_device(devices, "speaker", "pro").id == "usb-2"
    assert find_device(devices, "speaker", headset) is headset


def test_a_name_of_several_devices_asks_for_an_id() -> None:
    devices = [device("USB Headset", "usb-1"), device("USB Headset", "usb-2")]
    with pytest.raises(DeviceError, match=r"several speakers .*'usb-1'.*'usb-2'"):
        find_device(devices, "speaker", "USB Headset")


def test_a_machine_without_a_microphone_says_so() -> None:
    with pytest.raises(DeviceError, match="no microphone was found"):
        find_device([device("Speakers", "pci")], "microphone", None)


async def test_the_example_talks_by_devices_until_it_is_interrupted() -> None:
    pytest.importorskip("moonshine_voice", reason="the extra `local` is not installed")
    program = Path(__file__).parents[2] / "examples" / "talk.py"
    environment = {**os.environ, "TALK_BACKEND": "null"}
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(
                trio.run_process,
                [sys.executable, program],
                env=environment,
                stdout=subprocess.PIPE,
                check=True,
            )
        )
        assert process.stdout is not None
        with trio.fail_after(60):
            assert b"NULL Capture Device: say something" in await process.stdout.receive_some()
            process.send_signal(signal.SIGINT)
            assert (await process.stdout.receive_some()).strip() == b"bye"
