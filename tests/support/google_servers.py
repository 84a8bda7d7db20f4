"""Google's servers for tokens, on this machine, and the credentials that ask them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qs

import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.oauth2 import credentials as user_credentials, service_account

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator

TOKEN = "ya29.SECRET-access-token"
REFRESH_TOKEN = "1//SECRET-refresh-token-0123456789-0123456789"
CLIENT_SECRET = "GOCSPX-SECRET-0123456789-0123456789"
EMAIL = "talker@my-project.iam.gserviceaccount.com"
HOUR = 3600

Answer: TypeAlias = tuple[int, str, dict[str, str]]
"""Status, body and headers."""


@dataclass
class Request:
    """What was asked."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The body of a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class GoogleServer:
    """A server that answers everybody the same, once its gate is open.

    Attributes:
        port: Where it listens.
        answers: To the requests to come; the last one is for all others.
        gate: What an answer waits for.
        asked: Set with the first request.
        requests: All there were.
    """

    port: int
    answers: list[Answer]
    gate: trio.Event = field(default_factory=trio.Event)
    asked: trio.Event = field(default_factory=trio.Event)
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Of its token method."""
        return f"http://127.0.0.1:{self.port}/token"

    @property
    def request(self) -> Request:
        """The only one."""
        [request] = self.requests
        return request

    async def converse(self, stream: trio.abc.Stream) -> None:
        """Answer one client's only request."""
        async with stream:
            request = await _hear(stream)
            if request is None:  # a look whether somebody is there
                return
            self.requests.append(request)
            self.asked.set()
            await self.gate.wait()
            status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body.encode())}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            await stream.send_all("\r\n".join([*lines, "", body]).encode())


@asynccontextmanager
async def google_server(
    *answers: Answer, tls: ssl.SSLContext | None = None, closed: bool = False
) -> AsyncGenerator[GoogleServer]:
    """A server in this event loop: who blocks the loop gets no answer. If it is *closed*, open its gate."""
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server = GoogleServer(listener.socket.getsockname()[1], list(answers or [token()]))
        if not closed:
            server.gate.set()

        async def converse(stream: trio.SocketStream) -> None:
            encrypted = (
                trio.SSLStream(stream, tls, server_side=True, https_compatible=True) if tls else stream
            )
            with suppress(trio.BrokenResourceError):  # a client that hangs up
                await server.converse(encrypted)

        await nursery.start(trio.serve_listeners, converse, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def _hear(stream: trio.abc.Stream) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (some := await stream.receive_some()):
            return None
        data += some
    head, _, body = data.partition(b"\r\n\r\n")
    request_line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += await stream.receive_some()
    method, target, _ = request_line.split(" ")
    return Request(method, target, headers, body)


def answer(body: object, status: int = 200) -> Answer:
    """An answer in JSON, or in plain text."""
    words = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if isinstance(body, str) else "application/json"
    return status, words, {"Content-Type": kind, "Metadata-Flavor": "Google"}


def token(value: str = TOKEN, *, lifetime: int = HOUR) -> Answer:
    """An access token, as OAuth has it."""
    return answer({"access_token": value, "expires_in": lifetime, "token_type": "Bearer"})


@cache  # it takes a while
def private_key() -> str:
    """A service account's key, in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def service_account_info(server: GoogleServer) -> dict[str, str]:
    """What is in the file for a service account."""
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
        "private_key": private_key(),
        "client_email": EMAIL,
        "token_uri": server.url,
    }


def service_account_at(server: GoogleServer, **options: Any) -> service_account.Credentials:
    """A service account, without a scope and without a token."""
    info = service_account_info(server)
    account: service_account.Credentials
    account = service_account.Credentials.from_service_account_info(info, **options)
    return account


def user_at(server: GoogleServer, **options: Any) -> user_credentials.Credentials:
    """A user who has logged in."""
    return user_credentials.Credentials(
        **{
            "token": None,
            "refresh_token": REFRESH_TOKEN,
            "token_uri": server.url,
            "client_id": "client.apps.googleusercontent.com",
            "client_secret": CLIENT_SECRET,
        }
        | options
    )


def from_now(**time: float) -> datetime:
    """A time as google-auth has it: of UTC, but not saying so."""
    return datetime.now(UTC).replace(tzinfo=None) + timedelta(**time)
