"""Networks that break at a byte: what comes through before, and what a session makes of it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    ConfigError,
    GeminiBackend,
    HandshakeError,
    Reconnected,
    Reconnection,
    SessionClosedError,
    get_live_generative_model,
)
from livegen_trio.testing import (
    Connection,
    Emit,
    Fault,
    FaultyBackend,
    FaultyStream,
    ScriptedServer,
    ScriptError,
    ServerEnd,
)

if TYPE_CHECKING:
    from trio.testing import MockClock

QUICK = Reconnection(delays=(0.01,))


def joined(*faults: Fault) -> Any:
    client, server = trio.testing.memory_stream_pair()
    return FaultyStream(client, faults), server


async def all_of(stream: trio.abc.ReceiveStream) -> bytes:
    data = b""
    async for chunk in stream:
        data += bytes(chunk)
    return data


async def test_without_a_fault_all_comes_through() -> None:
    client, server = joined()
    await client.send_all(b"there")
    await client.wait_send_all_might_not_block()
    assert await server.receive_some() == b"there"
    await server.send_all(b"back")
    assert await client.receive_some() == b"back"
    await client.aclose()
    assert await server.receive_some() == b""


@pytest.mark.parametrize("at", [0, 1, 4, 5, 9])
async def test_a_cut_lets_through_what_was_before_it(at: int) -> None:
    client, server = joined(Fault("cut", "to server", at))
    with pytest.raises(trio.BrokenResourceError):
        for _ in range(2):
            await client.send_all(b"12345")
    for call in (client.send_all(b"x"), client.receive_some()):
        with pytest.raises(trio.BrokenResourceError, match="cut"):
            await call
    assert await all_of(server) == b"1234512345"[:at]


async def test_a_cut_wakes_the_receiver() -> None:
    client, _ = joined(Fault("cut", "to server", 3))
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await client.receive_some()

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError):
            await client.send_all(b"12345")


async def test_a_cut_of_what_is_received_comes_after_what_was_before_it() -> None:
    client, server = joined(Fault("cut", "to client", 3))
    await server.send_all(b"12345")
    with pytest.raises(trio.BrokenResourceError):
        assert await client.receive_some() == b"123"
        await client.receive_some()


async def test_a_stalled_network_swallows_what_is_sent() -> None:
    client, server = joined(Fault("stall", "to server", 3))
    for _ in range(3):
        await client.send_all(b"12345")
    assert await server.receive_some() == b"123"
    await server.send_all(b"back")
    assert await client.receive_some() == b"back"


async def test_a_stalled_network_brings_nothing_until_it_is_closed(autojump_clock: MockClock) -> None:
    client, server = joined(Fault("stall", "to client", 3))
    await server.send_all(b"12345")
    assert await client.receive_some() == b"123"
    with trio.move_on_after(1000) as scope:
        await client.receive_some()
    assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.aclose)
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_half_a_close_to_the_client_is_an_end_and_it_can_still_speak() -> None:
    client, server = joined(Fault("half close", "to client", 3))
    await server.send_all(b"12345")
    assert await client.receive_some() == b"123"
    assert await client.receive_some() == b""
    await client.send_all(b"there")
    assert await server.receive_some() == b"there"


async def test_half_a_close_to_the_server_is_an_end_and_it_can_still_be_heard() -> None:
    client, server = joined(Fault("half close", "to server", 3))
    await client.send_all(b"12345")
    assert await all_of(server) == b"123"
    with pytest.raises(trio.BrokenResourceError, match="way to the server"):
        await client.send_all(b"x")
    await server.send_all(b"back")
    assert await client.receive_some() == b"back"


@pytest.mark.parametrize("direction", ["to server", "to client"])
async def test_garbage_comes_in_between(direction: Any) -> None:
    client, server = joined(Fault(direction=direction, kind="garbage", at=3, garbage=b"??"))
    sender, receiver = (client, server) if direction == "to server" else (server, client)
    await sender.send_all(b"12345")
    await sender.send_all(b"67890")
    await trio.testing.wait_all_tasks_blocked()
    data = bytes(await receiver.receive_some())
    while len(data) < 12:
        data += bytes(await receiver.receive_some())
    assert data == b"123??4567890"


async def test_an_end_of_the_sound_stream_is_one_here() -> None:
    client, server = joined()
    await server.aclose()
    assert await client.receive_some() == b""


async def test_a_stream_that_was_closed_says_so() -> None:
    client, _ = joined()
    await client._stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await client.receive_some()


def test_no_fault_happens_before_the_first_byte() -> None:
    with pytest.raises(ConfigError):
        Fault("cut", "to server", -1)


# A session on such a network


async def listen(server: ServerEnd) -> None:
    await Emit({"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}})(server)
    with suppress(ScriptError):  # garbage may hit a message and not a frame
        while await server.hear_or_end() is not None:
            pass


def said_on(connections: list[ServerEnd]) -> list[str]:
    messages: Any = [message for server in connections for message in server.heard]
    return [message["realtimeInput"]["text"] for message in messages if "realtimeInput" in message]


async def test_garbage_from_the_server_is_a_clear_end() -> None:
    server = ScriptedServer(Connection(listen))
    async with server.listening() as url:
        backend = FaultyBackend(
            GeminiBackend(api_key="k", base_url=url), [Fault("garbage", "to client", 260)]
        )
        with pytest.raises(SessionClosedError, match="this side ended the session with close code 1002"):
            connecting = get_live_generative_model("m", backend=backend).connect(keepalive_interval=0.05)
            async with connecting as session:
                async for _ in session:
                    pass


@pytest.mark.parametrize(
    ("kind", "direction"),
    [
        ("cut", "to server"),
        ("cut", "to client"),
        ("half close", "to server"),
        ("half close", "to client"),
        ("stall", "to server"),
        ("stall", "to client"),
        ("garbage", "to server"),
    ],
)
async def test_a_session_outlives_a_real_connection_that_breaks(kind: Any, direction: Any) -> None:
    at = 900 if direction == "to server" else 260  # after the upgrade and the setup
    server = ScriptedServer(Connection(listen), Connection(listen))
    async with server.listening() as url:
        sound = GeminiBackend(api_key="k", base_url=url)
        backend = FaultyBackend(sound, [Fault(kind, direction, at)])
        assert repr(backend) == repr(sound)
        connecting = get_live_generative_model("m", backend=backend).connect(
            reconnection=QUICK, keepalive_interval=0.1, keepalive_timeout=0.3, close_timeout=0.2
        )
        with trio.fail_after(10):
            async with connecting as session:
                for number in range(20):
                    await session.send_text_realtime(str(number))
                while not isinstance(event := await session.receive(), Reconnected):
                    pass
                await session.send_text_realtime("20")
    assert backend.pending_faults == ()
    assert event.unacknowledged == 0
    assert set(said_on(server.connected)) == set(map(str, range(21)))


async def test_faults_that_did_not_happen_are_named_also_those_of_dials_that_were_not_made() -> None:
    late, later = Fault("cut", "to server", 10**6), Fault("stall", "to client", 0)
    server = ScriptedServer(Connection(listen))
    async with server.listening() as url:
        backend = FaultyBackend(GeminiBackend(api_key="k", base_url=url), [late], [], [later])
        assert backend.pending_faults == (late, later)
        async with get_live_generative_model("m", backend=backend).connect() as session:
            await session.send_text_realtime("Hi")
        assert backend.pending_faults == (late, later)


@pytest.mark.parametrize(("kind", "at"), [("cut", 0), ("cut", 50), ("half close", 50), ("garbage", 5)])
async def test_a_fault_in_the_upgrade_is_an_error_of_the_handshake(kind: Any, at: int) -> None:
    server = ScriptedServer()
    server.add(Connection(accept=None))
    with pytest.raises(ScriptError):
        async with server.listening() as url:
            backend = FaultyBackend(GeminiBackend(api_key="k", base_url=url), [Fault(kind, "to client", at)])
            with pytest.raises(HandshakeError):
                async with get_live_generative_model("m", backend=backend).connect():
                    raise AssertionError
