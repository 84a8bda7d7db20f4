"""A Live server that does what a script says, and fails where its client doesn't."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from .._errors import HandshakeError
from .._needs_trio import needs_trio
from .._single_exception import single_exception
from ..backends.base import Backend
from ..transports._refusal import refused
from ..transports._trio_websocket.transport import serve_websocket_stream
from ..transports.base import ConnectionClosed
from ..transports.memory import memory_transport_pair
from ._matching import describe
from ._script import ClientLeftError, Close, Emit, Expect, HangUp, ScriptError, ServerEnd, Step

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from ..transports.base import Progress, Transport
    from ._matching import Pattern

_ANY_SETUP: Final[Mapping[str, object]] = {"setup": {}}
_SETUP_COMPLETE: Final[Mapping[str, object]] = {"setupComplete": {}}


@dataclass(frozen=True)
class Connection:
    """What happens on one connection.

    When the steps are done, the connection stays open until the client leaves, and nothing more may come from it.

    Args:
        steps: In order.
        setup: What the client has to set up, such as `{"setup": {"model": "models/m"}}`.
        accept: The answer to that; None answers nothing, so that a step can refuse it.
    """

    steps: tuple[Step, ...]
    setup: Pattern
    accept: Mapping[str, object] | None

    def __init__(
        self,
        *steps: Step,
        setup: Pattern = _ANY_SETUP,
        accept: Mapping[str, object] | None = _SETUP_COMPLETE,
    ) -> None:
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "setup", setup)
        object.__setattr__(self, "accept", accept)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The steps, and those of the setup before them."""
        answer = () if self.accept is None else (Emit(self.accept),)
        return (Expect(self.setup), *answer, *self.steps)


@dataclass(frozen=True)
class Refusal:
    """The WebSocket is refused with an HTTP status, such as 401, 403, 429 or 503."""

    status: int
    body: bytes = b"{}"


class ScriptedServer:
    """A server whose every connection is written down beforehand.

    ```python
    server = ScriptedServer(
        Connection(Expect({"clientContent": {}}), Close(1011, "Internal error encountered.")),
        Refusal(503),
        Connection(Expect({"clientContent": {}}), Emit({"serverContent": {"turnComplete": True}})),
    )
    async with server.playing():
        async with get_live_generative_model("m", backend=server.backend).connect() as session:
            ...
    ```

    Args:
        connections: In the order in which they are dialled.
        ignored: What the client may send at any time without being expected, such as `{"realtimeInput": {}}`.

    Attributes:
        connected: The server's ends of the connections so far.
    """

    def __init__(self, *connections: Connection | Refusal, ignored: Sequence[Pattern] = ()) -> None:
        self._script = connections
        self._ignored = ignored
        self._dialled = 0
        self._left: list[ClientLeftError] = []
        self._steps_left = sum(len(one.all_steps) for one in connections if isinstance(one, Connection))
        self.connected: list[ServerEnd] = []

    def add(self, *connections: Connection | Refusal) -> None:
        """Go on with more connections."""
        self._script += connections
        self._steps_left += sum(len(one.all_steps) for one in connections if isinstance(one, Connection))

    @property
    def backend(self) -> ScriptedBackend:
        """What a model has to be on to meet the script: in memory, nothing is dialled."""
        return ScriptedBackend(self)

    @asynccontextmanager
    async def playing(self) -> AsyncGenerator[None]:
        """See on leaving that nothing of the script is left.

        Raises:
            ScriptError: Something is; unless the block is left with an exception of its own.
        """
        yield
        self.check()

    def check(self) -> None:
        """See that the script was played to its end, and that all was expected.

        Raises:
            ScriptError: Something is left.
        """
        for left in self._left:
            raise left
        missing = len(self._script) - self._dialled
        if missing:
            raise ScriptError(f"the client has not dialled {missing} more times, as the script says")
        if self._steps_left:
            raise ScriptError(f"{self._steps_left} steps of the script are left")
        for server in self.connected:
            server.check_all_heard()

    @asynccontextmanager
    async def listening(self, *, ssl_context: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
        """Serve on a port of this machine; yields its URL, which is a backend's `base_url`.

        Raises:
            ScriptError: As from `playing`, and where the client strays from the script.
        """
        _check_is_on_trio()
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            handle = partial(self._handle, ssl_context=ssl_context)
            await nursery.start(trio.serve_listeners, handle, [listener])
            scheme = "ws" if ssl_context is None else "wss"
            yield f"{scheme}://127.0.0.1:{listener.socket.getsockname()[1]}"
            nursery.cancel_scope.cancel(reason="the block was left")
        self.check()

    def next_connection(self) -> Connection | Refusal:
        """What happens on the connection that is dialled now.

        Raises:
            ScriptError: The script says of none.
        """
        if self._dialled == len(self._script):
            raise ScriptError(f"the client dialled, but the script has only {self._dialled} connections")
        self._dialled += 1
        return self._script[self._dialled - 1]

    async def play(self, connection: Connection, transport: Transport) -> None:
        """Play one connection, to the end of its transport.

        Raises:
            ScriptError: The client strayed from the script.
        """
        _check_is_on_trio()
        server = ServerEnd(transport, self._ignored)
        self.connected.append(server)
        with single_exception():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.read)
                try:
                    for step in connection.all_steps:
                        await self._take(step, server)
                    await self._watch(server)
                except ClientLeftError as exc:
                    self._left.append(exc)

    async def _take(self, step: Step, server: ServerEnd) -> None:
        self._steps_left -= 1
        try:
            await step(server)
        except (trio.Cancelled, ClientLeftError):
            if not isinstance(step, Close | HangUp):  # these are done when the client is gone
                self._steps_left += 1
            raise

    async def _watch(self, server: ServerEnd) -> None:
        message = await server.hear_or_end()
        if message is not None:
            raise ScriptError(f"the script is over, but the client sent {describe(message)}")

    async def _handle(self, stream: trio.abc.Stream, *, ssl_context: ssl.SSLContext | None) -> None:
        if ssl_context is not None:
            stream = trio.SSLStream(stream, ssl_context, server_side=True, https_compatible=True)
        connection = self.next_connection()
        async with trio.open_nursery() as nursery:
            try:
                request = await serve_websocket_stream(stream, nursery=nursery)
                if isinstance(connection, Refusal):
                    await request.refuse(connection.status, connection.body)
                else:
                    await self.play(connection, await request.accept())
            except (ConnectionClosed, HandshakeError, trio.BrokenResourceError):
                pass  # the client has gone; what it leaves undone of the script is seen in the end
            nursery.cancel_scope.cancel(reason="the connection has ended")


class ScriptedBackend(Backend):
    """A backend whose server plays a script. Made by `ScriptedServer.backend`."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server

    def resource_name(self, model: str) -> str:
        """The name as the Gemini API has it."""
        return model if model.startswith("models/") else f"models/{model}"

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        """Begin the next connection of the script; it is played in *nursery*."""
        await trio.lowlevel.checkpoint()
        progress.phase = "upgrade"
        connection = self._server.next_connection()
        if isinstance(connection, Refusal):
            raise refused(connection.status, connection.body)
        ours, theirs = memory_transport_pair()
        nursery.start_soon(self._server.play, connection, theirs)
        return ours


def _check_is_on_trio() -> None:
    needs_trio("a scripted server", on_asyncio="give its backend's models to livegen_trio.anyio.connect")
