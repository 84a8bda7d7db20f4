"""Talk with the model by microphone and loudspeaker, until Ctrl+C: speak over it, and it falls silent and listens.

python talk.py

Needs the extras [audio] and [local]. With GeminiBackend() in place of LocalBackend(), and a key in GEMINI_API_KEY, it
talks with Gemini. The echo of the loudspeaker is cancelled; with headphones there is none.
"""

from __future__ import annotations

import os

import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LocalBackend,
    ServerContent,
    get_live_generative_model,
)
from livegen_trio.audio import AudioConversation, SpeechEnded, open_devices


def show(content: ServerContent) -> None:
    """Print what either side has said."""
    for who, words in (("you", content.input_transcription), ("model", content.output_transcription)):
        if words is not None and words.text:
            print(f"{who}: {words.text.strip()}", flush=True)


async def main() -> None:
    """Converse until the session ends."""
    model = get_live_generative_model(
        "gemini-2.5-flash-native-audio-preview-12-2025",
        backend=LocalBackend(),
        generation_config=LiveGenerationConfig(
            response_modalities=["AUDIO"],
            input_audio_transcription=AudioTranscriptionConfig(),
            output_audio_transcription=AudioTranscriptionConfig(),
        ),
    )
    # TALK_BACKEND=null tries the program on a machine without a microphone.
    async with (
        model.connect() as session,
        open_devices(follow_default=True, backend=os.environ.get("TALK_BACKEND")) as devices,
        AudioConversation(session, source=devices.microphone, sink=devices.speaker) as conversation,
    ):
        print(f"{devices.microphone.device.name}: say something", flush=True)
        async for event in conversation:
            match event:
                case ServerContent():
                    show(event)
                case SpeechEnded(interrupted=True):
                    print(f"(cut off after {event.heard_seconds:.1f} s)", flush=True)


try:
    trio.run(main)
except KeyboardInterrupt:
    print("bye")
