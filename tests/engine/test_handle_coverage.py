"""Inputs that the server has read, but would not have in the session that its newest handle resumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import Reconnected, Reconnection, SessionResumptionConfig
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, Fleet, heard_text, model_on, text

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio import LiveSession

WITHHOLDING = "gemini-2.5-flash-native-audio-preview-12-2025"
REMEMBERING = "gemini-3.8-live"
WITHHELD: dict[str, Any] = {"sessionResumptionUpdate": {"resumable": False}}
NEWER: dict[str, Any] = {"sessionResumptionUpdate": {"newHandle": "h2", "resumable": True}}
AUDIO = b"\0\0" * 160


async def reconnected(session: LiveSession) -> Reconnected:
    async for event in session:
        if isinstance(event, Reconnected):
            return event
    raise AssertionError("the session ended")


@pytest.mark.parametrize(
    ("model", "said", "again"),
    [
        (WITHHOLDING, (), True),
        (WITHHOLDING, (text("Well"), TURN_COMPLETE), True),
        (WITHHOLDING, (text("Well"), TURN_COMPLETE, NEWER), False),
        (REMEMBERING, (), False),
        (REMEMBERING, (WITHHELD,), False),  # it withholds handles from now on; the first question is past
        ("unknown", (), False),
        ("unknown", (WITHHELD,), True),
    ],
)
async def test_a_question_that_was_read_is_sent_again_if_no_handle_covers_it(
    model: str, said: tuple[dict[str, Any], ...], again: bool, autojump_clock: MockClock
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, model).connect() as session:
        await session.send("Book the table.")
        await trio.sleep(1)
        assert session.statistics().unacknowledged_frames == 0
        await fleet.peer.say(*said)
        await fleet.peer.close(1011)
        report = await reconnected(session)
        assert report == Reconnected(replayed=int(again), gap_seconds=report.gap_seconds)
        if again:
            assert await heard_text(fleet.peer) == "Book the table."
        else:
            await trio.testing.wait_all_tasks_blocked()
            assert fleet.peer.unheard == 0


async def test_where_the_server_counts_what_it_has_nothing_is_inferred(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    resumption = SessionResumptionConfig(transparent=True)
    async with model_on(fleet, WITHHOLDING).connect(session_resumption=resumption) as session:
        await session.send("Book the table.")
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.say(WITHHELD, text("Well"), TURN_COMPLETE, NEWER)
        await fleet.peer.close(1011)
        # The server says by an index what it has, and has said nothing; so nothing is inferred.
        assert (await reconnected(session)).replayed == 1


async def test_speech_older_than_ten_seconds_is_counted(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, WITHHOLDING).connect() as session:
        for _ in range(15):
            await session.send_audio_realtime(AUDIO)
            await trio.sleep(1)
        assert session.statistics().uncovered_frames == 15
        await fleet.peer.close(1011)
        report = await reconnected(session)
        assert report.replayed + report.uncovered == 15
        assert report.replayed in (10, 11)
        assert session.statistics().uncovered_frames == 0


async def test_without_a_replay_it_is_counted(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    connecting = model_on(fleet, WITHHOLDING).connect(reconnection=Reconnection(replay="none"))
    async with connecting as session:
        await session.send("Book the table.")
        await trio.sleep(1)
        await fleet.peer.close(1011)
        report = await reconnected(session)
        assert (report.replayed, report.unacknowledged, report.uncovered) == (0, 0, 1)


async def test_what_another_process_is_not_sure_to_find_is_in_the_resume_state(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, WITHHOLDING).connect() as session:
        await session.send("Book the table.")
        await trio.sleep(1)
        state = session.resume_state()
        assert state is not None
        assert state.unacknowledged == 1


async def test_a_connection_is_left_when_a_handle_covers_what_was_said(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, WITHHOLDING).connect() as session:
        await session.send("Book the table.")
        await trio.sleep(20)  # the connection has been of use
        await fleet.peer.say({"goAway": {"timeLeft": "50s"}}, text("Well"), TURN_COMPLETE)
        await trio.sleep(5)
        assert len(fleet.peers) == 1
        await fleet.peer.say(NEWER)
        await trio.sleep(5)
        assert len(fleet.peers) == 2
        assert fleet.handles == [None, "h2"]
        assert await reconnected(session) == Reconnected()


async def test_a_connection_is_left_at_the_deadline_if_no_handle_comes(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet, WITHHOLDING).connect() as session:
        await session.send("Book the table.")
        await trio.sleep(20)
        await fleet.peer.say({"goAway": {"timeLeft": "50s"}}, text("Well"), TURN_COMPLETE)
        await trio.sleep(50)
        assert (await reconnected(session)).replayed == 1
        assert await heard_text(fleet.peer) == "Book the table."


async def test_a_new_session_is_not_asked_again_what_its_history_has(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE)
    connecting = model_on(fleet, WITHHOLDING).connect(reconnection=Reconnection(when_forgotten="fresh"))
    async with connecting as session:
        await session.send("I am Ann.")
        await trio.sleep(1)
        await fleet.peer.say(text("Hello Ann."), TURN_COMPLETE)
        await fleet.peer.close(1011)
        report = await reconnected(session)
        assert (report.restored, report.replayed, report.uncovered) == (False, 0, 1)
        turns = (await fleet.peer.hear())["clientContent"]["turns"]
        assert [turn["parts"][0]["text"] for turn in turns][:2] == ["I am Ann.", "Hello Ann."]


CALL: dict[str, Any] = {"toolCall": {"functionCalls": [{"id": "c", "name": "book", "args": {}}]}}


@pytest.mark.parametrize("max_replays", [0, 1, 2])
async def test_a_question_that_is_asked_again_calls_its_tool_a_bounded_number_of_times(
    max_replays: int, autojump_clock: MockClock
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    runs = 0

    async def book() -> str:
        nonlocal runs
        runs += 1
        return "booked"

    policy = Reconnection(max_replays=max_replays, give_up_after=1000)
    connecting = model_on(fleet, WITHHOLDING, tools=[book]).connect(reconnection=policy)
    async with connecting as session:
        await session.send("Book the table.")
        for _ in range(5):  # each connection is lost after the call, and before the answer
            await trio.sleep(1)
            if any("clientContent" in message for message in fleet.peer.read_messages):
                await fleet.peer.say(WITHHELD, CALL)
                await trio.sleep(1)
            await fleet.peer.close(1011)
            await reconnected(session)
        assert runs == 1 + max_replays
