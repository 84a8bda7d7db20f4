"""The memory that a client can have the server keep is bounded, in all its forms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livegen_trio import RemoteProtocolError
from livegen_trio._protocol.model_profiles import ANY_MODEL
from livegen_trio._protocol.service_behavior import PLAIN
from livegen_trio.local._auth_tokens import TokenStore
from livegen_trio.local._calls import CallLedger, PendingCall
from livegen_trio.local._due_messages import DueMessages
from livegen_trio.local._hearing import LARGEST_UTTERANCE, ActivityCut, Ears
from livegen_trio.local._history import SIZE, History
from livegen_trio.local._reading import LARGEST_CONTENT, LARGEST_CONTEXT, MOST_OBJECTS, read_message
from livegen_trio.local._resumption import SessionState, SessionStore
from livegen_trio.local._setup_rules import Model
from livegen_trio.types import (
    AutomaticActivityDetection,
    Content,
    FunctionCall,
    FunctionResponse,
    Part,
    RealtimeInputConfig,
)
from support.live_client import LoudnessDetector, conversation, setup, text_of

MODEL = Model(name="m", profile=ANY_MODEL, behavior=PLAIN)
MIB = 2**20


def content(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"clientContent": {"turns": [{"role": "user", "parts": list(parts)}]}}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (content(*[{}] * MOST_OBJECTS), "objects and lists"),
        (content({"functionCall": {"name": "f", "args": {"a": [[]] * MOST_OBJECTS}}}), "objects and lists"),
        (content({"text": "a" * LARGEST_CONTENT}), "of 8388608 that this server keeps"),
        (content({"functionCall": {"name": "f", "args": {"a": "a" * LARGEST_CONTENT}}}), "keeps"),
        (content({"functionCall": {"name": "f", "args": {"a": [0] * MIB}}}), "keeps"),
        (
            content({"inlineData": {"mimeType": "image/png", "data": "AAAA" * (LARGEST_CONTENT // 3)}}),
            "keeps",
        ),
        (
            {
                "toolResponse": {
                    "functionResponses": [{"name": "f", "response": {"a": "a" * LARGEST_CONTENT}}]
                }
            },
            "keeps",
        ),
        ({"contextUpdate": {"systemInstruction": {"parts": [{"text": "a" * LARGEST_CONTEXT}]}}}, "keeps"),
        (
            {"setup": {"model": "m", "systemInstruction": {"parts": [{"text": "a" * LARGEST_CONTEXT}]}}},
            "keeps",
        ),
    ],
)
def test_a_message_that_would_take_too_much_is_refused(message: dict[str, Any], reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason) as caught:
        read_message(json.dumps(message))
    assert caught.value.code == 1007


def test_function_calls_in_a_history_count_by_their_arguments() -> None:
    history = History()
    for _ in range(20):
        call = FunctionCall(name="f", args={"a": "a" * (SIZE // 4)})
        history.add(Content(role="model", parts=[Part(function_call=call)]))
    assert history.size <= SIZE
    assert len(history.contents) < 5


def test_many_small_pieces_of_text_don_t_grow_one_turn_without_end() -> None:
    history = History()
    for _ in range(1000):
        history.add_heard("a")
    assert max(len(one.parts) for one in history.contents) <= 64


async def test_text_in_an_activity_becomes_a_turn_when_there_is_too_much_of_it() -> None:
    manual = {"automaticActivityDetection": {"disabled": True}}
    async with conversation(message=setup(realtimeInputConfig=manual)) as client:
        await client.say({"realtimeInput": {"activityStart": {}}})
        for _ in range(10):
            await client.say({"realtimeInput": {"text": "a" * MIB}})
        await client.say({"realtimeInput": {"activityEnd": {}}})
        assert text_of(await client.hear_turn()).startswith("You said: a")


def test_speech_at_a_high_rate_is_cut_by_its_bytes() -> None:
    config = RealtimeInputConfig(automatic_activity_detection=AutomaticActivityDetection(disabled=True))
    ears = Ears(LoudnessDetector, config)
    ears.begin()
    heard = [one for _ in range(60) for one in ears.feed(bytes(2 * 192_000), 192_000)]
    assert len(heard) >= 60 * 2 * 192_000 // (LARGEST_UTTERANCE + MIB)
    assert all(isinstance(one, ActivityCut) for one in heard)


def test_answers_that_wait_for_others_are_bounded() -> None:
    ledger, due = CallLedger(), DueMessages()
    response = FunctionResponse(id="1", name="f", response={"a": "a" * 3 * MIB})
    ledger.add([PendingCall(FunctionCall(id=str(number), name="f"), blocks=True) for number in range(3)])
    ledger.answer(response)
    with pytest.raises(RemoteProtocolError, match="too large"):
        ledger.answer(FunctionResponse(id="2", name="f", response=response.response))
    due.add_answer(response)
    with pytest.raises(RemoteProtocolError, match="too large"):
        due.add_answer(response)


def test_texts_that_wait_are_bounded() -> None:
    due = DueMessages()
    for number in range(1000):
        due.add_text(str(number), None)
    texts, _ = due.take_texts()
    assert len(texts) == 64
    assert texts[-1] == "999"


def test_a_connected_session_is_never_forgotten() -> None:
    store = SessionStore(capacity=2)
    connected = SessionState(MODEL)
    with connected.connected():
        handle = store.issue(connected)
        others = [store.issue(SessionState(MODEL)) for _ in range(10)]
    assert store.find(handle, MODEL) is connected
    with pytest.raises(RemoteProtocolError, match="unknown or has expired"):
        store.find(others[0], MODEL)
    store.find(others[-1], MODEL)


def test_sessions_are_forgotten_by_the_bytes_of_their_history() -> None:
    store = SessionStore(size=3 * MIB)
    handles: list[str] = []
    for _ in range(5):
        session = SessionState(MODEL)
        session.history.add(Content(role="user", parts=[Part(text="a" * MIB)]))
        handles.append(store.issue(session))
    with pytest.raises(RemoteProtocolError, match="unknown or has expired"):
        store.find(handles[0], MODEL)
    store.find(handles[-1], MODEL)


async def test_tokens_are_forgotten_by_their_bytes() -> None:
    store = TokenStore(size=1000_000)
    setup_text = json.dumps(
        {"bidiGenerateContentSetup": {"systemInstruction": {"parts": [{"text": "a" * 100_000}]}}}
    )
    names = [store.create(setup_text.encode()) for _ in range(5)]
    assert store.find(names[0]) is None
    assert store.find(names[-1]) is not None
