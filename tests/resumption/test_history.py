"""The text of a session, for a new one to begin with."""

from __future__ import annotations

from typing import Any

from livegen_trio import Blob, Content, Part, ServerContent, UsageMetadata
from livegen_trio._resumption.history import History
from livegen_trio.types import ClientContent, RealtimeInput, ToolResponse, Transcription


def said(words: str, role: str = "user") -> ClientContent:
    return ClientContent(turns=[Content(role=role, parts=[Part(text=words)])], turn_complete=True)


def answer(words: str, **more: Any) -> ServerContent:
    return ServerContent(model_turn=Content(role="model", parts=[Part(text=words)]), **more)


def lines(history: History, *waiting: int) -> list[tuple[str | None, list[str | None]]]:
    contents = history.contents(without=frozenset(waiting))
    return [(content.role, [part.text for part in content.parts or ()]) for content in contents]


def test_both_sides_are_kept_in_order() -> None:
    history = History()
    history.said(said("What is the time?"), 1)
    history.observe([answer("It is "), answer("noon."), ServerContent(turn_complete=True)])
    history.said(RealtimeInput(text="Already?"), 2)
    assert lines(history) == [
        ("user", ["What is the time?"]),
        ("model", ["It is noon."]),
        ("user", ["Already?"]),
    ]


def test_speech_is_known_by_its_transcripts_in_any_order() -> None:
    history = History()
    history.observe(
        [
            ServerContent(input_transcription=Transcription(text="What is ")),
            ServerContent(output_transcription=Transcription(text="It is noon.")),
            ServerContent(input_transcription=Transcription(text="the time?")),
            ServerContent(input_transcription=Transcription(), output_transcription=Transcription()),
            UsageMetadata(),
        ]
    )
    assert lines(history) == [("user", ["What is the time?"]), ("model", ["It is noon."])]


def heard(words: str) -> ServerContent:
    return ServerContent(input_transcription=Transcription(text=words))


def test_late_words_stand_before_the_answer_that_they_got() -> None:
    history = History()
    history.observe([heard("What is "), answer("It is noon.", turn_complete=True)])
    history.observe([heard("the "), heard("time?")], may_be_new=False)
    history.said(said("Thank you."), 1)
    assert lines(history) == [
        ("user", ["What is the time?"]),
        ("model", ["It is noon."]),
        ("user", ["Thank you."]),
    ]


def test_late_words_stand_apart_from_what_was_written() -> None:
    history = History()
    history.said(said("The time?"), 1)
    history.observe([answer("It is noon.", turn_complete=True)])
    history.observe([heard("In Rome.")], may_be_new=False)
    assert lines(history) == [("user", ["The time?", "In Rome."]), ("model", ["It is noon."])]


def test_words_that_may_be_new_follow_the_answer() -> None:
    history = History()
    history.observe([heard("The time?"), answer("It is noon.", turn_complete=True), heard("And now?")])
    assert lines(history) == [("user", ["The time?"]), ("model", ["It is noon."]), ("user", ["And now?"])]


def test_words_after_a_turn_without_text_wait_for_the_next_one() -> None:
    history = History()
    history.observe([ServerContent(turn_complete=True), heard("The time?")], may_be_new=False)
    history.observe([answer("It is noon.", turn_complete=True)])
    assert lines(history) == [("user", ["The time?"]), ("model", ["It is noon."])]


def test_late_words_count_as_all_others() -> None:
    history = History(max_characters=10)
    history.observe([heard("12345"), answer("1234", turn_complete=True)])
    history.observe([heard("678")], may_be_new=False)
    assert lines(history) == [("model", ["1234"])]


def test_what_one_side_says_in_a_row_is_one_content() -> None:
    history = History()
    history.said(said("I am Ann."), 1)
    history.said(said("I live in Rome."), 2)
    history.said(said("Hello Ann.", role="model"), 3)
    assert lines(history) == [("user", ["I am Ann.", "I live in Rome."]), ("model", ["Hello Ann."])]


def test_inputs_that_are_still_to_be_sent_are_left_out() -> None:
    history = History()
    for number, words in enumerate(["one", "two", "three"], start=1):
        history.said(said(words), number)
    assert lines(history, 2, 3) == [("user", ["one"])]
    assert lines(history, 1, 2, 3) == []


def test_thoughts_pictures_and_silence_are_not_kept() -> None:
    history = History()
    picture = Part(inline_data=Blob(mime_type="image/jpeg", data=b"\xff"))
    history.said(ClientContent(turns=[Content(role="user", parts=[picture])]), 1)
    history.said(ClientContent(turn_complete=True), 2)
    history.said(RealtimeInput(audio=Blob(mime_type="audio/pcm", data=b"\0\0")), 3)
    history.said(ToolResponse(), 4)
    history.observe([ServerContent(model_turn=Content(role="model", parts=[Part(text="Hm.", thought=True)]))])
    assert lines(history) == []


def test_the_oldest_text_makes_room() -> None:
    history = History(max_characters=10)
    for number, words in enumerate(["12345", "67890", "abc"], start=1):
        history.said(said(words), number)
    assert lines(history) == [("user", ["67890", "abc"])]


def test_a_history_may_begin_with_what_was_said_before_the_session() -> None:
    history = History(
        [Content(role="model", parts=[Part(text="Welcome back.")]), Content(parts=[Part(text="Hi.")])]
    )
    assert lines(history) == [("model", ["Welcome back."]), ("user", ["Hi."])]


def test_content_without_a_role_is_the_users() -> None:
    history = History()
    history.said(ClientContent(turns=[Content(parts=[Part(text="Hello")])]), 1)
    assert lines(history) == [("user", ["Hello"])]


def test_of_a_turn_without_an_end_the_last_characters_are_kept() -> None:
    history = History(max_characters=10)
    for _ in range(100):
        history.observe(
            [answer("abcdefg"), ServerContent(input_transcription=Transcription(text="hijklmnopqrstuvwxyz"))]
        )
    history.observe([answer("12345")])
    assert len(history._model_text._pieces) == 2
    assert len(history._user_text._pieces) == 1
    assert lines(history) == [("model", ["cdefg12345"])]


def test_a_long_conversation_by_one_side_is_put_together_at_once() -> None:
    history = History()
    for number in range(50_000):
        history.said(said("ab"), number)
    (content,) = history.contents()
    assert len(content.parts or ()) == 50_000
