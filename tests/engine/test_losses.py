"""An input that may be lost is named to the user: in a report, in the statistics, and in the error of the ending."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest
import trio
import trio.testing
from hypothesis import given, settings, strategies as st

from livegen_trio import (
    Buffering,
    Reconnected,
    Reconnecting,
    Reconnection,
    SessionClosedError,
    SetupRejectedError,
)
from livegen_trio.anyio import connect
from support.peer import HANDLE, SETUP_COMPLETE, Fleet, model_on, text

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio import LiveSession

WITHOUT_REPLAY = Reconnection(replay="none", give_up_after=1000)
REFUSAL = SetupRejectedError(code=1008, reason="API key expired")
LONG = 600.0


def at_stake(session: LiveSession) -> int:
    """The number of frames that may not have arrived."""
    one = session.statistics()
    written = one.unacknowledged_frames + one.uncovered_frames
    return one.unsent_frames + written + one.given_up_frames + one.dropped_frames


async def lose_question(session: LiveSession, fleet: Fleet) -> None:
    """Send a question to a peer that has lost its network, and break the connection."""
    fleet.peer.freeze()
    fleet.lost_network = True
    await session.send("Hello?")
    await trio.testing.wait_all_tasks_blocked()
    await fleet.peer.transport.abort()
    await trio.testing.wait_all_tasks_blocked()


async def receive_until(session: LiveSession, kind: type[Reconnecting | Reconnected]) -> None:
    async for event in session:
        if isinstance(event, kind):
            return


async def test_leaving_between_two_connections_names_what_the_first_has_lost(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError, match="1 accepted message was lost with a connection") as caught:
        async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY) as session:
            fleet.pause = LONG
            await lose_question(session, fleet)
            await receive_until(session, Reconnecting)
            await trio.sleep(1)
            assert session.statistics().given_up_frames == at_stake(session) == 1
    assert (caught.value.unsent, caught.value.unacknowledged, caught.value.lost) == (0, 0, 1)
    assert caught.value.phase == "closing"
    assert at_stake(session) == 1


async def test_a_connection_that_opens_while_the_block_is_left_swallows_no_report(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError) as caught:
        async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY, close_timeout=50) as session:
            fleet.pause = 10
            await lose_question(session, fleet)
            await receive_until(session, Reconnecting)
            await trio.sleep(1)
            await session.send("and this waits")
    assert len(fleet.peers) == 2
    assert (caught.value.unsent, caught.value.lost) == (0, 1)


async def test_leaving_names_what_an_unread_report_has_counted(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError, match="lost with a connection") as caught:
        async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY) as session:
            await lose_question(session, fleet)
            await trio.sleep(1)
            assert len(fleet.peers) == 2
    assert caught.value.lost == 1


async def test_leaving_after_the_report_was_received_raises_nothing(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY) as session:
        await lose_question(session, fleet)
        await receive_until(session, Reconnected)
    assert session.statistics().given_up_frames == 1


async def test_an_exception_of_the_users_comes_before_a_loss(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(KeyError):
        async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY) as session:
            await lose_question(session, fleet)
            raise KeyError
    assert at_stake(session) == 1


async def test_the_error_of_a_session_that_ends_between_connections_has_what_is_lost(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY) as session:
        fleet.pause = 10
        fleet.refusals = [REFUSAL]
        await lose_question(session, fleet)
        await session.send("waits for the next one")
        with pytest.raises(SessionClosedError, match="API key expired") as caught:
            await receive_until(session, Reconnected)
        assert (caught.value.unsent, caught.value.unacknowledged, caught.value.lost) == (1, 0, 1)
        with pytest.raises(SessionClosedError) as again:
            await session.send("too late")
        assert (again.value.unsent, again.value.lost) == (1, 1)
        assert at_stake(session) == 2


async def test_the_error_of_a_session_that_ends_with_its_connection_has_what_is_lost(
    autojump_clock: MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE)
    async with model_on(fleet).connect(session_resumption=None) as session:
        fleet.peer.freeze()
        await session.send("Hello?")
        await trio.testing.wait_all_tasks_blocked()
        await fleet.peer.transport.abort()
        with pytest.raises(SessionClosedError) as caught:
            await receive_until(session, Reconnected)
        assert (caught.value.unsent, caught.value.unacknowledged, caught.value.lost) == (0, 1, 0)


async def test_the_error_of_a_send_names_what_unread_reports_have_counted(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError) as caught:
        async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY) as session:
            await lose_question(session, fleet)
            await trio.sleep(1)
            await fleet.peer.close(1008, "API key expired")
            await trio.sleep(1)
            await session.send("too late")
    assert caught.value.phase == "open"
    assert caught.value.lost == 1


async def test_a_normal_end_does_not_hide_a_loss(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError, match="1 accepted message was not sent"):
        async with model_on(fleet).connect(session_resumption=None) as session:
            session._engine.operations.outbox.transmission.leave()  # type: ignore[attr-defined]
            await session.send("waits")
            await fleet.peer.close(1000)
            async for _ in session:
                pass


async def test_a_report_finds_room_where_events_do_not(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    buffering = Buffering(event_bytes=2000)
    reports: list[Reconnected] = []
    async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY, buffering=buffering) as session:
        await fleet.peer.say(text("x" * 1800))
        await lose_question(session, fleet)
        await trio.sleep(1)
        await fleet.peer.say(text("x" * 1800))  # too much
        await trio.sleep(1)
        with pytest.raises(SessionClosedError, match="was not received from") as caught:
            while True:
                event = await session.receive()
                if isinstance(event, Reconnected):
                    reports.append(event)
        assert [one.unacknowledged for one in reports] == [1]
        assert caught.value.lost == 1  # when it ended, the report had not been received


async def test_where_not_even_an_opening_finds_room_the_session_ends(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    full = text("x" * 1000)
    size = len(str(full).encode()) + 120
    async with model_on(fleet).connect(buffering=Buffering(event_bytes=size)) as session:
        await fleet.peer.say(full)
        await trio.sleep(1)
        fleet.replies = ({**SETUP_COMPLETE, "padding": "x" * 1000},)
        await fleet.peer.transport.abort()
        await trio.sleep(5)
        with pytest.raises(SessionClosedError) as caught:
            await receive_until(session, Reconnected)
        assert "too many events wait unread" in str(caught.value.__cause__)


async def test_a_state_for_another_process_counts_what_is_not_reported_yet(autojump_clock: MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    with pytest.raises(SessionClosedError):
        async with model_on(fleet).connect(reconnection=WITHOUT_REPLAY) as session:
            fleet.pause = LONG
            await lose_question(session, fleet)
            await trio.sleep(1)
            state = session.resume_state()
            assert state is not None
            assert state.unacknowledged == 1


# On asyncio


@dataclass
class Losing:
    """A server that loses what it gets on its first connection."""

    fleet: Fleet = field(default_factory=lambda: Fleet(SETUP_COMPLETE, HANDLE))

    async def lose(self, session: LiveSession) -> None:
        self.fleet.lost_network = True
        session._engine.call_sync(self.fleet.peer.freeze)
        await session.send("Hello?")
        await session._engine.call(self.fleet.peer.transport.abort)


@pytest.mark.parametrize("reads", [False, True])
def test_on_asyncio_leaving_names_what_an_unread_report_has_counted(reads: bool) -> None:
    async def main() -> tuple[int, int]:
        losing = Losing()
        given_up = 0
        session: LiveSession | None = None
        try:
            async with connect(model_on(losing.fleet), reconnection=WITHOUT_REPLAY) as session:
                await losing.lose(session)
                while session.statistics().reconnections == 0:  # noqa: ASYNC110 - on another event loop
                    await anyio.sleep(0.01)
                if reads:
                    await receive_until(session, Reconnected)
        except SessionClosedError as exc:
            given_up = exc.lost
        assert session is not None
        return given_up, session.statistics().given_up_frames

    assert anyio.run(main) == (0 if reads else 1, 1)


# At any moment

ACTIONS = st.lists(
    st.one_of(
        st.sampled_from(["say", "speak", "speak", "receive", "freeze", "abort", "close", "dial slowly"]),
        st.floats(0, 15),  # a pause, in seconds
    ),
    max_size=30,
)


class Talk:
    """A conversation over connections that come and go, and the account of it."""

    def __init__(self) -> None:
        self.fleet = Fleet(SETUP_COMPLETE, HANDLE)
        self.fleet.lost_network = True
        self.accepted = self.reported = self.named = 0

    @property
    def missing(self) -> int:
        read = {str(one) for peer in self.fleet.peers for one in peer.read_messages if "setup" not in one}
        return self.accepted - len(read)

    async def hold(self, actions: list[str | float], policy: Reconnection, model: str) -> None:
        session: LiveSession | None = None
        try:
            async with model_on(self.fleet, model).connect(reconnection=policy) as session:
                for action in actions:
                    await self.act(session, action)
                    assert self.missing <= at_stake(session)
        except SessionClosedError as exc:
            self.named = exc.lost + exc.unsent
        assert session is not None
        statistics = session.statistics()
        assert self.missing <= at_stake(session)
        assert self.missing <= self.reported + self.named + statistics.unacknowledged_frames
        uncovered = statistics.given_up_frames - self.reported + statistics.unsent_frames - self.named
        assert uncovered >= 0
        assert not uncovered or model != "gemini-3.8-live"

    async def act(self, session: LiveSession, action: str | float) -> None:
        match action:
            case float():
                await trio.sleep(action)
            case "say":
                await session.send(str(self.accepted))
                self.accepted += 1
            case "speak":
                await session.send_audio_realtime(self.accepted.to_bytes(4) * 8)
                self.accepted += 1
            case "receive":
                await self.receive_all(session)
            case _:
                await self.break_network(action)

    async def break_network(self, way: str) -> None:
        match way:
            case "freeze":
                self.fleet.peer.freeze()
            case "abort":
                await self.fleet.peer.transport.abort()
            case "close":
                await self.fleet.peer.transport.aclose(1011)
            case _:
                self.fleet.pause = 20 - self.fleet.pause

    async def receive_all(self, session: LiveSession) -> None:
        with trio.move_on_after(0):
            async for event in session:
                if isinstance(event, Reconnected):
                    self.reported += event.given_up


@settings(max_examples=300, deadline=None, derandomize=True)
@given(actions=ACTIONS, replays=st.booleans(), model=st.sampled_from(["test", "gemini-3.8-live"]))
def test_statistics_are_true_at_every_moment(actions: list[str | float], replays: bool, model: str) -> None:
    """What was accepted has been read, or is counted; what was given up is reported in the end, or raised."""
    policy = Reconnection(replay="recent" if replays else "none", give_up_after=1000)
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(Talk().hold, actions, policy, model, clock=clock)
