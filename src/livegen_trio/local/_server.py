"""The embedded server on sockets: many conversations at once, none of which can harm another."""

from __future__ import annotations

import logging
import math
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from .._errors import HandshakeError, RemoteProtocolError
from .._needs_trio import needs_trio
from ..transports._trio_websocket.transport import serve_websocket_stream
from ..transports.base import MAX_MESSAGE_SIZE
from ._admission import MAX_CONNECTIONS, Admission, Door, RefusedError, Voices
from ._auth_tokens import TokenStore, is_for_tokens, token_name
from ._conversation import Client, Conversation
from ._dialect import Dialect, find_dialect
from ._fairness import Unlimited, WorkQueue, WorkShare
from ._guarded_stream import GuardedStream, MemoryBudget
from ._loading import load_engines
from ._native import run_native
from ._request import BadRequestError, NoRequestError, read_body, read_request, refusal, response
from ._resumption import SessionStore
from ._service import Service

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable, Collection

    from ..transports.base import Transport
    from ._admission import Visit
    from ._engines import Engines
    from ._request import Request

_logger: Final = logging.getLogger("livegen_trio.local")

GO_AWAY_LEAD: Final = 60.0  # seconds, as the service has it

_UPGRADE_TIMEOUT: Final = 10.0  # seconds for TLS, and for the upgrade or its refusal
_LINGER_TIMEOUT: Final = 1.0  # seconds that a client has to hang up after an answer
_ENGINE_THREADS: Final = 2  # calls to engines at a time; each of them may use several cores


class Address(NamedTuple):
    """An address at which a server listens."""

    host: str
    port: int


class LocalServer:
    """A Live server: it speaks the service's protocol, and hears, thinks and speaks with *engines*.

    Sessions that a client may resume are kept in memory, as long as the server object lives; so are ephemeral tokens,
    which anybody may make who is let in.

    It is bounded: a client that floods it is closed with 1008, one that causes much work waits for the others, and one
    that sends more than is kept is closed with 1007 or 1009. Over sockets, requests of browsers' pages and for names of
    other machines are refused (HTTP 403), and so are connections beyond *max_connections* (503).

    Args:
        engines: Hear, think and speak.
        connection_lifetime: Seconds after which a connection is ended; None for never. The service has about 600.
        go_away_lead: Seconds before that, at which the client is sent a goAway.
        allowed_origins: Origins whose pages may connect, such as `https://example.com`; `*` for all.
        allowed_hosts: Names that clients may call this machine besides localhost and addresses; `*` for all.
        api_key: Key that clients have to give, as they give the service's; None for no key.
        max_connections: Connections at a time.
        max_voices: Sessions at a time that use speech engines; further ones are closed with 1013. None for as many as
            the engines were measured to serve in time, if they were.

    Raises:
        ConfigError: An origin is none, or the key is empty.
    """

    def __init__(
        self,
        engines: Engines,
        *,
        connection_lifetime: float | None = None,
        go_away_lead: float = GO_AWAY_LEAD,
        allowed_origins: Collection[str] = (),
        allowed_hosts: Collection[str] = (),
        api_key: str | None = None,
        max_connections: int = MAX_CONNECTIONS,
        max_voices: int | None = None,
    ) -> None:
        self._service = Service(
            engines=engines,
            limiter=trio.CapacityLimiter(_ENGINE_THREADS),
            voices=Voices(engines.max_voices if max_voices is None else max_voices),
            sessions=SessionStore(),
            connection_lifetime=connection_lifetime,
            go_away_lead=go_away_lead,
        )
        self._admission = Admission(origins=allowed_origins, hosts=allowed_hosts, api_key=api_key)
        self._door = Door(max_connections)
        self._queue = WorkQueue()
        self._budget = MemoryBudget()
        self._tokens = TokenStore()

    async def converse(self, transport: Transport, dialect: Dialect | None = None) -> None:
        """Hold one conversation over an open transport; returns when it is over.

        Whatever the client does, and whatever goes wrong, ends this conversation and is not raised. Cancelled, it
        closes with 1001, which takes 1 s at most.

        Args:
            transport: The server's end.
            dialect: The endpoint of the service to be; the Gemini API's by default.
        """
        _check_is_on_trio()
        client = Client(dialect or Dialect(), Unlimited(self._queue), token=None, settle=_nobody_waits)
        await Conversation(self._service, transport, client).run()

    async def serve(
        self,
        port: int,
        *,
        host: str = "127.0.0.1",
        ssl_context: ssl.SSLContext | None = None,
        task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen, and serve every client in a task of its own, until cancelled; that takes 1 s at most.

        `await nursery.start(server.serve, 0)` gives the addresses that it listens on.

        Args:
            port: 0 for any that is free.
            host: The interface, by address or name. Clients may call this machine so.
            ssl_context: Serves `wss://` with its certificate.
            task_status: For `nursery.start`.

        Raises:
            OSError: It can't listen there; the port may be in use.
        """
        _check_is_on_trio()
        self._admission.add_host(host)
        listeners = await trio.open_tcp_listeners(port, host=host)
        addresses = [Address(*listener.socket.getsockname()[:2]) for listener in listeners]
        handle = partial(self._handle, ssl_context=ssl_context)
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, handle, listeners)
            task_status.started(addresses)

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Serve one client on an open stream, from its HTTP request to the end; the stream is closed then.

        The name by which the client calls this machine is not checked: that is for servers that listen.
        """
        _check_is_on_trio()
        await self._contain(stream, has_name=False)

    async def _contain(self, stream: trio.abc.Stream, *, has_name: bool) -> None:
        try:
            with self._door.visit() as visit:
                visit.has_name = has_name
                async with _open_shielded_nursery() as readers:
                    await self._serve(stream, visit, readers)
        except* Exception:
            _logger.exception("a connection failed")
        finally:
            await trio.aclose_forcefully(stream)

    async def _handle(self, stream: trio.SocketStream, *, ssl_context: ssl.SSLContext | None) -> None:
        if self._door.is_crowded:
            await trio.aclose_forcefully(stream)
            return
        # A client may vanish silently, and the service sends no pings that would show it.
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_KEEPALIVE, 1)
        await self._contain(_encrypted(stream, ssl_context), has_name=True)

    async def _serve(self, stream: trio.abc.Stream, visit: Visit, readers: trio.Nursery) -> None:
        conversation = None
        try:
            with trio.move_on_after(_UPGRADE_TIMEOUT) as upgrading:
                conversation = await self._upgrade(stream, visit, readers)
        except (NoRequestError, HandshakeError, trio.BrokenResourceError) as exc:
            _logger.debug("a client did not come to open a WebSocket: %r", exc)
            return
        if upgrading.cancelled_caught:
            _logger.debug("a client took too long to ask for a WebSocket")
        elif conversation is not None:
            await conversation()

    async def _upgrade(
        self, stream: trio.abc.Stream, visit: Visit, readers: trio.Nursery
    ) -> Callable[[], Awaitable[None]] | None:
        """Answer the request; return the conversation if it is one for a WebSocket that is accepted."""
        try:
            request = await _read_request(stream)
            self._check(request, visit)
            if is_for_tokens(request):
                await self._make_token(stream, request)
                return None
            dialect = _dialect_of(request)
        except RefusedError as exc:
            await _answer(stream, refusal(exc.status, str(exc)))
            return None
        share = WorkShare(self._queue)
        guarded = GuardedStream(stream, request, share, self._budget)
        upgrade = await serve_websocket_stream(guarded, nursery=readers, max_message_size=MAX_MESSAGE_SIZE)
        transport = await upgrade.accept(opcode="binary")
        token = self._tokens.find(token_name(request))

        def settle() -> None:
            visit.settle()
            guarded.largest_message = MAX_MESSAGE_SIZE

        conversation = Conversation(self._service, transport, Client(dialect, share, token, settle))
        guarded.on_breach(conversation.end)
        return partial(_run_until, conversation, token.ends if token is not None else math.inf)

    def _check(self, request: Request, visit: Visit) -> None:
        if self._door.is_full:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The server has as many connections as it takes; try again later.",
            )
        if visit.has_name:
            self._admission.check_host(request)
        self._admission.check(request, has_token=self._tokens.find(token_name(request)) is not None)

    async def _make_token(self, stream: trio.abc.Stream, request: Request) -> None:
        body = await read_body(stream, request)
        if body is None:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "The length of the body is missing, or too large.")
        try:
            answer = response(HTTPStatus.OK, {"name": self._tokens.create(body)})
        except RemoteProtocolError as exc:
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(exc)) from exc
        await _answer(stream, answer)


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
        engines: Hear, think and speak; by default what the installed extras have.
        connection_lifetime: See `LocalServer`.
        go_away_lead: See `LocalServer`.
        task_status: For `nursery.start`, which gives the addresses.

    Raises:
        OSError: It can't listen there; the port may be in use.
        EngineError: The speech engines are there but don't work.
    """
    _check_is_on_trio()
    if engines is None:
        engines = await run_native(load_engines)
    server = LocalServer(engines, connection_lifetime=connection_lifetime, go_away_lead=go_away_lead)
    await server.serve(port, host=host, ssl_context=ssl_context, task_status=task_status)


def _check_is_on_trio() -> None:
    needs_trio(
        "the embedded server",
        on_asyncio="use LocalBackend(), which brings its own; or run this in a thread, by trio.run",
    )


async def _read_request(stream: trio.abc.Stream) -> Request:
    try:
        return await read_request(stream)
    except BadRequestError:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "The request breaks the rules of HTTP.") from None


def _dialect_of(request: Request) -> Dialect:
    dialect = find_dialect(request.path)
    if dialect is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "There is no Live API at this path.")
    if not request.is_upgrade:
        raise RefusedError(HTTPStatus.UPGRADE_REQUIRED, "This is a Live API; connect to it by WebSocket.")
    return dialect


async def _answer(stream: trio.abc.Stream, answer: bytes) -> None:
    """Answer a request, and hang up when the client has read it: bytes of its own on the way would lose the answer."""
    await stream.send_all(answer)
    if isinstance(stream, trio.abc.HalfCloseableStream):
        await stream.send_eof()
        with trio.move_on_after(_LINGER_TIMEOUT):
            while await stream.receive_some():
                pass
    await stream.aclose()


async def _run_until(conversation: Conversation, deadline: float) -> None:
    with trio.CancelScope(deadline=deadline):
        await conversation.run()


def _nobody_waits() -> None:
    """In place of `Visit.settle`, for a connection that is not counted."""


@asynccontextmanager
async def _open_shielded_nursery() -> AsyncGenerator[trio.Nursery]:
    """A nursery whose tasks outlive a cancellation of the block, until the block is left.

    The task that reads a WebSocket is needed for the Close, which a cancellation brings about.
    """
    # Made here, so that whatever interrupts the opening ends the shield as well.
    scope = trio.CancelScope(shield=True)
    opened: list[trio.Nursery] = []
    is_open = trio.Event()

    async def hold() -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                opened.append(nursery)
                is_open.set()
                await trio.sleep_forever()

    async with trio.open_nursery() as outer:
        try:
            outer.start_soon(hold)
            await is_open.wait()
            yield opened[0]
        finally:
            scope.cancel(reason="the connection is over")


def _encrypted(stream: trio.SocketStream, ssl_context: ssl.SSLContext | None) -> trio.abc.Stream:
    if ssl_context is None:
        return stream
    # The handshake comes with the first bytes that are read.
    return trio.SSLStream(stream, ssl_context, server_side=True, https_compatible=True)
