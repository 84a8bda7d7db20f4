"""Firebase's unit tests of `LiveSession` and of its WebSocket, one for one and named after them, and their traps."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    Blob,
    FunctionResponse,
    GeminiBackend,
    GoAway,
    HandshakeError,
    Part,
    ServerContent,
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
    UnknownEvent,
    UnreadableFrame,
    UsageMetadata,
    get_live_generative_model,
)
from livegen_trio.firebase import AIError, AIErrorCode, LiveGenerativeModel, LiveSession
from support.firebase_peer import firebase_session, model_of
from support.loopback import SETUP_COMPLETE as ACCEPTED, serving, setups
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, PeerBackend, text, words_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

AUDIO = Blob(mime_type="audio/pcm", data=b"\0\1")
AUDIO_ON_THE_WIRE = {"mimeType": "audio/pcm", "data": "AAE="}
PICTURE = Blob(mime_type="image/jpeg", data=b"\0\1")
PICTURE_ON_THE_WIRE = {"mimeType": "image/jpeg", "data": "AAE="}


# Sending


async def test_ls_1_send_should_format_and_send_a_valid_text_message() -> None:
    async with firebase_session() as (session, peer):
        await session.send("Hello there")
        assert await peer.hear() == {
            "clientContent": {
                "turns": [{"role": "user", "parts": [{"text": "Hello there"}]}],
                "turnComplete": True,
            }
        }


async def test_ls_2_send_should_format_and_send_a_message_with_an_array_of_parts() -> None:
    async with firebase_session() as (session, peer):
        await session.send(["Look:", Part(inline_data=PICTURE)], False)
        assert await peer.hear() == {
            "clientContent": {
                "turns": [{"role": "user", "parts": [{"text": "Look:"}, {"inlineData": PICTURE_ON_THE_WIRE}]}]
            }
        }


async def test_ls_3_send_text_realtime_should_send_a_correctly_formatted_realtime_input_message() -> None:
    async with firebase_session() as (session, peer):
        await session.send_text_realtime("Hello")
        assert await peer.hear() == {"realtimeInput": {"text": "Hello"}}


async def test_ls_4_send_audio_realtime_should_send_a_correctly_formatted_realtime_input_message() -> None:
    async with firebase_session() as (session, peer):
        await session.send_audio_realtime(AUDIO)
        assert await peer.hear() == {"realtimeInput": {"audio": AUDIO_ON_THE_WIRE}}


async def test_ls_5_send_video_realtime_should_send_a_correctly_formatted_realtime_input_message() -> None:
    async with firebase_session() as (session, peer):
        await session.send_video_realtime(PICTURE)
        assert await peer.hear() == {"realtimeInput": {"video": PICTURE_ON_THE_WIRE}}


async def test_ls_6_send_media_chunks_should_send_correctly_formatted_realtime_input_messages() -> None:
    """Firebase sends the field `mediaChunks`, which the service has deprecated."""
    async with firebase_session() as (session, peer):
        await session.send_media_chunks([AUDIO, PICTURE])
        assert await peer.hear() == {"realtimeInput": {"audio": AUDIO_ON_THE_WIRE}}
        assert await peer.hear() == {"realtimeInput": {"video": PICTURE_ON_THE_WIRE}}


async def test_ls_7_send_media_stream_should_send_multiple_chunks_from_a_stream() -> None:
    async def stream() -> AsyncGenerator[Blob]:
        for chunk in (AUDIO, PICTURE):
            await trio.lowlevel.checkpoint()
            yield chunk

    async with firebase_session() as (session, peer):
        await session.send_media_stream(stream())
        assert await peer.hear() == {"realtimeInput": {"audio": AUDIO_ON_THE_WIRE}}
        assert await peer.hear() == {"realtimeInput": {"video": PICTURE_ON_THE_WIRE}}


async def test_ls_8_send_media_stream_should_re_throw_an_ai_error_if_the_stream_reader_throws() -> None:
    async def stream() -> AsyncGenerator[Blob]:
        await trio.lowlevel.checkpoint()
        yield AUDIO
        raise OSError("the camera was unplugged")

    async with firebase_session() as (session, peer):
        with pytest.raises(AIError, match="the camera was unplugged") as caught:
            await session.send_media_stream(stream())
        assert caught.value.code is AIErrorCode.REQUEST_ERROR
        assert isinstance(caught.value.__cause__, OSError)
        assert await peer.hear() == {"realtimeInput": {"audio": AUDIO_ON_THE_WIRE}}


async def test_ls_9_send_function_responses_should_send_all_function_responses() -> None:
    async with firebase_session() as (session, peer):
        await session.send_function_responses(
            [
                FunctionResponse(id="1", name="look", response={"seen": 1}),
                FunctionResponse(id="2", name="listen", response={"heard": 2}),
            ]
        )
        assert await peer.hear() == {
            "toolResponse": {
                "functionResponses": [
                    {"id": "1", "name": "look", "response": {"seen": 1}},
                    {"id": "2", "name": "listen", "response": {"heard": 2}},
                ]
            }
        }


@pytest.mark.parametrize(
    "request_",
    ["", [], [Part(function_response=FunctionResponse(id="1", name="f", response={})), "and text"]],
)
async def test_content_that_is_none_is_refused(request_: Any) -> None:
    async with firebase_session() as (session, _):
        with pytest.raises(AIError) as caught:
            await session.send(request_)
    assert caught.value.code is AIErrorCode.INVALID_CONTENT


async def test_media_of_no_known_kind_are_refused() -> None:
    async with firebase_session() as (session, _):
        with pytest.raises(AIError, match="text/plain") as caught:
            await session.send_media_chunks([Blob(mime_type="text/plain", data=b"x")])
    assert caught.value.code is AIErrorCode.INVALID_CONTENT


# Resuming


async def test_ls_10_resume_session_should_close_existing_session_and_start_a_new_one_using_handle() -> None:
    backend = PeerBackend(SETUP_COMPLETE, HANDLE)
    async with model_of(backend).connect(SessionResumptionConfig()) as session:
        first = backend.peer
        await anext(session.receive())
        await session.resume_session()
        assert first.closed is not None
        assert backend.setup["setup"]["sessionResumption"] == {"handle": "h1"}
        assert not session.is_closed
        await session.send("still there?")
        assert "clientContent" in await backend.peer.hear()


async def test_ls_10_a_handle_that_is_given_counts_once_and_changes_nothing_else() -> None:
    """In Firebase it replaces what the session was set up with, for good."""
    backend = PeerBackend(SETUP_COMPLETE, HANDLE)
    async with model_of(backend).connect(SessionResumptionConfig()) as session:
        await anext(session.receive())
        await session.resume_session(SessionResumptionConfig(handle="mine"))
        assert backend.setup["setup"]["sessionResumption"] == {"handle": "mine"}
        await session.resume_session()
        assert backend.setup["setup"]["sessionResumption"] == {"handle": "h1"}


async def test_ls_11_resume_session_should_throw_if_session_resumption_is_not_provided() -> None:
    async with firebase_session() as (session, _):
        with pytest.raises(AIError, match="can't be resumed") as caught:
            await session.resume_session()
        assert caught.value.code is AIErrorCode.UNSUPPORTED
        await session.send("going on")


async def test_resuming_needs_a_handle() -> None:
    async with firebase_session(resumption=SessionResumptionConfig()) as (session, _):
        with pytest.raises(AIError, match="no handle yet") as caught:
            await session.resume_session()
    assert caught.value.code is AIErrorCode.REQUEST_ERROR


async def test_messages_go_on_in_the_same_loop_after_resuming() -> None:
    """In Firebase the loop ends, and its caller has to begin another one."""
    backend = PeerBackend(SETUP_COMPLETE, HANDLE)
    async with model_of(backend).connect(SessionResumptionConfig()) as session:
        messages = session.receive()
        await anext(messages)
        await session.resume_session()
        await backend.peer.say(text("on the new connection"))
        while not isinstance(message := await anext(messages), ServerContent):
            pass
        assert message.text == "on the new connection"


# Receiving


async def test_ls_12_receive_should_correctly_parse_and_transform_all_server_message_types() -> None:
    async with firebase_session() as (session, peer):
        await peer.say(
            text("Hi"),
            {"toolCall": {"functionCalls": [{"id": "1", "name": "look", "args": {}}]}},
            {"toolCallCancellation": {"ids": ["1"]}},
            {"goAway": {"timeLeft": "10s"}},
            {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}},
            TURN_COMPLETE,
        )
        messages = session.receive()
        events = [await anext(messages) for _ in range(6)]
    assert [type(event) for event in events] == [
        ServerContent,
        ToolCall,
        ToolCallCancellation,
        GoAway,
        SessionResumptionUpdate,
        ServerContent,
    ]
    assert words_of(events[0]) == "Hi"
    assert events[1].function_calls[0].name == "look"
    assert events[4].new_handle == "h"


@pytest.mark.parametrize(
    ("time_left", "seconds"), [("3.000000001s", 3.000000001), ("10s", 10.0), ("0.5s", 0.5)]
)
async def test_ls_13_receive_should_correctly_parse_high_precision_duration(
    time_left: str, seconds: float
) -> None:
    async with firebase_session() as (session, peer):
        await peer.say({"goAway": {"timeLeft": time_left}})
        event = await anext(session.receive())
    assert isinstance(event, GoAway)
    assert float(event.time_left) == seconds


async def test_ls_14_receive_should_default_time_left_to_0() -> None:
    async with firebase_session() as (session, peer):
        await peer.say({"goAway": {}})
        event = await anext(session.receive())
    assert isinstance(event, GoAway)
    assert float(event.time_left) == 0


@pytest.mark.parametrize("frame", ['"a string"', "[]", "17", "{nonsense"])
async def test_ls_15_receive_should_tell_of_messages_that_are_not_objects(frame: str) -> None:
    """Firebase logs a warning and goes on, with something lost."""
    async with firebase_session() as (session, peer):
        await peer.say(text("before"), frame, text("after"), *[frame] * 8)
        messages = session.receive()
        assert words_of(await anext(messages)) == "before"
        assert isinstance(await anext(messages), UnreadableFrame)
        assert words_of(await anext(messages)) == "after"
        for _ in range(7):
            assert isinstance(await anext(messages), UnreadableFrame)
        with pytest.raises(AIError) as caught:
            await anext(messages)
    assert caught.value.code is AIErrorCode.PARSE_FAILED
    assert isinstance(caught.value.__cause__, SessionClosedError)


async def test_ls_16_receive_should_hand_over_objects_of_unknown_type() -> None:
    """Firebase logs a warning and drops them."""
    async with firebase_session() as (session, peer):
        await peer.say({"tomorrow": {"a": 1}}, {}, text("after"))
        messages = session.receive()
        unknown = await anext(messages)
        assert isinstance(unknown, UnknownEvent)
        assert "tomorrow" in str(unknown.raw)
        assert words_of(await anext(messages)) == "after"


async def test_a_cancellation_names_its_calls() -> None:
    """Firebase reads `functionIds`, which the service doesn't send, and so knows of none."""
    async with firebase_session() as (session, peer):
        await peer.say({"toolCallCancellation": {"ids": ["1", "2"]}})
        event = await anext(session.receive())
    assert isinstance(event, ToolCallCancellation)
    assert list(event.ids) == ["1", "2"]


async def test_several_fields_of_one_content_arrive_together() -> None:
    async with firebase_session() as (session, peer):
        await peer.say(text("Hi", outputTranscription={"text": "hi"}, turnComplete=True, interrupted=True))
        event = await anext(session.receive())
    assert isinstance(event, ServerContent)
    assert event.output_transcription is not None
    assert (event.text, event.output_transcription.text, event.turn_complete, event.interrupted) == (
        "Hi",
        "hi",
        True,
        True,
    )


async def test_usage_beside_content_is_not_dropped() -> None:
    """Firebase looks at one field of a message, and drops the others."""
    async with firebase_session() as (session, peer):
        await peer.say({**text("Hi"), "usageMetadata": {"totalTokenCount": 7}})
        messages = session.receive()
        events = {type(event): event for event in (await anext(messages), await anext(messages))}
    assert events[UsageMetadata].total_token_count == 7
    assert words_of(events[ServerContent]) == "Hi"


async def test_an_index_arrives_as_a_number() -> None:
    async with firebase_session() as (session, peer):
        await peer.say({"sessionResumptionUpdate": {"lastConsumedClientMessageIndex": "9007199254740993"}})
        event = await anext(session.receive())
    assert isinstance(event, SessionResumptionUpdate)
    assert event.last_consumed_client_message_index == 9007199254740993


async def test_breaking_out_of_a_loop_does_not_end_the_session() -> None:
    """In Firebase every later loop receives nothing."""
    async with firebase_session() as (session, peer):
        await peer.say(text("one"), text("two"), text("three"))
        async for event in session.receive():
            assert words_of(event) == "one"
            break
        messages = session.receive()
        assert words_of(await anext(messages)) == "two"
        assert words_of(await anext(session.receive())) == "three"


async def test_two_loops_at_once_are_an_error() -> None:
    """In Firebase they take messages from each other."""
    async with firebase_session() as (session, _), trio.open_nursery() as nursery:
        nursery.start_soon(anext, session.receive())
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(AIError, match="another task is already receiving") as caught:
            await anext(session.receive())
        assert caught.value.code is AIErrorCode.REQUEST_ERROR
        nursery.cancel_scope.cancel()


async def test_messages_before_a_close_arrive_before_its_code_and_reason() -> None:
    """In Firebase they are lost, and the code and reason are only logged."""
    async with firebase_session() as (session, peer):
        await peer.say(text("one"), text("two"))
        await peer.close(1008, "Your session has expired.")
        received = []
        with pytest.raises(AIError, match="1008: Your session has expired") as caught:
            async for event in session.receive():
                received.append(words_of(event))  # noqa: PERF401 - what came before the error counts
        assert received == ["one", "two"]
        assert session.is_closed
        assert caught.value.code is AIErrorCode.SESSION_CLOSED
        cause = caught.value.__cause__
        assert isinstance(cause, SessionClosedError)
        assert (cause.code, cause.reason) == (1008, "Your session has expired.")


# Ending


async def test_ls_18_close_should_set_the_is_closed_flag_and_be_idempotent() -> None:
    async with firebase_session() as (session, peer):
        assert not session.is_closed
        await session.close()
        assert session.is_closed
        await session.close()
        assert peer.closed is not None
        assert peer.closed.code == 1000


async def test_ls_19_close_should_terminate_an_active_receive_loop() -> None:
    received = []

    async def receive(session: LiveSession) -> None:
        received.extend([words_of(event) async for event in session.receive()])

    async with firebase_session() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(receive, session)
        await peer.say(text("Hi"))
        await trio.testing.wait_all_tasks_blocked()
        await session.close()
    assert received == ["Hi"]


async def test_ls_20_methods_should_throw_after_session_is_closed() -> None:
    async def stream() -> AsyncGenerator[Blob]:
        await trio.lowlevel.checkpoint()
        yield AUDIO

    async with (
        firebase_session(resumption=SessionResumptionConfig()) as (session, _),
        aclosing(stream()) as chunks,
    ):
        await session.close()
        sends: list[Callable[[], Awaitable[None]]] = [
            lambda: session.send("Hi"),
            lambda: session.send_text_realtime("Hi"),
            lambda: session.send_audio_realtime(AUDIO),
            lambda: session.send_video_realtime(PICTURE),
            lambda: session.send_function_responses([FunctionResponse(id="1", name="f", response={})]),
            lambda: session.send_media_chunks([AUDIO]),
            lambda: session.send_media_stream(chunks),
            session.resume_session,
        ]
        for send in sends:
            with pytest.raises(AIError, match="has been closed and cannot be used") as caught:
                await send()
            assert caught.value.code is AIErrorCode.REQUEST_ERROR
        with pytest.raises(AIError) as caught:
            await anext(session.receive())
        assert caught.value.code is AIErrorCode.SESSION_CLOSED


async def test_a_server_that_closes_normally_ends_the_loop() -> None:
    async with firebase_session() as (session, peer):
        await peer.say(text("Bye"))
        await peer.close()
        assert [words_of(event) async for event in session.receive()] == ["Bye"]
        assert session.is_closed


async def test_sending_to_a_session_that_the_server_has_ended_has_its_reason() -> None:
    async with firebase_session() as (session, peer):
        await peer.close(1011, "Internal error encountered.")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(AIError, match="Internal error encountered") as caught:
            await session.send("Hi")
    assert caught.value.code is AIErrorCode.REQUEST_ERROR


async def test_the_session_underneath_is_there_for_what_firebase_has_no_name_for() -> None:
    async with firebase_session() as (session, peer):
        await session.session.end_audio()
        assert await peer.hear() == {"realtimeInput": {"audioStreamEnd": True}}


# The WebSocket: over real sockets


def over_socket(port: int) -> LiveGenerativeModel:
    backend = GeminiBackend(api_key="k", base_url=f"ws://127.0.0.1:{port}")
    return LiveGenerativeModel(get_live_generative_model("m", backend=backend))


async def test_ws_1_connect_should_resolve_on_open_event() -> None:
    async def accept(transport: Any) -> None:
        await transport.send(ACCEPTED)
        await transport.receive()

    async with setups(accept) as port, over_socket(port).connect() as session:
        assert not session.is_closed


async def test_ws_2_connect_should_reject_on_error_event() -> None:
    async def hang_up(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with serving(hang_up) as port:
        with pytest.raises(AIError) as caught:
            async with over_socket(port).connect():
                pass
    assert caught.value.code is AIErrorCode.FETCH_ERROR
    assert isinstance(caught.value.__cause__, HandshakeError)
    assert caught.value.__cause__.status_code == 403


async def test_ws_3_listen_should_yield_multiple_messages_as_they_arrive() -> None:
    async def speak(transport: Any) -> None:
        await transport.send(ACCEPTED)
        for _ in range(3):
            await transport.receive()
            await transport.send(b'{"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}}}')
        await transport.receive()

    async with setups(speak) as port, over_socket(port).connect() as session:
        messages = session.receive()
        for _ in range(3):
            await session.send("Hello")
            assert words_of(await anext(messages)) == "Hi"


async def test_ws_4_listen_should_buffer_messages_that_arrive_before_the_consumer_calls_next() -> None:
    async def speak(transport: Any) -> None:
        await transport.send(ACCEPTED)
        for number in range(3):
            await transport.send(b'{"serverContent": {"modelTurn": {"parts": [{"text": "%d"}]}}}' % number)
        await transport.aclose(1000, "")
        sent.set()

    sent = trio.Event()
    async with setups(speak) as port, over_socket(port).connect() as session:
        await sent.wait()
        assert [words_of(event) async for event in session.receive()] == ["0", "1", "2"]


async def test_ws_5_close_should_be_idempotent_and_ws_6_should_wait_for_the_servers_answer() -> None:
    closed = trio.Event()

    async def accept(transport: Any) -> None:
        await transport.send(ACCEPTED)
        try:
            await transport.receive()
        finally:
            closed.set()

    async with setups(accept) as port, over_socket(port).connect() as session:
        await session.close()
        assert closed.is_set()
        await session.close()


async def test_ws_7_close_should_take_precedence_and_terminate_the_listener() -> None:
    async def chatter(transport: Any) -> None:
        await transport.send(ACCEPTED)
        while True:
            await transport.send(b'{"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}}}')
            await trio.sleep(0.01)

    async with setups(chatter) as port, over_socket(port).connect() as session:
        with trio.fail_after(5):
            async for event in session.receive():
                assert words_of(event) == "Hi"
                await session.close()
