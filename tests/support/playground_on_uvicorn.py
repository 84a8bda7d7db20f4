"""The playground on uvicorn and asyncio, with an embedded server in the same process."""

from __future__ import annotations

import socket
from functools import partial

import uvicorn

from livegen_trio.cli._playground import model_for
from livegen_trio.local import LocalBackend, load_engines
from livegen_trio.web import playground


def main() -> None:
    backend = LocalBackend(engines=load_engines())  # before the microphone's one question comes
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"playground at http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
        app = playground(partial(model_for, backend, "gemini-2.5-flash-native-audio-preview-12-2025"))
        uvicorn.Server(uvicorn.Config(app, log_level="error", loop="asyncio")).run([listener])


if __name__ == "__main__":
    main()
