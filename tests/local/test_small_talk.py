"""What the responder says by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from livegen_trio.local.rules._small_talk import echo, small_talk


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("Hello!", "Hello. How can I help you?"),
        ("Good morning.", "Good morning. How can I help you?"),
        ("Hey, can you hear me?", "Yes, I can hear you. What can I do for you?"),
        ("My name is anna.", "Nice to meet you, Anna."),
        ("Thanks a lot", "You are welcome."),
        ("Goodbye", "Goodbye."),
        ("never mind", "All right."),
        ("Stop!", "All right."),
        ("What is 10 plus 20?", "That is 30."),
        ("Please say: Hello, World!", "Hello, World!"),
        ("repeat after me I like Trio.", "I like Trio."),
        ("...", "Sorry, I did not catch that."),
        ("", "Sorry, I did not catch that."),
    ],
)
def test_small_talk_has_its_replies(text: str, reply: str) -> None:
    assert small_talk(text, []) == reply


@pytest.mark.parametrize(
    "text",
    [
        "Hello what should we talk about?",
        "What's your name?",
        "Are you a robot?",
        "How are you?",
        "What can you do?",
    ],
)
def test_questions_about_itself_have_a_reply(text: str) -> None:
    assert small_talk(text, [])


@pytest.mark.parametrize(
    "text", ["Count me in", "What is the capital of France?", "1 plus 2", "The sky is blue."]
)
def test_what_no_rule_knows_has_none(text: str) -> None:
    assert small_talk(text, []) is None


def test_a_name_is_remembered() -> None:
    assert small_talk("What is my name?", ["My name is anna", "hi"]) == "Your name is Anna."
    assert small_talk("What is my name?", ["hi"]) == "I do not know your name yet."


def test_what_was_said_before_is_remembered() -> None:
    assert small_talk("What did I say?", ["one", "two"]) == "You said: two"
    assert small_talk("What did I say?", []) == "You have said nothing before that."


def test_an_echo_says_what_was_heard() -> None:
    assert echo("The sky\nis blue!") == "I heard you say: The sky is blue."
    assert len(echo("word " * 1000)) < 200


@given(
    st.text()
    | st.lists(
        st.sampled_from(["say", "repeat", "after", "me", "my", "name", "is", "what", "did", "i", "5", "/"])
    ).map(" ".join)
)
def test_there_is_something_to_say_to_anything(text: str) -> None:
    assert small_talk(text, [text]) or echo(text)
