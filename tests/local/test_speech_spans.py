"""Cutting an utterance into stretches of speech."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local.speech._speech_spans import speech_spans

FRAME = 0.1


def spans_of(*stretches: tuple[float, float], longest: float = 12.0) -> list[tuple[float, float]]:
    """The spans of an utterance made of (seconds, probability)."""
    probabilities = [p for seconds, p in stretches for _ in range(round(seconds / FRAME))]
    return [
        (round(begin, 6), round(end, 6)) for begin, end in speech_spans(probabilities, FRAME, longest=longest)
    ]


def test_there_is_nothing_in_silence() -> None:
    assert spans_of((5, 0.0)) == []
    assert spans_of() == []


def test_speech_keeps_a_margin_of_what_is_around_it() -> None:
    assert spans_of((1, 0.0), (2, 1.0), (1, 0.0)) == [(0.8, 3.2)]


def test_a_margin_ends_with_the_utterance() -> None:
    assert spans_of((2, 1.0)) == [(0, 2)]


def test_pauses_belong_to_a_stretch() -> None:
    assert spans_of((1, 1.0), (1, 0.0), (1, 1.0)) == [(0, 3)]


def test_a_long_utterance_is_cut_in_its_pauses() -> None:
    assert spans_of((3, 1.0), (1, 0.0), (3, 1.0), (1, 0.0), (3, 1.0), longest=8) == [(0, 7.2), (7.8, 11)]


def test_speech_without_a_pause_is_cut_all_the_same() -> None:
    assert spans_of((5, 1.0), longest=2) == [(0, 2), (2, 4), (4, 5)]


@given(st.lists(st.floats(0, 1), max_size=300), st.floats(0.5, 5))
def test_spans_are_in_order_apart_and_short(probabilities: list[float], longest: float) -> None:
    spans = speech_spans(probabilities, FRAME, longest=longest)
    assert all(0 <= begin < end <= len(probabilities) * FRAME + 1e-9 for begin, end in spans)
    assert all(end - begin <= longest + 1e-9 for begin, end in spans)
    assert all(one[1] <= next_one[0] for one, next_one in pairwise(spans))


def test_the_usual_length_is_what_the_recogniser_takes_in_one_go() -> None:
    assert spans_of((13, 1.0)) == [(0, 12), (12, pytest.approx(13))]
