"""Cuts one utterance into the stretches of speech in it, short enough for a recogniser. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from .._endpointing import Endpointer, EndpointRules, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Span: TypeAlias = tuple[float, float]  # where a stretch begins and ends, in seconds

# Readier than for turns: what is no speech was turned away before, or the user has said that it is.
_RULES: Final = EndpointRules(
    start_probability=0.4, stop_probability=0.2, speech_seconds=0.06, silence_seconds=0.25
)

_MARGIN: Final = 0.2  # seconds kept around speech, for the soft sounds at its edges


def speech_spans(
    probabilities: Sequence[float], frame_seconds: float, *, longest: float = 12.0
) -> Sequence[Span]:
    """The stretches of speech, in order and apart from each other; short pauses belong to them.

    Args:
        probabilities: Of speech, frame by frame.
        frame_seconds: The length of a frame.
        longest: The length in seconds that no stretch may pass; pauses are where it is cut first.
    """
    total = len(probabilities) * frame_seconds
    spans = _with_margins(_heard(probabilities, frame_seconds), total)
    return [piece for span in _joined(spans, longest) for piece in _pieces(span, longest)]


def _heard(probabilities: Sequence[float], frame_seconds: float) -> Iterable[Span]:
    endpointer = Endpointer(frame_seconds, _RULES)
    began = 0.0
    for event in (*endpointer.feed(probabilities), *endpointer.flush()):
        if isinstance(event, SpeechStarted):
            began = event.at
        else:
            yield began, event.at


def _with_margins(spans: Iterable[Span], total: float) -> Iterable[Span]:
    ended = 0.0
    for begin, end in spans:
        wider = max(begin - _MARGIN, ended), min(end + _MARGIN, total)
        yield wider
        ended = wider[1]


def _joined(spans: Iterable[Span], longest: float) -> Sequence[Span]:
    """As few spans as *longest* allows: a recogniser understands words better among others."""
    joined: list[Span] = []
    for begin, end in spans:
        if joined and end - joined[-1][0] <= longest:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((begin, end))
    return joined


def _pieces(span: Span, longest: float) -> Iterable[Span]:
    begin, end = span
    while end - begin > longest:
        yield begin, begin + longest
        begin += longest
    yield begin, end
