"""`AudioConversation` as a whole: what its user sees, how it ends, and what is left when it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    FunctionDeclaration,
    GoAway,
    ServerContent,
    SessionClosedError,
    UsageMetadata,
)
from livegen_trio.audio import (
    AudioConversation,
    ConversationStatistics,
    PlaybackOverflowError,
    SpeechEnded,
    SpeechStarted,
    VirtualSpeaker,
)
from livegen_trio.audio._tasks import _conversing
from support.peer import INTERRUPTED, TURN_COMPLETE, conversation, next_content, text, words_of
from support.talking import RATE, SECOND, spoken, talk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock
    from typing_extensions import Buffer

    from livegen_trio import LiveSession
    from livegen_trio.audio import AudioSource, ConversationEvent


class Quiet:
    """A microphone that is given nothing."""

    rate = 16_000

    def __aiter__(self) -> Quiet:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep_forever()
        raise AssertionError


def quiet(session: LiveSession, **options: Any) -> AudioConversation:
    source: AudioSource = Quiet()
    return AudioConversation(session, **{"source": source, "sink": VirtualSpeaker(), **options})


def transcript(words: str) -> dict[str, Any]:
    return {"serverContent": {"outputTranscription": {"text": words}}}


# What the user sees


async def test_the_user_gets_the_events_without_the_sound_and_how_speech_goes(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        await talking.say(
            transcript("Hello"),
            spoken(SECOND),
            spoken(SECOND, outputTranscription={"text": " there"}),
            {"goAway": {"timeLeft": "9s"}},
            {"serverContent": {"turnComplete": True}, "usageMetadata": {"totalTokenCount": 7}},
        )
        kinds: list[str] = []
        async for event in talking.conversation:
            kinds.append(type(event).__name__)
            if isinstance(event, SpeechEnded):
                assert event.heard_seconds == event.received_seconds == 2
                break
    assert "SpeechStarted" in kinds
    assert kinds[-1] == "SpeechEnded"
    assert [kind for kind in kinds if "Speech" not in kind] == [
        "ServerContent",  # Hello
        "ServerContent",  # there
        "GoAway",
        "UsageMetadata",
        "ServerContent",  # the end of the turn
    ]


async def test_how_much_was_heard_comes_before_what_interrupts_it(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.say(spoken(SECOND))
        await trio.sleep(0.5)
        before = trio.current_time()
        await talking.say(INTERRUPTED)
        started, ended, interruption = await talking.unread()
        assert trio.current_time() == before
    assert started == SpeechStarted(turn=1)
    assert isinstance(ended, SpeechEnded)
    assert (ended.heard_samples, ended.interrupted) == (RATE // 2, True)
    assert interruption == ServerContent(interrupted=True, audio_epoch=1)


async def test_speech_is_played_and_interrupted_whatever_the_user_is_busy_with(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 600)  # the user
            await talking.peer.say(spoken(SECOND), spoken(SECOND), TURN_COMPLETE, spoken(SECOND))
            await trio.sleep(2.25)
            await talking.peer.say(INTERRUPTED, spoken(SECOND[:4800]))
        assert talking.speaker.recording.pcm == SECOND * 2 + SECOND[: RATE // 2] + SECOND[:4800]


async def test_what_has_come_before_the_conversation_is_played_as_well(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()
    async with conversation() as (session, peer):
        await peer.say(spoken(SECOND[::-1]), INTERRUPTED, spoken(SECOND))
        await trio.testing.wait_all_tasks_blocked()
        async with quiet(session, sink=speaker) as talking:
            await trio.testing.wait_all_tasks_blocked()
            await talking.wait_played()
    assert speaker.recording.pcm == SECOND  # what was interrupted before was not


async def test_statistics_tell_what_waits(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.say(text("hm"), spoken(SECOND))
        assert talking.conversation.statistics() == ConversationStatistics(
            unread_events=2, dropped_events=0, unplayed_bytes=len(SECOND) - 3 * 1920
        )
        assert talking.conversation.buffered_seconds == 1
        await talking.conversation.wait_played()
        assert talking.conversation.statistics().unplayed_bytes == 0
        assert talking.conversation.played_seconds == 1
        assert not talking.conversation.is_speaking


async def test_the_turn_that_is_heard_can_be_followed(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        assert talking.conversation.speech is None
        await talking.say(spoken(SECOND))
        await trio.sleep(0.25)
        speech = talking.conversation.speech
        assert speech is not None
        assert (speech.turn, speech.heard_seconds, speech.received_seconds) == (1, 0.25, 1)


async def test_days_of_events_that_nobody_reads_are_bounded(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        for _ in range(20):
            await talking.peer.say(*[text("hm")] * 999)
            await trio.testing.wait_all_tasks_blocked()
        statistics = talking.conversation.statistics()
    assert statistics.unread_events == 16 * 1024
    assert statistics.unread_events + statistics.dropped_events == 20 * 999


async def test_a_speaker_that_is_stuck_is_an_error(autojump_clock: MockClock) -> None:
    class Stuck(VirtualSpeaker):
        async def write(self, pcm: Buffer, rate: int) -> None:
            await trio.sleep_forever()

    caught = None
    minute = spoken(SECOND * 60)
    async with conversation() as (session, peer):
        try:
            async with quiet(session, sink=Stuck()):
                for _ in range(30):
                    await peer.say(minute)
                await trio.sleep_forever()
        except PlaybackOverflowError as exc:
            caught = exc
    assert str(caught) == "the speaker is 1380 s behind what the model says"


# Who may have one


async def test_a_conversation_is_held_once() -> None:
    async with conversation() as (session, _):
        async with quiet(session) as talking:
            with pytest.raises(RuntimeError, match="held once"):
                async with talking:
                    pytest.fail("it was entered again")
        with pytest.raises(RuntimeError, match="held once"):
            async with talking:
                pytest.fail("it was entered again")


async def test_a_session_that_somebody_receives_from_is_busy() -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(session.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            async with quiet(session):
                pytest.fail("a conversation began")
        await peer.say(text("for the other one"))
    assert session not in _conversing


async def test_while_a_conversation_goes_on_nobody_else_receives(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await talking.session.receive()
        await talking.session.send("but everybody may send")
        assert "clientContent" in await talking.peer.hear()


async def test_two_tasks_that_begin_at_once_are_one_too_many(autojump_clock: MockClock) -> None:
    begun: list[str] = []

    async def begin(session: LiveSession) -> None:
        try:
            async with quiet(session):
                begun.append("a conversation")
                await trio.sleep(1)
        except trio.BusyResourceError:
            begun.append("busy")

    async with conversation() as (session, _), trio.open_nursery() as nursery:
        nursery.start_soon(begin, session)
        nursery.start_soon(begin, session)
    assert sorted(begun) == ["a conversation", "busy"]


async def test_events_of_a_conversation_have_one_reader_at_a_time(autojump_clock: MockClock) -> None:
    async with talk() as talking, trio.open_nursery() as nursery:
        nursery.start_soon(talking.conversation.receive)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await talking.conversation.receive()
        nursery.cancel_scope.cancel()


# Leaving


async def test_leaving_falls_silent_and_leaves_the_session_open(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()
    async with conversation() as (session, peer):
        async with quiet(session, sink=speaker) as talking:
            await peer.say(spoken(SECOND))
            await trio.sleep(0.25)
        assert trio.current_time() == 0.25
        assert not talking.is_speaking
        await peer.say(spoken(SECOND), text("here"))
        assert (await next_content(session)).audio[0].data == SECOND
        assert (await next_content(session)).text == "here"
        await trio.sleep(1)
        assert speaker.recording.seconds == 0.25


async def test_what_the_user_has_not_read_stays_readable(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        async with quiet(session) as talking:
            await peer.say(text("one"), spoken(SECOND), text("two"))
            await trio.testing.wait_all_tasks_blocked()
        events = [event async for event in talking]
        with pytest.raises(trio.EndOfChannel):
            await talking.receive()
    assert [words_of(event) for event in events if isinstance(event, ServerContent)] == ["one", "two"]
    assert isinstance(events[-1], SpeechEnded)
    assert events[-1].interrupted


async def test_conversations_may_follow_each_other(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer):
        for turn in range(1, 4):
            speaker = VirtualSpeaker()
            async with quiet(session, sink=speaker) as talking:
                await peer.say(INTERRUPTED, spoken(SECOND), TURN_COMPLETE)
                await trio.testing.wait_all_tasks_blocked()
                await talking.wait_played()
            assert speaker.recording.pcm == SECOND
            assert session.audio_epoch == turn


async def test_a_stopped_conversation_leaves_the_block_to_its_user(autojump_clock: MockClock) -> None:
    async with talk(connect={"session_resumption": None}) as talking:
        await talking.say(spoken(SECOND))
        await trio.sleep(0.5)
        await talking.conversation.stop()
        assert talking.speaker.recording.seconds == 0.5
        await talking.peer.say(text("after it"))
        assert (await next_content(talking.session)).text == "after it"
        await talking.conversation.wait_played()
        async with quiet(talking.session):
            await trio.sleep(1)


async def test_a_conversation_that_is_stopped_before_it_begins_does_nothing(
    autojump_clock: MockClock,
) -> None:
    async with conversation() as (session, peer):
        talking = quiet(session)
        await talking.stop()
        async with talking:
            await peer.say(text("for the session"))
            assert [event async for event in talking] == []
        assert (await next_content(session)).text == "for the session"


async def test_a_task_that_waits_for_the_last_sound_goes_on_when_the_conversation_is_stopped(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking, trio.open_nursery() as nursery:
        ends: list[float] = []

        async def wait() -> None:
            await talking.conversation.wait_played()
            ends.append(trio.current_time())

        await talking.say(spoken(SECOND))
        nursery.start_soon(wait)
        await trio.sleep(0.5)
        await talking.conversation.stop()
        await trio.sleep(1)
        assert ends == [0.5]


async def test_a_conversation_can_be_stopped_by_another_task(autojump_clock: MockClock) -> None:
    async with talk() as talking, trio.open_nursery() as nursery:

        async def stop_later() -> None:
            await trio.sleep(1)
            await talking.conversation.stop()

        nursery.start_soon(stop_later)
        assert [event async for event in talking.conversation] == []
        assert trio.current_time() == 1


# Errors


async def test_an_error_of_the_users_leaves_the_block_bare(autojump_clock: MockClock) -> None:
    async with conversation() as (session, _):
        with pytest.raises(ExceptionGroup, match="mine"):
            async with quiet(session):
                raise ExceptionGroup("mine", [ValueError()])
        with pytest.raises(KeyboardInterrupt):
            async with quiet(session):
                raise KeyboardInterrupt
        assert session not in _conversing


@pytest.mark.parametrize("method", ["write", "flush"])
async def test_an_error_of_the_speaker_ends_the_block_and_leaves_it_bare(
    method: str, autojump_clock: MockClock
) -> None:
    class Broken(VirtualSpeaker):
        async def write(self, pcm: Buffer, rate: int) -> None:
            await super().write(pcm, rate)
            if method == "write":
                raise OSError("the speaker was unplugged")

        def flush(self) -> None:
            if method == "flush":
                raise OSError("the speaker was unplugged")

    async with conversation() as (session, peer):
        with pytest.raises(OSError, match="unplugged"):
            async with quiet(session, sink=Broken()):
                await peer.say(spoken(SECOND))
                await trio.sleep(0.5)
                await peer.say(INTERRUPTED)
                await trio.sleep_forever()
        await peer.say(text("the session goes on"))
        assert (await next_content(session)).text == "the session goes on"


async def test_an_error_of_a_device_keeps_its_own_history(autojump_clock: MockClock) -> None:
    async def unplugged() -> AsyncGenerator[bytes]:
        await trio.sleep(1)
        try:
            raise KeyError("no such device")
        except KeyError:
            raise OSError("unplugged")  # noqa: B904 - what is tested
        yield b""

    async with conversation() as (session, _):
        with pytest.raises(OSError, match="unplugged") as caught:
            async with quiet(session, source=unplugged()):
                await trio.sleep_forever()
    assert isinstance(caught.value.__context__, KeyError)


async def test_what_was_said_beside_sound_that_can_not_be_played_is_not_lost(
    autojump_clock: MockClock,
) -> None:
    class Broken(VirtualSpeaker):
        def flush(self) -> None:
            raise OSError("unplugged")

    async with conversation() as (session, peer):
        talking = quiet(session, sink=Broken())
        with pytest.raises(OSError, match="unplugged"):
            async with talking:
                await peer.say(text("one", interrupted=True), text("two"))
                await trio.sleep_forever()
        words = [words_of(event) async for event in talking if isinstance(event, ServerContent)]
        await peer.close()
        words += [words_of(event) async for event in session]
    assert words == ["one", "two"]


async def test_devices_that_fail_together_are_reported_together(autojump_clock: MockClock) -> None:
    class Broken(VirtualSpeaker):
        def flush(self) -> None:
            raise OSError("the speaker as well")

    async def unplugged() -> AsyncGenerator[bytes]:
        await trio.sleep(1)
        raise OSError("the headset was unplugged")
        yield b""

    async with conversation() as (session, _):
        with pytest.raises(OSError, match="the headset") as caught:
            async with quiet(session, source=unplugged(), sink=Broken()):
                await trio.sleep_forever()
    assert caught.value.__notes__ == ["After it, the audio conversation met OSError('the speaker as well')"]


async def test_an_error_of_the_users_wins_over_one_of_a_device_and_has_a_note_of_it(
    autojump_clock: MockClock,
) -> None:
    async def unplugged() -> AsyncGenerator[bytes]:
        await trio.sleep(1)
        raise OSError("unplugged")
        yield b""

    async with conversation() as (session, _):
        with pytest.raises(ValueError, match="mine") as caught:
            async with quiet(session, source=unplugged()):
                try:
                    await trio.sleep_forever()
                finally:
                    raise ValueError("mine")
    assert caught.value.__notes__ == ["The audio conversation had failed as well: OSError('unplugged')"]


async def test_a_device_that_fails_while_the_user_is_cancelled_is_not_kept_back(
    autojump_clock: MockClock,
) -> None:
    class Broken(VirtualSpeaker):
        def flush(self) -> None:
            raise OSError("unplugged")

    async with conversation() as (session, _):
        with pytest.raises(OSError, match="unplugged"), trio.move_on_after(1):
            async with quiet(session, sink=Broken()):
                await trio.sleep_forever()


async def test_ctrl_c_inside_of_a_device_comes_out_as_itself(autojump_clock: MockClock) -> None:
    async def interrupted() -> AsyncGenerator[bytes]:
        await trio.sleep(1)
        raise KeyboardInterrupt
        yield b""

    async with conversation() as (session, _):
        with pytest.raises(KeyboardInterrupt):
            async with quiet(session, source=interrupted()):
                await trio.sleep_forever()


# The session's end


async def test_a_normal_end_waits_for_the_last_words_to_be_heard(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()
    async with conversation() as (session, peer):
        async with quiet(session, sink=speaker) as talking:
            await peer.say(spoken(SECOND))
            await peer.close()
            events: list[ConversationEvent] = [event async for event in talking]
            assert trio.current_time() == pytest.approx(1)
        assert speaker.recording.pcm == SECOND
    assert isinstance(events[-1], SpeechEnded)
    assert not events[-1].interrupted


async def test_a_break_is_raised_after_what_came_before_it_and_what_has_come_is_heard(
    autojump_clock: MockClock,
) -> None:
    speaker = VirtualSpeaker()
    async with conversation() as (session, peer):
        async with quiet(session, sink=speaker) as talking:
            await peer.say(text("last words"), spoken(SECOND))
            await peer.close(1011, "Internal error encountered.")
            assert "last words" in repr(await talking.receive())
            assert await talking.receive() == SpeechStarted(turn=1)
            with pytest.raises(SessionClosedError, match="Internal error") as caught:
                await talking.receive()
            assert caught.value.code == 1011
            assert trio.current_time() == 0
            await talking.wait_played()
            assert isinstance(await talking.receive(), SpeechEnded)
        assert speaker.recording.pcm == SECOND


async def test_a_break_that_no_call_has_raised_is_raised_on_leaving(autojump_clock: MockClock) -> None:
    with pytest.raises(SessionClosedError, match="Internal error"):
        async with conversation() as (session, peer), quiet(session):
            await peer.close(1011, "Internal error encountered.")
            await trio.sleep(1)


async def test_so_it_is_if_the_user_runs_out_of_time(autojump_clock: MockClock) -> None:
    with pytest.raises(SessionClosedError, match="Internal error"):
        async with conversation() as (session, peer):
            with trio.move_on_after(2):
                async with quiet(session):
                    await peer.close(1011, "Internal error encountered.")
                    await trio.sleep_forever()
            pytest.fail("the break was swallowed")


async def test_a_session_that_breaks_takes_the_microphone_with_it_and_not_the_block(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        await talking.peer.close()
        await talking.speak.send(bytes(640))
        await trio.sleep(1)
        await talking.speak.send(bytes(640))
        await talking.speak.aclose()
        await trio.sleep(1)


async def test_a_session_that_the_user_closes_ends_the_conversation(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.speak.send(bytes(640))
        await talking.session.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await talking.conversation.receive()


async def test_a_normal_end_is_no_error_also_if_the_user_leaves_before_the_last_words_are_heard(
    autojump_clock: MockClock,
) -> None:
    async with talk() as talking:
        await talking.speak.send(bytes(640))
        await talking.say(spoken(SECOND))
        await talking.peer.close()
        await trio.sleep(0.5)
    assert talking.speaker.recording.seconds == 0.5


async def test_a_break_while_leaving_is_raised_as_well(autojump_clock: MockClock) -> None:
    async def handle(call: object) -> dict[str, object]:
        await trio.sleep_forever()
        raise AssertionError

    calls = [{"id": str(number), "name": "look"} for number in range(100)]
    async with trio.open_nursery() as nursery:
        with pytest.raises(SessionClosedError, match="Internal error"):
            async with (
                conversation() as (session, peer),
                quiet(session, function_calling_handler=handle) as talking,
            ):
                await peer.say({"toolCall": {"functionCalls": calls}})
                await talking.receive()
                nursery.start_soon(peer.close, 1011, "Internal error encountered.")


# Cancellation, everywhere


SCRIPT = [
    text("one"),
    spoken(SECOND[:9600]),
    text("two"),
    TURN_COMPLETE,
    spoken(SECOND[:9600], interrupted=True),
]
CALL = {"toolCall": {"functionCalls": [{"id": "1", "name": "look"}]}}


@pytest.mark.parametrize(
    ("checkpoints", "seconds"), [*((number, 0) for number in range(60)), *((1, n / 50) for n in range(30))]
)
async def test_a_cancellation_anywhere_loses_nothing_and_leaves_nothing_behind(
    checkpoints: int, seconds: float, autojump_clock: MockClock
) -> None:
    speaker = VirtualSpeaker()
    model = {"tools": [FunctionDeclaration(name="look")]}

    async def handle(call: object) -> dict[str, object]:
        await trio.sleep_forever()
        raise AssertionError

    async def microphone() -> AsyncGenerator[bytes]:
        for _ in range(10):
            yield bytes(640)
            await trio.lowlevel.checkpoint()
        await trio.sleep_forever()

    async def cancel() -> None:
        for _ in range(checkpoints):
            await trio.lowlevel.checkpoint()
        if seconds:
            await trio.sleep(seconds)
        scope.cancel()

    async with conversation(**model) as (session, peer):  # type: ignore[arg-type] # of the model
        await peer.say(*SCRIPT, CALL)
        talking = quiet(session, sink=speaker, source=microphone(), function_calling_handler=handle)
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                with trio.CancelScope() as scope:
                    nursery.start_soon(cancel)
                    async with talking:
                        async for _ in talking:
                            await trio.lowlevel.checkpoint()
                            break
                        await trio.sleep_forever()
        assert scope.cancelled_caught
        assert session not in _conversing
        assert not talking.is_speaking
        heard = speaker.played_samples

        # Each event is in the conversation's hands or still in the session's, and none in both or in neither.
        taken = [words_of(event) async for event in talking if isinstance(event, ServerContent)]
        await peer.say(text("three"), {"goAway": {}})
        left: list[str] = []
        async for event in session:
            if isinstance(event, GoAway):
                break
            left += [words_of(event)] if isinstance(event, ServerContent) else []
        words = [word for word in taken + left if word]
        assert words in (
            ["one", "two", "three"],
            ["two", "three"],
        )  # the first may have been read in the block
        assert speaker.played_samples == heard

        # And the session is as good as ever.
        async with quiet(session, sink=speaker) as again:
            await peer.say(spoken(SECOND))
            await trio.testing.wait_all_tasks_blocked()
            await again.wait_played()
        assert speaker.recording.pcm.endswith(SECOND)


async def test_usage_is_an_event_like_any_other(autojump_clock: MockClock) -> None:
    async with talk() as talking:
        await talking.say({"usageMetadata": {"totalTokenCount": 7}})
        assert await talking.conversation.receive() == UsageMetadata(total_token_count=7)
