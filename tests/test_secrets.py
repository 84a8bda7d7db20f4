"""No key, token, password or secret header shows: not in a log, a repr, an error or a URL, however a session ends.

A backend is one more line in `BACKENDS`, a way to fail one more function. A resumption handle is no key, since it is of
no use without one; but it opens somebody's conversation, so it is looked for as well where nobody has asked for it.
"""

from __future__ import annotations

import logging
import ssl
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import trio
import trustme
from google.oauth2.credentials import Credentials

from livegen_trio import (
    ConfigError,
    ConnectTimeoutError,
    FirebaseBackend,
    GeminiBackend,
    HandshakeError,
    LiveError,
    LiveSession,
    LocalBackend,
    LocalProtocolError,
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
    SetupRejectedError,
    VertexBackend,
    create_auth_token,
    get_live_generative_model,
)
from support.google_servers import CLIENT_SECRET, REFRESH_TOKEN, answer, google_server, token, user_at
from support.loopback import SETUP_COMPLETE, serving, setups, upgrades

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence

    from livegen_trio import LiveGenerativeModel, WebSocketBackend
    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport, UpgradeRequest

    Make: TypeAlias = Callable[..., WebSocketBackend]

KEY = "AIzaSyK-the-key-0123456789"
TOKEN = "auth_tokens/the-token-0123456789"
ACCESS = "ya29.the-access-token-0123456789"
APP_CHECK = "eyJ-the-app-check-token-0123456789"
HEADER = "the-header-0123456789"
HANDLE = "the-handle-0123456789"
HEADERS = {"x-of-the-user": HEADER}


def logged_in() -> Credentials:
    """A user who has logged in with Google's tools, and has a token that is still good."""
    expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    return Credentials(token=ACCESS, refresh_token=REFRESH_TOKEN, client_secret=CLIENT_SECRET, expiry=expiry)


def on_firebase(**options: Any) -> FirebaseBackend:
    return FirebaseBackend(api_key=KEY, project_id="my-project", app_id="1:2:web:3", **options)


def on_vertex(**options: Any) -> VertexBackend:
    return VertexBackend("my-project", **options)


async def give(secret: str) -> str:
    await trio.lowlevel.checkpoint()
    return secret


@dataclass(frozen=True)
class Case:
    """A backend with secrets in it.

    Attributes:
        make: Makes it, for a base URL and other options of a route.
        secrets: What must not show.
    """

    make: Make
    secrets: tuple[str, ...]


BACKENDS = {
    "a key": Case(partial(GeminiBackend, api_key=KEY), (KEY,)),
    "a function for the key": Case(partial(GeminiBackend, api_key=partial(give, KEY)), (KEY,)),
    "a token": Case(partial(GeminiBackend, api_key=TOKEN), (TOKEN, TOKEN.partition("/")[2])),
    "a function for the token": Case(partial(GeminiBackend, api_key=partial(give, TOKEN)), (TOKEN,)),
    "a key and headers": Case(partial(GeminiBackend, api_key=KEY, headers=HEADERS), (KEY, HEADER)),
    "an access token": Case(partial(on_vertex, credentials=ACCESS), (ACCESS,)),
    "a function for the access token": Case(partial(on_vertex, credentials=partial(give, ACCESS)), (ACCESS,)),
    "Google's credentials": Case(
        lambda **route: on_vertex(credentials=logged_in(), **route), (ACCESS, REFRESH_TOKEN, CLIENT_SECRET)
    ),
    "a key for Vertex AI": Case(partial(VertexBackend, api_key=KEY), (KEY,)),
    "a header for Vertex AI": Case(
        partial(on_vertex, headers={"Authorization": f"Bearer {ACCESS}"}), (ACCESS,)
    ),
    "Firebase": Case(
        partial(on_firebase, app_check_token=APP_CHECK, auth_token=ACCESS), (KEY, APP_CHECK, ACCESS)
    ),
    "functions for Firebase's": Case(
        partial(on_firebase, app_check_token=partial(give, APP_CHECK), auth_token=partial(give, ACCESS)),
        (KEY, APP_CHECK, ACCESS),
    ),
    "the embedded server and headers": Case(partial(LocalBackend, headers=HEADERS), (HEADER,)),
}


class Witness:
    """Sees all that anybody could print or log, and says what secrets are in it."""

    def __init__(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
        self._caplog = caplog
        self._capfd = capfd
        self._texts: list[str] = []

    def see(self, *things: object) -> None:
        """Look at what a user may get hold of."""
        for thing in things:
            self._texts += [repr(thing), str(thing), f"{thing}"]
            if isinstance(thing, BaseException):
                self._texts += traceback.format_exception(thing)
                self._texts.append(repr(vars(thing)))

    def text(self) -> str:
        """Everything, in one text."""
        records = [
            text for record in self._caplog.records for text in (record.getMessage(), repr(vars(record)))
        ]
        return "\n".join([*self._texts, self._caplog.text, *records, *self._capfd.readouterr()])


@pytest.fixture
def witness(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Generator[Witness]:
    loggers = [logging.getLogger(name) for name in ("", *logging.root.manager.loggerDict)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    caplog.handler.setLevel(logging.DEBUG)
    yield Witness(caplog, capfd)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def model_on(backend: WebSocketBackend) -> LiveGenerativeModel:
    return get_live_generative_model("gemini-3.8-live", backend=backend)


@asynccontextmanager
async def session_with(
    backend: WebSocketBackend, witness: Witness, **options: Any
) -> AsyncGenerator[LiveSession]:
    """A session whose reprs and errors are seen."""
    model = model_on(backend)
    witness.see(backend, model, await backend.endpoint())
    try:
        async with model.connect(**options) as session:
            witness.see(session, session.statistics(), session.usage)
            yield session
        witness.see(session)
    except LiveError as error:
        witness.see(error)
        raise


# Ways in which a session goes


def at(port: int) -> str:
    return f"ws://127.0.0.1:{port}"


async def converse(transport: TrioWebSocketTransport) -> None:
    update = f'{{"sessionResumptionUpdate": {{"newHandle": "{HANDLE}", "resumable": true}}}}'
    await transport.send(SETUP_COMPLETE)
    await transport.send(update.encode())
    await transport.send(b'{"hologram": {}}')
    while True:
        await transport.receive()


async def all_goes_well(make: Make, witness: Witness) -> None:
    async with setups(converse) as port, session_with(make(base_url=at(port)), witness) as session:
        update = await session.receive()
        assert isinstance(update, SessionResumptionUpdate)
        witness.see(update, await session.receive(), session)
        await session.send("Hello!")
        await session.send_audio_realtime(bytes(640))
        await session.resume_session()
        with pytest.raises(LocalProtocolError) as caught:
            await session.send_function_responses([])
        witness.see(caught.value, session.statistics())


async def the_name_is_unknown(make: Make, witness: Witness) -> None:
    with pytest.raises(HandshakeError) as caught:
        async with session_with(make(base_url="ws://voice.invalid"), witness):
            pass
    assert caught.value.phase == "dns"


async def nobody_listens(make: Make, witness: Witness) -> None:
    async with setups(converse) as port:
        pass
    with pytest.raises(HandshakeError) as caught:
        async with session_with(make(base_url=at(port)), witness):
            pass
    assert caught.value.phase == "tcp"


async def nobody_vouches_for_the_server(make: Make, witness: Witness) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(server)

    async def shake_hands(stream: trio.SSLStream[trio.SocketStream]) -> None:
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()

    async with serving(shake_hands, tls=server) as port:
        with pytest.raises(HandshakeError) as caught:
            async with session_with(make(base_url=f"wss://localhost:{port}"), witness):
                pass
    assert caught.value.phase == "tls"


async def the_upgrade_is_refused_and_the_request_repeated(make: Make, witness: Witness) -> None:
    targets: list[str] = []

    async def refuse(request: UpgradeRequest) -> None:
        targets.append(request.target)
        repeated = b"".join(b"%b: %b\n" % header for header in request.headers)
        await request.refuse(401, b"who is that?\n" + repeated)

    async with upgrades(refuse) as port:
        with pytest.raises(HandshakeError) as caught:
            async with session_with(make(base_url=at(port)), witness):
                pass
    assert caught.value.status_code == 401
    assert b"who is that?" in caught.value.body
    witness.see(*targets)


async def the_peer_repeats_the_request_and_is_no_server(make: Make, witness: Witness) -> None:
    async def repeat(stream: trio.SocketStream) -> None:
        await stream.send_all(await stream.receive_some())

    async with serving(repeat) as port:
        with pytest.raises(HandshakeError) as caught:
            async with session_with(make(base_url=at(port)), witness):
                pass
    assert caught.value.phase == "upgrade"


async def say_nothing(_: TrioWebSocketTransport) -> None:
    await trio.sleep_forever()


async def nobody_answers(make: Make, witness: Witness) -> None:
    async with setups(say_nothing) as port:
        with pytest.raises(ConnectTimeoutError) as caught:
            async with session_with(make(base_url=at(port)), witness, connect_timeout=0.1):
                pass
    assert caught.value.phase == "setup"


async def the_setup_is_refused(make: Make, witness: Witness) -> None:
    resumption = SessionResumptionConfig(handle=HANDLE)
    async with setups(lambda transport: transport.aclose(1007, "API key not valid.")) as port:
        with pytest.raises(SetupRejectedError):
            async with session_with(make(base_url=at(port)), witness, session_resumption=resumption):
                pass


async def the_setup_is_answered_with_nonsense(make: Make, witness: Witness) -> None:
    async with setups(lambda transport: transport.send(b"<html>")) as port:
        with pytest.raises(HandshakeError):
            async with session_with(make(base_url=at(port)), witness):
                pass


async def the_server_ends_the_session(make: Make, witness: Witness) -> None:
    async def end(transport: TrioWebSocketTransport) -> None:
        await transport.send(SETUP_COMPLETE)
        await transport.aclose(1011, "Internal error encountered.")

    async with setups(end) as port:
        with pytest.raises(SessionClosedError):
            async with session_with(make(base_url=at(port)), witness) as session:
                async for event in session:
                    witness.see(event)


async def the_caller_fails(make: Make, witness: Witness) -> None:
    async with setups(converse) as port:
        with pytest.raises(ZeroDivisionError) as caught:
            async with session_with(make(base_url=at(port)), witness):
                raise ZeroDivisionError
    witness.see(caught.value)


Way: TypeAlias = "Callable[[Make, Witness], Awaitable[None]]"
WAYS: Sequence[Way] = (
    all_goes_well,
    the_name_is_unknown,
    nobody_listens,
    nobody_vouches_for_the_server,
    the_upgrade_is_refused_and_the_request_repeated,
    the_peer_repeats_the_request_and_is_no_server,
    nobody_answers,
    the_setup_is_refused,
    the_setup_is_answered_with_nonsense,
    the_server_ends_the_session,
    the_caller_fails,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", BACKENDS)
async def test_no_secret_shows(name: str, way: Way, witness: Witness) -> None:
    case = BACKENDS[name]
    with trio.fail_after(20):
        await way(case.make, witness)
    shown = witness.text()
    assert "127.0.0.1" in shown or "localhost" in shown or "voice.invalid" in shown
    for secret in (*case.secrets, HANDLE):
        assert secret not in shown


# Asking for tokens


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_no_secret_shows_when_google_gives_no_token(
    status: int, witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    # At DEBUG google-auth logs Google's answers itself; of an error's words it hides nothing.
    caplog.set_level(logging.INFO, "google.auth")
    repeated = {"error": "invalid_grant", "error_description": f"{REFRESH_TOKEN} of {CLIENT_SECRET}"}
    async with google_server(answer(repeated, status)) as google:
        backend = on_vertex(credentials=user_at(google), base_url="ws://voice.invalid", proxy=None)
        with pytest.raises(HandshakeError) as caught, trio.fail_after(20):
            async with model_on(backend).connect():
                pass
    witness.see(backend, caught.value)
    shown = witness.text()
    assert REFRESH_TOKEN not in shown
    assert CLIENT_SECRET not in shown


async def test_no_secret_shows_when_google_gives_a_token(witness: Witness) -> None:
    async with google_server(token(ACCESS)) as google, setups(converse) as port:
        backend = on_vertex(credentials=user_at(google), base_url=at(port))
        async with session_with(backend, witness) as session:
            witness.see(await session.receive())
    shown = witness.text()
    for secret in (ACCESS, REFRESH_TOKEN, CLIENT_SECRET):
        assert secret not in shown


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_no_secret_shows_when_an_ephemeral_token_is_asked_for(status: int, witness: Witness) -> None:
    words = {"name": TOKEN, "error": {"message": f"you are {KEY}"}}
    async with google_server(answer(words, status)) as google:
        backend = GeminiBackend(api_key=KEY, base_url=f"http://127.0.0.1:{google.port}", proxy=None)
        try:
            witness.see(await create_auth_token(backend=backend))
        except HandshakeError as error:
            witness.see(error)
    shown = witness.text()
    assert KEY not in shown
    assert status != 200 or TOKEN not in shown


# A proxy's password


PROXY = "http://user:the-password-0123456789@proxy.test:3128"


@pytest.mark.parametrize("make", [GeminiBackend, LocalBackend])
async def test_a_proxys_password_shows_in_no_repr(make: Make, witness: Witness) -> None:
    key = {"api_key": KEY} if make is GeminiBackend else {}
    backend = make(base_url="ws://voice.test", proxy=PROXY, **key)
    endpoint = await backend.endpoint()
    assert endpoint.proxy == PROXY
    witness.see(backend, model_on(backend), endpoint)
    assert "the-password" not in witness.text()


@pytest.mark.parametrize(
    "proxy", ["user:the-password-0123456789@", "ftp://user:the-password-0123456789@proxy.test"]
)
def test_what_is_no_proxy_is_not_repeated(proxy: str, witness: Witness) -> None:
    try:
        witness.see(GeminiBackend(api_key=KEY, proxy=proxy))
    except ConfigError as error:
        witness.see(error)
    assert "the-password" not in witness.text()


# Would they be seen?


def log(_: Witness) -> None:
    logging.getLogger("trio-websocket").debug("sending %d headers", 1, extra={"headers": [KEY]})


def show(witness: Witness) -> None:
    witness.see({"key": KEY})


def fail(witness: Witness) -> None:
    try:
        try:
            raise OSError(KEY)
        except OSError as cause:
            raise HandshakeError("no", phase="tcp") from cause
    except HandshakeError as error:
        witness.see(error)


def keep(witness: Witness) -> None:
    witness.see(HandshakeError("no", phase="upgrade", body=KEY.encode()))


@pytest.mark.parametrize("way", [log, show, fail, keep, lambda _: print(KEY)])  # noqa: T201
def test_a_secret_that_shows_is_seen(way: Callable[[Witness], None], witness: Witness) -> None:
    assert KEY not in witness.text()
    way(witness)
    assert KEY in witness.text()
