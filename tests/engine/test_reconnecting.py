"""A session that outlives its connections, by itself: losses, announced ends, refusals, and its reports of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    Buffering,
    ConfigError,
    GoAway,
    HandshakeError,
    Reconnected,
    Reconnecting,
    Reconnection,
    ServerContent,
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
    SessionStatistics,
    SetupRejectedError,
)
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, heard_text, model_on, text

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from trio.testing import MockClock

    from livegen_trio import LiveSession

AUDIO = b"\0\0" * 160


def connected(fleet: Fleet, **options: Any) -> AbstractAsyncContextManager[LiveSession]:
    return model_on(fleet).connect(**options)


async def next_of(session: LiveSession, kind: type[Any]) -> Any:
    """The next event of a kind; others are passed over."""
    while not isinstance(event := await session.receive(), kind):
        pass
    return event


def not_now() -> HandshakeError:
    return HandshakeError("the host does not answer", phase="tcp", retryable=True)


def go_away(seconds: float) -> dict[str, Any]:
    return {"goAway": {"timeLeft": f"{seconds}s"}}


# A connection is lost


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012])
async def test_a_session_goes_on_when_its_connection_is_lost(code: int, autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        if code == 1006:
            await fleet.peer.transport.abort()
        else:
            await fleet.peer.close(code, "the server's words")
        reconnecting = await next_of(session, Reconnecting)
        assert reconnecting.code == code
        assert await next_of(session, Reconnected) == Reconnected()
        await session.send("still there?")
        assert await heard_text(fleet.peer) == "still there?"
    assert fleet.handles == [None, "h1"]


async def test_what_may_have_been_lost_is_sent_again_and_reported(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.peer.freeze()
        fleet.lost_network = True
        await session.send_audio_realtime(AUDIO)
        await session.send("one")
        await session.send("two")
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        reconnected = await next_of(session, Reconnected)
        assert (reconnected.replayed, reconnected.unacknowledged, reconnected.dropped) == (3, 0, 0)
        # Control goes before media.
        assert [await heard_text(fleet.peer), await heard_text(fleet.peer)] == ["one", "two"]
        assert "audio" in (await fleet.peer.hear())["realtimeInput"]


async def test_what_the_server_has_read_is_not_sent_again(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        await session.send("heard")
        await trio.sleep(1)  # pings are answered meanwhile
        fleet.peer.freeze()
        fleet.lost_network = True
        await session.send("lost")
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        assert (await next_of(session, Reconnected)).replayed == 1
        assert await heard_text(fleet.peer) == "lost"


async def test_what_a_transparent_server_has_not_counted_is_sent_again(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet, session_resumption=SessionResumptionConfig(transparent=True)) as session:
        await next_of(session, SessionResumptionUpdate)
        for number in range(4):
            await session.send(str(number))
            assert await heard_text(fleet.peer) == str(number)
        counted = {"newHandle": "h2", "resumable": True, "lastConsumedClientMessageIndex": "3"}
        await fleet.peer.say({"sessionResumptionUpdate": counted})
        await next_of(session, SessionResumptionUpdate)
        await trio.sleep(5)  # pings would have been answered by now: they say too little
        await fleet.peer.transport.abort()
        assert (await next_of(session, Reconnected)).replayed == 2
        assert [await heard_text(fleet.peer), await heard_text(fleet.peer)] == ["2", "3"]
    assert fleet.handles == [None, "h2"]


async def test_old_media_are_not_sent_again_but_reported(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.peer.freeze()
        fleet.lost_network = True
        await session.send_audio_realtime(AUDIO)
        await trio.sleep(11)
        await session.send_audio_realtime(AUDIO)
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        reconnected = await next_of(session, Reconnected)
        assert (reconnected.replayed, reconnected.unacknowledged) == (1, 1)


async def test_without_a_replay_everything_in_doubt_is_reported(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet, reconnection=Reconnection(replay="none")) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.peer.freeze()
        fleet.lost_network = True
        await session.send("one")
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        reconnected = await next_of(session, Reconnected)
        assert (reconnected.replayed, reconnected.unacknowledged) == (0, 1)
        await session.send("two")
        assert await heard_text(fleet.peer) == "two"


async def test_a_turn_that_was_cut_is_reported(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await fleet.peer.say(text("Once upon"))
        await next_of(session, ServerContent)
        await fleet.peer.transport.abort()
        assert (await next_of(session, Reconnected)).turn_cut


async def test_a_turn_that_was_cut_ends_there(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await fleet.peer.say(text("Once upon"))
        turns = aiter(session.turns())
        first = await anext(turns)
        await fleet.peer.transport.abort()
        await trio.sleep(1)
        await fleet.peer.say(text("Once upon a time."), TURN_COMPLETE)
        assert (await first.collect()).text == "Once upon"
        assert (await (await anext(turns)).collect()).text == "Once upon a time."


async def test_an_answer_that_is_spoken_again_is_returned_once(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)

    async def answer() -> None:
        await heard_text(fleet.peer)
        await fleet.peer.say(text("It is "))
        await trio.sleep(1)
        await fleet.peer.transport.abort()
        peer = await fleet.dialled(2)
        await peer.say(text("It is noon."), TURN_COMPLETE)

    async with connected(fleet) as session, trio.open_nursery() as nursery:
        await next_of(session, SessionResumptionUpdate)
        nursery.start_soon(answer)
        assert (await session.ask("What time is it?")).text == "It is noon."


async def test_a_tool_runs_on_and_answers_on_the_new_connection(autojump_clock: MockClock) -> None:
    async def slow() -> str:
        """Takes its time."""
        await trio.sleep(10)
        return "done"

    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, tools=[slow]).connect() as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.say({"toolCall": {"functionCalls": [{"id": "1", "name": "slow", "args": {}}]}})
        await trio.sleep(1)
        await fleet.peer.transport.abort()
        peer = await fleet.dialled(2)
        answer = (await peer.hear())["toolResponse"]["functionResponses"][0]
        assert (answer["id"], answer["response"]) == ("1", {"output": "done"})


# Attempts


async def test_attempts_are_repeated_with_growing_pauses(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.refusals = [not_now() for _ in range(5)]
        await fleet.peer.transport.abort()
        reconnected = await next_of(session, Reconnected)
        assert 0.75 * 23 <= reconnected.gap_seconds <= 1.25 * 23  # 1 + 2 + 4 + 8 + 8
        assert reconnected.gap_seconds == trio.current_time()


async def test_patience_ends(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet, reconnection=Reconnection(give_up_after=30)) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.refusals = [not_now() for _ in range(100)]
        await fleet.peer.transport.abort()
        with pytest.raises(SessionClosedError, match="could not be resumed") as caught:
            await next_of(session, Reconnected)
        assert isinstance(caught.value.__cause__, HandshakeError)
        assert 30 <= trio.current_time() < 45
        assert session.is_closed


async def test_an_error_that_will_stay_is_not_tried_again(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.refusals = [HandshakeError("forbidden", phase="upgrade", status_code=403)]
        await fleet.peer.transport.abort()
        with pytest.raises(SessionClosedError):
            await next_of(session, Reconnected)
        assert trio.current_time() == 0
    assert len(fleet.peers) == 1


async def test_a_function_for_the_key_that_fails_is_asked_again(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.refusals = [OSError("the token server is down"), ConfigError("the API key is empty")]
        await fleet.peer.transport.abort()
        with pytest.raises(SessionClosedError) as caught:
            await next_of(session, Reconnected)
        assert isinstance(caught.value.__cause__, ConfigError)


async def test_a_refused_handle_is_one_clear_error(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        refusal = SetupRejectedError(code=1007, reason="Request contains an invalid argument.")
        fleet.refusals = [refusal]
        await fleet.peer.transport.abort()
        with pytest.raises(SessionClosedError) as caught:
            await next_of(session, Reconnected)
        assert (caught.value.code, caught.value.retryable) == (1007, False)
        assert caught.value.hint is not None
        assert "handle" in caught.value.hint
        assert caught.value.__cause__ is refusal


async def test_opening_alone_does_not_restore_patience(autojump_clock: MockClock) -> None:
    class Flaky(Fleet):
        async def _answer_setup(self) -> None:
            await super()._answer_setup()
            if len(self.setups) > 1:
                await trio.sleep(3)
                await self.peer.transport.abort()

    fleet = Flaky(SETUP_COMPLETE, HANDLE)
    fleet.lost_network = True
    async with connected(fleet, reconnection=Reconnection(give_up_after=20)) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.pause = 1
        await fleet.peer.transport.abort()
        fleet.refusals = []
        with pytest.raises(SessionClosedError):
            while True:
                await session.receive()
                fleet.refusals = [not_now()]
        assert trio.current_time() < 200


async def test_the_model_being_heard_restores_patience(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet, reconnection=Reconnection(give_up_after=5, delays=(4,))) as session:
        await next_of(session, SessionResumptionUpdate)
        for _ in range(5):
            fleet.refusals = [not_now()]
            await fleet.peer.transport.abort()
            await next_of(session, Reconnected)
            await fleet.peer.say(text("Hello again"))
            await next_of(session, ServerContent)


# What ends a session all the same


async def test_a_session_without_a_handle_ends_with_its_connection() -> None:
    fleet = Fleet()
    async with connected(fleet) as session:
        await fleet.peer.close(1011)
        with pytest.raises(SessionClosedError):
            await session.receive()
    assert len(fleet.peers) == 1


async def test_a_session_without_resumption_ends_with_its_connection() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet, session_resumption=None) as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.close(1011)
        with pytest.raises(SessionClosedError):
            await session.receive()
    assert len(fleet.peers) == 1


async def test_a_normal_end_is_an_end() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.close(1000)
        with pytest.raises(trio.EndOfChannel):
            await session.receive()
    assert len(fleet.peers) == 1


async def test_an_error_of_the_callers_is_not_tried_again() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.close(1007, "Request contains an invalid argument.")
        with pytest.raises(SessionClosedError):
            await session.receive()
    assert len(fleet.peers) == 1


# What was sent again and is poison


async def test_media_that_kill_the_next_connection_are_not_sent_a_third_time(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    fleet.lost_network = True
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.peer.freeze()
        await session.send_audio_realtime(AUDIO)
        await session.send("harmless")
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        assert (await next_of(session, Reconnected)).replayed == 2
        await fleet.peer.transport.aclose(1007, "Request contains an invalid argument.")
        third = await next_of(session, Reconnected)
        assert (third.replayed, third.quarantined) == (1, 1)
        assert await heard_text(fleet.peer) == "harmless"
        await fleet.peer.say(text("Hello"))
        await next_of(session, ServerContent)
        await session.send("and on")
        assert await heard_text(fleet.peer) == "and on"


async def test_if_that_was_not_it_the_rest_is_left_out_and_then_the_session_ends(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    fleet.lost_network = True
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.peer.freeze()
        await session.send_audio_realtime(AUDIO)
        await session.send("poison")
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        quarantined = []
        for _ in range(3):
            reconnected = await next_of(session, Reconnected)
            quarantined.append(reconnected.quarantined)
            fleet.peer.freeze()
            await fleet.peer.transport.aclose(1007, "Request contains an invalid argument.")
        with pytest.raises(SessionClosedError):
            await next_of(session, Reconnected)
        assert quarantined == [0, 1, 1]


# The server announces its end


async def test_an_idle_session_moves_at_once(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.say(go_away(60))
        assert await next_of(session, GoAway)
        assert (await next_of(session, Reconnecting)).code is None
        await next_of(session, Reconnected)
        assert trio.current_time() == 0
        assert fleet.peers[0].closed is not None
        assert fleet.peers[0].closed.code == 1000


async def test_an_end_that_is_announced_with_the_setups_completion_is_known(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.replies = ({**SETUP_COMPLETE, **go_away(60)}, text("Once"))
        await fleet.peer.transport.abort()
        await next_of(session, GoAway)
        fleet.replies = (SETUP_COMPLETE,)
        await next_of(session, Reconnected)
        assert (await next_of(session, Reconnected)).turn_cut
        assert trio.current_time() == 55


@pytest.mark.parametrize("seconds", [1, 58])
async def test_an_end_that_is_announced_before_there_is_a_handle_waits_for_one(
    seconds: float, autojump_clock: MockClock
) -> None:
    fleet = Fleet(SETUP_COMPLETE)
    async with connected(fleet) as session:
        await fleet.peer.say(go_away(60))
        await trio.sleep(seconds)
        assert len(fleet.peers) == 1
        await fleet.peer.say(HANDLE)
        await next_of(session, Reconnected)
        assert trio.current_time() == seconds
    assert fleet.handles == [None, "h1"]


async def test_an_announced_end_without_any_handle_is_the_end(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE)
    async with connected(fleet) as session:
        await fleet.peer.say(go_away(10))
        await trio.sleep(10)
        await fleet.peer.close(1008, "Policy")
        with pytest.raises(SessionClosedError):
            await next_of(session, Reconnected)
    assert len(fleet.peers) == 1


async def test_a_session_in_a_turn_moves_when_that_has_ended(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await fleet.peer.say(text("Once"), go_away(60))
        await next_of(session, GoAway)
        await trio.sleep(20)
        assert fleet.peer.closed is None
        await fleet.peer.say(text("upon a time"), TURN_COMPLETE)
        reconnected = await next_of(session, Reconnected)
        assert not reconnected.turn_cut
        assert trio.current_time() == 20


async def test_a_session_with_a_tool_at_work_moves_when_that_is_answered(autojump_clock: MockClock) -> None:
    async def slow() -> str:
        """Takes its time."""
        await trio.sleep(10)
        return "done"

    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, tools=[slow]).connect() as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.say({"toolCall": {"functionCalls": [{"id": "1", "name": "slow", "args": {}}]}})
        await fleet.peer.say(go_away(60))
        assert "toolResponse" in await fleet.peer.hear()
        assert trio.current_time() == 10
        await fleet.peer.say(text("Done."), TURN_COMPLETE)
        await next_of(session, Reconnected)
        assert trio.current_time() == 10


async def test_a_session_that_never_rests_moves_before_the_deadline(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await fleet.peer.say(text("Once"), go_away(60))
        reconnected = await next_of(session, Reconnected)
        assert reconnected.turn_cut
        assert trio.current_time() == 55


async def test_a_server_that_hangs_up_early_is_left_all_the_same(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await fleet.peer.say(text("Once"), go_away(60))
        await trio.sleep(10)
        await fleet.peer.close(1008, "Policy")
        await next_of(session, Reconnected)
        assert trio.current_time() == 10


async def test_nobody_has_to_receive_for_a_session_to_move(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await fleet.peer.say(go_away(10))
        await trio.sleep(600)
        assert len(fleet.peers) == 2
        await session.send("awake")
        assert await heard_text(fleet.peer) == "awake"


async def test_statistics_have_the_depth_and_age_of_the_buffers_and_what_was_dropped(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    buffering = Buffering(media="drop_oldest", media_bytes=1000)
    patient = Reconnection(give_up_after=100)
    async with connected(fleet, buffering=buffering, connect_timeout=100, reconnection=patient) as session:
        await next_of(session, SessionResumptionUpdate)
        assert session.statistics() == SessionStatistics(
            unread_events=0,
            unread_bytes=0,
            unread_seconds=0,
            unsent_frames=0,
            unsent_bytes=0,
            unsent_seconds=0,
            unacknowledged_frames=0,
            uncovered_frames=0,
            given_up_frames=0,
            dropped_frames=0,
            reconnections=0,
        )
        fleet.peer.freeze()
        fleet.lost_network = True
        await session.send("Hello?")
        await trio.sleep(1)
        assert session.statistics().unacknowledged_frames == 1
        fleet.pause = 60
        await fleet.peer.transport.abort()
        for _ in range(5):
            await session.send_audio_realtime(AUDIO)
        await trio.sleep(30)
        between = session.statistics()
        assert between.unread_seconds == between.unsent_seconds - 1 == 30
        assert between.dropped_frames == 4
        assert (await next_of(session, Reconnected)).dropped == 4
        assert session.statistics().reconnections == 1


# Leaving


async def test_leaving_between_connections_is_quick(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.refusals = [not_now() for _ in range(100)]
        await fleet.peer.transport.abort()
        await next_of(session, Reconnecting)
        await trio.sleep(5)
    assert trio.current_time() == 5


async def test_leaving_as_a_connection_is_opened_closes_it(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        await fleet.peer.transport.abort()
        await next_of(session, Reconnected)
    assert fleet.peer.closed is not None
    assert fleet.peer.closed.code == 1000


async def test_what_was_accepted_between_connections_is_still_sent_on_leaving(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.pause = 0.5
        await fleet.peer.transport.abort()
        await next_of(session, Reconnecting)
        await session.send("the end")
    assert await heard_text(fleet.peer) == "the end"


async def test_what_could_not_be_sent_on_leaving_is_an_error(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError, match="1 accepted message was not sent"):
        async with connected(fleet) as session:
            await next_of(session, SessionResumptionUpdate)
            fleet.pause = 100
            await fleet.peer.transport.abort()
            await next_of(session, Reconnecting)
            await session.send("the end")
    assert trio.current_time() == 1


async def test_the_bounds_hold_between_connections(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with connected(fleet) as session:
        await next_of(session, SessionResumptionUpdate)
        fleet.pause = 10
        await fleet.peer.transport.abort()
        await next_of(session, Reconnecting)
        with trio.move_on_after(5) as scope:
            while True:
                await session.send_audio_realtime(bytes(3200))
        assert scope.cancelled_caught
        assert session.statistics().unsent_bytes < 2**20 + 10_000
        await next_of(session, Reconnected)
