"""`connect()`: how a session comes about, and every way out of the block."""

from __future__ import annotations

import contextvars
import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    Backend,
    ConfigError,
    ConnectTimeoutError,
    HandshakeError,
    LiveGenerationConfig,
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
    SetupRejectedError,
)
from livegen_trio.transports.base import ConnectionClosed
from livegen_trio.transports.memory import memory_transport_pair
from support.peer import PeerBackend, conversation, model_on, next_content, text

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio.transports.base import Progress, Transport


class SilentBackend(Backend):
    """Reaches a server that never answers, and stays in *phase* if it is given one."""

    def __init__(self, phase: Any = None) -> None:
        self._phase = phase
        self.transport: Transport

    def resource_name(self, model: str) -> str:
        return model

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        ours, self.transport = memory_transport_pair()
        if self._phase:
            progress.phase = self._phase
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        return ours


class RefusingBackend(SilentBackend):
    """Reaches a server that answers the setup with a Close, or just hangs up."""

    def __init__(self, *close: Any) -> None:
        super().__init__()
        self._close = close

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        ours = await super().dial(nursery, progress)

        async def refuse() -> None:
            await self.transport.receive()
            if self._close:
                await self.transport.aclose(*self._close)
            await self.transport.abort()

        nursery.start_soon(refuse)
        return ours


async def connect(backend: Backend, **options: Any) -> None:
    async with model_on(backend).connect(**options):
        raise AssertionError("there should be no session")


async def test_the_setup_says_what_the_model_was_made_with() -> None:
    backend = PeerBackend()
    async with model_on(
        backend, system_instruction="Answer briefly.", generation_config=LiveGenerationConfig()
    ).connect():
        pass
    assert backend.setup == {
        "setup": {
            "model": "models/test",
            "generationConfig": {},
            "systemInstruction": {"role": "system", "parts": [{"text": "Answer briefly."}]},
            "sessionResumption": {},
        }
    }


@pytest.mark.parametrize(
    ("resumption", "sent"),
    [("auto", {}), (SessionResumptionConfig(handle="abc"), {"handle": "abc"})],
)
async def test_resumption_is_asked_for(resumption: Any, sent: dict[str, Any]) -> None:
    backend = PeerBackend()
    async with model_on(backend).connect(session_resumption=resumption):
        assert backend.setup["setup"]["sessionResumption"] == sent


async def test_without_resumption_the_server_is_asked_to_store_nothing() -> None:
    backend = PeerBackend()
    async with model_on(backend).connect(session_resumption=None):
        assert "sessionResumption" not in backend.setup["setup"]


async def test_a_model_can_be_connected_any_number_of_times_and_at_once() -> None:
    backend = PeerBackend()
    model = model_on(backend)
    for _ in range(2):
        async with model.connect() as one, model.connect() as other:
            assert one is not other
            assert not one.is_closed


async def test_the_session_id_is_the_servers() -> None:
    async with conversation({"setupComplete": {"sessionId": "s-1"}}) as (session, _):
        assert session.session_id == "s-1"
        assert repr(session) == "<LiveSession s-1 open>"
    assert repr(session) == "<LiveSession s-1 closed>"


async def test_empty_frames_before_the_setup_is_complete_mean_nothing() -> None:
    async with conversation({}, {"setupComplete": {}}) as (session, _):
        assert not session.is_closed


async def test_events_in_the_frame_of_the_setups_completion_are_received() -> None:
    both = {"setupComplete": {}, "sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}
    async with conversation(both) as (session, _):
        update = await session.receive()
        assert isinstance(update, SessionResumptionUpdate)
        assert update.new_handle == session.resumption_handle == "h"


# Ways in that fail


async def test_a_refused_setup_has_the_servers_code_and_reason() -> None:
    reason = "The requested combination of response modalities (TEXT) is not supported by the model."
    with pytest.raises(SetupRejectedError) as caught:
        await connect(RefusingBackend(1007, reason))
    error = caught.value
    assert (error.code, error.reason, error.phase, error.retryable) == (1007, reason, "setup", False)
    assert "response_modalities" in (error.hint or "")
    assert reason in str(error)


async def test_a_busy_server_may_be_asked_again() -> None:
    with pytest.raises(SetupRejectedError) as caught:
        await connect(RefusingBackend(1011, "The service is currently unavailable."))
    assert caught.value.retryable


async def test_a_server_that_hangs_up_on_the_setup_is_a_handshake_error() -> None:
    with pytest.raises(HandshakeError) as caught:
        await connect(RefusingBackend())
    assert (type(caught.value), caught.value.phase) == (HandshakeError, "setup")
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"error": {"code": 400, "message": "no such thing"}}, "no such thing"),
        ({"serverContent": {}}, "not the setup's completion"),
        ("not JSON", "can't be read"),
    ],
)
async def test_any_other_answer_to_the_setup_is_a_handshake_error(reply: Any, words: str) -> None:
    backend = PeerBackend(reply)
    with pytest.raises(HandshakeError, match=words) as caught:
        await connect(backend)
    assert caught.value.phase == "setup"
    assert backend.peer.closed is not None
    assert backend.peer.closed.code == 1007


@pytest.mark.parametrize("phase", ["dns", "tcp", "tls", "upgrade"])
async def test_a_connection_that_takes_too_long_names_its_phase(
    phase: str, autojump_clock: MockClock
) -> None:
    with pytest.raises(ConnectTimeoutError) as caught:
        await connect(SilentBackend(phase), connect_timeout=3)
    assert caught.value.phase == phase
    assert phase in str(caught.value)
    assert trio.current_time() == 3


async def test_a_peer_that_says_nothing_to_the_setup_times_out(autojump_clock: MockClock) -> None:
    backend = SilentBackend()
    with pytest.raises(ConnectTimeoutError) as caught:
        await connect(backend)
    assert caught.value.phase == "setup"
    assert trio.current_time() == 15
    with pytest.raises(ConnectionClosed):
        await backend.transport.send(b"x")


@pytest.mark.parametrize(
    "timing",
    [
        {"connect_timeout": -1},
        {"close_timeout": math.nan},
        {"keepalive_interval": 0},
        {"keepalive_timeout": 0},
    ],
    ids=str,
)
async def test_a_time_that_is_none_is_refused_before_anything_is_dialled(timing: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(timing))):
        await connect(PeerBackend(), **timing)


async def test_without_a_timeout_connecting_waits_for_ever(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1e6) as scope:
        await connect(SilentBackend(), connect_timeout=math.inf)
    assert scope.cancelled_caught


async def test_connecting_can_be_cancelled_at_every_step(autojump_clock: MockClock) -> None:
    dialled = SilentBackend()
    for backend in (SilentBackend("dns"), SilentBackend("tcp"), dialled):
        with trio.move_on_after(1) as scope:
            await connect(backend)
        assert scope.cancelled_caught
    with pytest.raises(ConnectionClosed):
        for _ in range(2):
            await dialled.transport.receive()


# Ways out


class OwnError(Exception):
    pass


async def test_the_callers_exception_leaves_the_block_bare() -> None:
    cause = ValueError("before")
    with pytest.raises(OwnError) as caught:
        async with conversation():
            try:
                raise cause
            except ValueError:
                raise OwnError from None
    assert caught.value.__context__ is cause


async def test_a_group_of_the_callers_stays_a_group() -> None:
    with pytest.RaisesGroup(OwnError, OwnError):
        async with conversation():
            raise ExceptionGroup("mine", [OwnError(), OwnError()])


async def test_ctrl_c_leaves_the_block_as_it_is() -> None:
    with pytest.raises(KeyboardInterrupt):
        async with conversation():
            raise KeyboardInterrupt


async def test_a_failing_task_of_the_callers_closes_the_session() -> None:
    async def fail() -> None:
        raise OwnError

    with pytest.RaisesGroup(OwnError):
        async with conversation() as (session, _), trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            await session.receive()
    assert session.is_closed


async def test_leaving_closes_the_connection(autojump_clock: MockClock) -> None:
    async with conversation() as (_, peer):
        pass
    assert peer.closed is not None
    assert (peer.closed.code, peer.closed.initiator) == (1000, "server")
    assert trio.current_time() == 0


async def test_a_cancelled_caller_still_sends_a_close_and_loses_no_time(autojump_clock: MockClock) -> None:
    with trio.move_on_after(5) as scope:
        async with conversation() as (session, peer):
            await session.receive()
    assert scope.cancelled_caught
    assert peer.closed is not None
    assert peer.closed.code == 1000
    assert trio.current_time() == 5


@pytest.mark.parametrize("close_timeout", [0, 1, 7.5])
async def test_leaving_a_dead_peer_takes_close_timeout_and_not_more(
    close_timeout: float, autojump_clock: MockClock
) -> None:
    async with conversation(connect={"close_timeout": close_timeout}) as (_, peer):
        peer.freeze()
        await trio.testing.wait_all_tasks_blocked()
    assert trio.current_time() == close_timeout


async def test_a_cancelled_caller_with_a_dead_peer_takes_close_timeout_too(autojump_clock: MockClock) -> None:
    with trio.move_on_after(5):
        async with conversation() as (session, peer):
            peer.freeze()
            await session.receive()
    assert trio.current_time() == 6


async def test_what_was_accepted_is_sent_before_the_close() -> None:
    async with conversation() as (session, peer):
        for number in range(100):
            await session.send_text_realtime(str(number))
    heard = [(await peer.hear())["realtimeInput"]["text"] for _ in range(100)]
    assert heard == [str(number) for number in range(100)]


async def test_the_body_can_still_send_and_receive_after_a_cancellation(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1):
        async with conversation() as (session, peer):
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await session.send("bye")
                    await peer.say(text("bye"))
                    assert (await next_content(session)).text == "bye"


async def test_nothing_is_left_behind() -> None:
    async with trio.open_nursery() as nursery:
        tasks = len(nursery.child_tasks), trio.lowlevel.current_statistics().tasks_living
        async with conversation() as (session, peer):
            await session.send("Hello")
            await peer.hear()
        await trio.testing.wait_all_tasks_blocked()
        assert (len(nursery.child_tasks), trio.lowlevel.current_statistics().tasks_living) == tasks


async def test_closing_by_hand_is_idempotent_and_ends_the_session() -> None:
    async with conversation() as (session, peer):
        await session.aclose()
        await session.aclose()
        assert session.is_closed
        assert peer.closed is not None
        with pytest.raises(trio.ClosedResourceError):
            await session.receive()
        with pytest.raises(trio.ClosedResourceError):
            await session.send("too late")


async def test_context_variables_of_the_caller_are_seen_inside() -> None:
    variable = contextvars.ContextVar[str]("variable")
    variable.set("caller's")
    async with conversation():
        assert variable.get() == "caller's"


# A session that broke while nobody looked


async def test_a_break_that_no_call_has_raised_is_raised_on_leaving() -> None:
    with pytest.raises(SessionClosedError) as caught:
        async with conversation() as (_, peer):
            await peer.close(1011, "Internal error encountered.")
            await trio.testing.wait_all_tasks_blocked()
    assert (caught.value.code, caught.value.phase) == (1011, "open")


async def test_a_break_that_a_call_has_raised_is_not_raised_again() -> None:
    async with conversation() as (session, peer):
        await peer.close(1011, "Internal error encountered.")
        with pytest.raises(SessionClosedError):
            await session.receive()


async def test_the_callers_exception_comes_before_a_break() -> None:
    with pytest.raises(OwnError):
        async with conversation() as (_, peer):
            await peer.close(1011)
            raise OwnError


async def test_a_normal_end_by_the_server_is_nothing_to_raise() -> None:
    async with conversation() as (session, peer):
        await peer.close(1000)
        await trio.testing.wait_all_tasks_blocked()
        assert session.is_closed


async def test_accepted_messages_that_a_dead_peer_never_took_are_reported(autojump_clock: MockClock) -> None:
    with pytest.raises(SessionClosedError, match="accepted messages were not sent") as caught:
        async with conversation() as (session, peer):
            peer.freeze()
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(100):
                await session.send_text_realtime("x")
    assert caught.value.phase == "closing"
    assert trio.current_time() == 1


async def test_messages_that_a_normal_end_cut_off_are_reported() -> None:
    with pytest.raises(SessionClosedError, match=r"accepted messages? w(as|ere) not sent") as caught:
        async with conversation() as (session, peer):
            peer.freeze()
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(100):
                await session.send_text_realtime("x")
            await peer.close(1000)
            await trio.testing.wait_all_tasks_blocked()
    assert (caught.value.code, caught.value.phase) == (1000, "closing")
