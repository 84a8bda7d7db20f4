"""A Live server that plays a script, and fails where its client strays from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import trio

from .._errors import ConfigError, HandshakeError, LiveError
from .._needs_trio import needs_trio
from .._single_exception import InternalError, single_exception
from ..backends.base import Backend
from ..transports._refusal import refused
from ..transports._trio_websocket.transport import serve_websocket_stream
from ..transports.base import ConnectionClosed
from ..transports.memory import memory_transport_pair
from ._matching import describe
from ._script import (
    ClientLeftError,
    Close,
    Emit,
    Expect,
    FinalScriptError,
    HangUp,
    ScriptError,
    ServerEnd,
    Step,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from ..transports.base import Progress, Transport
    from ._matching import Pattern

_REFUSALS: Final = range(300, 600)  # HTTP statuses that refuse an upgrade
_ANY_SETUP: Final[Mapping[str, object]] = {"setup": {}}
_SETUP_COMPLETE: Final[Mapping[str, object]] = {"setupComplete": {}}


@dataclass(frozen=True)
class Connection:
    """The script of one connection.

    When the steps are done, the connection stays open until the client leaves, and nothing more may come from it.

    Args:
        steps: In order.
        setup: The setup that is expected, such as `{"setup": {"model": "models/m"}}`.
        accept: The answer to it; None answers nothing, so that a step can refuse it.

    Raises:
        ConfigError: A step is not callable, or is a class.
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
        for step in steps:
            if isinstance(step, type) or not callable(step):
                raise ConfigError(
                    f"{step!r} is no step; give an instance such as HangUp(), or an async function"
                )
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
    """Refuses the WebSocket with an HTTP status, such as 401, 403, 429 or 503.

    Raises:
        ConfigError: The status doesn't refuse anything.
    """

    status: int
    body: bytes = b"{}"

    def __post_init__(self) -> None:
        if self.status not in _REFUSALS:
            raise ConfigError(f"the HTTP status {self.status} refuses nothing; give one from 300 to 599")


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
        ignored: Messages that the client may send at any time without being expected, such as
            `{"realtimeInput": {}}`.

    Attributes:
        connected: The server's ends of the connections so far.

    Raises:
        ConfigError: All messages would be ignored.
    """

    def __init__(self, *connections: Connection | Refusal, ignored: Sequence[Pattern] = ()) -> None:
        if any(isinstance(pattern, Mapping) and not pattern for pattern in ignored):
            raise ConfigError('{} would ignore every message; name the kind, such as {"realtimeInput": {}}')
        self._script = connections
        self._ignored = ignored
        self._dialled = 0
        self._failures: list[Exception] = []
        self._left: list[ClientLeftError] = []
        self._steps_left = sum(len(one.all_steps) for one in connections if isinstance(one, Connection))
        self.connected: list[ServerEnd] = []

    def add(self, *connections: Connection | Refusal) -> None:
        """Go on with more connections."""
        self._script += connections
        self._steps_left += sum(len(one.all_steps) for one in connections if isinstance(one, Connection))

    @property
    def backend(self) -> ScriptedBackend:
        """The backend for a model that shall meet the script: in memory, nothing is dialled."""
        return ScriptedBackend(self)

    @asynccontextmanager
    async def playing(self) -> AsyncGenerator[None]:
        """Check on leaving that the script was played to its end, and nothing else.

        An exception of the block's own is raised as it is, before a `ScriptError`.

        Raises:
            ScriptError: Something is left of the script, or the client strayed from it, even if the session or the
                program went on; one error, in no group.
        """
        try:
            yield
        except BaseException as exc:
            self._raise_cause_of(exc)
            raise
        self.check()

    def check(self) -> None:
        """Check that the script was played to its end, and nothing else.

        Raises:
            ScriptError: Something is left of the script, or the client strayed from it.
            Exception: Raised by a step of yours.
        """
        for error in (*self._failures, *self._left):
            raise error
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

        The block is cancelled where the client strays from the script.

        Raises:
            ScriptError: As from `playing`.
        """
        _check_is_on_trio()
        async with self.playing():
            with single_exception():
                async with trio.open_nursery() as nursery:
                    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
                    handle = partial(self._handle, ssl_context=ssl_context, block=nursery.cancel_scope)
                    await nursery.start(trio.serve_listeners, handle, [listener])
                    scheme = "ws" if ssl_context is None else "wss"
                    yield f"{scheme}://127.0.0.1:{listener.socket.getsockname()[1]}"
                    nursery.cancel_scope.cancel(reason="the block was left")

    def next_connection(self) -> Connection | Refusal:
        """Return the script of the connection that is dialled now.

        Raises:
            ScriptError: The script has no more connections.
        """
        if self._dialled == len(self._script):
            raise self._note(
                ScriptError(f"the client dialled, but the script has only {self._dialled} connections")
            )
        self._dialled += 1
        return self._script[self._dialled - 1]

    async def play(self, connection: Connection, transport: Transport) -> None:
        """Play one connection, to the end of its transport.

        Raises:
            ScriptError: The client strayed from the script.
            Exception: Raised by a step of yours.
        """
        _check_is_on_trio()
        server = ServerEnd(transport, self._ignored)
        self.connected.append(server)
        with single_exception():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.read)
                try:
                    for step in connection.all_steps:
                        await self._play_step(step, server)
                    await self._watch(server)
                except ClientLeftError as exc:
                    self._left.append(exc)
                except Exception as exc:  # noqa: BLE001 - of any step
                    raise self._note(exc) from None

    def _note(self, error: Exception) -> Exception:
        """Keep an error for `check`: a session may swallow it, and dial again. Return what to raise."""
        self._failures.append(error)
        return FinalScriptError(str(error)) if isinstance(error, ScriptError) else error

    def _raise_cause_of(self, error: BaseException) -> None:
        """Raise the exception of the block's own, or else the first of the script's; return if *error* is that."""
        group = error.__cause__ if isinstance(error, InternalError) else error
        if isinstance(group, BaseExceptionGroup):
            leaves = list(_leaves(cast("BaseExceptionGroup[BaseException]", group)))
            theirs = [leaf for leaf in leaves if not self._is_ours(leaf)]
            if len(theirs) == len(leaves):
                return
            if len(theirs) > 1:
                raise BaseExceptionGroup("several tasks of the test failed", theirs) from None
            for leaf in theirs:
                raise leaf from None
        elif not self._failures or not isinstance(error, LiveError):
            return
        self.check()

    def _is_ours(self, error: BaseException) -> bool:
        return error in self._failures or isinstance(error, FinalScriptError)

    async def _play_step(self, step: Step, server: ServerEnd) -> None:
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

    async def _handle(
        self, stream: trio.abc.Stream, *, ssl_context: ssl.SSLContext | None, block: trio.CancelScope
    ) -> None:
        if ssl_context is not None:
            stream = trio.SSLStream(stream, ssl_context, server_side=True, https_compatible=True)
        try:
            with single_exception():
                await self._serve(stream)
        except Exception as exc:  # noqa: BLE001 - `check` raises it
            if not self._is_ours(exc):
                self._failures.append(exc)
            block.cancel(reason="the client strayed from the script")
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.abc.Stream) -> None:
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


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            yield error


def _check_is_on_trio() -> None:
    needs_trio("a scripted server", on_asyncio="give its backend's models to livegen_trio.anyio.connect")
