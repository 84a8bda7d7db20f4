"""The kit fails a test that it should fail: strays that a session swallows, misspelt names, steps that can't be."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import ConfigError, GeminiBackend, SessionClosedError, get_live_generative_model
from livegen_trio.testing import (
    Close,
    Connection,
    Emit,
    Expect,
    Fault,
    FaultyBackend,
    FaultyStream,
    HangUp,
    Pause,
    Refusal,
    ScriptedServer,
    ScriptError,
    ServerEnd,
)

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from trio.testing import MockClock

    from livegen_trio import LiveSession

HANDLE = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}
DROPPED = Connection(Emit(HANDLE), Pause(0.1), HangUp())


def connected(server: ScriptedServer, **options: Any) -> AbstractAsyncContextManager[LiveSession]:
    return get_live_generative_model("m", backend=server.backend).connect(**options)


async def test_a_dial_beyond_the_script_fails_the_test_at_once(autojump_clock: MockClock) -> None:
    start = trio.current_time()
    server = ScriptedServer(DROPPED)
    with pytest.raises(ScriptError, match="the script has only 1 connections") as caught:
        async with server.playing(), connected(server) as session:
            while True:
                await session.receive()
    assert type(caught.value) is ScriptError
    assert trio.current_time() - start < 10


async def test_a_dial_beyond_the_script_fails_a_test_that_is_not_listening(autojump_clock: MockClock) -> None:
    server = ScriptedServer(DROPPED)
    with pytest.raises(ScriptError, match="the script has only 1 connections"):
        async with server.playing(), connected(server):
            await trio.sleep(20)


async def test_a_stray_during_a_reconnection_fails_the_test(autojump_clock: MockClock) -> None:
    server = ScriptedServer(DROPPED, Connection(setup={"setup": {"model": "another"}}))
    with pytest.raises(ScriptError, match=r"setup\.model"):
        async with server.playing(), connected(server):
            await trio.sleep(20)


async def test_an_assertion_of_a_step_fails_the_test_as_it_is(autojump_clock: MockClock) -> None:
    async def check(server: ServerEnd) -> None:
        raise AssertionError(f"{len(server.heard)} messages")

    server = ScriptedServer(DROPPED, Connection(check, accept=None))
    with pytest.raises(AssertionError, match="1 messages"):
        async with server.playing(), connected(server):
            await trio.sleep(20)


async def test_a_program_that_swallows_the_error_fails_all_the_same() -> None:
    server = ScriptedServer(Connection())
    with pytest.raises(ScriptError, match="the script is over"):
        async with server.playing():
            with pytest.raises(ScriptError):
                async with connected(server) as session:
                    await session.send("Hello")
                    await trio.sleep_forever()


@pytest.mark.parametrize("on_a_socket", [False, True])
async def test_one_error_comes_out_of_nested_nurseries_in_no_group(*, on_a_socket: bool) -> None:
    server = ScriptedServer(Connection(Expect({"toolResponse": {}})))

    async def stray(backend: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            async with get_live_generative_model("m", backend=backend).connect() as session:
                await session.send("Hello")
                await trio.sleep_forever()

    with pytest.raises(ScriptError, match="toolResponse"):
        if on_a_socket:
            async with server.listening() as url:
                await stray(GeminiBackend(api_key="k", base_url=url))
        else:
            async with server.playing():
                await stray(server.backend)


@pytest.mark.parametrize("on_a_socket", [False, True])
async def test_the_users_own_exception_goes_before_ours(*, on_a_socket: bool) -> None:
    server = ScriptedServer(Connection())

    async def stray(backend: Any) -> None:
        async with get_live_generative_model("m", backend=backend).connect() as session:
            await session.send("Hello")
            try:
                await trio.sleep_forever()
            finally:
                raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        if on_a_socket:
            async with server.listening() as url:
                await stray(GeminiBackend(api_key="k", base_url=url))
        else:
            async with server.playing():
                await stray(server.backend)


async def test_a_socket_that_is_dialled_too_often_fails_the_test() -> None:
    server = ScriptedServer(Connection(HangUp()))
    with pytest.raises(ScriptError, match="the script has only 1 connections"):
        async with server.listening() as url:
            backend = GeminiBackend(api_key="k", base_url=url)
            model = get_live_generative_model("m", backend=backend)
            for _ in range(2):
                with suppress(SessionClosedError):
                    async with model.connect() as session:
                        await session.receive()


async def test_a_group_of_the_users_own_is_left_alone() -> None:
    with pytest.RaisesGroup(KeyError, ValueError):
        async with ScriptedServer().playing():
            raise ExceptionGroup("mine", [KeyError(), ValueError()])


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("cuts", "to server", 1), "did you mean 'cut'"),
        (("explode", "to server", 1), "choose one of 'cut'"),
        (("cut", "to_server", 1), "did you mean 'to server'"),
        (("cut", "to server", 1.5), "a whole number"),
        (("cut", "to server", -1), "a whole number"),
        (("garbage", "to server", 1, b""), "no garbage"),
    ],
)
def test_a_misspelt_fault_is_refused(arguments: Any, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        Fault(*arguments)


def test_two_faults_for_one_direction_are_refused() -> None:
    faults = [Fault("cut", "to server", 1), Fault("stall", "to server", 2)]
    stream, _ = trio.testing.memory_stream_pair()
    with pytest.raises(ConfigError, match="one fault each way"):
        FaultyStream(stream, faults)
    with pytest.raises(ConfigError, match="one fault each way"):
        FaultyBackend(GeminiBackend(api_key="k"), faults)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Connection(HangUp),  # type: ignore[arg-type] # the parentheses are missing
        lambda: Connection({"goAway": {}}),  # type: ignore[arg-type]
        lambda: Emit({"a": object()}),
        lambda: Emit("text"),  # type: ignore[arg-type]
        lambda: Close(1006),
        lambda: Close(200),
        lambda: Pause(-1),
        lambda: Pause(float("nan")),
        lambda: Refusal(200),
        lambda: ScriptedServer(ignored=[{}]),
    ],
)
def test_a_script_that_can_not_be_played_is_refused_where_it_is_written(make: Any) -> None:
    with pytest.raises(ConfigError):
        make()


async def test_more_messages_than_a_step_can_wait_for_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livegen_trio.testing._script._BACKLOG", 3)
    server = ScriptedServer(Connection(Pause(0.2), *[Expect({})] * 4))
    with pytest.raises(ScriptError, match="3 messages"):
        async with server.playing(), connected(server) as session:
            for _ in range(5):
                await session.send_text_realtime("Hello")
            await trio.sleep_forever()
