"""The embedded server on sockets: many conversations at once, none of which can harm another."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from .._errors import HandshakeError, RemoteProtocolError
from .._needs_trio import needs_trio
from ..transports._trio_websocket.transport import serve_websocket_stream
from ..transports.base import MAX_MESSAGE_SIZE
from ._auth_tokens import TokenStore, is_for_tokens, token_name
from ._conversation import Conversation, Service
from ._dialect import Dialect, find_dialect
from ._http import NoRequest, read_request, refusal, response
from ._loading import load_engines
from ._resumption import SessionStore

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator

    from ..transports._trio_websocket.transport import TrioWebSocketTransport
    from ..transports.base import Transport
    from ._auth_tokens import Token
    from ._engines import Engines
    from ._http import RequestStream

_logger: Final = logging.getLogger("livegen_trio.local")

GO_AWAY_LEAD: Final = 60.0
"""Seconds, as the service has it."""

_UPGRADE_TIMEOUT: Final = 10.0
"""Seconds for TLS, and for the upgrade or its refusal."""

_ENGINE_THREADS: Final = 2
"""Calls to engines at a time. Each of them may use several cores."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class _Accepted(NamedTuple):
    transport: TrioWebSocketTransport
    dialect: Dialect
    token: Token | None


class LocalServer:
    """A Live server: it speaks the service's protocol, and hears, thinks and speaks with *engines*.

    Sessions that a client may resume are kept in memory, as long as the server object lives; so are ephemeral tokens.
    It asks for no key, and makes a token for everybody. Of a token that it has made, limits and locks count.

    Args:
        engines: What it works with.
        connection_lifetime: Seconds after which a connection is ended; None for never. The service has about 600.
        go_away_lead: Seconds before that, at which the client is told so.
    """

    def __init__(
        self,
        engines: Engines,
        *,
        connection_lifetime: float | None = None,
        go_away_lead: float = GO_AWAY_LEAD,
    ) -> None:
        self._service = Service(
            engines=engines,
            limiter=trio.CapacityLimiter(_ENGINE_THREADS),
            sessions=SessionStore(),
            connection_lifetime=connection_lifetime,
            go_away_lead=go_away_lead,
        )
        self._tokens = TokenStore()

    async def converse(self, transport: Transport, dialect: Dialect | None = None) -> None:
        """Hold one conversation over an open transport; returns when it is over.

        Whatever the client does, and whatever goes wrong, ends this conversation and is not raised. Cancelled, it
        tells the client that the server goes away (close code 1001).

        Args:
            transport: The server's end.
            dialect: Which of the service's endpoints to be; the Gemini API's by default.
        """
        _check_is_on_trio()
        await self._converse(transport, dialect or Dialect(), None)

    async def serve(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        ssl_context: ssl.SSLContext | None = None,
        task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen, and serve every client in a task of its own, until cancelled.

        `await nursery.start(server.serve, 0)` gives the addresses that it listens on.

        Args:
            port: 0 for any that is free.
            host: The interface, by address or name.
            ssl_context: Serves `wss://` with its certificate.
            task_status: For `nursery.start`.

        Raises:
            OSError: It can't listen there; the port may be in use.
        """
        _check_is_on_trio()
        listeners = await trio.open_tcp_listeners(port, host=host)
        addresses = [Address(*listener.socket.getsockname()[:2]) for listener in listeners]

        async def handle(stream: trio.SocketStream) -> None:
            # A client may vanish without a word, and the service sends no pings that would tell.
            stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_KEEPALIVE, 1)
            await self.serve_stream(_encrypted(stream, ssl_context))

        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, handle, listeners)
            task_status.started(addresses)

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one client on an open stream, from its HTTP request to the end; the stream is closed then."""
        _check_is_on_trio()
        try:
            async with _open_shielded_nursery() as readers:
                accepted = await self._upgrade(stream, readers)
                if accepted is not None:
                    await self._converse(*accepted)
        except* Exception:
            _logger.exception("a connection failed")
        finally:
            await trio.aclose_forcefully(stream)

    async def _converse(self, transport: Transport, dialect: Dialect, token: Token | None) -> None:
        with trio.CancelScope() as scope:
            if token is not None:
                scope.deadline = token.ends
            await Conversation(self._service, transport, dialect, token).run()

    async def _upgrade(self, stream: trio.abc.Stream, readers: trio.Nursery) -> _Accepted | None:
        try:
            with trio.move_on_after(_UPGRADE_TIMEOUT):
                return await self._accept(await read_request(stream), readers)
            _logger.debug("a client took too long to ask for a WebSocket")
        except (NoRequest, HandshakeError, trio.BrokenResourceError) as exc:
            _logger.debug("a client did not come to open a WebSocket: %r", exc)
        return None

    async def _accept(self, request: RequestStream, readers: trio.Nursery) -> _Accepted | None:
        if is_for_tokens(request):
            await self._make_token(request)
            return None
        dialect = find_dialect(request.path)
        if dialect is None:
            await _refuse(request, HTTPStatus.NOT_FOUND, "There is no Live API at this path.")
            return None
        if not request.is_upgrade:
            await _refuse(
                request, HTTPStatus.UPGRADE_REQUIRED, "This is a Live API; connect to it by WebSocket."
            )
            return None
        token = self._tokens.find(token_name(request))
        upgrade = await serve_websocket_stream(request, nursery=readers, max_message_size=MAX_MESSAGE_SIZE)
        return _Accepted(await upgrade.accept(opcode="binary"), dialect, token)

    async def _make_token(self, request: RequestStream) -> None:
        body = await request.read_body()
        if body is None:
            await _refuse(
                request, HTTPStatus.LENGTH_REQUIRED, "The length of the body is missing, or too large."
            )
            return
        try:
            answer = response(HTTPStatus.OK, {"name": self._tokens.create(body)})
        except RemoteProtocolError as exc:
            answer = refusal(HTTPStatus.BAD_REQUEST, str(exc))
        await request.send_all(answer)
        await request.aclose()


async def serve(  # noqa: ASYNC128 - the server calls it
    port: int,
    *,
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
    engines: Engines | None = None,
    connection_lifetime: float | None = None,
    go_away_lead: float = GO_AWAY_LEAD,
    task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Load the engines, listen, and serve until cancelled: a `LocalServer` in one call.

    Args:
        port: 0 for any that is free.
        host: The interface, by address or name.
        ssl_context: Serves `wss://` with its certificate.
        engines: What to hear, think and speak with; by default what the installed extras have.
        connection_lifetime: See `LocalServer`.
        go_away_lead: See `LocalServer`.
        task_status: For `nursery.start`, which gives the addresses.

    Raises:
        OSError: It can't listen there; the port may be in use.
        EngineError: The speech engines are there but don't work.
    """
    _check_is_on_trio()
    if engines is None:
        engines = await trio.to_thread.run_sync(load_engines)
    server = LocalServer(engines, connection_lifetime=connection_lifetime, go_away_lead=go_away_lead)
    await server.serve(port, host=host, ssl_context=ssl_context, task_status=task_status)


def _check_is_on_trio() -> None:
    needs_trio(
        "the embedded server",
        on_asyncio="use LocalBackend(), which brings its own; or run this in a thread, by trio.run",
    )


async def _refuse(stream: trio.abc.Stream, status: HTTPStatus, message: str) -> None:
    await stream.send_all(refusal(status, message))
    await stream.aclose()


@asynccontextmanager
async def _open_shielded_nursery() -> AsyncGenerator[trio.Nursery]:
    """A nursery whose tasks outlive a cancellation of the block, until the block is left.

    The task that reads a WebSocket has to be there for the goodbye, which a cancellation brings about.
    """
    async with trio.open_nursery() as outer:
        inner, scope = await outer.start(_hold_shielded_nursery)
        try:
            yield inner
        finally:
            scope.cancel(reason="the connection is over")


async def _hold_shielded_nursery(
    *, task_status: trio.TaskStatus[tuple[trio.Nursery, trio.CancelScope]]
) -> None:
    with trio.CancelScope(shield=True) as scope:
        async with trio.open_nursery() as nursery:
            task_status.started((nursery, scope))
            await trio.sleep_forever()


def _encrypted(stream: trio.SocketStream, ssl_context: ssl.SSLContext | None) -> trio.abc.Stream:
    if ssl_context is None:
        return stream
    # The handshake comes with the first bytes that are read.
    return trio.SSLStream(stream, ssl_context, server_side=True, https_compatible=True)
