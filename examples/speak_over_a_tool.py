"""Ask for something slow, and speak over it: the tool is cancelled, and what was said last is answered.

Needs the [local] extra, whose engines hear and speak: they play the user as well. With GeminiBackend() in place of
LocalBackend(), a key in GEMINI_API_KEY, and a microphone, it is Gemini and you.
"""

from __future__ import annotations

from functools import partial

import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LiveSession,
    LocalBackend,
    ServerContent,
    ToolCall,
    ToolCallCancellation,
    get_live_generative_model,
)
from livegen_trio.audio import stream_pcm
from livegen_trio.local import Engines, load_engines


async def search_flights(city: str) -> str:
    """Search flights to a city."""
    print(f"searching flights to {city}")
    try:
        await trio.sleep(60)
    finally:
        print("the search is given up")
    return "There are none."


async def get_weather(city: str) -> dict[str, object]:
    """Weather of a city."""
    return {"city": city, "celsius": 21}


async def say(words: str, session: LiveSession, engines: Engines) -> None:
    """Be a user who speaks, and then is silent for as long as it takes to be understood."""
    assert engines.synthesizer is not None
    pcm = await trio.to_thread.run_sync(engines.synthesizer.synthesize, words)
    print(f"user: {words}")
    await session.send_media_stream(
        stream_pcm(pcm + bytes(2 * 24_000), 24_000), mime_type="audio/pcm;rate=24000"
    )


async def main() -> None:
    """Hold the conversation."""
    engines = await trio.to_thread.run_sync(load_engines)
    model = get_live_generative_model(
        "gemini-2.5-flash-native-audio-preview-12-2025",
        backend=LocalBackend(engines=engines),
        generation_config=LiveGenerationConfig(
            response_modalities=["AUDIO"], output_audio_transcription=AudioTranscriptionConfig()
        ),
        tools=[search_flights, get_weather],
    )
    async with model.connect() as session, trio.open_nursery() as nursery:
        nursery.start_soon(partial(say, "Search flights to Rome.", session, engines))
        answer = ""
        async for event in session:
            match event:
                case ToolCall(function_calls=[call]) if call.name == "search_flights":
                    nursery.start_soon(partial(say, "What is the weather in Paris?", session, engines))
                case ToolCallCancellation():
                    print("the model takes its call back")
                case ServerContent():
                    answer += "" if event.output_transcription is None else event.output_transcription.text
                    if event.turn_complete and answer:
                        break
        print(f"model: {answer.strip()}")
        nursery.cancel_scope.cancel()


trio.run(main)
