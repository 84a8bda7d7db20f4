"""Translate a WAV file as it is spoken, as subtitles: what was said, and what it is in the other language.

python live_translation.py speech.wav de

Needs the [local] extra, whose engines hear and speak; the embedded server only repeats what it hears. With
GeminiBackend() in place of LocalBackend(), and a key in GEMINI_API_KEY, Gemini translates. The speech of the
translation comes as well: `AudioConversation` plays it, in place of `transcripts`.
"""

from __future__ import annotations

import math
import sys

import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LiveSession,
    LocalBackend,
    get_live_generative_model,
)
from livegen_trio.audio import read_wav, stream_pcm
from livegen_trio.types import TranslationConfig

PATIENCE = 3  # seconds without news, after the end of the file, until nothing more is expected


async def speak(session: LiveSession, file: str, listening: trio.CancelScope) -> None:
    """Send the file in real time, as a microphone would; then wait for the rest of the transcripts."""
    recording = read_wav(file)
    await session.send_media_stream(stream_pcm(recording.pcm, recording.rate), mime_type=recording.mime_type)
    await session.end_audio()
    listening.deadline = trio.current_time() + PATIENCE


async def main(file: str, language: str) -> None:
    """Print what is said in *file*, in its language and in another."""
    model = get_live_generative_model(
        "gemini-3.5-live-translate-preview",
        backend=LocalBackend(),
        generation_config=LiveGenerationConfig(
            response_modalities=["AUDIO"],
            input_audio_transcription=AudioTranscriptionConfig(),
            output_audio_transcription=AudioTranscriptionConfig(),
            translation_config=TranslationConfig(target_language_code=language),
        ),
    )
    listening = trio.CancelScope()
    async with model.connect() as session, trio.open_nursery() as nursery:
        nursery.start_soon(speak, session, file, listening)
        with listening:
            async for transcript in session.transcripts():
                if transcript.is_final:
                    print(f"{transcript.role}: {transcript.text}")
                if listening.deadline < math.inf:
                    listening.deadline = trio.current_time() + PATIENCE


trio.run(main, sys.argv[1], sys.argv[2])
