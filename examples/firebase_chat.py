"""Chat by Firebase AI Logic's names; with the embedded server in the place of Firebase.

python firebase_chat.py
"""

from __future__ import annotations

from functools import partial

import trio

from livegen_trio import LiveGenerationConfig, ServerContent
from livegen_trio.firebase import AIError, FirebaseApp, get_ai, get_live_generative_model
from livegen_trio.local import serve, text_engines


async def app_check_token() -> str:
    """What App Check gives on a phone; here, anything."""
    await trio.lowlevel.checkpoint()
    return "a token of App Check"


async def converse(url: str) -> None:
    """Ask, and print the answer as it comes."""
    app = FirebaseApp(
        api_key="the project's key",
        project_id="my-project",
        app_id="1:1234567890:web:0123",
        app_check_token=app_check_token,
    )
    model = get_live_generative_model(
        get_ai(app),
        "gemini-live-2.5-flash-preview",
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
        base_url=url,  # with a Firebase project: leave this out
    )
    try:
        async with model.connect() as session:
            await session.send("Hello, can you hear me?")
            async for message in session.receive():
                match message:
                    case ServerContent(turn_complete=True):
                        break
                    case ServerContent() as content:
                        print(content.text, end="")
            print()
    except AIError as exc:
        print(f"{exc.code}: {exc.message}")


async def main() -> None:
    """Serve and converse, in one program."""
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(partial(serve, 0, engines=text_engines()))
        await converse(f"ws://{address.host}:{address.port}")
        nursery.cancel_scope.cancel()


trio.run(main)
