"""The embedded server on real sockets: paths, TLS, clients that misbehave, and clients that must not suffer from it."""

from __future__ import annotations

import array
import json
import logging
import re
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
import trustme

from livegen_trio import HandshakeError, LiveGenerationConfig, get_live_generative_model
from livegen_trio.local import (
    Address,
    Engines,
    LocalBackend,
    LocalServer,
    serve,
    text_engines as rule_engines,
)
from livegen_trio.local._server import _UPGRADE_TIMEOUT
from livegen_trio.transports._opening import open_websocket
from livegen_trio.transports.base import ConnectionClosed, Endpoint, Progress
from livegen_trio.types import AudioTranscriptionConfig, ServerContent
from support.live_client import (
    Client,
    said,
    setup,
    text_engines,
    text_of,
)
from support.voice import HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from livegen_trio.local.speech._moonshine import MoonshineRecognizer
    from livegen_trio.local.speech._piper import PiperSynthesizer
    from livegen_trio.local.speech._silero import SileroModel

GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


@asynccontextmanager
async def listening(
    server: LocalServer | None = None, ssl_context: ssl.SSLContext | None = None
) -> AsyncGenerator[Address]:
    """A server on a free port."""
    server = server or LocalServer(text_engines())
    async with trio.open_nursery() as nursery:

        async def run(  # noqa: ASYNC128 - the server calls it
            *, task_status: trio.TaskStatus[list[Address]]
        ) -> None:
            await server.serve(0, ssl_context=ssl_context, task_status=task_status)

        [address] = await nursery.start(run)
        yield address
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def dialled(
    address: Address, path: str = GEMINI, ssl_context: ssl.SSLContext | None = None
) -> AsyncGenerator[Client]:
    """A client on a WebSocket."""
    scheme = "ws" if ssl_context is None else "wss"
    endpoint = Endpoint(f"{scheme}://{address.host}:{address.port}{path}", ssl_context=ssl_context)
    async with trio.open_nursery() as nursery:
        transport = await open_websocket(endpoint, nursery=nursery, progress=Progress())
        yield Client(transport)
        await transport.abort()


# Paths


@pytest.mark.parametrize(
    ("path", "is_vertex"),
    [
        (GEMINI, False),
        (f"/{GEMINI}", False),
        (f"/proxy/live/{GEMINI}", False),
        (f"{GEMINI}?key=secret", False),
        (f"{GEMINI}Constrained?access_token=auth_tokens/1", False),
        (GEMINI.replace("v1beta", "v1alpha"), False),
        (GEMINI.replace("v1beta", "v1"), False),
        ("/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", True),
        ("//ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent", True),
        ("/ws/google.firebase.vertexai.v1beta.GenerativeService/BidiGenerateContent?key=k", False),
        (
            "/ws/google.firebase.vertexai.v1beta.LlmBidiService/BidiGenerateContent/locations/us-central1",
            True,
        ),
    ],
)
async def test_every_path_of_the_service_is_served(path: str, is_vertex: bool) -> None:
    async with listening() as address, dialled(address, path) as client:
        await client.say(setup())
        assert ("sessionId" in (await client.hear())["setupComplete"]) is is_vertex
        assert await client.ask("Hi") == "You said: Hi"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ws/",
        "/ws/google.ai.generativelanguage.v2.GenerativeService.BidiGenerateContent",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService/BidiGenerateContent",
        "/ws/google.cloud.aiplatform.v1.LlmBidiService.BidiGenerateContent",
        GEMINI.removeprefix("/ws"),
    ],
)
async def test_other_paths_are_not_found(path: str) -> None:
    async with listening() as address:
        with pytest.RaisesGroup(HandshakeError) as caught:
            async with dialled(address, path):
                pass
    error = caught.value.exceptions[0]
    assert error.status_code == 404
    assert json.loads(error.body)["error"]["status"] == "NOT_FOUND"


async def test_frames_are_binary() -> None:
    async with listening() as address, dialled(address) as client:
        await client.say(setup())
        assert isinstance(await client.transport.receive(), bytes)


# TLS, ports


async def test_tls_is_served() -> None:
    authority = trustme.CA()
    theirs, ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    async with listening(ssl_context=theirs) as address, dialled(address, ssl_context=ours) as client:
        await client.say(setup())
        await client.hear()
        assert await client.ask("Hi") == "You said: Hi"


async def test_who_speaks_no_tls_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(theirs)
    async with listening(ssl_context=theirs) as address, await trio.open_tcp_stream(*address) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        while await stream.receive_some():
            pass
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_a_server_loads_its_own_engines_if_it_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livegen_trio.local._server.load_engines", rule_engines)
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(serve, 0)
        async with dialled(address) as client:
            await client.say(setup())
            await client.hear()
            assert await client.ask("Hello!") != ""
        nursery.cancel_scope.cancel()


async def test_a_port_in_use_is_an_error() -> None:
    async with listening() as address:
        with pytest.raises(OSError, match="in use"):
            await serve(address.port, engines=text_engines())


# Clients that are none


async def answer_to(request: bytes) -> bytes:
    """What the server sends, until it hangs up, to a client that sends *request*."""
    async with listening() as address:
        stream = await trio.open_tcp_stream(*address)
        async with stream:
            await stream.send_all(request)
            answer = b""
            try:
                while data := await stream.receive_some():
                    answer += data
            except trio.BrokenResourceError:
                pass  # it hung up with our bytes unread
            return answer


@pytest.mark.parametrize(("path", "status"), [(GEMINI, b"426"), ("/", b"404"), ("/favicon.ico", b"404")])
async def test_a_browser_gets_an_error_that_says_what_this_is(path: str, status: bytes) -> None:
    answer = await answer_to(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 " + status)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["error"]["code"] == int(status)


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET " + 20_000 * b"x",
        b"GET\r\n\r\n",
        f"GET {GEMINI} HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".encode(),
    ],
    ids=["TLS", "no HTTP", "too long", "no path", "half an upgrade"],
)
async def test_what_makes_no_sense_is_hung_up_on(request_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    answer = await answer_to(request_)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_a_client_that_sends_nothing_is_hung_up_on(autojump_clock: trio.testing.MockClock) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(LocalServer(text_engines()).serve_stream, theirs)
        start = trio.current_time()
        assert await ours.receive_some() == b""
        assert trio.current_time() - start == _UPGRADE_TIMEOUT


async def test_a_client_that_hangs_up_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_all(b"GET / HT")
    await ours.aclose()
    await LocalServer(text_engines()).serve_stream(theirs)
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


class ExplodingStream(trio.abc.Stream):
    """A stream that fails in a way that nobody expects."""

    async def send_all(self, data: object) -> None:
        raise RuntimeError("send")

    async def wait_send_all_might_not_block(self) -> None:
        raise RuntimeError("wait")

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise RuntimeError("receive")

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_failure_of_one_connection_is_logged_and_contained(caplog: pytest.LogCaptureFixture) -> None:
    await LocalServer(text_engines()).serve_stream(ExplodingStream())
    assert "a connection failed" in caplog.text


# Several clients


async def test_clients_are_served_at_the_same_time() -> None:
    async with (
        listening() as address,
        dialled(address) as one,
        dialled(address) as two,
        dialled(address) as three,
    ):
        clients = (one, two, three)
        for client in clients:
            await client.say(setup(), said("Hi"))
        for client in clients:
            assert "setupComplete" in await client.hear()
            assert text_of(await client.hear_turn()) == "You said: Hi"


async def test_a_client_that_vanishes_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as address, dialled(address) as stays:
        await stays.say(setup())
        await stays.hear()
        async with dialled(address) as vanishes:
            await vanishes.say(setup(), said("Hi"))
            await vanishes.transport.abort()
        async with dialled(address) as leaves:
            await leaves.say("nonsense")
            assert (await leaves.hear_close()).code == 1007
        assert await stays.ask("Still there?") == "You said: Still there?"
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


async def test_a_message_that_is_too_large_closes_its_connection() -> None:
    async with listening() as address, dialled(address) as client:
        await client.say(setup(), " " * (16 * 2**20 + 1))
        assert (await client.hear_close()).code == 1009


async def test_a_server_that_stops_says_so() -> None:
    server = LocalServer(text_engines())
    async with trio.open_nursery() as clients, trio.open_nursery() as nursery:
        [address] = await nursery.start(server.serve, 0)
        endpoint = Endpoint(f"ws://{address.host}:{address.port}{GEMINI}")
        transport = await open_websocket(endpoint, nursery=clients, progress=Progress())
        client = Client(transport)
        await client.say(setup())
        await client.hear()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            closed = await client.hear_close()
            await transport.abort()
    assert closed.code == 1001


async def test_a_client_may_close_first() -> None:
    async with listening() as address, dialled(address) as client:
        await client.say(setup())
        await client.hear()
        await client.transport.aclose(1000, "bye")
        with pytest.raises(ConnectionClosed):
            await client.hear()


# A human voice


@pytest.fixture(scope="session")
def engines(silero: SileroModel, recognizer: MoonshineRecognizer, synthesizer: PiperSynthesizer) -> Engines:
    """All that the [local] extra has."""
    return Engines(
        responder=rule_engines().responder,
        open_detector=silero.open_detector,
        recognizer=recognizer,
        synthesizer=synthesizer,
    )


async def test_a_human_voice_is_heard_and_answered_over_a_websocket(engines: Engines) -> None:
    config = LiveGenerationConfig(input_audio_transcription=AudioTranscriptionConfig())
    heard, spoken = "", b""
    async with listening(LocalServer(engines)) as address:
        backend = LocalBackend(f"ws://{address.host}:{address.port}")
        model = get_live_generative_model(
            "gemini-2.5-flash-native-audio-preview-12-2025", backend=backend, generation_config=config
        )
        async with model.connect() as session:
            voice = human_voice() + bytes(32000)
            for begin in range(0, len(voice), 640):
                await session.send_audio_realtime(voice[begin : begin + 640])
            async for event in session:
                if isinstance(event, ServerContent):
                    heard += event.input_transcription.text if event.input_transcription is not None else ""
                    spoken += b"".join(blob.data for blob in event.audio)
                    if event.generation_complete:
                        break
    assert re.findall("[a-z]+", heard.lower()) == HUMAN_WORDS.split()
    assert len(spoken) > 24000
    assert max(array.array("h", spoken)) > 5000
