"""The relay: an ASGI application that holds Live sessions for browsers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack
from urllib.parse import urlsplit

import anyio
from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .._errors import LiveError
from .._model import ConnectOptions, LiveGenerativeModel
from ..anyio import connect  # noqa: ASYNC106 - our own
from ..types import OUTPUT_SAMPLE_RATE
from ._connection import converse, receive_message, refuse
from ._conversation import Conversation
from ._limits import LimitError, Limits
from ._messages import PROTOCOL, BadMessageError, Start, read_start, write
from ._window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

_STATIC: Final = Path(__file__).parent / "static"
_BY_SUBPROTOCOL: Final = "token."
_IN_SCOPE: Final = "livegen_trio.token"
_MODULES: Final = ("livegen.js", "livegen-worklets.js")
_NO_LIMITS: Final = Limits()


class RelayRefusal(Exception):  # noqa: N818 - an answer, as Starlette's HTTPException
    """Raise this in `authorize` to refuse a browser. The text is shown to it."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser that starts a conversation, for a function that chooses its model.

    Attributes:
        identity: What `authorize` returned; None without it.
        settings: What the page asks for, from its first message. It is untrusted.
    """

    identity: object
    settings: Mapping[str, object]


Authorize = Callable[[WebSocket], Awaitable[object]]
ModelFor = Callable[[Visitor], LiveGenerativeModel]


def token_of(websocket: WebSocket) -> str | None:
    """Return the token that a browser gave: in its first message, or as a subprotocol `token.TOKEN`."""
    token: str | None = websocket.scope.get(_IN_SCOPE)
    return token


def relay(
    model: LiveGenerativeModel | ModelFor,
    *,
    authorize: Authorize | None = None,
    allowed_origins: Sequence[str] | None = None,
    limits: Limits = _NO_LIMITS,
    resume_seconds: float = 30.0,
    show_tools: bool = False,
    **options: Unpack[ConnectOptions],
) -> Starlette:
    """Make an ASGI application that relays between browsers and Live sessions, with `livegen.js` to go with it.

    Mount it: `/live` below its place is the WebSocket, `/livegen.js` the module. It runs on asyncio, uvloop and Trio.
    A slow browser gets backpressure; one that has left may come back within *resume_seconds*, to the same process.
    The request that opened a session holds it meanwhile, so a server's graceful shutdown waits that long.

    Args:
        model: The model, or a function that chooses it for a `Visitor`.
        authorize: Awaited for each connection; its result is the `Visitor.identity`. `token_of` gives the token.
        allowed_origins: Origins of pages that may connect, such as `https://example.com`, or `*`. By default those
            whose host is the server's. A client that is no browser sends no origin, and is let in.
        limits: For each connection, and for all of them.
        resume_seconds: How long a session waits for a browser that has lost its connection.
        show_tools: Whether browsers see tool calls, with their arguments.
        options: Those of `LiveGenerativeModel.connect`.

    Returns:
        The application.
    """
    endpoint = _Relay(
        model, authorize, allowed_origins, limits, resume_seconds, options, show_tools=show_tools
    )
    return Starlette(
        routes=[
            WebSocketRoute("/live", endpoint.serve),
            *[Route(f"/{name}", _send_module) for name in _MODULES],
        ]
    )


async def _send_module(request: Request) -> FileResponse:
    return FileResponse(
        _STATIC / request.url.path.rpartition("/")[2],
        media_type="text/javascript",
        headers={"Cache-Control": "no-cache"},
    )


@dataclass(slots=True)
class _Relay:
    """The conversations of one process."""

    model: LiveGenerativeModel | ModelFor
    authorize: Authorize | None
    allowed_origins: Sequence[str] | None
    limits: Limits
    resume_seconds: float
    options: ConnectOptions
    show_tools: bool
    conversations: dict[str, tuple[Conversation, object]] = field(
        default_factory=dict[str, "tuple[Conversation, object]"]
    )
    count: int = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Carry on a conversation over one WebSocket, and hold it if it has begun here."""
        offered: list[str] = websocket.scope["subprotocols"]
        await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
        if PROTOCOL not in offered:
            await refuse(websocket, "protocol", f"ask for the WebSocket subprotocol {PROTOCOL}")
        elif not _is_allowed(websocket, self.allowed_origins):
            await refuse(websocket, "origin", "pages of this origin may not connect; see allowed_origins")
        else:
            await self._start(websocket, offered)

    async def _start(self, websocket: WebSocket, offered: list[str]) -> None:
        try:
            data = await receive_message(websocket, self.limits)
            start = read_start(data)
            by_subprotocol = [
                one.removeprefix(_BY_SUBPROTOCOL) for one in offered if one.startswith(_BY_SUBPROTOCOL)
            ]
            websocket.scope[_IN_SCOPE] = start.token or next(iter(by_subprotocol), None)
            identity = None if self.authorize is None else await self.authorize(websocket)
        except WebSocketDisconnect:
            return
        except LimitError as exc:
            await refuse(websocket, exc.code, str(exc))
        except BadMessageError as exc:
            await refuse(websocket, "bad_message", str(exc))
        except RelayRefusal as exc:
            await refuse(websocket, "refused", str(exc) or "you may not connect; sign in first")
        else:
            await self._resume_or_begin(websocket, start, identity)

    async def _resume_or_begin(self, websocket: WebSocket, start: Start, identity: object) -> None:
        if start.resume is not None:
            conversation, owner = self.conversations.get(start.resume, (None, None))
            if conversation is None or owner != identity or not conversation.window.has(start.received):
                await refuse(websocket, "gone", "that conversation is over; start another one")
                return
            conversation.window.acknowledge(start.received)
            await self._converse(websocket, conversation, start.received)
            return
        if self.count >= self.limits.sessions:
            await refuse(websocket, "busy", "all places are taken; try again in a minute")
            return
        self.count += 1
        try:
            await self._begin(websocket, start, identity)
        except LiveError as exc:
            await refuse(websocket, "session_failed", f"the model can't be talked to: {exc}")
        finally:
            self.count -= 1

    async def _begin(self, websocket: WebSocket, start: Start, identity: object) -> None:
        """Open a session, and hold it until it is over, also while its browser is on another connection."""
        model = self.model
        if not isinstance(model, LiveGenerativeModel):
            model = model(Visitor(identity, start.settings))
        window = Window(self.limits.unread_bytes)
        async with connect(model, **self.options) as session, AsyncExitStack() as activities:
            conversation = Conversation(session, window, self.limits, activities)
            self.conversations[conversation.id] = (conversation, identity)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._pump, conversation)
                    tasks.start_soon(self._converse, websocket, conversation, 0)
                    await conversation.wait_over(self.resume_seconds)
                    with anyio.move_on_after(2.0):  # for what is left to be sent
                        await conversation.wait_left()
                    tasks.cancel_scope.cancel()
            finally:
                del self.conversations[conversation.id]

    async def _pump(self, conversation: Conversation) -> None:
        await conversation.pump(show_tools=self.show_tools)

    async def _converse(self, websocket: WebSocket, conversation: Conversation, first: int) -> None:
        ready = write(
            "ready",
            version=1,
            input_rate=16_000,
            output_rate=OUTPUT_SAMPLE_RATE,
            resume=conversation.id,
            resume_seconds=self.resume_seconds,
            received=first,
        )
        try:
            await websocket.send_text(ready)
        except (WebSocketDisconnect, RuntimeError, OSError):
            return  # it has left already
        await converse(websocket, conversation, self.limits, first)


def _is_allowed(websocket: WebSocket, allowed: Sequence[str] | None) -> bool:
    origin = websocket.headers.get("origin")
    if origin is None:
        return True
    if allowed is not None:
        return "*" in allowed or origin in allowed
    return urlsplit(origin).netloc.lower() == websocket.headers.get("host", "").lower()
