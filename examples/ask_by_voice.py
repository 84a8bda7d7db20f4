"""Ask the question that is in a WAV file, and write the spoken answer to another one.

python ask_by_voice.py question.wav answer.wav

Needs the [local] extra, whose engines hear and speak. With GeminiBackend() in place of LocalBackend(), and a key in
GEMINI_API_KEY, it asks Gemini.
"""

from __future__ import annotations

import sys

import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LocalBackend,
    get_live_generative_model,
)
from livegen_trio.audio import Recording, read_wav, stream_pcm, write_wav


async def main(question_file: str, answer_file: str) -> None:
    """Ask, print what was heard and said, and write the answer."""
    model = get_live_generative_model(
        "gemini-2.5-flash-native-audio-preview-12-2025",
        backend=LocalBackend(),
        generation_config=LiveGenerationConfig(
            response_modalities=["AUDIO"],
            input_audio_transcription=AudioTranscriptionConfig(),
            output_audio_transcription=AudioTranscriptionConfig(),
        ),
    )
    question = read_wav(question_file)
    async with model.connect() as session:
        # In real time, as a microphone would; then the microphone is switched off, so that nobody waits for more.
        await session.send_media_stream(stream_pcm(question.pcm, question.rate), mime_type=question.mime_type)
        await session.end_audio()
        turn = await anext(session.turns())
        answer = await turn.collect()
    print(f"{answer.input_transcript} - {answer.output_transcript}")
    write_wav(answer_file, Recording(answer.audio, answer.audio_rate))


trio.run(main, sys.argv[1], sys.argv[2])
