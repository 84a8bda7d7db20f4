"""Web servers in this process, and something run in a request's handler: where an application would open a session."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import anyio
import hypercorn.trio
import trio
import uvicorn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    Main = Callable[[], Awaitable[None]]
    Message = dict[str, Any]
    Send = Callable[[Message], Awaitable[None]]


def run_in_uvicorn(main: Main, *, loop: Literal["asyncio", "uvloop"]) -> None:
    """Run *main* in the handler of the only request to a uvicorn on *loop*."""
    handler = Handler(main)
    config = uvicorn.Config(
        handler, loop=loop, lifespan="off", ws="none", log_config=None, log_level="critical"
    )
    with one_request() as listener:
        OneRequest(config, handler).run(sockets=[listener])
    handler.raise_error()


def run_in_hypercorn(main: Main) -> None:
    """Run *main* in the handler of the only request to a Hypercorn on Trio."""
    handler = Handler(main)
    served = trio.Event()
    handler.when_done = served.set
    config = hypercorn.Config()
    config.errorlog = None
    with one_request() as listener:
        config.bind = [f"fd://{listener.detach()}"]  # it closes it
        # Of no type that mypy has: what serves one kind of application is annotated for them all.
        app: Any = handler
        trio.run(partial(hypercorn.trio.serve, app, config, shutdown_trigger=served.wait))
    handler.raise_error()


@contextmanager
def one_request() -> Generator[socket.socket]:
    """A listening socket at which a request waits already: a server needs no thread that asks it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        yield listener


class Handler:
    """An ASGI application that runs *main* for its only request, and keeps what it raises from the server."""

    def __init__(self, main: Main) -> None:
        self._main = main
        self._error: BaseException | None = None
        self._was_asked = False
        self.when_done: Callable[[], object] = lambda: None

    async def __call__(self, scope: Message, receive: object, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError  # Hypercorn asks whether there is a lifespan
        self._was_asked = True
        try:
            await self._main()
        except BaseException as exc:  # noqa: ASYNC103 - raised once the server has ended
            self._error = exc  # also a failure that pytest makes no `Exception`
            if isinstance(exc, anyio.get_cancelled_exc_class()):
                raise
        finally:
            self.when_done()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def raise_error(self) -> None:
        """Raise what *main* has raised, as it was."""
        assert self._was_asked, "the server has not handed on its request"
        if self._error is not None:
            raise self._error


class OneRequest(uvicorn.Server):
    """A server that ends when its request was handled: at once, where uvicorn looks ten times a second."""

    def __init__(self, config: uvicorn.Config, handler: Handler) -> None:
        super().__init__(config)
        self._served = asyncio.Event()
        handler.when_done = self._served.set

    async def main_loop(self) -> None:
        await self._served.wait()
        while self.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0)
