"""`start_audio_conversation`: who may start one, what the controller does, and what stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio.audio import VirtualSpeaker
from livegen_trio.firebase import AIError, AIErrorCode, start_audio_conversation
from support.firebase_peer import firebase_session
from support.peer import text, words_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock


async def silence() -> AsyncGenerator[bytes]:
    """A microphone in a silent room."""
    while True:
        await trio.sleep(0.02)
        yield bytes(640)


async def test_a_controller_stops_the_conversation_and_leaves_the_session_open(
    autojump_clock: MockClock,
) -> None:
    async with firebase_session() as (session, peer):
        assert not session.in_conversation
        async with start_audio_conversation(session, source=silence(), sink=VirtualSpeaker()) as controller:
            assert session.in_conversation
            assert "audio" in (await peer.hear())["realtimeInput"]
            await controller.stop()
            assert not session.in_conversation
        await peer.say(text("and on"))
        assert words_of(await anext(session.receive())) == "and on"


async def test_leaving_the_block_ends_it_and_another_can_begin(autojump_clock: MockClock) -> None:
    async with firebase_session() as (session, _):
        for _ in range(2):
            async with start_audio_conversation(session, source=silence(), sink=VirtualSpeaker()):
                assert session.in_conversation
            assert not session.in_conversation


async def test_one_at_a_time(autojump_clock: MockClock) -> None:
    async with firebase_session() as (session, _):
        async with start_audio_conversation(session, source=silence(), sink=VirtualSpeaker()):
            with pytest.raises(AIError, match="already in progress") as caught:
                async with start_audio_conversation(session, source=silence(), sink=VirtualSpeaker()):
                    pytest.fail("a second conversation began")
            assert caught.value.code is AIErrorCode.REQUEST_ERROR


async def test_a_closed_session_is_refused() -> None:
    async with firebase_session() as (session, _):
        await session.close()
        with pytest.raises(AIError) as caught:
            async with start_audio_conversation(session, source=silence(), sink=VirtualSpeaker()):
                pytest.fail("a conversation began in a closed session")
        assert caught.value.code is AIErrorCode.SESSION_CLOSED


async def test_a_session_that_somebody_receives_from_is_refused(autojump_clock: MockClock) -> None:
    async with firebase_session() as (session, _), trio.open_nursery() as nursery:
        nursery.start_soon(anext, session.receive())
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(AIError) as caught:
            async with start_audio_conversation(session, source=silence(), sink=VirtualSpeaker()):
                pytest.fail("a conversation began without its events")
        assert caught.value.code is AIErrorCode.REQUEST_ERROR
        nursery.cancel_scope.cancel()


async def test_a_device_that_fails_leaves_the_block_as_it_is(autojump_clock: MockClock) -> None:
    async def broken() -> AsyncGenerator[bytes]:
        await trio.lowlevel.checkpoint()
        yield bytes(640)
        raise PermissionError("the microphone is not allowed")

    async with firebase_session() as (session, _):
        with pytest.raises(PermissionError, match="not allowed"):
            async with start_audio_conversation(session, source=broken(), sink=VirtualSpeaker()):
                await trio.sleep_forever()
        assert not session.is_closed
