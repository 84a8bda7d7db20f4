"""A scripted server: what it says is heard, and what strays from its script fails."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
import trustme

from livegen_trio import (
    Content,
    GeminiBackend,
    HandshakeError,
    LiveSession,
    Part,
    Reconnected,
    ServerContent,
    SessionClosedError,
    SetupRejectedError,
    get_live_generative_model,
)
from livegen_trio.testing import (
    Close,
    Connection,
    Emit,
    Expect,
    HangUp,
    Pause,
    Refusal,
    ScriptedServer,
    ScriptError,
    ServerEnd,
    Stall,
)
from livegen_trio.transports.base import Progress
from livegen_trio.types import ClientContent, RealtimeInput, UnreadableFrame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from trio.testing import MockClock

HELLO = {"clientContent": {"turns": [{"parts": [{"text": "Hello"}]}]}}
ANSWER = {"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}, "turnComplete": True}}
HANDLE = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}


def connected(server: ScriptedServer, **options: Any) -> AbstractAsyncContextManager[LiveSession]:
    return get_live_generative_model("m", backend=server.backend).connect(**options)


async def converse(server: ScriptedServer, *words: str, **options: Any) -> None:
    async with server.playing(), connected(server, **options) as session:
        for text in words:
            await session.send(text)
        await trio.testing.wait_all_tasks_blocked()


async def test_a_script_is_played() -> None:
    server = ScriptedServer(Connection(Expect(HELLO), Emit(ANSWER)))
    async with server.playing(), connected(server) as session:
        assert (await session.ask("Hello")).text == "Hi"
    (end,) = server.connected
    assert [next(iter(message)) for message in end.heard] == ["setup", "clientContent"]


def is_hello(message: Mapping[str, object]) -> bool:
    return "Hello" in str(message)


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        {"clientContent": {"turnComplete": True}},
        HELLO,
        is_hello,
        ClientContent(turns=[Content(role="user", parts=[Part(text="Hello")])], turn_complete=True),
    ],
)
async def test_a_pattern_is_a_part_a_whole_or_a_function(pattern: Any) -> None:
    await converse(ScriptedServer(Connection(Expect(pattern))), "Hello")


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ({"toolResponse": {}}, "it has no 'toolResponse'"),
        ({"clientContent": {"turnComplete": False}}, "clientContent.turnComplete is True"),
        ({"clientContent": {"turns": []}}, "clientContent.turns is no list of 0"),
        ({"clientContent": {"turns": "x"}}, r"clientContent.turns is \["),
        ({"clientContent": {"turns": {}}}, "clientContent.turns is no object"),
        ({"clientContent": {"turnComplete": [1]}}, "clientContent.turnComplete is no list of 1"),
        (
            {"clientContent": {"turns": [{"parts": [{"text": "Bye"}]}]}},
            r"clientContent.turns\[0\].parts\[0\].text is Hello",
        ),
        (RealtimeInput(text="Hello"), "it is another message"),
        (lambda message: not message, "<lambda> says no"),
    ],
)
async def test_another_message_fails_with_the_place_where_it_differs(pattern: Any, complaint: str) -> None:
    with pytest.raises(ScriptError, match=complaint):
        await converse(ScriptedServer(Connection(Expect(pattern))), "Hello")


async def test_a_long_message_is_cut_short_in_an_error() -> None:
    with pytest.raises(ScriptError) as caught:
        await converse(ScriptedServer(Connection(Expect({"toolResponse": {}}))), "Hello" * 1000)
    assert len(str(caught.value)) < 700


async def test_the_setup_can_be_expected() -> None:
    await converse(ScriptedServer(Connection(setup={"setup": {"model": "models/m"}})))
    with pytest.raises(ScriptError, match=r"setup\.model is models/m"):
        await converse(ScriptedServer(Connection(setup={"setup": {"model": "models/n"}})))


async def test_a_message_after_the_script_fails() -> None:
    with pytest.raises(ScriptError, match="the script is over, but the client sent"):
        await converse(ScriptedServer(Connection()), "Hello")


async def test_a_message_that_nobody_expected_before_a_close_fails(autojump_clock: MockClock) -> None:
    with pytest.raises(ScriptError, match="what the script doesn't expect"):
        async with connected(ScriptedServer(Connection(Pause(1), Close()))) as session:
            await session.send("Hello")
            await trio.sleep(2)


async def test_what_is_ignored_may_come_at_any_time() -> None:
    server = ScriptedServer(Connection(Expect(HELLO)), ignored=[{"realtimeInput": {}}])
    async with server.playing(), connected(server) as session:
        await session.send_audio_realtime(b"\0\0")
        await session.send("Hello")
        await session.send_audio_realtime(b"\0\0")
        await trio.testing.wait_all_tasks_blocked()


async def test_a_step_that_is_left_fails() -> None:
    with pytest.raises(ScriptError, match="the client left instead of sending a message"):
        await converse(ScriptedServer(Connection(Expect(HELLO))))


async def test_a_connection_that_is_left_fails() -> None:
    with pytest.raises(ScriptError, match="not dialled 1 more times"):
        await converse(ScriptedServer(Connection(), Connection()))


async def test_a_connection_too_many_fails() -> None:
    server = ScriptedServer()
    with pytest.raises(ScriptError, match="the script has only 0 connections"):
        async with connected(server):
            raise AssertionError


async def test_an_exception_of_the_test_goes_before_what_is_left() -> None:
    server = ScriptedServer(Connection(Expect(HELLO)))
    with pytest.raises(KeyError):
        async with server.playing(), connected(server):
            raise KeyError


async def test_connections_can_be_added() -> None:
    server = ScriptedServer()
    server.add(Connection(Expect(HELLO)))
    await converse(server, "Hello")


async def test_any_async_function_is_a_step() -> None:
    async def echo(server: ServerEnd) -> None:
        message: Any = await server.hear()
        words = message["clientContent"]["turns"][0]["parts"][0]["text"]
        await Emit({"serverContent": {"modelTurn": {"parts": [{"text": words}]}, "turnComplete": True}})(
            server
        )

    server = ScriptedServer(Connection(echo))
    async with server.playing(), connected(server) as session:
        assert (await session.ask("Hello")).text == "Hello"


async def test_a_close_reaches_the_client_with_its_code(autojump_clock: MockClock) -> None:
    server = ScriptedServer(Connection(Close(1007, "Request contains an invalid argument.")))
    with pytest.raises(SessionClosedError) as caught:
        async with server.playing(), connected(server) as session:
            await session.receive()
    assert caught.value.code == 1007


async def test_a_setup_can_be_refused() -> None:
    server = ScriptedServer(Connection(Close(1007, "no"), accept=None))
    with pytest.raises(SetupRejectedError):
        async with server.playing(), connected(server):
            raise AssertionError


@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_an_upgrade_can_be_refused(status: int) -> None:
    server = ScriptedServer(Refusal(status, b'{"error": {}}'))
    with pytest.raises(HandshakeError) as caught:
        async with server.playing(), connected(server):
            raise AssertionError
    assert (caught.value.status_code, caught.value.body) == (status, b'{"error": {}}')


async def test_a_session_outlives_what_a_script_does_to_it(autojump_clock: MockClock) -> None:
    server = ScriptedServer(
        Connection(Emit(HANDLE), HangUp()),
        Refusal(503),
        Connection(Emit(HANDLE), Stall()),
        Connection(Emit({"goAway": {"timeLeft": "10s"}})),
        Connection(Expect(HELLO), Emit(ANSWER)),
    )
    async with server.playing(), connected(server, keepalive_timeout=20) as session:
        reports = 0
        while reports < 3:
            reports += isinstance(await session.receive(), Reconnected)
        await session.send("Hello")
        while not isinstance(await session.receive(), ServerContent):
            pass


async def test_garbage_goes_as_it_is() -> None:
    server = ScriptedServer(Connection(*[Emit(b"<html>")] * 8))
    with pytest.raises(SessionClosedError, match="the server's message"):
        async with server.playing(), connected(server, session_resumption=None) as session:
            async for event in session:
                assert isinstance(event, UnreadableFrame)
                assert event.data == b"<html>"


async def test_what_is_said_to_a_client_that_has_gone_goes_nowhere(autojump_clock: MockClock) -> None:
    server = ScriptedServer(Connection(Pause(1), Emit(ANSWER)))
    async with server.playing():
        async with trio.open_nursery() as nursery:
            transport = await server.backend.dial(nursery, Progress())
            await transport.send(b'{"setup": {}}')
            await transport.receive()
            await transport.aclose()
    (end,) = server.connected
    assert end.closed is not None


async def test_a_client_that_sends_no_object_fails() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(ScriptError, match="what is no message")):
        async with trio.open_nursery() as nursery:
            transport = await ScriptedServer(Connection()).backend.dial(nursery, Progress())
            await transport.send(b"[]")
            await trio.sleep_forever()


async def test_a_step_may_forgive_a_client_that_sends_no_object() -> None:
    async def forgive(server: ServerEnd) -> None:
        with pytest.raises(ScriptError, match="what is no message"):
            await server.hear()

    server = ScriptedServer(Connection(forgive))
    async with server.playing(), trio.open_nursery() as nursery:
        transport = await server.backend.dial(nursery, Progress())
        await transport.send(b'{"setup": {}}')
        await transport.receive()
        await transport.send(b"[]")
        await trio.testing.wait_all_tasks_blocked()
        await transport.abort()


# On a real socket


@pytest.mark.parametrize("tls", [False, True])
async def test_a_script_is_played_on_a_real_socket(*, tls: bool) -> None:
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    server = ScriptedServer(Refusal(503), Connection(Expect(HELLO), Emit(ANSWER)))
    async with server.listening(ssl_context=serving if tls else None) as url:
        backend = GeminiBackend(api_key="k", base_url=url, ssl_context=trusting if tls else None)
        model = get_live_generative_model("m", backend=backend)
        with pytest.raises(HandshakeError, match="503"):
            async with model.connect():
                raise AssertionError
        async with model.connect() as session:
            assert (await session.ask("Hello")).text == "Hi"


async def test_a_client_that_strays_on_a_real_socket_fails() -> None:
    server = ScriptedServer(Connection(Expect({"toolResponse": {}})))
    with pytest.raises(ScriptError, match="toolResponse"):
        async with server.listening() as url:
            backend = GeminiBackend(api_key="k", base_url=url)
            async with get_live_generative_model("m", backend=backend).connect() as session:
                await session.send("Hello")
                await trio.sleep_forever()


async def test_a_client_that_hangs_up_on_a_real_socket_leaves_the_script() -> None:
    server = ScriptedServer(Connection())
    with pytest.raises(ScriptError, match="steps of the script are left"):
        async with server.listening() as url:
            port = re.search(r":(\d+)$", url)
            assert port is not None
            stream = await trio.open_tcp_stream("127.0.0.1", int(port[1]))
            await stream.aclose()
            await trio.testing.wait_all_tasks_blocked(0.05)
