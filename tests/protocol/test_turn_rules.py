from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from livegen_trio import types as t
from livegen_trio._protocol.turn_rules import ends_exchange, ends_turn, has_answer, has_parts, opens_turn
from support.struct_strategies import structs

if TYPE_CHECKING:
    from livegen_trio.types import ServerEvent

WORDS = t.Transcription(text=" so")
SILENCE = t.Transcription()
SILENT = t.Blob(mime_type="audio/pcm", data=b"")
SOUND = t.Blob(mime_type="audio/pcm", data=b"\0\0")
RESULT = t.CodeExecutionResult(outcome="OUTCOME_OK")
SPOKEN = t.Content(parts=[t.Part(text="so")])

OTHER_EVENTS: list[ServerEvent] = [
    t.SetupComplete(),
    t.ToolCallCancellation(ids=["1"]),
    t.GoAway(),
    t.SessionResumptionUpdate(new_handle="h"),
    t.UsageMetadata(total_token_count=1),
    t.VoiceActivity(type="ACTIVITY_START"),
    t.ServerError(code=500),
    t.UnknownEvent(raw={"turnComplete": True}),
]


@pytest.mark.parametrize(
    ("content", "opens", "is_answer"),
    [
        (t.ServerContent(model_turn=SPOKEN), True, True),
        (t.ServerContent(output_transcription=WORDS), False, True),
        (t.ServerContent(input_transcription=WORDS), False, False),
        (t.ServerContent(interim_input_transcription=WORDS), False, False),
        (t.ServerContent(input_transcription=WORDS, output_transcription=WORDS), False, True),
        (t.ServerContent(), False, False),
        (t.ServerContent(model_turn=t.Content()), False, False),
        (
            t.ServerContent(model_turn=t.Content(parts=[t.Part(text="", thought_signature=b"s")])),
            False,
            False,
        ),
        (t.ServerContent(model_turn=t.Content(parts=[t.Part(inline_data=SILENT)])), False, False),
        (t.ServerContent(model_turn=t.Content(parts=[t.Part(), t.Part(inline_data=SOUND)])), True, True),
        (t.ServerContent(model_turn=t.Content(parts=[t.Part(code_execution_result=RESULT)])), True, True),
        (t.ServerContent(output_transcription=SILENCE, input_transcription=SILENCE), False, False),
        (t.ServerContent(turn_complete=True, interrupted=True, generation_complete=True), False, False),
        (t.ServerContent(waiting_for_input=True), False, False),
    ],
)
def test_parts_that_are_not_empty_open_a_turn_and_transcriptions_only_go_on_with_one(
    content: t.ServerContent, opens: bool, is_answer: bool
) -> None:
    assert (has_parts(content), has_answer(content)) == (opens, is_answer)
    assert opens_turn(content) is (opens or content.turn_complete)


@pytest.mark.parametrize(
    "event",
    [
        t.ToolCall(),
        t.ServerContent(model_turn=SPOKEN),
        t.ServerContent(turn_complete=True),
    ],
)
def test_a_turn_opens_with_content_or_a_call_or_with_its_end(event: ServerEvent) -> None:
    assert opens_turn(event)


@pytest.mark.parametrize(
    "event",
    [
        t.ServerContent(generation_complete=True),
        t.ServerContent(interrupted=True),
        t.ServerContent(output_transcription=SILENCE),
        t.ServerContent(output_transcription=WORDS),
        t.ServerContent(input_transcription=WORDS),
        *OTHER_EVENTS,
    ],
)
def test_a_turn_does_not_open_with_a_stray_mark_late_transcription_or_another_event(
    event: ServerEvent,
) -> None:
    assert not opens_turn(event)


def test_a_turn_ends_with_its_completion_whatever_comes_with_it() -> None:
    assert ends_turn(t.ServerContent(turn_complete=True))
    assert ends_turn(t.ServerContent(turn_complete=True, model_turn=SPOKEN, interaction_status="IN_PROGRESS"))


@pytest.mark.parametrize(
    "event",
    [
        t.ServerContent(generation_complete=True),
        t.ServerContent(interrupted=True),
        t.ServerContent(waiting_for_input=True),
        t.ServerContent(interaction_status="IDLE"),
        t.ToolCall(),
        *OTHER_EVENTS,
    ],
)
def test_a_turn_does_not_end_with_anything_else(event: ServerEvent) -> None:
    assert not ends_turn(event)


@pytest.mark.parametrize("status", [None, "INTERACTION_STATUS_UNSPECIFIED"])
@pytest.mark.parametrize("turn_complete", [False, True])
def test_without_a_status_an_exchange_ends_with_its_turn(status: str | None, turn_complete: bool) -> None:
    content = t.ServerContent(turn_complete=turn_complete, interaction_status=status)
    assert ends_exchange(content) is turn_complete


@pytest.mark.parametrize("turn_complete", [False, True])
@pytest.mark.parametrize(
    ("status", "ends"),
    [("IDLE", True), ("IN_PROGRESS", False), ("REQUIRES_ACTION", False), ("SOMETHING_NEW", False)],
)
def test_with_a_status_an_exchange_ends_when_the_model_is_idle(
    status: str, ends: bool, turn_complete: bool
) -> None:
    content = t.ServerContent(turn_complete=turn_complete, interaction_status=status)
    assert ends_exchange(content) is ends


@pytest.mark.parametrize("event", [t.ToolCall(), *OTHER_EVENTS])
def test_other_events_end_no_exchange(event: ServerEvent) -> None:
    assert not ends_exchange(event)


@given(structs(t.ServerContent))
def test_whatever_ends_a_turn_could_have_opened_it(content: t.ServerContent) -> None:
    assert opens_turn(content) or not ends_turn(content)
    assert has_answer(content) or not has_parts(content)


@pytest.mark.parametrize("turn_cut", [False, True])
def test_a_turn_ends_with_a_reconnection_that_has_cut_it(turn_cut: bool) -> None:
    assert ends_turn(t.Reconnected(turn_cut=turn_cut)) is turn_cut
