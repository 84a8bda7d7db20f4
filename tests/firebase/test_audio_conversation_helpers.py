"""Firebase's unit tests of its audio conversation, one for one and named after them, and its traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio import FunctionCall, FunctionDeclaration, FunctionResponse, SessionClosedError, ToolCall
from livegen_trio.audio import AudioConversation, SpeechEnded, VirtualSpeaker
from support.peer import INTERRUPTED, TURN_COMPLETE, conversation, text
from support.talking import RATE, SECOND, heard_audio, spoken, talk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock

CALL = {"toolCall": {"functionCalls": [{"id": "1", "name": "look"}, {"id": "2", "name": "listen"}]}}
DECLARED = {"tools": [FunctionDeclaration(name="look"), FunctionDeclaration(name="listen")]}


async def silence() -> AsyncGenerator[bytes]:
    """A microphone in a silent room."""
    while True:
        await trio.sleep(0.02)
        yield bytes(640)


async def test_aud_1_should_throw_if_the_session_is_closed() -> None:
    async with conversation() as (session, _):
        await session.aclose()
        with pytest.raises(trio.ClosedResourceError):
            async with AudioConversation(session, source=silence(), sink=VirtualSpeaker()):
                pytest.fail("a conversation began in a closed session")


async def test_aud_1_should_throw_if_the_session_is_closed_by_the_server() -> None:
    async with conversation() as (session, peer):
        await peer.close(1011, "Internal error encountered.")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(SessionClosedError, match="Internal error") as caught:
            async with AudioConversation(session, source=silence(), sink=VirtualSpeaker()):
                pytest.fail("a conversation began in a closed session")
    assert caught.value.code == 1011


async def test_aud_2_should_throw_if_a_conversation_is_in_progress(autojump_clock: MockClock) -> None:
    async with talk() as first:
        with pytest.raises(trio.BusyResourceError, match="already in progress for this session"):
            async with AudioConversation(first.session, source=silence(), sink=VirtualSpeaker()):
                pytest.fail("a second conversation began")
        await first.say(spoken(SECOND))
        await first.conversation.wait_played()
    assert first.speaker.recording.pcm == SECOND


async def test_aud_3_should_throw_if_apis_are_not_supported() -> None:
    async with conversation() as (session, _):
        with pytest.raises(TypeError, match=r"a source yields PCM to `async for`; a list doesn't"):
            AudioConversation(session, source=[b""], sink=VirtualSpeaker())  # type: ignore[arg-type] # none
        with pytest.raises(
            TypeError, match=r"a sink has write\(\), flush\(\) and played_samples; a list lacks"
        ):
            AudioConversation(session, source=silence(), sink=[])  # type: ignore[arg-type] # none


async def test_aud_4_should_throw_if_microphone_permissions_are_denied(autojump_clock: MockClock) -> None:
    async def denied() -> AsyncGenerator[bytes]:
        raise PermissionError("no microphone for you")
        yield b""

    error = None
    async with conversation() as (session, peer):
        try:
            async with AudioConversation(session, source=denied(), sink=VirtualSpeaker()):
                await trio.sleep_forever()
        except PermissionError as exc:
            error = exc
        assert str(error) == "no microphone for you"
        await peer.say(text("still there"))
        assert "still there" in repr(await session.receive())


async def test_aud_5_should_return_a_controller_with_a_stop_method_on_success(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        await talking.conversation.stop()
        await talking.conversation.stop()
        assert [event async for event in talking.conversation] == []


async def test_aud_6_should_send_processed_audio_chunks_received_from_the_worklet(
    autojump_clock: MockClock,
) -> None:
    quantum = bytes(range(256))  # 128 samples, what a browser's worklet gives at once
    async with talk(source_rate=48_000) as talking:
        for _ in range(8):
            await talking.speak.send(quantum)
        mime_type, pcm = heard_audio(await talking.peer.hear())
    assert mime_type == "audio/pcm;rate=48000"  # the server resamples
    assert pcm == quantum * 8  # one message, and not eight


async def test_aud_7_should_queue_and_play_audio_from_a_server_content_message(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        start = trio.current_time()
        # All parts of a message and not only the first, in order and without a gap.
        await talking.say(spoken(SECOND, SECOND[::-1]), spoken(SECOND), TURN_COMPLETE)
        await talking.conversation.wait_played()
        assert trio.current_time() - start == pytest.approx(3)
        assert talking.speaker.recording.pcm == SECOND + SECOND[::-1] + SECOND


async def test_aud_8_should_call_function_handler_and_send_result_on_tool_call_message(
    autojump_clock: MockClock,
) -> None:
    async def answer(call: FunctionCall) -> FunctionResponse:
        await trio.sleep(10 if call.name == "look" else 1)
        return FunctionResponse(id=call.id, name=call.name, response={"seen": call.name})

    async with talk(function_calling_handler=answer, model=DECLARED) as talking:
        start = trio.current_time()
        await talking.say(CALL, spoken(SECOND))
        # Each call is answered by itself, and nothing waits for it: speech goes on meanwhile.
        for name, call_id, after in (("listen", "2", 1), ("look", "1", 10)):
            assert await talking.peer.hear() == {
                "toolResponse": {
                    "functionResponses": [{"id": call_id, "name": name, "response": {"seen": name}}]
                }
            }
            assert trio.current_time() - start == pytest.approx(after)
    assert talking.speaker.recording.pcm == SECOND


async def test_aud_9_should_clear_queue_and_stop_sources_on_an_interruption_message(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        await talking.say(spoken(SECOND), spoken(SECOND))
        await trio.sleep(0.25)
        await talking.say(INTERRUPTED)
        assert talking.speaker.recording.pcm == SECOND[: RATE // 4 * 2]
        await trio.sleep(1)
        assert talking.speaker.recording.pcm == SECOND[: RATE // 4 * 2]
        await talking.say(spoken(SECOND[::-1]))  # later audio plays again
        await talking.conversation.wait_played()
        assert talking.speaker.recording.pcm == SECOND[: RATE // 4 * 2] + SECOND[::-1]


async def test_aud_9_should_handle_an_interruption_before_the_audio_of_its_message(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        await talking.say(spoken(SECOND))
        await trio.sleep(0.5)
        await talking.say(spoken(SECOND[::-1], interrupted=True))
        await talking.conversation.wait_played()
    assert talking.speaker.recording.pcm == SECOND[:RATE] + SECOND[::-1]


async def test_aud_10_should_warn_if_no_function_handler_is_provided_for_a_tool_call_message(
    autojump_clock: MockClock,
) -> None:
    async with talk(model=DECLARED) as talking:
        await talking.say(CALL)
        event = await talking.conversation.receive()
        assert isinstance(event, ToolCall)  # the user receives the call, and answers it
        await talking.session.send_function_responses([FunctionResponse(id="1", name="look")])
        assert "toolResponse" in await talking.peer.hear()


async def test_aud_11_stop_should_call_cleanup_and_release_all_resources(autojump_clock: MockClock) -> None:
    released = False

    async def microphone() -> AsyncGenerator[bytes]:
        nonlocal released
        try:
            async for chunk in silence():
                yield chunk
        finally:
            released = True

    speaker = VirtualSpeaker()
    async with conversation() as (session, peer):
        async with AudioConversation(session, source=microphone(), sink=speaker) as talking:
            await peer.say(spoken(SECOND))
            await trio.sleep(0.5)
            await talking.stop()
            assert released
            assert speaker.recording.seconds == 0.5
            async with AudioConversation(session, source=silence(), sink=speaker):
                pass  # the session is free for another one
        # It is open as well, and no message was swallowed: each is read here or there.
        await peer.say(text("the next message"))
        assert "the next message" in repr(await session.receive())
        [_, ended] = [event async for event in talking]
        assert isinstance(ended, SpeechEnded)
