"""The playground: a page to talk to a model, on the relay."""

from __future__ import annotations

import hmac
import html
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Mount, Route

from ._relay import ModelFor, RelayRefusal, relay, token_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.websockets import WebSocket

    from .._model import LiveGenerativeModel

_STATIC: Final = Path(__file__).parent / "static"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def playground(
    model: LiveGenerativeModel | ModelFor,
    *,
    token: str | None = None,
    allowed_hosts: Sequence[str] = _LOOPBACK,
) -> Starlette:
    """Make an ASGI application with a page to talk to *model*: transcripts, timeline, latency, events.

    The page has the token in it, and only pages with it may talk: serve it on this machine alone.
    `livegen-trio playground` does.

    Args:
        model: The model, or a function that chooses it; `Visitor.settings` has `voice` and `system`, as typed.
        token: A secret; by default a new one.
        allowed_hosts: Names of the server, as browsers know it. Another name may be an attacker's, for this address.

    Returns:
        The application.
    """
    secret = token or secrets.token_urlsafe(24)
    page = (
        (_STATIC / "playground.html").read_text("utf-8").replace("{{token}}", html.escape(secret, quote=True))
    )

    async def authorize(websocket: WebSocket) -> object:
        if not hmac.compare_digest((token_of(websocket) or "").encode(), secret.encode()):
            raise RelayRefusal("this page is of an earlier server; load it again")
        return None

    async def send_page(_request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", send_page),
            Route("/playground.css", _send_file),
            Route("/playground.js", _send_file),
            Mount("/voice", relay(model, authorize=authorize, show_tools=True)),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts))],
    )


async def _send_file(request: Request) -> FileResponse:
    return FileResponse(_STATIC / request.url.path.rpartition("/")[2], headers=_HEADERS)
