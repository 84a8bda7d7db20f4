"""Ephemeral tokens of the embedded server: from the token to the session that it allows, and no further."""

from __future__ import annotations

import json
import warnings
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
import trio.testing
from google import genai
from google.genai import types

from livegen_trio import (
    GeminiBackend,
    HandshakeError,
    LiveGenerationConfig,
    LiveGenerativeModel,
    RemoteProtocolError,
    SessionResumptionConfig,
    SetupRejectedError,
    create_auth_token,
    get_live_generative_model,
)
from livegen_trio.local import Address, LocalBackend, LocalServer
from livegen_trio.local._auth_tokens import TokenStore
from livegen_trio.transports._https import Response, post_json
from livegen_trio.transports._opening import open_websocket
from livegen_trio.transports._trio_websocket.transport import upgrade_client_stream
from livegen_trio.transports.base import MAX_MESSAGE_SIZE, Endpoint, Progress
from livegen_trio.types import Setup
from support.live_client import Client, ScriptedResponder, setup, text_engines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODEL = "gemini-live-2.5-flash-preview"
CONSTRAINED = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContentConstrained"


@asynccontextmanager
async def listening(engines: Any = None) -> AsyncGenerator[Address]:
    server = LocalServer(engines or text_engines())
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(server.serve, 0)
        yield address
        nursery.cancel_scope.cancel()


def url(address: Address, scheme: str = "ws") -> str:
    return f"{scheme}://{address.host}:{address.port}"


def model_of(
    backend: GeminiBackend, system_instruction: str | None = None, **config: Any
) -> LiveGenerativeModel:
    return get_live_generative_model(
        MODEL,
        backend=backend,
        system_instruction=system_instruction,
        generation_config=LiveGenerationConfig(**config),
    )


def user(token: str, address: Address, **options: Any) -> LiveGenerativeModel:
    """A model as the token's user has it."""
    return model_of(GeminiBackend(api_key=token, base_url=url(address)), **options)


async def ask(model: LiveGenerativeModel, **connect: Any) -> str:
    async with model.connect(**connect) as session:
        return (await session.ask("Hi")).text


# The whole way


async def test_a_token_begins_one_session_and_no_second() -> None:
    async with listening() as address:
        token = await create_auth_token(backend=LocalBackend(url(address)))
        assert token.name.startswith("auth_tokens/")
        assert await ask(user(token.name, address)) == "You said: Hi"
        with pytest.raises(SetupRejectedError, match="used up") as caught:
            await ask(user(token.name, address))
    assert (caught.value.code, caught.value.retryable) == (1008, False)


@pytest.mark.parametrize(("uses", "possible"), [(2, 2), (0, 4)])
async def test_a_token_may_begin_several_sessions(uses: int, possible: int) -> None:
    async with listening() as address:
        token = await create_auth_token(backend=LocalBackend(url(address)), uses=uses)
        for _ in range(possible):
            await ask(user(token.name, address))
        if uses:
            with pytest.raises(SetupRejectedError):
                await ask(user(token.name, address))


async def test_to_resume_a_session_is_no_use() -> None:
    async with listening() as address:
        backend = LocalBackend(url(address))
        token = await create_auth_token(model_of(backend), lock_additional_fields=[])
        async with user(token.name, address).connect() as session:
            await session.ask("One.")
            handle = session.resumption_handle
        assert handle is not None
        resumption = SessionResumptionConfig(handle=handle)
        assert await ask(user(token.name, address), session_resumption=resumption) == "You said: Hi"


async def test_what_is_locked_is_the_tokens_and_the_rest_the_users() -> None:
    engines = text_engines()
    async with listening(engines) as address:
        backend = LocalBackend(url(address))
        token = await create_auth_token(
            model_of(backend, "Be brief."), uses=0, lock_additional_fields=["output_audio_transcription"]
        )
        await ask(user(token.name, address, system_instruction="Talk."))
        all_locked = await create_auth_token(model_of(backend), uses=0)
        await ask(user(all_locked.name, address, system_instruction="Talk."))
    assert isinstance(engines.responder, ScriptedResponder)
    assert engines.responder.instructions == ["Be brief.", ""]


async def test_a_token_without_a_setup_leaves_all_to_its_user() -> None:
    engines = text_engines()
    async with listening(engines) as address:
        token = await create_auth_token(backend=LocalBackend(url(address)))
        await ask(user(token.name, address, system_instruction="Talk."))
    assert isinstance(engines.responder, ScriptedResponder)
    assert engines.responder.instructions == ["Talk."]


async def test_a_session_ends_with_its_token(autojump_clock: trio.testing.MockClock) -> None:
    server = LocalServer(text_engines())
    async with trio.open_nursery() as nursery:
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(server.serve_stream, theirs)
        await ours.send_all(b"POST /v1beta/auth_tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        answer = b"".join([bytes(data) async for data in ours])
        made = trio.current_time()
        name = json.loads(answer.partition(b"\r\n\r\n")[2])["name"]
        ours, theirs = trio.testing.memory_stream_pair()
        nursery.start_soon(server.serve_stream, theirs)
        endpoint = Endpoint(f"ws://server.test{CONSTRAINED}", (("authorization", f"Token {name}"),))
        transport = await upgrade_client_stream(
            ours, endpoint, nursery=nursery, max_message_size=MAX_MESSAGE_SIZE
        )
        client = Client(transport)
        await client.say(setup())
        assert (await client.hear_close()).code == 1001
        assert trio.current_time() - made == 30 * 60
        await transport.abort()


async def test_a_browser_gives_its_token_in_the_query() -> None:
    async with listening() as address:
        token = await create_auth_token(backend=LocalBackend(url(address)))
        endpoint = Endpoint(f"{url(address)}{CONSTRAINED}?access_token={token.name.replace('/', '%2F')}")
        for answer in ('{"setupComplete": {}}', "used up"):
            async with trio.open_nursery() as nursery:
                transport = await open_websocket(endpoint, nursery=nursery, progress=Progress())
                client = Client(transport)
                await client.say(setup())
                if answer == "used up":
                    assert answer in (await client.hear_close()).reason
                else:
                    assert await client.hear() == json.loads(answer)
                await transport.abort()


async def test_a_token_that_it_has_not_made_is_like_a_key_which_it_does_not_ask_for() -> None:
    async with listening() as address:
        for _ in range(2):
            assert await ask(user("auth_tokens/of-another-server", address)) == "You said: Hi"


async def test_googles_client_gets_a_token_as_well() -> None:
    async with listening() as address:

        def create() -> str:
            client = genai.Client(
                api_key="none", http_options=types.HttpOptions(base_url=url(address, "http"))
            )
            config = types.CreateAuthTokenConfig(
                uses=1,
                expire_time=datetime.now(UTC) + timedelta(hours=1),
                live_connect_constraints=types.LiveConnectConstraints(
                    config=types.LiveConnectConfig(
                        system_instruction="Be brief.",
                        context_window_compression=types.ContextWindowCompressionConfig(trigger_tokens=9000),
                    )
                ),
                lock_additional_fields=["top_p"],
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "experimental"
                name = client.auth_tokens.create(config=config).name
            client.close()
            return str(name)

        name = await trio.to_thread.run_sync(create)
        await ask(user(name, address))
        with pytest.raises(SetupRejectedError):
            await ask(user(name, address))


# The request


async def post(address: Address, body: bytes, path: str = "/v1beta/auth_tokens") -> Response:
    return await post_json(Endpoint(f"{url(address, 'http')}{path}"), body)


@pytest.mark.parametrize(
    "path", ["/v1beta/auth_tokens", "/v1alpha/auth_tokens", "//v1/auth_tokens", "/a/v1/auth_tokens"]
)
async def test_tokens_are_made_where_the_service_makes_them(path: str) -> None:
    async with listening() as address:
        answer = await post(address, b"{}", path)
    assert answer.status == 200
    assert json.loads(answer.body).keys() == {"name"}


@pytest.mark.parametrize("path", ["/auth_tokens", "/v2/auth_tokens", "/v1beta/auth_tokens/1"])
async def test_they_are_made_nowhere_else(path: str) -> None:
    async with listening() as address:
        assert (await post(address, b"{}", path)).status == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Invalid JSON payload"),
        (b"[]", "Invalid JSON payload"),
        (b'{"uses": "many"}', "Invalid JSON payload"),
        (b'{"uses": -1}', "negative"),
        (b'{"usage": 1}', 'Unknown name \\"usage\\"'),
        (b'{"expireTime": "2020-01-01T00:00:00Z"}', "has to be ahead"),
        (b'{"expireTime": "2100-01-01T00:00:00Z"}', "has to be ahead"),
        (b'{"newSessionExpireTime": "2100-01-01T00:00:00"}', "no time zone"),
        (b'{"fieldMask": "temperature"}', "no field at the mask"),
        (b'{"bidiGenerateContentSetup": {"setup": {"model": "m"}}}', "Unknown name"),
        (b'{"bidiGenerateContentSetup": {"model": 1}}', "invalid argument"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused_in_googles_form(body: bytes, words: str) -> None:
    async with listening() as address:
        answer = await post(address, body)
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["status"] == "BAD_REQUEST"
    assert words in answer.body.decode()


async def test_our_client_says_why_it_was_refused() -> None:
    async with listening() as address:
        headers = {"Transfer-Encoding": "chunked"}  # left out
        backend = GeminiBackend(api_key="k", base_url=url(address), api_version="v9", headers=headers)
        with pytest.raises(HandshakeError, match="There is no Live API at this path") as caught:
            await create_auth_token(backend=backend)
    assert caught.value.status_code == 404


@pytest.mark.parametrize("length", ["", "Content-Length: x\r\n", f"Content-Length: {2**20 + 1}\r\n"])
async def test_a_body_has_to_say_its_size_and_be_no_larger_than_any_of_ours(length: str) -> None:
    async with listening() as address, await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(
            f"POST /v1beta/auth_tokens HTTP/1.1\r\nHost: localhost\r\n{length}\r\n".encode()
        )
        answer = b"".join([bytes(data) async for data in stream])
    assert answer.startswith(b"HTTP/1.1 400 " if "x" in length else b"HTTP/1.1 411 ")


async def test_a_client_that_hangs_up_within_its_request_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(b"POST /v1beta/auth_tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    await ours.aclose()
    await LocalServer(text_engines()).serve_stream(theirs)
    assert [record for record in caplog.records if record.levelname != "DEBUG"] == []


async def test_a_body_may_come_in_pieces() -> None:
    async with listening() as address, await trio.open_tcp_stream(*address) as stream:
        for piece in (
            b"POST /v1beta/auth_tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n",
            b'{"use',
            b's":2}',
        ):
            await stream.send_all(piece)
            await trio.testing.wait_all_tasks_blocked()
        answer = b"".join([bytes(data) async for data in stream])
    assert answer.startswith(b"HTTP/1.1 200 ")


# Limits and masks


def setup_of(**fields: Any) -> Setup:
    return msgspec.convert({"model": "models/client"} | fields, Setup)


def admitted(request: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The setup that counts, for a client with *fields* and a token made by *request*."""
    tokens = TokenStore()
    token = tokens.find(tokens.create(json.dumps(request).encode()))
    assert token is not None
    plain: dict[str, Any] = msgspec.to_builtins(token.admit(setup_of(**fields)))
    return plain


async def test_a_setup_without_a_mask_replaces_all_of_the_clients() -> None:
    request = {"bidiGenerateContentSetup": {"model": "models/token", "system_instruction": {"parts": []}}}
    found = admitted(request, labels={"a": "b"}, sessionResumption={"handle": "h"})
    assert found == {"model": "models/token", "systemInstruction": {}}


@pytest.mark.parametrize(
    ("mask", "theirs", "locked", "found"),
    [
        ("tools", {"tools": [{"codeExecution": {}}]}, {}, {}),
        ("tools", {}, {"tools": [{"codeExecution": {}}]}, {"tools": [{"codeExecution": {}}]}),
        (
            "generationConfig.temperature",
            {"generationConfig": {"temperature": 1.0, "topP": 1.0}},
            {"generationConfig": {"temperature": 0.5, "topK": 4.0}},
            {"generationConfig": {"temperature": 0.5, "topP": 1.0}},
        ),
        (
            "generationConfig.top_p,generationConfig.temperature",
            {"generationConfig": {"temperature": 1.0, "topP": 1.0}},
            {},
            {"generationConfig": {}},
        ),
        (
            "generationConfig.topP",
            {},
            {"generationConfig": {"topP": 0.5}},
            {"generationConfig": {"topP": 0.5}},
        ),
        ("generationConfig.topP", {}, {}, {}),
        ("generationConfig", {"generationConfig": {"topP": 1.0}}, {}, {}),
        ("model", {}, {"model": "models/token"}, {"model": "models/token"}),
    ],
)
async def test_a_mask_takes_its_fields_from_the_token_and_the_others_from_the_client(
    mask: str, theirs: dict[str, Any], locked: dict[str, Any], found: dict[str, Any]
) -> None:
    request = {"bidiGenerateContentSetup": locked, "fieldMask": mask}
    assert admitted(request, **theirs) == {"model": "models/client"} | found


async def test_a_token_begins_sessions_for_a_minute_and_resumes_them_later(
    autojump_clock: trio.testing.MockClock,
) -> None:
    tokens = TokenStore()
    token = tokens.find(tokens.create(b'{"uses": 0}'))
    assert token is not None
    await trio.sleep(59)
    token.admit(setup_of())
    await trio.sleep(1)
    with pytest.raises(RemoteProtocolError, match="can't begin a session any more"):
        token.admit(setup_of())
    token.admit(setup_of(sessionResumption={"handle": "h"}))


async def test_times_count_from_when_the_token_is_made(autojump_clock: trio.testing.MockClock) -> None:
    tokens = TokenStore()
    begin, end = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 2))
    request = {"newSessionExpireTime": begin.isoformat(), "expireTime": end.isoformat()}
    token = tokens.find(tokens.create(json.dumps(request).encode()))
    assert token is not None
    assert token.begins_until == pytest.approx(trio.current_time() + 3600, abs=10)
    assert token.ends == pytest.approx(trio.current_time() + 7200, abs=10)


async def test_the_oldest_tokens_are_forgotten() -> None:
    tokens = TokenStore(capacity=2)
    names = [tokens.create(b"{}") for _ in range(3)]
    assert [tokens.find(name) is not None for name in names] == [False, True, True]
