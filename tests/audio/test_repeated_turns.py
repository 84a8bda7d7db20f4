"""A turn that a lost connection has cut, and that the model speaks again, is heard once from where it begins again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio import Reconnected
from livegen_trio.audio import AudioConversation, SpeechEnded, VirtualSpeaker
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, model_on
from support.talking import SECOND, spoken

from .test_audio_conversation import Quiet

if TYPE_CHECKING:
    from trio.testing import MockClock


@pytest.mark.parametrize("is_repeated", [True, False])
async def test_what_waits_of_a_cut_turn_is_not_played_before_its_repetition(
    is_repeated: bool, autojump_clock: MockClock
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with (
        model_on(fleet).connect() as session,
        AudioConversation(session, source=Quiet(), sink=VirtualSpeaker()) as conversation,
    ):
        await session.send("Tell me a story.")
        await fleet.peer.say(*[spoken(SECOND)] * 8)
        await trio.sleep(2)
        await fleet.peer.transport.abort()
        async for event in conversation:
            if isinstance(event, Reconnected):
                break
        await trio.sleep(1)
        if is_repeated:
            await fleet.peer.say(*[spoken(SECOND)] * 8, TURN_COMPLETE)
        await trio.sleep(1)
        await conversation.wait_played()
        await conversation.stop()
        ends = [event async for event in conversation if isinstance(event, SpeechEnded)]
    heard = [round(end.heard_seconds) for end in ends]
    assert heard == ([3, 8] if is_repeated else [8])
    assert ends[0].interrupted  # it was cut, repeated or not


async def test_a_turn_that_nothing_has_cut_is_played_to_its_end(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with (
        model_on(fleet).connect() as session,
        AudioConversation(session, source=Quiet(), sink=VirtualSpeaker()) as conversation,
    ):
        await session.send("Tell me a story.")
        await fleet.peer.say(*[spoken(SECOND)] * 8, TURN_COMPLETE)
        await trio.sleep(2)
        await fleet.peer.transport.abort()
        await trio.sleep(2)
        await session.send("And another one.")
        await fleet.peer.say(spoken(SECOND), TURN_COMPLETE)
        await trio.sleep(1)
        await conversation.wait_played()
        await conversation.stop()
        ends = [event async for event in conversation if isinstance(event, SpeechEnded)]
    assert [round(end.heard_seconds) for end in ends] == [8, 1]
