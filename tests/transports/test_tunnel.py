"""Real sessions through real proxies, with TLS inside; and each way in which a proxy can fail."""

from __future__ import annotations

import base64
import gc
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    ConnectTimeoutError,
    GeminiBackend,
    HandshakeError,
    create_auth_token,
    get_live_generative_model,
)
from livegen_trio.transports._dial.dialling import open_stream
from livegen_trio.transports._dial.tls import default_ssl_context
from livegen_trio.transports._https import post_json
from livegen_trio.transports.base import Endpoint, Progress
from support.authority import CA, client_context, server_context
from support.loopback import SETUP_COMPLETE, serving, setups
from support.proxy_servers import PASSWORD, USER, ProxyServer, http_proxy, socks_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

ESCAPED = PASSWORD.replace(":", "%3A")
ENCODED = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRET = "what nobody on the way may read"


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Generator[None]:
    """An unclosed socket is a warning once it is collected, and a warning is an error."""
    yield
    gc.collect()


async def answer(transport: Any) -> None:
    await transport.send(SETUP_COMPLETE)
    assert SECRET in str(await transport.receive())
    await transport.send(
        b'{"serverContent": {"modelTurn": {"parts": [{"text": "' + SECRET.encode() + b'"}]}}}'
    )
    await transport.receive()


@asynccontextmanager
async def voice_server() -> AsyncGenerator[int]:
    async with setups(answer, tls=server_context("voice.test")) as port:
        yield port


async def converse(proxy: str) -> None:
    """A session with voice.test, whose name nobody but the proxy knows."""
    backend = GeminiBackend(
        api_key="k", base_url="wss://voice.test", ssl_context=client_context(), proxy=proxy
    )
    model = get_live_generative_model("gemini-3.8-live", backend=backend)
    with trio.fail_after(10):
        async with model.connect() as session:
            await session.send(SECRET)
            assert SECRET in str(await session.receive())


async def failure(proxy: str) -> HandshakeError:
    with pytest.raises(HandshakeError) as caught:
        await converse(proxy)
    error = caught.value
    assert error.phase == "proxy"
    words = everything_in(error)
    assert not [secret for secret in (PASSWORD, ESCAPED, ENCODED) if secret in words]
    return error


def everything_in(error: BaseException | None) -> str:
    """The words of an error, and of all that it comes from."""
    if error is None:
        return ""
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    causes = (error.__cause__, error.__context__, *inside)
    return "\n".join((repr(error), str(error), *map(everything_in, causes)))


@pytest.mark.parametrize("credentials", [{}, {"user": USER, "password": ESCAPED}])
@pytest.mark.parametrize(("serve", "scheme"), [(http_proxy, "http"), (socks_proxy, "socks5h")])
async def test_a_session_with_tls_goes_through_a_proxy_that_can_read_none_of_it(
    serve: Any, scheme: str, credentials: dict[str, str]
) -> None:
    async with (
        voice_server() as port,
        serve(ProxyServer(port, wants_credentials=bool(credentials))) as proxy,
    ):
        await converse(proxy.url(scheme, **credentials))
    assert proxy.targets == [("voice.test", 443)]
    assert proxy.carried
    assert SECRET.encode() not in proxy.carried


async def test_a_proxy_can_be_reached_by_tls_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    CA.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    default_ssl_context.cache_clear()
    try:
        async with (
            voice_server() as port,
            http_proxy(ProxyServer(port), tls=server_context("127.0.0.1")) as proxy,
        ):
            await converse(proxy.url("https"))
        assert proxy.targets == [("voice.test", 443)]
    finally:
        default_ssl_context.cache_clear()


@pytest.mark.parametrize(("serve", "scheme"), [(http_proxy, "http"), (socks_proxy, "socks5h")])
async def test_a_proxy_carries_what_is_not_encrypted_too(serve: Any, scheme: str) -> None:
    async with setups(answer) as port, serve(ProxyServer(port)) as proxy:
        backend = GeminiBackend(api_key="k", base_url="ws://voice.test:8080", proxy=proxy.url(scheme))
        async with get_live_generative_model("m", backend=backend).connect() as session:
            await session.send(SECRET)
            await session.receive()
    assert proxy.targets == [("voice.test", 8080)]


async def test_the_name_is_looked_up_here_for_a_socks_proxy_that_is_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def hold(stream: trio.abc.Stream) -> None:
        await stream.receive_some()

    async with serving(hold) as port, socks_proxy(ProxyServer(port)) as proxy:
        stream = await open_stream(Endpoint("ws://localhost:7", proxy=proxy.url("socks5")), Progress())
        await stream.aclose()
    assert proxy.targets == [("127.0.0.1", 7)]


async def test_an_address_of_version_6_is_asked_for_in_brackets() -> None:
    async def hold(stream: trio.abc.Stream) -> None:
        await stream.receive_some()

    async with serving(hold) as port, http_proxy(ProxyServer(port)) as proxy:
        stream = await open_stream(Endpoint("ws://[2001:db8::1]:7", proxy=proxy.url("http")), Progress())
        await stream.aclose()
    assert proxy.targets == [("[2001:db8::1]", 7)]


async def test_other_requests_go_through_it_too() -> None:
    async def answer_request(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with serving(answer_request) as port, http_proxy(ProxyServer(port)) as proxy:
        endpoint = Endpoint("http://voice.test/tokens", proxy=proxy.url("http"))
        assert (await post_json(endpoint, b"{}")).body == b"{}"
    assert proxy.targets == [("voice.test", 80)]


@pytest.mark.parametrize(("serve", "scheme"), [(http_proxy, "http"), (socks_proxy, "socks5h")])
async def test_a_token_is_asked_for_through_a_proxy(serve: Any, scheme: str) -> None:
    async def give(stream: trio.abc.Stream) -> None:
        request = b""
        while not request.endswith(b"}"):
            request += await stream.receive_some()
        await stream.send_all(b'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{"name":"auth_tokens/t"}')

    async with (
        serving(give, tls=server_context("voice.test")) as port,
        serve(ProxyServer(port, wants_credentials=True)) as proxy,
    ):
        backend = GeminiBackend(
            api_key="k",
            base_url="wss://voice.test",
            ssl_context=client_context(),
            proxy=proxy.url(scheme, user=USER, password=ESCAPED),
        )
        assert (await create_auth_token(backend=backend)).name == "auth_tokens/t"
    assert proxy.targets == [("voice.test", 443)]


# Failures


async def test_a_server_behind_a_proxy_has_to_prove_its_name() -> None:
    async with (
        setups(answer, tls=server_context("other.test")) as port,
        http_proxy(ProxyServer(port)) as proxy,
    ):
        with pytest.raises(HandshakeError, match=r"voice\.test:443 can't be reached, tls failed") as caught:
            await converse(proxy.url("http"))
        assert caught.value.phase == "tls"


@pytest.mark.parametrize("credentials", [{}, {"user": USER, "password": f"{ESCAPED}X"}])
async def test_a_proxy_that_wants_other_credentials_says_so(credentials: dict[str, str]) -> None:
    async with http_proxy(ProxyServer(1, wants_credentials=True)) as proxy:
        error = await failure(proxy.url("http", **credentials))
    assert f"the proxy 127.0.0.1:{proxy.port} refused to connect us: 407 Proxy Auth" in str(error)
    assert (error.status_code, error.retryable) == (407, False)
    assert error.hint is not None
    assert "user:password@" in error.hint


@pytest.mark.parametrize("credentials", [{}, {"user": USER, "password": f"{ESCAPED}X"}])
async def test_a_socks_proxy_that_wants_other_credentials_says_so(credentials: dict[str, str]) -> None:
    async with socks_proxy(ProxyServer(1, wants_credentials=True)) as proxy:
        error = await failure(proxy.url("socks5h", **credentials))
    assert "refused to connect us" in str(error)
    assert not error.retryable
    assert error.hint is not None
    assert "password" in error.hint


@pytest.mark.parametrize(
    ("refusal", "words", "retryable"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refused to connect us: 403 Forbidden", False),
        (b"HTTP/1.1 103\r\n\r\nHTTP/1.1 403\r\n\r\n", "refused to connect us: 403", False),
        (b"HTTP/1.1 503\r\n\r\n", "refused to connect us: 503", True),
        (b"HTTP/1.1 429 Too Many Requests\r\n\r\n", "429", True),
        (b"HTTP/1.1 302 Found\r\nLocation: http://portal.test\r\n\r\n", "302 Found", False),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "302 Found", False),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "did not answer in HTTP", False),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "did not answer in HTTP", False),
        (b"HTTP/1.1 20", "hung up before it answered", True),
        (b"", "hung up before it answered", True),
    ],
)
async def test_a_refusal_says_what_the_proxy_said(refusal: bytes, words: str, *, retryable: bool) -> None:
    async with http_proxy(ProxyServer(1, refusal=refusal)) as proxy:
        error = await failure(proxy.url("http", user=USER, password=ESCAPED))
    assert words in str(error)
    assert error.retryable is retryable


@pytest.mark.parametrize(
    ("refusal", "words", "retryable"),
    [
        (b"\x05\x02\x00\x01", "not allowed by ruleset", False),
        (b"\x05\x05\x00\x01", "refused by destination", True),
        (b"\x04\x00\x00\x01", "Unexpected SOCKS version", False),
        (b"\x05\x00\x00\x03\x02\xff\xff\x00\x00", "could not connect us", True),
        (b"\x05", "hung up before it answered", True),
        (b"", "hung up before it answered", True),
    ],
)
async def test_a_refusal_says_what_the_socks_proxy_said(
    refusal: bytes, words: str, *, retryable: bool
) -> None:
    async with socks_proxy(ProxyServer(1, refusal=refusal)) as proxy:
        error = await failure(proxy.url("socks5h"))
    assert words in str(error)
    assert error.retryable is retryable


@pytest.mark.parametrize("echo", [PASSWORD, ESCAPED, ENCODED])
@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        ("HTTP/1.1 407 ", "407 Proxy Authentication Required"),
        ("HTTP/1.1 200 OK\r\nno header ", "did not answer in HTTP"),
        ("", "did not answer in HTTP"),
    ],
)
async def test_a_proxy_that_repeats_our_credentials_is_not_repeated(
    beginning: str, words: str, echo: str
) -> None:
    async with http_proxy(ProxyServer(1, refusal=f"{beginning}{echo}\r\n\r\n".encode())) as proxy:
        error = await failure(proxy.url("http", user=USER, password=ESCAPED))
    assert words in str(error)


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (502, True), (504, True), (501, False)])
async def test_only_trouble_that_passes_is_worth_another_attempt(status: int, *, retryable: bool) -> None:
    async with http_proxy(ProxyServer(1, refusal=f"HTTP/1.1 {status}\r\n\r\n".encode())) as proxy:
        error = await failure(proxy.url("http"))
    assert (error.status_code, error.retryable) == (status, retryable)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_breaks_the_connection_is_named(scheme: str) -> None:
    async def reset(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with serving(reset) as port:
        error = await failure(f"{scheme}://127.0.0.1:{port}")
    assert f"the proxy 127.0.0.1:{port} " in str(error)
    assert error.retryable


async def test_an_unknown_status_is_named_by_its_number() -> None:
    async with http_proxy(ProxyServer(1, refusal=b"HTTP/1.1 599 Odd\r\n\r\n")) as proxy:
        error = await failure(proxy.url("http"))
    assert str(error).endswith("refused to connect us: 599")


async def test_a_socks_proxys_rules_are_not_taken_for_wrong_credentials() -> None:
    async with socks_proxy(ProxyServer(1, refusal=b"\x05\x02\x00\x01")) as proxy:
        assert (await failure(proxy.url("socks5h"))).hint is None


async def test_a_name_that_nobody_knows_here_is_not_the_socks_proxys_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with socks_proxy(ProxyServer(1)) as proxy:
        url = proxy.url("socks5")
        monkeypatch.setattr("python_socks.async_.trio._resolver.Resolver.resolve", unknown)
        with pytest.raises(HandshakeError, match=r"voice\.test can't be looked up here") as caught:
            await converse(url)
    assert caught.value.phase == "dns"
    assert caught.value.retryable
    assert caught.value.hint is not None
    assert "socks5h://" in caught.value.hint


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
async def test_a_proxy_that_is_not_there_is_named(scheme: str) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    error = await failure(f"{scheme}://{USER}:{ESCAPED}@127.0.0.1:{port}")
    assert f"the proxy 127.0.0.1:{port} can't be reached" in str(error)
    assert "refused" in str(error)  # and not only that all addresses have failed
    assert error.retryable
    assert error.hint is not None
    assert "proxy=None" in error.hint


async def test_a_proxy_that_does_not_speak_tls_is_no_https_proxy() -> None:
    async with http_proxy(ProxyServer(1, refusal=b"")) as proxy:

        async def hang_up(stream: trio.abc.Stream) -> None:
            await stream.receive_some()

        async with serving(hang_up) as port:
            proxy.port = port
            assert "can't be reached" in str(await failure(proxy.url("https")))


async def test_a_proxy_that_answers_in_plain_text_is_no_https_proxy_either() -> None:
    async def say_no(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(say_no) as port:
        error = await failure(f"https://127.0.0.1:{port}")
    assert not error.retryable
    assert error.hint is not None
    assert "http://" in error.hint


async def test_a_proxy_has_to_prove_its_name_to_the_systems_authorities() -> None:
    async with http_proxy(ProxyServer(1), tls=server_context("127.0.0.1")) as proxy:
        error = await failure(proxy.url("https"))
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert not error.retryable


async def test_a_proxys_address_of_version_6_is_told_in_brackets() -> None:
    error = await failure("http://[::1]:1")
    assert "the proxy [::1]:1 can't be reached" in str(error)


async def hang(stream: trio.abc.Stream) -> None:
    while await stream.receive_some():
        pass


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
async def test_a_silent_proxy_is_named_by_the_time_out_and_left(scheme: str) -> None:
    async with serving(hang) as port:
        backend = GeminiBackend(api_key="k", base_url="ws://v.test", proxy=f"{scheme}://127.0.0.1:{port}")
        with pytest.raises(ConnectTimeoutError) as caught:
            async with get_live_generative_model("m", backend=backend).connect(connect_timeout=0.1):
                pass
        assert caught.value.phase == "proxy"
        await trio.testing.wait_all_tasks_blocked()


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope when the task that made this has been resumed so many times."""

    def __init__(self, step: int, scope: trio.CancelScope) -> None:
        self._left = step
        self._scope = scope
        self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


async def is_open_if_cancelled(step: int, endpoint: Endpoint) -> bool:
    """Dial, and be cancelled at that step; the stream is closed if one came of it all the same."""
    with trio.CancelScope() as scope:
        instrument = CancelAtStep(step, scope)
        trio.lowlevel.add_instrument(instrument)
        try:
            stream = await open_stream(endpoint, Progress())
        finally:
            trio.lowlevel.remove_instrument(instrument)
        await trio.aclose_forcefully(stream)
    return not scope.cancelled_caught


@pytest.mark.parametrize(
    ("serve", "scheme"), [(http_proxy, "http"), (socks_proxy, "socks5"), (socks_proxy, "socks5h")]
)
async def test_cancelled_wherever_it_is_it_leaves_no_socket_open(serve: Any, scheme: str) -> None:
    step, is_open = 0, False
    async with serving(hang) as port:
        while not is_open:
            step += 1
            async with serve(ProxyServer(port, wants_credentials=True)) as proxy:
                url = proxy.url(scheme, user=USER, password=ESCAPED)
                is_open = await is_open_if_cancelled(step, Endpoint("ws://localhost:7", proxy=url))
                gc.collect()  # a socket that was forgotten is a warning, which fails the test
    assert step > 4
