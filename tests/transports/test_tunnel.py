"""Real sessions through real proxies, with TLS inside; and each way in which a proxy can fail."""

from __future__ import annotations

import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from authority import CA, client_context, server_context
from livegen_trio import ConnectTimeoutError, GeminiBackend, HandshakeError, get_live_generative_model
from livegen_trio.transports.base import Endpoint, Progress
from livegen_trio.transports.dialling import open_stream
from livegen_trio.transports.https import post_json
from livegen_trio.transports.tls import default_ssl_context
from loopback import SETUP_COMPLETE, serving, setups
from proxy_servers import PASSWORD, USER, ProxyServer, http_proxy, socks_proxy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

ESCAPED = PASSWORD.replace(":", "%3A")
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
    assert PASSWORD not in repr(caught.getrepr(style="long"))
    assert ESCAPED not in repr(caught.getrepr(style="long"))
    return error


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


async def test_requests_beside_the_session_go_through_it_too() -> None:
    async def tell(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with serving(tell) as port, http_proxy(ProxyServer(port)) as proxy:
        endpoint = Endpoint("http://voice.test/tokens", proxy=proxy.url("http"))
        assert (await post_json(endpoint, b"{}")).body == b"{}"
    assert proxy.targets == [("voice.test", 80)]


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
        (b"HTTP/1.1 503\r\n\r\n", "refused to connect us: 503", True),
        (b"HTTP/1.1 429 Too Many Requests\r\n\r\n", "429", True),
        (b"HTTP/1.1 302 Found\r\nLocation: http://portal.test\r\n\r\n", "302 Found", False),
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
        (b"", "closed unexpectedly", False),
    ],
)
async def test_a_refusal_says_what_the_socks_proxy_said(
    refusal: bytes, words: str, *, retryable: bool
) -> None:
    async with socks_proxy(ProxyServer(1, refusal=refusal)) as proxy:
        error = await failure(proxy.url("socks5h"))
    assert words in str(error)
    assert error.retryable is retryable


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
async def test_a_proxy_that_is_not_there_is_told_by_name(scheme: str) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    error = await failure(f"{scheme}://{USER}:{ESCAPED}@127.0.0.1:{port}")
    assert f"the proxy 127.0.0.1:{port} can't be reached" in str(error)
    assert error.retryable


async def test_a_proxy_that_does_not_speak_tls_is_no_https_proxy() -> None:
    async with http_proxy(ProxyServer(1, refusal=b"")) as proxy:

        async def hang_up(stream: trio.abc.Stream) -> None:
            await stream.receive_some()

        async with serving(hang_up) as port:
            proxy.port = port
            assert "can't be reached" in str(await failure(proxy.url("https")))


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
