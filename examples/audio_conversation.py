"""Hold a spoken conversation from file to file: what a microphone and a loudspeaker do, without either.

python audio_conversation.py question.wav answer.wav

The question is played into the session as a microphone would hear it, and the answer as a loudspeaker would play it;
what would be heard of it is kept. If you speak while it answers, it falls silent. Needs the [local] extra. With
GeminiBackend() in place of LocalBackend(), and a key in GEMINI_API_KEY, it talks with Gemini.
"""

from __future__ import annotations

import sys

import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    LocalBackend,
    ServerContent,
    get_live_generative_model,
)
from livegen_trio.audio import (
    AudioConversation,
    SpeechEnded,
    VirtualSpeaker,
    read_wav,
    stream_pcm,
    write_wav,
)


def show(content: ServerContent) -> None:
    """Print what either side has said."""
    for who, words in (("you", content.input_transcription), ("model", content.output_transcription)):
        if words is not None and words.text:
            print(f"{who}: {words.text.strip()}")


async def main(question_file: str, answer_file: str) -> None:
    """Converse until the model has been heard out."""
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
    microphone = stream_pcm(question.pcm, question.rate)
    speaker = VirtualSpeaker()
    async with model.connect() as session:
        async with AudioConversation(session, source=microphone, sink=speaker) as conversation:
            async for event in conversation:
                match event:
                    case ServerContent():
                        show(event)
                    case SpeechEnded(interrupted=False):
                        print(f"{event.heard_seconds:.1f} s of speech were heard")
                        break
    write_wav(answer_file, speaker.recording)


trio.run(main, sys.argv[1], sys.argv[2])
