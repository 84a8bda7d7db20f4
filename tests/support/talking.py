"""Audio conversations for tests: microphone and server in the test's hands, a speaker that plays by the clock."""

from __future__ import annotations

import base64
import math
from array import array
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

from livegen_trio.audio import AudioConversation, VirtualSpeaker
from support.peer import conversation as session_and_peer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from livegen_trio import LiveSession
    from livegen_trio.audio import AudioSink, ConversationEvent
    from support.peer import Peer

RATE = 24_000
SECOND = array("h", range(RATE)).tobytes()
"""A second of the model's speech, in which no sample is like another."""


def spoken(*pieces: bytes, mime_type: str = f"audio/pcm;rate={RATE}", **more: Any) -> dict[str, Any]:
    """Server content with sound in it, a part for each piece."""
    blobs = [{"mimeType": mime_type, "data": base64.b64encode(pcm).decode()} for pcm in pieces]
    parts = [{"inlineData": blob} for blob in blobs]
    return {"serverContent": {"modelTurn": {"parts": parts}, **more}}


def heard_audio(message: dict[str, Any]) -> tuple[str, bytes]:
    """The MIME type and the samples of a client's message, which has to be one of sound."""
    audio = message["realtimeInput"]["audio"]
    return audio["mimeType"], base64.b64decode(audio["data"])


@dataclass
class Talk:
    """A conversation, and the other ends of all that it is connected to.

    Attributes:
        conversation: What is tested.
        session: Its session.
        peer: Its server.
        speak: Takes what the microphone yields.
        speaker: Keeps what is heard, unless the test has one of its own.
    """

    conversation: AudioConversation
    session: LiveSession
    peer: Peer
    speak: trio.MemorySendChannel[bytes]
    speaker: VirtualSpeaker

    async def say(self, *messages: dict[str, Any] | str) -> None:
        """Have the server say something, and wait until that is taken."""
        await self.peer.say(*messages)
        await trio.testing.wait_all_tasks_blocked()

    async def unread(self) -> list[ConversationEvent]:
        """The events that wait for the user."""
        waiting = self.conversation.statistics().unread_events
        return [await self.conversation.receive() for _ in range(waiting)]


@asynccontextmanager
async def talk(
    *,
    sink: AudioSink | None = None,
    connect: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    **options: Any,
) -> AsyncGenerator[Talk]:
    """An audio conversation with a `Peer`."""
    speaker = VirtualSpeaker()
    speak, microphone = trio.open_memory_channel[bytes](math.inf)
    async with session_and_peer(connect=connect, **(model or {})) as (session, peer):
        conversation = AudioConversation(session, source=microphone, sink=sink or speaker, **options)
        async with conversation:
            yield Talk(conversation, session, peer, speak, speaker)
