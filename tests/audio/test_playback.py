"""The model's speech on its way to a speaker: order, gaps, interruptions, and the count of what was heard."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio import Blob, Content, Part, ServerContent
from livegen_trio._protocol.sound import is_playable
from livegen_trio.audio import PlaybackOverflowError, Speech, SpeechEnded, SpeechStarted, VirtualSpeaker
from livegen_trio.audio._playback import Playback
from support.talking import RATE, SECOND

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from trio.testing import MockClock
    from typing_extensions import Buffer

    from livegen_trio.audio import AudioSink


@dataclass
class Stage:
    """A playback under way, with what it says of itself."""

    epoch: int = 0
    emitted: list[SpeechStarted | SpeechEnded] = field(default_factory=list)
    speaker: VirtualSpeaker = field(default_factory=VirtualSpeaker)
    playback: Playback = field(init=False)

    def interrupt(self) -> None:
        """The session has counted an interruption."""
        self.epoch += 1

    def play(self, *pieces: bytes, rate: int = RATE, turn_complete: bool = False, epoch: int = 0) -> None:
        """The server has said this."""
        blobs = [Blob(mime_type=f"audio/pcm;rate={rate}", data=pcm) for pcm in pieces]
        turn = Content(parts=[Part(inline_data=blob) for blob in blobs])
        content = ServerContent(model_turn=turn, turn_complete=turn_complete, audio_epoch=epoch)
        self.playback.take(content)


@asynccontextmanager
async def stage(
    sink: AudioSink | None = None, *, max_bytes: int = 10 * len(SECOND), epoch: int = 0
) -> AsyncGenerator[Stage]:
    new = Stage(epoch)
    new.playback = Playback(
        sink or new.speaker, newest_epoch=lambda: new.epoch, emit=new.emitted.append, max_bytes=max_bytes
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(new.playback.run)
        yield new
        nursery.cancel_scope.cancel()


def ended(turn: int, received: float, heard: float, *, interrupted: bool, rate: int = RATE) -> SpeechEnded:
    return SpeechEnded(
        turn=turn,
        received_samples=round(received * rate),
        heard_samples=round(heard * rate),
        received_seconds=received,
        heard_seconds=heard,
        interrupted=interrupted,
    )


# Playing


async def test_sound_is_played_in_order_and_without_gaps(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND, SECOND[::-1])
        on.play(SECOND[:4800])
        await on.playback.wait_played()
        assert on.speaker.recording.pcm == SECOND + SECOND[::-1] + SECOND[:4800]
        assert trio.current_time() == pytest.approx(2.1)


async def test_chunks_that_come_just_in_time_leave_no_gap(autojump_clock: MockClock) -> None:
    async with stage() as on:
        for start in range(0, len(SECOND), 960):  # 20 ms
            on.play(SECOND[start : start + 960])
            await trio.sleep(0.02)
        await on.playback.wait_played()
        assert trio.current_time() == pytest.approx(1)
        assert on.speaker.recording.pcm == SECOND


async def test_the_rate_is_the_one_that_the_type_names(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND, rate=48_000)
        await on.playback.wait_played()
        assert trio.current_time() == pytest.approx(0.5)
        assert on.speaker.recording.rate == 48_000


async def test_a_turn_of_several_rates_is_counted_in_seconds_as_well(autojump_clock: MockClock) -> None:
    class AnyRate(VirtualSpeaker):
        async def write(self, pcm: Buffer, rate: int) -> None:
            self._rate = rate
            await super().write(pcm, rate)

    async with stage(AnyRate()) as on:
        on.play(SECOND, rate=48_000)
        on.play(SECOND, rate=RATE, turn_complete=True)
        await on.playback.wait_played()
        assert on.playback.played_seconds == 1.5
    assert on.emitted[-1] == SpeechEnded(
        turn=1,
        received_samples=48_000,
        heard_samples=48_000,
        received_seconds=1.5,
        heard_seconds=1.5,
        interrupted=False,
    )


async def test_sound_that_can_not_be_played_is_left_alone(autojump_clock: MockClock) -> None:
    async with stage() as on:
        part = Part(inline_data=Blob(mime_type="audio/mpeg", data=SECOND))
        on.playback.take(ServerContent(model_turn=Content(parts=[part])))
        on.play(b"", b"\1")
        await on.playback.wait_played()
        assert on.speaker.played_samples == 0
        assert on.emitted == []


@pytest.mark.parametrize(
    ("mime_type", "playable"),
    [
        ("audio/pcm", True),
        ("audio/pcm;rate=16000", True),
        ("Audio/PCM ; rate=16000", True),
        ("audio/pcmu", False),
        ("audio/wav", False),
        ("", False),
    ],
)
def test_raw_sound_is_what_can_be_played(mime_type: str, playable: bool) -> None:
    assert is_playable(mime_type) is playable


async def test_a_speaker_that_is_used_again_is_counted_from_here(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker()
    await speaker.write(SECOND, RATE)
    await trio.sleep(1)
    async with stage(speaker) as on:
        on.play(SECOND)
        await trio.sleep(0.5)
        assert on.playback.played_seconds == 0.5


async def test_too_much_sound_is_an_error_and_none_of_it_is_dropped_before(autojump_clock: MockClock) -> None:
    async with stage(max_bytes=3 * len(SECOND)) as on:
        on.play(SECOND, SECOND, SECOND)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(PlaybackOverflowError, match="3 s behind what the model says"):
            on.play(SECOND)
        await on.playback.wait_played()
        assert on.speaker.recording.pcm == SECOND * 3
        on.play(SECOND, SECOND, SECOND)


async def test_interruptions_of_the_past_are_none_of_this_playbacks(autojump_clock: MockClock) -> None:
    class Unflushable(VirtualSpeaker):
        def flush(self) -> None:
            raise AssertionError

    async with stage(Unflushable(), epoch=3) as on:
        on.play(SECOND, epoch=3)
        await on.playback.wait_played()
        assert on.playback.played_seconds == 1


# Counting


async def test_what_was_heard_and_what_waits_is_known_at_any_time(autojump_clock: MockClock) -> None:
    async with stage() as on:
        assert (on.playback.played_seconds, on.playback.buffered_seconds) == (0, 0)
        assert on.playback.speech is None
        on.play(SECOND, SECOND)
        assert on.playback.buffered_seconds == 2
        await trio.sleep(0.75)
        assert on.playback.is_speaking
        assert (on.playback.played_seconds, on.playback.buffered_seconds) == (0.75, 1.25)
        assert on.playback.speech == Speech(
            turn=1,
            received_samples=2 * RATE,
            heard_samples=18_000,
            received_seconds=2,
            heard_seconds=0.75,
        )
        await on.playback.wait_played()
        assert not on.playback.is_speaking
        assert (on.playback.played_seconds, on.playback.buffered_seconds) == (2, 0)
        assert on.playback.speech is not None  # more of the turn may come


async def test_speech_begins_with_its_first_sound_and_ends_with_its_last(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND)
        await trio.testing.wait_all_tasks_blocked()
        assert on.emitted == [SpeechStarted(turn=1)]
        on.play(turn_complete=True)
        await trio.sleep(0.99)
        assert on.emitted == [SpeechStarted(turn=1)]
        await trio.sleep(0.011)
        assert on.emitted[1:] == [ended(1, 1, 1, interrupted=False)]


async def test_a_turn_whose_end_comes_after_its_last_sound_ends_then(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND)
        await trio.sleep(5)
        assert on.emitted == [SpeechStarted(turn=1)]
        on.play(turn_complete=True)
        assert on.emitted[1:] == [ended(1, 1, 1, interrupted=False)]


async def test_turns_that_come_ahead_of_time_are_kept_apart(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND, turn_complete=True)
        on.play(SECOND, SECOND, turn_complete=True)
        await trio.sleep(0.5)
        assert on.playback.speech is not None
        assert on.playback.speech.turn == 1
        await on.playback.wait_played()
    assert on.emitted[0] == SpeechStarted(turn=1)
    # The second turn is written while the end of the first is still in the speaker.
    assert on.emitted[1:] == [
        SpeechStarted(turn=2),
        ended(1, 1, 1, interrupted=False),
        ended(2, 2, 2, interrupted=False),
    ]


async def test_a_turn_without_sound_is_none(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(turn_complete=True)
        on.play(SECOND, turn_complete=True)
        await on.playback.wait_played()
    assert on.emitted == [SpeechStarted(turn=1), ended(1, 1, 1, interrupted=False)]


async def test_a_speaker_that_lags_behind_its_samples_is_asked_until_it_is_done(
    autojump_clock: MockClock,
) -> None:
    class Late(VirtualSpeaker):
        @property
        def played_samples(self) -> int:
            return super().played_samples if trio.current_time() > 3 else 0

    async with stage(Late()) as on:
        on.play(SECOND, turn_complete=True)
        await on.playback.wait_played()
        assert 3 < trio.current_time() < 4
    assert on.emitted[-1] == ended(1, 1, 1, interrupted=False)


# Interruptions


async def test_an_interruption_takes_no_time_also_while_the_speaker_is_being_written_to(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        on.play(SECOND, SECOND)
        await trio.sleep(0.3333)
        on.interrupt()
        on.play(epoch=1)
        assert not on.playback.is_speaking
        assert on.playback.waiting_bytes == 0
        assert on.emitted[1:] == [
            SpeechEnded(
                turn=1,
                received_samples=48_000,
                heard_samples=7_999,  # the sample under way is not heard in full
                received_seconds=2,
                heard_seconds=7_999 / RATE,
                interrupted=True,
            )
        ]
        await trio.sleep(5)
        assert on.speaker.recording.pcm == SECOND[: 2 * 7_999]


async def test_sound_of_an_older_epoch_is_never_played(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.interrupt()  # the session knows of it already, the event is still under way
        on.play(SECOND)
        on.play(SECOND, turn_complete=True)
        on.play(SECOND[::-1], epoch=1)
        await on.playback.wait_played()
        assert on.speaker.recording.pcm == SECOND[::-1]
        assert on.emitted == [SpeechStarted(turn=1)]


async def test_what_waits_is_not_played_after_an_interruption_that_only_the_session_knows_of(
    autojump_clock: MockClock,
) -> None:
    async with stage() as on:
        on.play(SECOND)
        await trio.sleep(0.5)
        on.interrupt()
        await trio.sleep(1)
        assert on.speaker.recording.seconds <= 0.5 + 0.04  # the piece under way, and none after it


async def test_all_turns_that_were_not_heard_are_cut(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND, turn_complete=True)
        on.play(SECOND, turn_complete=True)
        await trio.sleep(0.25)
        on.interrupt()
        on.play(turn_complete=True, epoch=1)
        assert on.emitted[1:] == [ended(1, 1, 0.25, interrupted=True), ended(2, 1, 0, interrupted=True)]


async def test_a_turn_that_was_heard_is_not_interrupted(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND, turn_complete=True)
        on.play(SECOND)
        await trio.sleep(1.5)
        on.interrupt()
        on.play(epoch=1)
    assert on.emitted[2:] == [ended(1, 1, 1, interrupted=False), ended(2, 1, 0.5, interrupted=True)]


async def test_speech_after_an_interruption_is_another_turns(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.play(SECOND)
        await trio.sleep(0.5)
        on.interrupt()
        on.play(SECOND[:2400], turn_complete=True, epoch=1)
        await on.playback.wait_played()
    assert on.emitted == [
        SpeechStarted(turn=1),
        ended(1, 1, 0.5, interrupted=True),
        SpeechStarted(turn=2),
        ended(2, 0.05, 0.05, interrupted=False),
    ]


async def test_an_interruption_in_silence_is_nothing(autojump_clock: MockClock) -> None:
    async with stage() as on:
        on.interrupt()
        on.play(epoch=1)
        on.interrupt()
        on.play(SECOND, epoch=2)
        await on.playback.wait_played()
        assert on.speaker.recording.pcm == SECOND


async def test_a_task_that_waits_for_the_end_goes_on_after_an_interruption(autojump_clock: MockClock) -> None:
    async with stage() as on, trio.open_nursery() as nursery:
        on.play(SECOND)
        nursery.start_soon(on.playback.wait_played)
        await trio.sleep(0.5)
        on.interrupt()
        on.play(epoch=1)
    assert trio.current_time() == pytest.approx(0.5)


async def test_a_speaker_with_a_long_buffer_is_flushed_as_well(autojump_clock: MockClock) -> None:
    speaker = VirtualSpeaker(buffer_seconds=10)
    async with stage(speaker) as on:
        on.play(SECOND, SECOND, turn_complete=True)
        await trio.sleep(0.5)
        on.interrupt()
        on.play(epoch=1)
        assert on.emitted[1:] == [ended(1, 2, 0.5, interrupted=True)]
        await trio.sleep(5)
        assert speaker.recording.seconds == 0.5
