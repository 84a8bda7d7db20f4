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
        ("Please say: Hello, World!", "Hello, World!"),
        ("repeat after me I like Trio.", "I like Trio."),
        ("Count from one to five.", "1, 2, 3, 4, 5."),
        ("count to 3", "1, 2, 3."),
        ("Count from 3 down to 1", "3, 2, 1."),
        ("What is the capital of France?", "The capital of France is Paris."),
        ("capital city of the United States", "The capital of the United States is Washington."),
        ("what is seven times eight", "That is 56."),
        ("12x7", "That is 84."),
        ("12 * 7", "That is 84."),
        ("10 divided by 4?", "That is 2.5."),
        ("10/4", "That is 2.5."),
        ("two plus three times four", "That is 14."),
        ("2+3-1", "That is 4."),
        ("5 minus minus 3", "That is 8."),
        ("one divided by zero", "Nothing can be divided by zero."),
        ("999999999999 times 999999999999", "That is more than I can count."),
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
        "Tell me a joke",
        "Tell me a story",
    ],
)
def test_questions_about_itself_have_a_reply(text: str) -> None:
    assert small_talk(text, [])


@pytest.mark.parametrize(
    "text", ["Count me in", "capital of Narnia", "one two three", "1 plus 2 and 3", "The sky is blue."]
)
def test_what_no_rule_knows_has_none(text: str) -> None:
    assert small_talk(text, []) is None


def test_counting_stops_somewhere() -> None:
    reply = small_talk("count to one million", [])
    assert reply is not None
    assert reply.endswith("30, and so on.")


def test_a_name_is_remembered() -> None:
    assert small_talk("What is my name?", ["My name is anna", "hi"]) == "You told me that your name is Anna."
    assert small_talk("What is my name?", ["hi"]) == "You have not told me your name yet."


def test_what_was_said_before_is_remembered() -> None:
    assert small_talk("What did I say?", ["one", "two"]) == "You said: two"
    assert small_talk("What did I say?", []) == "You have said nothing before that."


def test_an_echo_says_what_was_heard() -> None:
    assert echo("The sky\nis blue!") == "I heard you say: The sky is blue."
    assert len(echo("word " * 1000)) < 200


@given(
    st.text()
    | st.lists(
        st.sampled_from(["count", "say", "capital", "of", "my", "name", "is", "5", "minus", "one", "/"])
    ).map(" ".join)
)
def test_there_is_something_to_say_to_anything(text: str) -> None:
    assert small_talk(text, [text]) or echo(text)
