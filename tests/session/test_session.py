"""`LiveSession`: what its methods send, what it receives, and how it ends."""

from __future__ import annotations

import array
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    AutomaticActivityDetection,
    Blob,
    Content,
    Duration,
    FunctionDeclaration,
    FunctionResponse,
    GoAway,
    LiveGenerationConfig,
    LiveSession,
    LocalProtocolError,
    Part,
    RealtimeInputConfig,
    RemoteProtocolError,
    ServerContent,
    SessionClosedError,
    ToolCall,
    UnknownEvent,
    UnreadableFrame,
    UsageMetadata,
)
from livegen_trio._engine.engine import Engine
from support.peer import INTERRUPTED, TURN_COMPLETE, Peer, conversation, next_content, text, words_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from trio.testing import MockClock

MANUAL = LiveGenerationConfig(
    realtime_input_config=RealtimeInputConfig(
        automatic_activity_detection=AutomaticActivityDetection(disabled=True)
    )
)


# Sending


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("Hello", [{"text": "Hello"}]),
        (Part(text="Hello"), [{"text": "Hello"}]),
        (["Hello", Part(text="there")], [{"text": "Hello"}, {"text": "there"}]),
    ],
)
async def test_send_takes_text_and_parts_as_the_users(content: Any, parts: list[Any]) -> None:
    async with conversation() as (session, peer):
        await session.send(content)
        assert await peer.hear() == {
            "clientContent": {"turns": [{"role": "user", "parts": parts}], "turnComplete": True}
        }


async def test_send_leaves_the_turn_open_on_request() -> None:
    async with conversation() as (session, peer):
        await session.send(Content(role="model", parts=[Part(text="Once upon")]), turn_complete=False)
        assert await peer.hear() == {
            "clientContent": {"turns": [{"role": "model", "parts": [{"text": "Once upon"}]}]}
        }


@pytest.mark.parametrize(
    ("send", "sent"),
    [
        (lambda session: session.send_text_realtime("hm"), {"text": "hm"}),
        (
            lambda session: session.send_audio_realtime(b"\1\2"),
            {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AQI="}},
        ),
        (
            lambda session: session.send_audio_realtime(bytearray(b"\1\2"), mime_type="audio/pcm;rate=8000"),
            {"audio": {"mimeType": "audio/pcm;rate=8000", "data": "AQI="}},
        ),
        (
            lambda session: session.send_audio_realtime(array.array("h", [1])),
            {"audio": {"mimeType": "audio/pcm;rate=16000", "data": "AQA="}},
        ),
        (
            lambda session: session.send_video_realtime(memoryview(b"\1")),
            {"video": {"mimeType": "image/jpeg", "data": "AQ=="}},
        ),
        (
            lambda session: session.send_video_realtime(Blob(mime_type="image/png", data=b"\1")),
            {"video": {"mimeType": "image/png", "data": "AQ=="}},
        ),
        (lambda session: session.end_audio(), {"audioStreamEnd": True}),
    ],
)
async def test_realtime_input_is_sent_as_the_wire_wants_it(
    send: Callable[[LiveSession], Awaitable[None]], sent: dict[str, Any]
) -> None:
    async with conversation() as (session, peer):
        await send(session)
        assert await peer.hear() == {"realtimeInput": sent}


async def test_a_media_stream_is_sent_chunk_by_chunk_by_kind() -> None:
    async def source() -> AsyncGenerator[bytes | Blob]:
        yield b"\1\2"
        yield Blob(mime_type="image/png", data=b"\3")
        await trio.lowlevel.checkpoint()

    async with conversation() as (session, peer):
        await session.send_media_stream(source())
        assert list((await peer.hear())["realtimeInput"]) == ["audio"]
        assert list((await peer.hear())["realtimeInput"]) == ["video"]


async def test_a_buffer_may_be_reused_as_soon_as_the_send_returns() -> None:
    async with conversation() as (session, peer):
        chunk = bytearray(b"\1\2")
        await session.send_audio_realtime(chunk)
        chunk[:] = b"\0\0"
        assert (await peer.hear())["realtimeInput"]["audio"]["data"] == "AQI="


async def test_audio_is_no_video() -> None:
    async with conversation() as (session, _):
        with pytest.raises(LocalProtocolError, match="image/jpeg"):
            await session.send_audio_realtime(b"\1", mime_type="image/jpeg")
        with pytest.raises(LocalProtocolError, match="audio/pcm"):
            await session.send_video_realtime(b"\1", mime_type="audio/pcm")


async def test_empty_content_is_refused_and_nothing_is_sent() -> None:
    async with conversation() as (session, peer):
        for nothing in ("", [], [""]):
            with pytest.raises(LocalProtocolError, match="nothing"):
                await session.send(nothing)
        await session.send("something")
        assert (await peer.hear())["clientContent"]["turns"][0]["parts"] == [{"text": "something"}]


async def test_function_responses_answer_in_one_message() -> None:
    async with conversation() as (session, peer):
        await session.send_function_responses(
            [FunctionResponse(id="1", name="f", response={"x": 1}), FunctionResponse(id="2", name="g")]
        )
        assert await peer.hear() == {
            "toolResponse": {
                "functionResponses": [
                    {"id": "1", "name": "f", "response": {"x": 1}},
                    {"id": "2", "name": "g"},
                ]
            }
        }


async def test_no_function_response_is_refused() -> None:
    async with conversation() as (session, _):
        with pytest.raises(LocalProtocolError):
            await session.send_function_responses([])


async def test_an_answer_to_a_cancelled_call_is_not_sent() -> None:
    async with conversation() as (session, peer):
        await peer.say({"toolCall": {"functionCalls": [{"id": "1", "name": "f"}, {"id": "2", "name": "f"}]}})
        await peer.say({"toolCallCancellation": {"ids": ["1"]}})
        await session.receive()
        await session.receive()
        await session.send_function_responses([FunctionResponse(id="1", name="f")])
        await session.send_function_responses(
            [FunctionResponse(id="1", name="f"), FunctionResponse(id="2", name="f")]
        )
        assert await peer.hear() == {"toolResponse": {"functionResponses": [{"id": "2", "name": "f"}]}}


async def test_the_context_is_updated_by_what_is_given() -> None:
    def now() -> str:
        """The time."""
        return "noon"

    async with conversation() as (session, peer):
        await session.update_context(system_instruction="Be brief.")
        await session.update_context(tools=[now, FunctionDeclaration(name="later")])
        await session.update_context(tools=[])
        assert await peer.hear() == {
            "contextUpdate": {"systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]}}
        }
        assert (await peer.hear())["contextUpdate"]["tools"]["tools"] == [
            {"functionDeclarations": [{"name": "now", "description": "The time."}, {"name": "later"}]}
        ]
        assert await peer.hear() == {"contextUpdate": {"tools": {"tools": []}}}


# Activity by hand


async def test_activity_marks_the_beginning_and_the_end() -> None:
    async with conversation(generation_config=MANUAL) as (session, peer):
        async with session.activity():
            await session.send_audio_realtime(b"\1\2")
        assert await peer.hear() == {"realtimeInput": {"activityStart": {}}}
        assert "audio" in (await peer.hear())["realtimeInput"]
        assert await peer.hear() == {"realtimeInput": {"activityEnd": {}}}


async def test_the_end_of_activity_is_sent_on_every_way_out(autojump_clock: MockClock) -> None:
    async with conversation(generation_config=MANUAL) as (session, peer):
        with trio.move_on_after(1):
            async with session.activity():
                await trio.sleep_forever()
        with pytest.raises(ValueError, match="mine"):
            async with session.activity():
                raise ValueError("mine")
        marks = [next(iter((await peer.hear())["realtimeInput"])) for _ in range(4)]
    assert marks == ["activityStart", "activityEnd"] * 2


async def test_activity_needs_the_servers_detection_off() -> None:
    async with conversation() as (session, _):
        with pytest.raises(LocalProtocolError, match="AutomaticActivityDetection"):
            async with session.activity():
                pass


async def test_two_activities_at_once_are_refused() -> None:
    async with conversation(generation_config=MANUAL) as (session, _), session.activity():
        with pytest.raises(LocalProtocolError, match="already"):
            async with session.activity():
                pass


async def test_a_break_inside_an_activity_shows_as_itself() -> None:
    async with conversation(generation_config=MANUAL) as (session, peer):
        with pytest.raises(SessionClosedError):
            async with session.activity():
                await peer.close(1011)
                await session.receive()


# Receiving


async def test_iteration_goes_on_over_turns_and_ends_with_the_session() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("one"), TURN_COMPLETE, text("two"), TURN_COMPLETE)
        await peer.close()
        events = [event async for event in session]
    assert [words_of(event) for event in events] == ["one", "", "two", ""]


async def test_breaking_out_of_a_loop_loses_nothing() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("one"), text("two"))
        async for event in session:
            assert words_of(event) == "one"
            break
        async for event in session:
            assert words_of(event) == "two"
            break


async def test_a_cancelled_receive_loses_nothing(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        with trio.move_on_after(1) as scope:
            await session.receive()
        assert scope.cancelled_caught
        await peer.say(text("still here"))
        with trio.CancelScope() as cancelled:
            cancelled.cancel()
            await session.receive()
        assert (await next_content(session)).text == "still here"


async def test_two_receivers_at_once_are_an_error() -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(session.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await session.receive()
        await peer.say(text("for the first"))


async def test_one_frame_may_hold_several_events_usage_first() -> None:
    async with conversation() as (session, peer):
        await peer.say({"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 7}})
        assert isinstance(await session.receive(), UsageMetadata)
        assert (await next_content(session)).turn_complete
        assert session.usage.total_token_count == 7


async def test_what_is_unknown_is_received() -> None:
    async with conversation() as (session, peer):
        await peer.say({"hologram": {"x": 1}}, {"serverContent": {"aura": "blue", "turnComplete": True}})
        assert await session.receive() == UnknownEvent(raw={"hologram": {"x": 1}})
        content = await next_content(session)
        assert content.turn_complete
        assert content.unknown_fields == {"serverContent.aura": "blue"}


async def test_messages_before_a_close_are_received_and_then_the_close() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("last words"), {"goAway": {"timeLeft": "10s"}})
        await peer.close(1008, "Connection aborted because the client failed to close the connection")
        assert (await next_content(session)).text == "last words"
        assert await session.receive() == GoAway(time_left=Duration(10))
        for _ in range(2):
            with pytest.raises(SessionClosedError) as caught:
                await session.receive()
            assert (caught.value.code, caught.value.initiator) == (1008, "server")
            assert caught.value.retryable
            assert caught.value.hint


async def test_the_same_error_shows_on_sending_and_receiving() -> None:
    async with conversation() as (session, peer):
        await peer.close(1011, "Internal error encountered.")
        await trio.testing.wait_all_tasks_blocked()
        errors = []
        for call in (session.receive, lambda: session.send("x"), lambda: session.send_audio_realtime(b"xx")):
            with pytest.raises(SessionClosedError) as caught:
                await call()
            errors.append(caught.value)
        told = {(e.code, e.reason, e.initiator, e.phase, e.retryable, str(e)) for e in errors}
        assert len(told) == 1
        assert all(isinstance(error, trio.BrokenResourceError) for error in errors)


async def test_after_a_normal_end_receiving_ends_and_sending_tells_why() -> None:
    async with conversation() as (session, peer):
        await peer.close(1000)
        with pytest.raises(trio.EndOfChannel):
            await session.receive()
        with pytest.raises(SessionClosedError) as caught:
            await session.send("x")
        assert (caught.value.code, caught.value.initiator) == (1000, "server")


async def test_a_dropped_connection_is_a_1006() -> None:
    async with conversation() as (session, peer):
        await peer.transport.abort()
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
        assert (caught.value.code, caught.value.initiator, caught.value.retryable) == (1006, "server", True)


@pytest.mark.parametrize("frame", ["not JSON", "[]", ""])
async def test_a_malformed_frame_is_an_event_and_the_session_goes_on(frame: str) -> None:
    async with conversation() as (session, peer):
        await peer.say(text("fine"), frame, text("still here"))
        assert (await next_content(session)).text == "fine"
        event = await session.receive()
        assert isinstance(event, UnreadableFrame)
        assert event.data == frame.encode()
        assert (await next_content(session)).text == "still here"


async def test_eight_malformed_frames_in_a_row_are_a_clear_error_for_both_sides() -> None:
    async with conversation() as (session, peer):
        await peer.say(*["not JSON"] * 8)
        for _ in range(7):
            assert isinstance(await session.receive(), UnreadableFrame)
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
        assert (caught.value.code, caught.value.initiator) == (1007, "local")
        assert isinstance(caught.value.__cause__, RemoteProtocolError)
        await trio.testing.wait_all_tasks_blocked()
        assert peer.closed is not None
        assert peer.closed.code == 1007


async def test_a_peer_that_does_not_answer_our_complaint_is_left(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        await peer.say(*["not JSON"] * 8)
        peer.freeze()
        with pytest.raises(SessionClosedError):
            async for _ in session:
                pass
    assert trio.current_time() <= 1


# The receiver never waits for user code (G2)


async def test_a_consumer_asleep_for_ten_minutes_keeps_its_session(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):

        async def speak() -> None:
            for number in range(600):
                await peer.say(text(str(number)))
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(speak)
            await trio.sleep(600)
        assert session.statistics().unread_events == 600
        assert [(await next_content(session)).text for _ in range(600)] == [str(n) for n in range(600)]
        assert session.statistics().unread_bytes == 0


async def test_an_interruption_takes_effect_while_the_consumer_sleeps() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("old"), INTERRUPTED, text("new"))
        await trio.testing.wait_all_tasks_blocked()
        assert session.audio_epoch == 1
        epochs = [(await next_content(session)).audio_epoch for _ in range(3)]
    assert epochs == [0, 1, 1]


async def test_parts_beside_an_interruption_are_of_the_new_epoch() -> None:
    async with conversation() as (session, peer):
        await peer.say(text("old"), text("fresh", interrupted=True))
        assert (await next_content(session)).audio_epoch == 0
        event = await session.receive()
        assert isinstance(event, ServerContent)
        assert event.interrupted
        assert event.audio_epoch == session.audio_epoch == 1


async def test_a_cancellation_takes_effect_while_the_consumer_sleeps() -> None:
    cancelled = trio.Event()

    async def slow() -> str:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()
        return ""

    async with conversation(tools=[slow]) as (session, peer):
        await peer.say({"toolCall": {"functionCalls": [{"id": "1", "name": "slow"}]}})
        await trio.testing.wait_all_tasks_blocked()
        await peer.say({"toolCallCancellation": {"ids": ["1"]}})
        await cancelled.wait()
        assert isinstance(await session.receive(), ToolCall)


async def test_more_unread_events_than_fit_end_the_session_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    async with conversation() as (session, peer):
        assert isinstance(session._engine, Engine)
        session._engine.inbox._max_bytes = 1000
        await peer.say(text("a" * 600), text("b" * 600))
        await trio.testing.wait_all_tasks_blocked()
        assert (await next_content(session)).text == "a" * 600
        with pytest.raises(SessionClosedError, match="unread") as caught:
            await session.receive()
        assert caught.value.initiator == "local"
        assert peer.closed is not None


# A send is whole or not at all (G3)


async def fill(session: LiveSession, peer: Peer) -> int:
    """Send until the buffers are full; returns how many messages went in."""
    sent = 0
    while True:
        with trio.move_on_after(1) as scope:
            await session.send_text_realtime("x" * 100_000)
            sent += 1
        if scope.cancelled_caught:
            return sent


async def test_sending_waits_while_the_buffer_is_full_and_a_cancelled_one_sends_nothing(
    autojump_clock: MockClock,
) -> None:
    async with conversation() as (session, peer):
        peer.freeze()
        await trio.testing.wait_all_tasks_blocked()
        sent = await fill(session, peer)
        assert session.statistics().unsent_bytes >= 2**20
        transport = peer.transport
        for _ in range(sent):
            await transport.receive()
        await session.send_text_realtime("next")
        assert "next" in str(await transport.receive())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.aclose)
            with pytest.raises(Exception, match="1000"):
                await transport.receive()


async def test_a_send_that_waits_is_woken_by_the_sessions_end(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        peer.freeze()
        await trio.testing.wait_all_tasks_blocked()
        await fill(session, peer)

        async def end() -> None:
            await trio.sleep(1)
            await peer.transport.abort()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(end)
            with pytest.raises(SessionClosedError):
                await session.send_text_realtime("x")


async def test_a_send_cancelled_at_any_checkpoint_is_sent_whole_or_not_at_all(
    autojump_clock: MockClock,
) -> None:
    async with conversation() as (session, peer):
        accepted = []
        for number in range(50):
            with trio.move_on_after(0 if number % 2 else 1):
                await session.send_text_realtime(str(number))
                accepted.append(str(number))
        heard = [(await peer.hear())["realtimeInput"]["text"] for _ in accepted]
    assert heard == accepted
    assert "0" in heard
    assert "1" not in heard


# Keepalive: guarantee G12


async def test_a_quiet_peer_that_answers_pings_is_alive(autojump_clock: MockClock) -> None:
    async with conversation() as (session, _):
        await trio.sleep(24 * 3600)
        assert not session.is_closed


async def test_a_dead_peer_is_found_by_its_silence(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        peer.freeze()
        with pytest.raises(SessionClosedError, match="60 s") as caught:
            await session.receive()
        assert (caught.value.code, caught.value.initiator) == (1006, "local")
        assert caught.value.retryable
    assert trio.current_time() == 60


async def test_any_frame_is_a_sign_of_life_though_no_pong_comes(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        peer.freeze()
        for _ in range(10):
            await trio.sleep(50)
            await peer.say(text("here"))
        assert not session.is_closed


async def test_keepalive_can_be_turned_off(autojump_clock: MockClock) -> None:
    timing = {"keepalive_timeout": float("inf"), "keepalive_interval": float("inf")}
    async with conversation(connect=timing) as (session, peer):
        peer.freeze()
        await trio.sleep(24 * 3600)
        assert not session.is_closed


async def test_a_session_of_a_day_takes_no_time(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        for _ in range(24):
            await trio.sleep(3600)
            await session.send("ping")
            await peer.hear()
            await peer.say(text("pong"), TURN_COMPLETE)
            assert (await next_content(session)).text == "pong"
            await session.receive()
    assert trio.current_time() == 24 * 3600


async def test_a_reason_of_several_lines_is_told_on_one() -> None:
    async with conversation() as (session, peer):
        await peer.close(1011, "first\nsecond")
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
        assert caught.value.reason == "first\nsecond"
        assert "first second" in str(caught.value)
