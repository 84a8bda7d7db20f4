"""`session.resume_session()`: the same conversation, on another connection."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import (
    AutomaticActivityDetection,
    ConfigError,
    HandshakeError,
    LiveGenerationConfig,
    LocalProtocolError,
    RealtimeInputConfig,
    Reconnected,
    Reconnecting,
    ServerContent,
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
)
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, heard_text, model_on, text, words_of

if TYPE_CHECKING:
    from livegen_trio import LiveSession


async def next_words(session: LiveSession) -> str:
    """The words of the next content, whatever the session says of its connections before."""
    while not isinstance(event := await session.receive(), ServerContent):
        pass
    return words_of(event)


async def test_the_earlier_connection_is_closed_then_a_new_one_is_dialled_with_the_newest_handle() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        assert isinstance(await session.receive(), SessionResumptionUpdate)
        await fleet.peer.say({"sessionResumptionUpdate": {"newHandle": "h2", "resumable": True}})
        await session.receive()
        await session.resume_session()
        assert fleet.peers[0].closed is not None
        assert fleet.peers[0].closed.code == 1000
        assert not session.is_closed
        await session.send("still there?")
        assert await heard_text(fleet.peer) == "still there?"
    assert fleet.handles == [None, "h2"]
    assert {**fleet.setups[0], "sessionResumption": 0} == {**fleet.setups[1], "sessionResumption": 0}


async def test_events_go_on_to_come_from_the_same_session(autojump_clock: trio.testing.MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    heard: list[str] = []
    others: list[type] = []

    async def consume(session: LiveSession) -> None:
        async for event in session:
            match event:
                case ServerContent():
                    heard.append(event.text)
                case _:
                    others.append(type(event))

    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        nursery.start_soon(consume, session)
        await fleet.peer.say(text("before"))
        await trio.sleep(1)
        await session.resume_session()
        await fleet.peer.say(text("after"))
        await trio.sleep(1)
        assert heard == ["before", "after"]
        assert others == [
            SessionResumptionUpdate,
            Reconnecting,
            Reconnected,
            SessionResumptionUpdate,
        ]
        await fleet.peer.close()  # the end of the new connection is the session's
    assert session.is_closed


async def test_unread_events_of_the_earlier_connection_are_kept() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, text("unread"))
    async with model_on(fleet).connect() as session:
        await trio.testing.wait_all_tasks_blocked()
        await session.resume_session()
        await fleet.peer.say(text("new"))
        assert await next_words(session) == "unread"


async def test_what_was_accepted_goes_out_on_one_connection_or_the_other() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        for number in range(50):
            await session.send(str(number))
        await session.resume_session()
        await session.send("last")
        heard = []
        for peer in fleet.peers:
            await trio.testing.wait_all_tasks_blocked()
            heard += [await heard_text(peer) for _ in range(peer.unheard)]
        assert heard == [*map(str, range(50)), "last"]


async def test_what_a_dead_peer_has_not_confirmed_goes_out_on_the_new_connection() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect(close_timeout=0) as session:
        await session.receive()
        fleet.peer.freeze()
        fleet.lost_network = True
        for number in range(100):
            await session.send(str(number))
        await trio.testing.wait_all_tasks_blocked()
        await session.resume_session()
        assert [await heard_text(fleet.peer) for _ in range(100)] == [str(number) for number in range(100)]
        assert session.statistics().unsent_frames == 0


async def test_what_is_said_meanwhile_waits_for_the_new_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        await session.receive()
        fleet.pause = 3
        nursery.start_soon(session.resume_session)
        await trio.sleep(1)
        await session.send("patient")
        assert trio.current_time() == 1
        assert await heard_text(await fleet.dialled(2)) == "patient"
        assert trio.current_time() == 3


async def test_a_session_that_the_server_has_ended_can_be_resumed() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        await fleet.peer.close(1008, "Operation is not implemented, or supported, or enabled.")
        with pytest.raises(SessionClosedError):
            await session.receive()
        assert session.is_closed
        await session.resume_session()
        assert not session.is_closed
        await fleet.peer.say(text("again"))
        assert await next_words(session) == "again"
    assert fleet.handles == [None, "h1"]


async def test_tools_are_called_after_a_resumption_as_well() -> None:
    async def now() -> str:
        """The time."""
        await trio.lowlevel.checkpoint()
        return "noon"

    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, tools=[now]).connect() as session:
        await session.receive()
        await fleet.peer.close(1011)
        await session.resume_session()
        await fleet.peer.say({"toolCall": {"functionCalls": [{"id": "1", "name": "now", "args": {}}]}})
        answer = (await fleet.peer.hear())["toolResponse"]["functionResponses"][0]
        assert (answer["id"], answer["response"]) == ("1", {"output": "noon"})


async def test_a_call_that_was_pending_is_answered_on_the_new_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def slow() -> str:
        """Takes its time."""
        await trio.sleep(10)
        return "done"

    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, tools=[slow]).connect() as session:
        await session.receive()
        await fleet.peer.say({"toolCall": {"functionCalls": [{"id": "1", "name": "slow", "args": {}}]}})
        await session.receive()
        await session.resume_session()
        assert (await fleet.peer.hear())["toolResponse"]["functionResponses"][0]["id"] == "1"


async def test_a_config_replaces_the_handle_and_is_not_remembered() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        await session.resume_session(SessionResumptionConfig(handle="another"))
        await session.receive()
        await session.resume_session()
        await session.resume_session(SessionResumptionConfig())
    assert fleet.handles == [None, "another", "h1", None]


async def test_the_handle_that_a_session_was_begun_with_serves_until_a_newer_one_comes() -> None:
    fleet = Fleet()
    resumption = SessionResumptionConfig(handle="earlier process")
    async with model_on(fleet).connect(session_resumption=resumption) as session:
        await session.resume_session()
    assert fleet.handles == ["earlier process", "earlier process"]


async def test_what_the_backend_says_of_a_setup_counts_for_a_resumption_as_well() -> None:
    class Picky(Fleet):
        def prepare_setup(self, setup: Any) -> Any:
            if setup.session_resumption.transparent:
                raise ConfigError("no transparent resumption here")
            return setup

    fleet = Picky(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        with pytest.raises(ConfigError, match="no transparent"):
            await session.resume_session(SessionResumptionConfig(handle="h", transparent=True))
        assert not session.is_closed
        assert fleet.peer.closed is None


# What can't be resumed


async def test_a_session_without_resumption_cant_be_resumed_and_goes_on() -> None:
    fleet = Fleet()
    async with model_on(fleet).connect(session_resumption=None) as session:
        with pytest.raises(ConfigError, match="opened with session_resumption=None"):
            await session.resume_session()
        await session.send("unharmed")
        assert await heard_text(fleet.peer) == "unharmed"


async def test_without_a_handle_there_is_nothing_to_resume_with() -> None:
    fleet = Fleet()
    async with model_on(fleet).connect() as session:
        with pytest.raises(LocalProtocolError, match="no handle yet"):
            await session.resume_session()
        assert not session.is_closed


async def test_an_activity_has_to_be_ended_first() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    detection = AutomaticActivityDetection(disabled=True)
    config = LiveGenerationConfig(
        realtime_input_config=RealtimeInputConfig(automatic_activity_detection=detection)
    )
    async with model_on(fleet, generation_config=config).connect() as session:
        await session.receive()
        async with session.activity():
            with pytest.raises(LocalProtocolError, match="end it before"):
                await session.resume_session()
        await session.resume_session()


async def test_a_closed_session_stays_closed() -> None:
    async with model_on(Fleet(SETUP_COMPLETE, HANDLE)).connect() as session:
        await session.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await session.resume_session()


async def test_a_second_task_waits_for_the_same_connection(autojump_clock: trio.testing.MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        await session.receive()
        fleet.pause = 3
        nursery.start_soon(session.resume_session)
        await trio.sleep(1)
        await session.resume_session()
        assert trio.current_time() == 3
    assert len(fleet.peers) == 2


async def test_another_handle_is_too_late_when_a_connection_is_on_its_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        await session.receive()
        fleet.pause = 3
        nursery.start_soon(session.resume_session)
        await trio.sleep(1)
        with pytest.raises(trio.BusyResourceError):
            await session.resume_session(SessionResumptionConfig(handle="another"))


# What goes wrong on the way


async def test_a_refusal_for_good_closes_the_session_and_a_later_attempt_may_open_it() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        refusal = HandshakeError("never", phase="upgrade", status_code=403)
        fleet.refusals = [refusal]
        with pytest.raises(HandshakeError, match="never"):
            await session.resume_session()
        assert session.is_closed
        assert isinstance(await session.receive(), Reconnecting)
        with pytest.raises(SessionClosedError, match="could not be resumed") as caught:
            await session.receive()
        assert caught.value.__cause__ is refusal
        with pytest.raises(SessionClosedError, match="could not be resumed"):
            await session.send("anything")
        await session.resume_session()
        await session.send("back")
        assert await heard_text(fleet.peer) == "back"


async def test_a_refusal_that_may_pass_is_waited_out(autojump_clock: trio.testing.MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        fleet.refusals = [HandshakeError("not now", phase="tcp", retryable=True) for _ in range(3)]
        await session.resume_session()
        assert 7 * 0.75 <= trio.current_time() <= 7 * 1.25
        await session.send("back")
        assert await heard_text(fleet.peer) == "back"


async def test_a_failed_resumption_is_not_raised_again_when_the_block_is_left() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        fleet.refusals = [HandshakeError("never", phase="tcp")]
        with pytest.raises(HandshakeError):
            await session.resume_session()


async def test_cancelling_the_wait_for_a_resumption_does_not_stop_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        fleet.pause = 3
        with trio.move_on_after(1) as scope:
            await session.resume_session()
        assert scope.cancelled_caught
        await session.send("still there?")
        assert await heard_text(await fleet.dialled(2)) == "still there?"


@pytest.mark.parametrize("stalled_in", ["dial", "close"])
async def test_closing_ends_a_resumption_that_is_under_way(
    stalled_in: str, autojump_clock: trio.testing.MockClock
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with trio.fail_after(60):
        async with model_on(fleet).connect(close_timeout=2) as session, trio.open_nursery() as nursery:
            await session.receive()
            if stalled_in == "dial":
                fleet.pause = math.inf
            else:
                fleet.peer.freeze()
                fleet.lost_network = True

            async def resume() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await session.resume_session()

            nursery.start_soon(resume)
            await trio.sleep(1)
            await session.aclose()


async def test_a_dead_peer_delays_a_resumption_by_the_close_timeout(
    autojump_clock: trio.testing.MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect(close_timeout=2) as session:
        await session.receive()
        fleet.peer.freeze()
        fleet.lost_network = True
        began = trio.current_time()
        await session.resume_session()
        assert trio.current_time() - began == pytest.approx(2)
        await session.send("alive")
        assert await heard_text(fleet.peer) == "alive"


@pytest.mark.parametrize("checkpoint", range(1, 30))
async def test_cancelled_at_any_checkpoint_the_session_goes_on(
    checkpoint: int, autojump_clock: trio.testing.MockClock
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, TURN_COMPLETE)
    with trio.fail_after(60):
        async with model_on(fleet).connect() as session:
            await session.receive()
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(cancel_after, checkpoint, scope)
                    await session.resume_session()
                    nursery.cancel_scope.cancel()
            await session.resume_session()
            await session.send("well")
            assert await heard_text(fleet.peer) == "well"


async def cancel_after(checkpoints: int, scope: trio.CancelScope) -> None:
    for _ in range(checkpoints):
        await trio.lowlevel.checkpoint()
    scope.cancel()
