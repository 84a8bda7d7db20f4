"""Converse in text with the embedded server: no key, no network, no extra.

python text_chat.py
"""

from __future__ import annotations

import trio

from livegen_trio import LiveGenerationConfig, LocalBackend, get_live_generative_model


async def main() -> None:
    """Ask two questions, and print each answer as it comes."""
    config = LiveGenerationConfig(response_modalities=["TEXT"])
    model = get_live_generative_model(
        "gemini-live-2.5-flash-preview", backend=LocalBackend(), generation_config=config
    )
    async with model.connect() as session:
        for question in ("Hello, can you hear me?", "How are you?"):
            await session.send(question)
            answer = await anext(session.turns())
            async for words in answer.text():
                print(words, end="", flush=True)
            print()


trio.run(main)
