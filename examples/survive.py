"""A conversation that outlives its process: kill this program, start it again with the same key, and it goes on.

Needs the extra `valkey`, and a Valkey or Redis server. Try it without an account:

    livegen-trio serve --text
    python examples/survive.py ann ws://127.0.0.1:8080 redis://127.0.0.1:6379

Type "My name is Ann.", kill the program, start it again, and type "What is my name?". An empty line ends the
conversation.
"""

from __future__ import annotations

import sys

import coredis
import trio

from livegen_trio import LiveGenerationConfig, LocalBackend, get_live_generative_model
from livegen_trio.stores.valkey import ValkeyResumeStore


async def main(key: str, server: str, valkey: str) -> None:
    """Converse by lines of text, until one is empty."""
    model = get_live_generative_model(
        "gemini-live-2.5-flash-preview",
        backend=LocalBackend(server),
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
    )
    async with coredis.Redis.from_url(valkey) as client:
        store = ValkeyResumeStore(client)
        state = await store.load(key)
        async with (
            model.connect(session_resumption=state or "auto") as session,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(session.save_to, store, key)
            print("begun" if state is None else "resumed", flush=True)
            while line := (await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)).strip():
                print((await session.ask(line)).text, flush=True)
            nursery.cancel_scope.cancel()
        await store.delete(key)


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
