"""Transcribe a WAV file as it is spoken: each hypothesis as it comes, and the final text of each utterance.

python live_transcription.py speech.wav

A session with this model lasts ten minutes at the service; the library goes on with another one. Needs the [local]
extra, whose engines hear. With GeminiBackend() in place of LocalBackend(), and a key in GEMINI_API_KEY, it asks Gemini.
"""

from __future__ import annotations

import math
import sys

import trio

from livegen_trio import LiveGenerationConfig, LiveSession, LocalBackend, get_live_generative_model
from livegen_trio.audio import read_wav, stream_pcm

PATIENCE = 3  # seconds without news, after the end of the file, until nothing more is expected


async def speak(session: LiveSession, file: str, listening: trio.CancelScope) -> None:
    """Send the file in real time, as a microphone would; then wait for the rest of the transcripts."""
    recording = read_wav(file)
    await session.send_media_stream(stream_pcm(recording.pcm, recording.rate), mime_type=recording.mime_type)
    await session.end_audio()
    listening.deadline = trio.current_time() + PATIENCE


async def main(file: str) -> None:
    """Print what is said in *file*."""
    model = get_live_generative_model(
        "gemini-3.5-transcribe-live",
        backend=LocalBackend(),
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
    )
    listening = trio.CancelScope()
    async with model.connect() as session, trio.open_nursery() as nursery:
        nursery.start_soon(speak, session, file, listening)
        with listening:
            async for transcript in session.transcripts():
                print(transcript.text if transcript.is_final else f"... {transcript.text}")
                if listening.deadline < math.inf:
                    listening.deadline = trio.current_time() + PATIENCE


trio.run(main, sys.argv[1])
