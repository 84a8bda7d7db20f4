"""What a session remembers, and what it counts."""

from __future__ import annotations

from livegen_trio._protocol.model_profiles import ANY_MODEL
from livegen_trio._protocol.service_behavior import PLAIN
from livegen_trio.local._calls import CallLedger, PendingCall
from livegen_trio.local._history import _MERGED_SIZE, CONTENTS, SIZE, History, Meter
from livegen_trio.local._resumption import _HANDLES_A_SESSION, SessionState, SessionStore
from livegen_trio.local._setup_rules import Model
from livegen_trio.types import Blob, Content, FunctionCall, FunctionResponse, Part

MODEL = Model(name="m", profile=ANY_MODEL, behavior=PLAIN)


def user(*parts: Part) -> Content:
    return Content(role="user", parts=parts)


def test_the_oldest_contents_are_forgotten() -> None:
    history = History()
    for number in range(CONTENTS + 5):
        history.add(user(Part(text=str(number))))
    assert len(history.contents) == CONTENTS
    assert history.contents[0].text == "5"


def test_large_contents_push_out_others() -> None:
    history = History()
    for part in (
        Part(text="x" * SIZE),
        Part(inline_data=Blob(mime_type="image/jpeg", data=bytes(SIZE))),
        Part(function_response=FunctionResponse(name="f", response={"output": "y" * SIZE})),
    ):
        history.add(user(Part(text="before")))
        history.add(user(part))
        assert [tuple(content.parts or ()) for content in history.contents] == [(part,)]


def test_words_continue_what_was_heard_before_unless_it_is_long_or_answered() -> None:
    history = History()
    assert history.add_heard("one") == "one"
    assert history.add_heard("two") == " two"
    history.add(Content(role="model", parts=(Part(text="three"),)))
    assert not history.awaits_reply
    assert history.add_heard("x" * _MERGED_SIZE).startswith("x")
    assert history.add_heard("four") == "four"
    assert history.awaits_reply
    texts = [content.text for content in history.contents]
    assert texts == ["one two", "three", "x" * _MERGED_SIZE, "four"]


def test_tokens_are_rounded_up_and_counted_anew_for_each_turn() -> None:
    meter = Meter()
    meter.read("12345")
    meter.hear(0.5)
    meter.speak(1)
    usage = meter.take()
    assert (usage.prompt_token_count, usage.response_token_count, usage.total_token_count) == (15, 25, 40)
    assert meter.take().total_token_count == 0


def test_too_many_pending_calls_push_out_the_oldest() -> None:
    ledger = CallLedger()
    for number in range(300):
        ledger.add([PendingCall(FunctionCall(id=str(number), name="f"), blocks=False)])
    assert ledger.answer(FunctionResponse(id="0", name="f")) is None
    assert ledger.answer(FunctionResponse(id="299", name="f")) is not None


def test_too_many_sessions_push_out_the_one_that_was_unused_for_longest() -> None:
    store = SessionStore(capacity=2)
    first, second, third = (SessionState(MODEL) for _ in range(3))
    handles = [store.issue(first), store.issue(second)]
    assert store.find(handles[0], MODEL) is first
    handles.append(store.issue(third))
    assert store.find(handles[0], MODEL) is first
    assert store.find(handles[2], MODEL) is third


def test_a_session_has_only_so_many_handles() -> None:
    store = SessionStore()
    session = SessionState(MODEL)
    handles = [store.issue(session) for _ in range(_HANDLES_A_SESSION + 1)]
    assert list(session.handles) == handles[1:]
    assert store.find(handles[1], MODEL) is session
