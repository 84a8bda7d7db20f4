"""Give an ephemeral token to a client that must not have the API key; all of it on this machine.

python ephemeral_token.py
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import trio

from livegen_trio import (
    GeminiBackend,
    LiveGenerationConfig,
    LocalBackend,
    SetupRejectedError,
    create_auth_token,
    get_live_generative_model,
)
from livegen_trio.local import serve, text_engines

MODEL = "gemini-live-2.5-flash-preview"


async def make_token(url: str) -> str:
    """What runs on your server: it has the key, and decides what the client may do."""
    model = get_live_generative_model(
        MODEL,
        backend=LocalBackend(url),  # with a key: GeminiBackend()
        system_instruction="Answer briefly.",
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
    )
    with trio.fail_after(10):
        token = await create_auth_token(model, new_session_expire_time=timedelta(minutes=2))
    return token.name


async def converse(url: str, token: str) -> None:
    """What runs on the client; a browser or a phone does the same in its own language."""
    model = get_live_generative_model(MODEL, backend=GeminiBackend(api_key=token, base_url=url))
    async with model.connect() as session:
        print((await session.ask("How are you?")).text)


async def main() -> None:
    """Make a token, use it, and try to use it again."""
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(partial(serve, 0, engines=text_engines()))
        url = f"ws://{address.host}:{address.port}"
        token = await make_token(url)
        await converse(url, token)
        try:
            await converse(url, token)
        except SetupRejectedError as exc:
            print(exc)
        nursery.cancel_scope.cancel()


trio.run(main)
