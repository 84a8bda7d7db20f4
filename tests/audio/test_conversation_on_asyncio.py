"""A conversation by voice on asyncio, by devices and by any other source."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from livegen_trio import LiveGenerationConfig, LocalBackend, ServerContent, get_live_generative_model
from livegen_trio.anyio import AudioConversation, connect, open_devices
from livegen_trio.audio import SpeechEnded, SpeechStarted
from support.live_client import sound, speech_engines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from livegen_trio import LiveGenerativeModel

pytest.importorskip("miniaudio", reason="the extra `audio` is not installed")

CHUNK = 0.02  # seconds


def model(seconds: float) -> LiveGenerativeModel:
    """A model that hears what is loud, and speaks for *seconds*."""
    return get_live_generative_model(
        "gemini-2.5-flash-native-audio-preview-12-2025",
        backend=LocalBackend(engines=speech_engines(seconds=seconds)),
        generation_config=LiveGenerationConfig(response_modalities=["AUDIO"]),
    )


async def user(*pieces: tuple[float, int]) -> AsyncGenerator[bytes]:
    """Sound in real time, in pieces of so many seconds and of such a level, and silence after it."""
    for seconds, level in (*pieces, (60, 0)):
        for _ in range(round(seconds / CHUNK)):
            await asyncio.sleep(CHUNK)
            yield sound(CHUNK, level=level)


def run(main: object) -> None:
    assert asyncio.iscoroutine(main)
    asyncio.run(asyncio.wait_for(main, 20))


def test_a_question_is_answered_by_a_loudspeaker() -> None:
    async def main() -> None:
        async with connect(model(0.5)) as session, open_devices(backend="null") as devices:
            async with AudioConversation(
                session, source=user((0.5, 8000)), sink=devices.speaker
            ) as conversation:
                events = []
                async for event in conversation:
                    events.append(event)
                    if isinstance(event, SpeechEnded):
                        break
                assert SpeechStarted(turn=1) in events
                assert event.heard_seconds == 0.5
                assert not event.interrupted
                await conversation.stop()
                assert conversation.is_over
            await session.send("still open")

    run(main())


def test_who_cuts_in_silences_the_loudspeaker() -> None:
    async def main() -> None:
        source = user((0.5, 8000), (2, 0), (0.5, 8000))
        async with connect(model(10)) as session, open_devices(backend="null") as devices:
            async with AudioConversation(session, source=source, sink=devices.speaker) as conversation:
                interrupted = False
                async for event in conversation:
                    if isinstance(event, SpeechEnded):
                        break
                    interrupted = interrupted or (isinstance(event, ServerContent) and event.interrupted)
                assert event.interrupted
                assert event.heard_seconds < 5
                played = devices.speaker.played_samples
                await asyncio.sleep(0.1)
                assert devices.speaker.played_samples == played

    run(main())


def test_what_a_microphone_raises_leaves_the_block_as_it_is() -> None:
    async def broken() -> AsyncGenerator[bytes]:
        yield sound(CHUNK)
        raise OSError("the cable is loose")

    async def main() -> None:
        async with connect(model(1)) as session, open_devices(backend="null") as devices:
            with pytest.raises(OSError, match="cable"):
                async with AudioConversation(session, source=broken(), sink=devices.speaker):
                    await asyncio.sleep(10)

    run(main())


def test_cancelling_the_task_leaves_the_conversation_and_no_task() -> None:
    async def main() -> None:
        async with connect(model(1)) as session, open_devices(backend="null") as devices:

            async def converse() -> None:
                async with AudioConversation(
                    session, source=devices.microphone, sink=devices.speaker
                ) as talk:
                    async for _ in talk:
                        pass

            task = asyncio.create_task(converse())
            await asyncio.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await session.send("still open")

    run(main())
