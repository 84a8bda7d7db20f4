"""What users give as keys and tokens, and what becomes of those that the server refuses."""

from __future__ import annotations

import asyncio
import concurrent.futures
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import google.auth.credentials
import pytest
import trio
from google.auth.exceptions import RefreshError

from livegen_trio import (
    ConfigError,
    FirebaseBackend,
    GeminiBackend,
    HandshakeError,
    VertexBackend,
    create_auth_token,
    get_live_generative_model,
)
from livegen_trio.anyio import connect as connect_on_asyncio
from livegen_trio.transports.base import Progress
from support.google_servers import from_now

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from livegen_trio import WebSocketBackend


def backends_with(function: Any, **route: Any) -> list[WebSocketBackend]:
    """A backend for each place where a function for a secret can be given."""
    firebase: dict[str, Any] = {"project_id": "p", "app_id": "1:1:web:1", **route}
    return [
        GeminiBackend(api_key=function, **route),
        VertexBackend("proj", "us-central1", credentials=function, **route),
        VertexBackend(api_key=function, **route),
        FirebaseBackend(api_key=function, **firebase),
        FirebaseBackend(api_key="k", app_check_token=function, **firebase),
        FirebaseBackend(api_key="k", auth_token=function, **firebase),
    ]


class TestAFunctionForASecret:
    @pytest.mark.parametrize("value", [b"secret-token", 3, ["secret"], bytearray(b"secret")])
    async def test_that_gives_no_string_is_an_error_that_names_the_type(self, value: object) -> None:
        async def give() -> object:
            return value

        for backend in backends_with(give):
            with pytest.raises(ConfigError) as caught:
                await backend.endpoint()
            assert f"gave a {type(value).__name__}; it has to return a str" in str(caught.value)
            assert "secret" not in str(caught.value)

    async def test_that_gives_none_is_an_error_but_for_tokens_that_may_be_missing(self) -> None:
        async def give() -> None:
            return None

        *required, app_check, auth = backends_with(give)
        for backend in required:
            with pytest.raises(ConfigError, match="gave None; it has to return a str"):
                await backend.endpoint()
        assert await app_check.endpoint() == await auth.endpoint()

    async def test_that_is_not_async_is_an_error_that_says_so(self) -> None:
        for backend in backends_with(lambda: "key"):
            with pytest.raises(ConfigError, match="is not async; write it with `async def`"):
                await backend.endpoint()

    @pytest.mark.parametrize("kind", [asyncio.CancelledError, concurrent.futures.CancelledError])
    async def test_that_raises_a_cancellation_of_another_library_is_an_error_and_no_crash(
        self, kind: type[BaseException]
    ) -> None:
        async def give() -> str:
            raise kind

        for backend in backends_with(give):
            with pytest.raises(HandshakeError) as caught:
                await backend.endpoint()
            assert "raised" in str(caught.value)
            assert "CancelledError" in str(caught.value)
            assert (caught.value.phase, caught.value.retryable) == ("request", True)

    async def test_that_is_cancelled_by_trio_is_cancelled(self) -> None:
        backend = GeminiBackend(api_key=trio.sleep_forever)
        with trio.move_on_after(0) as scope:
            await backend.endpoint()
        assert scope.cancelled_caught

    async def test_that_raises_something_raises_it(self) -> None:
        async def give() -> str:
            raise ZeroDivisionError

        for backend in backends_with(give):
            with pytest.raises(ZeroDivisionError):
                await backend.endpoint()


@pytest.mark.parametrize("secret", [b"key", 3, object()])
def test_a_secret_that_is_neither_a_string_nor_a_function_is_refused_at_once(secret: Any) -> None:
    firebase: dict[str, Any] = {"project_id": "p", "app_id": "1:1:web:1"}
    for make in (
        lambda: GeminiBackend(api_key=secret),
        lambda: VertexBackend("proj", credentials=secret),
        lambda: VertexBackend(api_key=secret),
        lambda: FirebaseBackend(api_key=secret, **firebase),
        lambda: FirebaseBackend(api_key="k", app_check_token=secret, **firebase),
        lambda: FirebaseBackend(api_key="k", auth_token=secret, **firebase),
    ):
        with pytest.raises(ConfigError, match=type(secret).__name__):
            make()


def test_on_asyncio_a_function_that_raises_a_cancellation_is_an_error_and_no_crash() -> None:
    async def give() -> str:
        raise asyncio.CancelledError

    async def converse() -> None:
        model = get_live_generative_model(
            "m", backend=GeminiBackend(api_key=give, base_url="ws://127.0.0.1:9")
        )
        with pytest.raises(HandshakeError, match=r"API key raised asyncio\.exceptions\.CancelledError"):
            async with connect_on_asyncio(model):
                raise AssertionError

    asyncio.run(converse())


def test_on_asyncio_a_function_that_waits_is_cancelled_with_its_task() -> None:
    async def converse() -> None:
        model = get_live_generative_model("m", backend=GeminiBackend(api_key=asyncio.Event().wait))  # type: ignore[arg-type] # it never returns

        async def connect() -> None:
            async with connect_on_asyncio(model):
                raise AssertionError

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connect(), 0.2)

    asyncio.run(converse())


class Credentials(google.auth.credentials.Credentials):
    """Gives token-1, token-2 and so on."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.renewed = 0
        self.fails = fails

    def refresh(self, request: object) -> None:
        if self.fails and self.renewed:
            raise RefreshError("revoked")
        self.renewed += 1
        self.token = f"token-{self.renewed}"
        self.expiry = from_now(hours=1)


class Server:
    """Refuses every secret but one with 401, and that one with 418."""

    def __init__(self, good: str, status: int = 401) -> None:
        self.good = good.encode()
        self.status = status
        self.asked: list[bytes] = []
        self.url = ""

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive_some()
            self.asked.append(head)
            status = 418 if self.good in head else self.status
            await stream.send_all(
                b"HTTP/1.1 %d Words\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
            )


@asynccontextmanager
async def serving(good: str, status: int = 401) -> AsyncGenerator[Server]:
    server = Server(good, status)
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"
        await nursery.start(trio.serve_listeners, server.serve, [listener])
        yield server
        nursery.cancel_scope.cancel()


async def status_of_dial(backend: WebSocketBackend) -> int | None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(HandshakeError) as caught:
            await backend.dial(nursery, Progress())
    return caught.value.status_code


def counting(prefix: str) -> Callable[[], Awaitable[str]]:
    """A function that gives another secret each time."""
    calls = iter(range(1, 100))

    async def give() -> str:
        return f"{prefix}{next(calls)}"

    return give


class TestARefusedSecret:
    async def test_of_googles_credentials_is_renewed_once(self) -> None:
        async with serving("token-2") as server:
            credentials = Credentials()
            backend = VertexBackend("proj", "us-central1", credentials=credentials, base_url=server.url)
            assert await status_of_dial(backend) == 418
            assert await status_of_dial(backend) == 418
        assert credentials.renewed == 2
        assert len(server.asked) == 3

    async def test_that_is_refused_again_is_an_error_and_renewed_before_the_next_dial(self) -> None:
        async with serving("token-4") as server:
            credentials = Credentials()
            backend = VertexBackend("proj", "us-central1", credentials=credentials, base_url=server.url)
            assert await status_of_dial(backend) == 401
            assert credentials.renewed == 2
            assert await status_of_dial(backend) == 401
            assert await status_of_dial(backend) == 418

    async def test_of_many_sessions_at_once_is_renewed_once_for_all(self) -> None:
        async with serving("token-2") as server:
            credentials = Credentials()
            backend = VertexBackend("proj", "us-central1", credentials=credentials, base_url=server.url)
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(status_of_dial, backend)
        assert credentials.renewed == 2

    async def test_that_can_not_be_renewed_is_the_first_error(self) -> None:
        async with serving("none") as server:
            credentials = Credentials(fails=True)
            backend = VertexBackend("proj", "us-central1", credentials=credentials, base_url=server.url)
            assert await status_of_dial(backend) == 401
        assert len(server.asked) == 1

    async def test_whose_renewal_may_succeed_later_is_the_error_of_the_renewal(self) -> None:
        calls = iter(["key-1"])

        async def give() -> str:
            if (key := next(calls, None)) is None:
                raise asyncio.CancelledError
            return key

        async with serving("none") as server:
            async with trio.open_nursery() as nursery:
                with pytest.raises(HandshakeError, match="CancelledError") as caught:
                    await GeminiBackend(api_key=give, base_url=server.url).dial(nursery, Progress())
            assert (caught.value.phase, caught.value.retryable) == ("request", True)

    async def test_that_has_become_empty_is_the_first_error(self) -> None:
        keys = iter(["key-1", ""])

        async def give() -> str:
            return next(keys)

        async with serving("none") as server:
            assert await status_of_dial(GeminiBackend(api_key=give, base_url=server.url)) == 401

    async def test_is_asked_for_once_more_where_a_function_gives_it(self) -> None:
        for n in range(6):
            async with serving("key-2") as server:
                backend = backends_with(counting("key-"), base_url=server.url)[n]
                assert await status_of_dial(backend) == 418
            assert len(server.asked) == 2

    async def test_that_stays_the_same_is_not_tried_again(self) -> None:
        async def give() -> str:
            return "key-1"

        for secret in (give, "key-1"):
            async with serving("key-2") as server:
                assert await status_of_dial(GeminiBackend(api_key=secret, base_url=server.url)) == 401
            assert len(server.asked) == 1

    @pytest.mark.parametrize("status", [400, 403, 429, 503])
    async def test_by_another_status_is_an_error_at_once(self, status: int) -> None:
        async with serving("key-2", status) as server:
            backend = GeminiBackend(api_key=counting("key-"), base_url=server.url)
            assert await status_of_dial(backend) == status
        assert len(server.asked) == 1

    async def test_by_a_proxy_is_an_error_at_once(self) -> None:
        async with serving("key-2") as server:
            proxy = server.url.replace("ws:", "http:")
            backend = GeminiBackend(api_key=counting("key-"), base_url="ws://voice.test", proxy=proxy)
            assert await status_of_dial(backend) == 401
        assert len(server.asked) == 1

    async def test_is_renewed_for_an_ephemeral_token_too(self) -> None:
        async with serving("key-2") as server:
            backend = GeminiBackend(api_key=counting("key-"), base_url=server.url)
            with pytest.raises(HandshakeError) as caught:
                await create_auth_token(backend=backend)
        assert caught.value.status_code == 418
