"""Servers that accept connections and are of no use: dials and replays stay bounded, and the session ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings, strategies as st

from livegen_trio import Reconnected, Reconnecting, Reconnection, ResumeState, SessionClosedError
from livegen_trio.transports.base import ConnectionClosed
from support.peer import HANDLE, SETUP_COMPLETE, Fleet, model_on, text

if TYPE_CHECKING:
    from trio.testing import MockClock

    from livegen_trio import LiveSession

GO_AWAY: dict[str, Any] = {"goAway": {"timeLeft": "50s"}}


class Troubled(Fleet):
    """Accepts each connection, says something, and ends it after a while, or when it hears an input.

    Attributes:
        lives: How long connections live, in seconds; the last one repeats.
        dies_of: The text of the message that makes the server close.
        dial_times: When each connection was set up.
        heard: The texts of all messages.
    """

    def __init__(
        self, *words: dict[str, Any], lives: tuple[float, ...] = (math.inf,), code: int = 1011
    ) -> None:
        super().__init__(SETUP_COMPLETE, HANDLE, *words)
        self.lost_network = True
        self.lives = lives
        self.code = code
        self.dies_of: str | None = None
        self.dial_times: list[float] = []
        self.heard: list[str] = []

    async def _answer_setup(self) -> None:
        await super()._answer_setup()
        self.dial_times.append(trio.current_time())
        peer, last = self.peer, ""
        with trio.move_on_after(self.lives[min(len(self.peers), len(self.lives)) - 1]):
            while last != self.dies_of:
                try:
                    message = await peer.hear()
                except trio.EndOfChannel:
                    return  # the client has left
                if "clientContent" in message:
                    last = message["clientContent"]["turns"][0]["parts"][0]["text"]
                    self.heard.append(last)
        try:
            await peer.close(self.code, "Internal error encountered.")
        except ConnectionClosed:
            return


async def drain(session: LiveSession) -> list[Reconnected]:
    return [event async for event in session if isinstance(event, Reconnected)]


@pytest.mark.parametrize("life", [0, 0.1])
async def test_a_server_that_drops_each_connection_is_dialled_ever_less_often_and_then_given_up(
    life: float, autojump_clock: MockClock
) -> None:
    fleet = Troubled(lives=(life,))
    async with model_on(fleet).connect(reconnection=Reconnection(give_up_after=30)) as session:
        with pytest.raises(SessionClosedError, match="Internal error encountered") as caught:
            await drain(session)
        assert caught.value.code == 1011
    assert 30 <= trio.current_time() <= 31
    assert 5 <= len(fleet.dial_times) <= 8  # 0, and then 0, 1, 3, 7, 15, ... seconds after that, more or less
    pauses = [later - earlier for earlier, later in zip(fleet.dial_times, fleet.dial_times[1:], strict=False)]
    assert pauses[0] == life
    assert pauses[1:4] == sorted(pauses[1:4])


async def test_an_announced_end_on_every_connection_leaves_them_only_when_they_were_of_use(
    autojump_clock: MockClock,
) -> None:
    fleet = Troubled(GO_AWAY)
    async with model_on(fleet).connect():
        await trio.sleep(55)
    assert fleet.dial_times == pytest.approx([0, 0, 10, 20, 30, 40, 50], abs=0.01)


async def test_an_end_that_is_announced_too_late_is_a_loss(autojump_clock: MockClock) -> None:
    fleet = Troubled({"goAway": {"timeLeft": "0s"}})
    async with model_on(fleet).connect(reconnection=Reconnection(give_up_after=10)) as session:
        with pytest.raises(SessionClosedError, match="one connection after the other"):
            await drain(session)
    assert trio.current_time() == pytest.approx(10)
    assert len(fleet.dial_times) <= 6


@pytest.mark.parametrize("code", [1011, 1007, 1008])
async def test_a_message_that_the_server_dies_of_is_sent_again_twice_and_then_reported(
    code: int, autojump_clock: MockClock
) -> None:
    fleet = Troubled(code=code)
    fleet.dies_of = "poison"
    async with model_on(fleet).connect() as session:
        await session.send("poison")
        reports: list[Reconnected] = []
        while not any(report.quarantined for report in reports):
            if isinstance(event := await session.receive(), Reconnected):
                reports.append(event)
        await session.send("Hello")
        await trio.sleep(1)
        assert fleet.heard[-1] == "Hello"
    assert fleet.heard.count("poison") <= 3
    assert reports[-1].quarantined == 1


async def test_no_input_is_sent_again_if_the_policy_says_so(autojump_clock: MockClock) -> None:
    fleet = Troubled()
    fleet.dies_of = "poison"
    async with model_on(fleet).connect(reconnection=Reconnection(max_replays=0)) as session:
        await session.send("poison")
        while not isinstance(report := await session.receive(), Reconnected):
            pass
        assert (report.replayed, report.quarantined) == (0, 1)
    assert fleet.heard == ["poison"]


async def test_a_dial_that_hangs_does_not_outlast_the_patience(autojump_clock: MockClock) -> None:
    fleet = Troubled(lives=(0,))
    async with model_on(fleet).connect(reconnection=Reconnection(give_up_after=3)) as session:
        while not isinstance(await session.receive(), Reconnecting):
            pass
        fleet.pause = 1000
        with pytest.raises(SessionClosedError):
            await drain(session)
    assert trio.current_time() == pytest.approx(3)


async def test_a_server_that_answers_is_dialled_at_once_each_time(autojump_clock: MockClock) -> None:
    fleet = Troubled(text("Hello"), lives=(2,))
    async with model_on(fleet).connect() as session:
        with trio.move_on_after(11):
            await drain(session)
    assert fleet.dial_times == pytest.approx([0, 2, 4, 6, 8, 10], abs=0.01)


async def test_a_server_that_lives_for_a_while_each_time_is_never_given_up(autojump_clock: MockClock) -> None:
    fleet = Troubled(lives=(11,))
    async with model_on(fleet).connect(reconnection=Reconnection(give_up_after=5)) as session:
        with trio.move_on_after(1000):
            await drain(session)
        assert not session.is_closed
    assert len(fleet.dial_times) == 91


async def test_the_first_connection_of_a_session_that_is_taken_over_has_the_benefit_of_the_doubt(
    autojump_clock: MockClock,
) -> None:
    fleet = Troubled(lives=(5, math.inf))
    state = ResumeState(model="models/test", handle="h1", taken_at=0.0)
    policy = Reconnection(give_up_after=2)
    async with model_on(fleet).connect(session_resumption=state, reconnection=policy) as session:
        await trio.sleep(10)
        assert not session.is_closed
    assert fleet.dial_times == [0, 5]


@settings(max_examples=50, deadline=None)
@given(
    lives=st.lists(st.floats(0, 0.9), min_size=1, max_size=10).map(tuple),
    words=st.lists(st.sampled_from([GO_AWAY, {"goAway": {"timeLeft": "0.1s"}}]), max_size=2),
    code=st.sampled_from([1000, 1001, 1006, 1007, 1008, 1011]),
    dies=st.booleans(),
    give_up_after=st.sampled_from([0.0, 1.0, 5.0, 20.0]),
    max_replays=st.integers(0, 3),
)
def test_any_useless_server_is_dialled_and_sent_to_within_the_documented_bounds(
    *,
    lives: tuple[float, ...],
    words: list[dict[str, Any]],
    code: int,
    dies: bool,
    give_up_after: float,
    max_replays: int,
) -> None:
    fleet = Troubled(*words, lives=lives, code=code)
    fleet.dies_of = "poison" if dies else None
    policy = Reconnection(give_up_after=give_up_after, max_replays=max_replays)

    async def converse() -> float:
        try:
            async with model_on(fleet).connect(reconnection=policy) as session:
                await session.send("poison")
                await drain(session)
        except SessionClosedError:
            pass
        return trio.current_time()

    ended = trio.run(converse, clock=trio.testing.MockClock(autojump_threshold=0))
    # The first connection, and as many as the shortest pauses (0, 1, 2, 4, 8, 8, ... less a quarter) let into the
    # patience; an acknowledged input makes at most each of the connections that it is sent on useful.
    useful = 1 + max_replays
    in_a_row = {0.0: 1, 1.0: 2, 5.0: 3, 20.0: 5}[give_up_after]
    assert len(fleet.dial_times) <= 1 + (1 + useful) * in_a_row
    assert fleet.heard.count("poison") <= 1 + max_replays
    assert ended <= (1 + useful) * (give_up_after + 1) + sum(lives[:1]) + 1
