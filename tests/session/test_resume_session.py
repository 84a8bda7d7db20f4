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
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
)
from peer import SETUP_COMPLETE, TURN_COMPLETE, Peer, PeerBackend, model_on, text, words_of

if TYPE_CHECKING:
    from livegen_trio import LiveSession
    from livegen_trio.transports.base import Progress, Transport

HANDLE: dict[str, Any] = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}


class Fleet(PeerBackend):
    """Keeps every peer that it dialled, and what each was told at first. A dial can be made slow, or be refused."""

    def __init__(self, *replies: dict[str, Any] | str) -> None:
        super().__init__(*replies)
        self.peers: list[Peer] = []
        self.setups: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        self.pause: float = 0
        self.lost_network = False

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        if self.peers and not self.lost_network:
            await trio.testing.wait_all_tasks_blocked()  # the peer has to notice it
            assert self.peers[-1].closed is not None, "dialled before the earlier connection was closed"
        await trio.sleep(self.pause)
        if self.refusal is not None:
            raise self.refusal
        transport = await super().dial(nursery, progress)
        self.peers.append(self.peer)
        return transport

    async def _answer_setup(self) -> None:
        await super()._answer_setup()
        self.setups.append(self.setup["setup"])

    @property
    def handles(self) -> list[str | None]:
        return [setup["sessionResumption"].get("handle") for setup in self.setups]


async def heard_text(peer: Peer) -> str:
    words: str = (await peer.hear())["clientContent"]["turns"][0]["parts"][0]["text"]
    return words


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
    handles: list[str | None] = []

    async def consume(session: LiveSession) -> None:
        async for event in session:
            match event:
                case SessionResumptionUpdate():
                    handles.append(event.new_handle)
                case _:
                    heard.append(words_of(event))

    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        nursery.start_soon(consume, session)
        await fleet.peer.say(text("before"))
        await trio.sleep(1)
        await session.resume_session()
        await fleet.peer.say(text("after"))
        await trio.sleep(1)
        assert heard == ["before", "after"]
        assert handles == ["h1", "h1"]
        await fleet.peer.close()  # the end of the new connection is the session's
    assert session.is_closed


async def test_unread_events_of_the_earlier_connection_are_kept() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE, text("unread"))
    async with model_on(fleet).connect() as session:
        await trio.testing.wait_all_tasks_blocked()
        await session.resume_session()
        await fleet.peer.say(text("new"))
        assert isinstance(await session.receive(), SessionResumptionUpdate)
        assert words_of(await session.receive()) == "unread"


async def test_what_was_accepted_goes_out_on_the_earlier_connection() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        for number in range(50):
            await session.send(str(number))
        await session.resume_session()
        assert [await heard_text(fleet.peers[0]) for _ in range(50)] == [str(number) for number in range(50)]


async def test_frames_that_a_dead_peer_has_not_taken_go_out_on_the_new_connection() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect(close_timeout=0) as session:
        await session.receive()
        fleet.peer.freeze()
        fleet.lost_network = True
        for number in range(100):
            await session.send(str(number))
        await trio.testing.wait_all_tasks_blocked()
        unsent = session.statistics().unsent_frames
        assert unsent > 0
        await session.resume_session()
        assert [await heard_text(fleet.peer) for _ in range(unsent)] == [
            str(number) for number in range(100 - unsent, 100)
        ]
        assert session.statistics().unsent_frames == 0


async def test_a_send_waits_for_the_new_connection(autojump_clock: trio.testing.MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        await session.receive()
        fleet.pause = 3
        nursery.start_soon(session.resume_session)
        await trio.sleep(1)
        began = trio.current_time()
        await session.send("patient")
        assert trio.current_time() - began == pytest.approx(2)
        assert await heard_text(fleet.peer) == "patient"


async def test_a_waiting_send_is_told_when_there_is_no_new_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        await session.receive()
        fleet.pause = 3
        fleet.refusal = HandshakeError("not now", phase="tcp")

        async def resume() -> None:
            with pytest.raises(HandshakeError):
                await session.resume_session()

        nursery.start_soon(resume)
        await trio.sleep(1)
        with pytest.raises(SessionClosedError, match="could not be resumed"):
            await session.send("in vain")


async def test_a_session_that_the_server_has_ended_can_be_resumed() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        await fleet.peer.close(1011, "Internal error encountered.")
        with pytest.raises(SessionClosedError):
            await session.receive()
        assert session.is_closed
        await session.resume_session()
        assert not session.is_closed
        await fleet.peer.say(text("again"))
        assert isinstance(await session.receive(), SessionResumptionUpdate)
        assert words_of(await session.receive()) == "again"
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


async def test_one_task_resumes_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session, trio.open_nursery() as nursery:
        await session.receive()
        fleet.pause = math.inf
        nursery.start_soon(session.resume_session)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await session.resume_session()
        nursery.cancel_scope.cancel()


# What goes wrong on the way


async def test_a_refused_connection_closes_the_session_and_a_later_attempt_may_open_it() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        fleet.refusal = HandshakeError("not now", phase="tcp", retryable=True)
        with pytest.raises(HandshakeError, match="not now"):
            await session.resume_session()
        assert session.is_closed
        with pytest.raises(SessionClosedError, match="could not be resumed") as caught:
            await session.receive()
        assert caught.value.__cause__ is fleet.refusal
        with pytest.raises(SessionClosedError, match="could not be resumed"):
            await session.send("anything")
        fleet.refusal = None
        await session.resume_session()
        await session.send("back")
        assert await heard_text(fleet.peer) == "back"


async def test_a_failed_resumption_is_not_told_again_when_the_block_is_left() -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        fleet.refusal = HandshakeError("not now", phase="tcp")
        with pytest.raises(HandshakeError):
            await session.resume_session()


async def test_a_cancelled_resumption_leaves_a_session_that_can_be_resumed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    fleet = Fleet(SETUP_COMPLETE, HANDLE)
    async with model_on(fleet).connect() as session:
        await session.receive()
        fleet.pause = math.inf
        with trio.move_on_after(3) as scope:
            await session.resume_session()
        assert scope.cancelled_caught
        assert session.is_closed
        fleet.pause = 0
        await session.resume_session()
        assert not session.is_closed


@pytest.mark.parametrize("stalled_in", ["dial", "goodbye"])
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
async def test_cancelled_at_any_checkpoint_the_session_is_open_or_ended_and_never_hangs(
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
            if session.is_closed:
                await session.resume_session()
            await session.send("well")
            assert await heard_text(fleet.peer) == "well"


async def cancel_after(checkpoints: int, scope: trio.CancelScope) -> None:
    for _ in range(checkpoints):
        await trio.lowlevel.checkpoint()
    scope.cancel()
