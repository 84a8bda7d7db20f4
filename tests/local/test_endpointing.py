"""Where speech begins and ends."""

from __future__ import annotations

from hypothesis import given, strategies as st

from livegen_trio.local._endpointing import (
    Endpointer,
    EndpointRules,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    endpoint_rules,
)
from livegen_trio.types import AutomaticActivityDetection

FRAME = 0.125  # seconds; exact in binary
RULES = EndpointRules(start_probability=0.5, stop_probability=0.3, speech_seconds=0.25, silence_seconds=0.375)


def events_of(*probabilities: float, rules: EndpointRules = RULES) -> list[SpeechEvent]:
    return list(Endpointer(FRAME, rules).feed(probabilities))


def test_silence_gives_no_events() -> None:
    assert events_of(*[0.0] * 100) == []


def test_speech_begins_where_it_was_first_heard() -> None:
    assert events_of(0, 0, 0.9, 0.9) == [SpeechStarted(2 * FRAME)]


def test_speech_counts_only_once_enough_of_it_was_heard() -> None:
    assert events_of(0, 0.9, 0, 0, 0.9, 0) == []


def test_doubtful_frames_neither_begin_speech_nor_break_it_off() -> None:
    assert events_of(0.4, 0.4, 0.4, 0.4) == []
    assert events_of(0, 0.9, 0.4, 0.4, 0.9) == [SpeechStarted(FRAME)]


def test_speech_ends_where_the_silence_began() -> None:
    assert events_of(0.9, 0.9, 0, 0, 0)[1:] == [SpeechEnded(2 * FRAME)]


def test_a_short_pause_does_not_end_speech() -> None:
    assert events_of(0.9, 0.9, 0, 0, 0.9, 0, 0) == [SpeechStarted(0)]


def test_doubtful_frames_after_silence_count_as_silence() -> None:
    assert events_of(0.9, 0.9, 0, 0.4, 0.4)[1:] == [SpeechEnded(2 * FRAME)]


def test_doubtful_frames_after_speech_count_as_speech() -> None:
    assert events_of(0.9, 0.9, 0.4, 0.4, 0.4, 0.4) == [SpeechStarted(0)]


def test_flush_ends_speech_now() -> None:
    endpointer = Endpointer(FRAME, RULES)
    endpointer.feed([0.9, 0.9, 0.9])
    assert endpointer.flush() == [SpeechEnded(3 * FRAME)]
    assert not endpointer.in_speech


def test_flush_ends_speech_where_a_pause_began() -> None:
    endpointer = Endpointer(FRAME, RULES)
    endpointer.feed([0.9, 0.9, 0, 0])
    assert endpointer.flush() == [SpeechEnded(2 * FRAME)]


def test_flush_in_silence_forgets_what_might_have_become_speech() -> None:
    endpointer = Endpointer(FRAME, RULES)
    endpointer.feed([0.9])
    assert endpointer.flush() == []
    assert endpointer.feed([0.9]) == []


def test_time_goes_on_after_a_flush() -> None:
    endpointer = Endpointer(FRAME, RULES)
    endpointer.feed([0.9] * 5)
    endpointer.flush()
    assert endpointer.feed([0.9, 0.9]) == [SpeechStarted(5 * FRAME)]
    assert endpointer.now == 7 * FRAME


def test_an_endpointer_says_whether_somebody_speaks() -> None:
    endpointer = Endpointer(FRAME, RULES)
    assert not endpointer.in_speech
    endpointer.feed([0.9, 0.9])
    assert endpointer.in_speech


def test_a_client_need_not_give_settings() -> None:
    assert endpoint_rules(None) == endpoint_rules(AutomaticActivityDetection()) == EndpointRules()


def test_the_usual_silence_keeps_the_answer_quick() -> None:
    assert EndpointRules().silence_seconds <= 0.5


def test_low_sensitivity_wants_clearer_speech_and_longer_silence() -> None:
    rules = endpoint_rules(
        AutomaticActivityDetection(
            start_of_speech_sensitivity="START_SENSITIVITY_LOW",
            end_of_speech_sensitivity="END_SENSITIVITY_LOW",
        )
    )
    assert rules.start_probability > EndpointRules().start_probability
    assert rules.stop_probability < EndpointRules().stop_probability
    assert rules.speech_seconds > EndpointRules().speech_seconds
    assert rules.silence_seconds > EndpointRules().silence_seconds


def test_times_of_the_client_come_before_those_of_a_sensitivity() -> None:
    rules = endpoint_rules(
        AutomaticActivityDetection(
            end_of_speech_sensitivity="END_SENSITIVITY_LOW", prefix_padding_ms=20, silence_duration_ms=100
        )
    )
    assert (rules.speech_seconds, rules.silence_seconds) == (0.02, 0.1)


def test_times_of_nothing_take_one_frame() -> None:
    rules = endpoint_rules(AutomaticActivityDetection(prefix_padding_ms=0, silence_duration_ms=0))
    assert events_of(0, 0.9, 0, rules=rules) == [
        SpeechStarted(FRAME),
        SpeechEnded(2 * FRAME),
    ]


@given(
    st.lists(st.one_of(st.lists(st.floats(0, 1), max_size=30), st.just("flush"))),
    st.floats(0.005, 0.1),
)
def test_events_alternate_and_their_times_never_go_back(
    steps: list[list[float] | str], frame_seconds: float
) -> None:
    endpointer = Endpointer(frame_seconds, RULES)
    events: list[SpeechEvent] = []
    for step in steps:
        events += endpointer.flush() if isinstance(step, str) else endpointer.feed(step)
        assert endpointer.in_speech == (len(events) % 2 == 1)
        assert all(event.at <= endpointer.now for event in events)
    assert [type(event) for event in events] == [SpeechStarted, SpeechEnded] * (len(events) // 2) + [
        SpeechStarted
    ] * (len(events) % 2)
    assert [event.at for event in events] == sorted(event.at for event in events)


@given(st.lists(st.floats(0, 1)), st.integers(1, 7))
def test_the_size_of_the_pieces_makes_no_difference(probabilities: list[float], size: int) -> None:
    whole, pieces = Endpointer(FRAME), Endpointer(FRAME)
    events = [
        event
        for begin in range(0, len(probabilities), size)
        for event in pieces.feed(probabilities[begin : begin + size])
    ]
    assert events == list(whole.feed(probabilities))
