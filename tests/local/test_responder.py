"""The rules that answer."""

from __future__ import annotations

import pytest

from livegen_trio.local._engines import CallTool, Say
from livegen_trio.local.rules._responder import RuleResponder
from livegen_trio.types import Content, FunctionCall, FunctionDeclaration, FunctionResponse, Part

WEATHER = FunctionDeclaration(
    name="get_weather",
    description="Current weather of a city.",
    parameters_json_schema={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)


def user(*texts: str) -> Content:
    return Content(role="user", parts=[Part(text=text) for text in texts])


def model(text: str) -> Content:
    return Content(role="model", parts=[Part(text=text)])


def called(city: str, call_id: str | None = "1") -> Content:
    call = FunctionCall(id=call_id, name="get_weather", args={"city": city})
    return Content(role="model", parts=[Part(function_call=call)])


def responded(celsius: int, call_id: str | None = "1") -> Part:
    response = FunctionResponse(id=call_id, name="get_weather", response={"celsius": celsius})
    return Part(function_response=response)


def reply(*history: Content, system_instruction: Content | None = None) -> object:
    return RuleResponder().respond(history, functions=[WEATHER], system_instruction=system_instruction)


def test_a_question_for_a_function_calls_it() -> None:
    assert reply(user("What is the weather in Paris?")) == [CallTool("get_weather", {"city": "Paris"})]


def test_a_function_response_is_worded() -> None:
    history = user("What is the weather in Paris?"), called("Paris")
    assert reply(*history, Content(role="user", parts=[responded(21)])) == Say(
        "In Paris it is 21 degrees Celsius."
    )


@pytest.mark.parametrize("role", ["user", "function", "tool", None])
def test_a_function_response_may_come_in_any_role(role: str | None) -> None:
    assert reply(called("Paris"), Content(role=role, parts=[responded(21)])) == Say(
        "In Paris it is 21 degrees Celsius."
    )


def test_a_function_response_without_an_id_belongs_to_the_last_call_of_its_name() -> None:
    history = called("Rome", None), user("and Paris?"), called("Paris", None)
    assert reply(*history, Content(parts=[responded(21, None)])) == Say("In Paris it is 21 degrees Celsius.")


def test_a_function_response_to_no_call_is_worded_all_the_same() -> None:
    assert reply(Content(parts=[responded(21, "unknown")])) == Say("It is 21 degrees Celsius.")


def test_all_function_responses_are_worded() -> None:
    calls = Content(role="model", parts=[*called("Paris", "1").parts, *called("Rome", "2").parts])
    assert reply(calls, Content(parts=[responded(21, "1"), responded(25, "2")])) == Say(
        "In Paris it is 21 degrees Celsius. In Rome it is 25 degrees Celsius."
    )


def test_what_is_said_after_a_function_response_is_answered_instead() -> None:
    assert reply(called("Paris"), Content(parts=[responded(21)]), user("Hello")) == Say(
        "Hello. How can I help you?"
    )


def test_small_talk_needs_no_function() -> None:
    assert reply(user("Hello, can you hear me?")) == Say("Yes, I can hear you. What can I do for you?")


def test_what_no_rule_knows_is_echoed() -> None:
    assert reply(user("The sky is blue.")) == Say("I heard you say: The sky is blue.")


@pytest.mark.parametrize("history", [[], [model("Hi")], [user("")], [user("hello"), model("hi"), user(".")]])
def test_silence_is_answered(history: list[Content]) -> None:
    assert reply(*history) == Say("Sorry, I did not catch that.")


def test_what_comes_in_several_contents_is_one_question() -> None:
    assert reply(user("What is the weather"), user("in Paris?"), user(".")) == [
        CallTool("get_weather", {"city": "Paris"})
    ]


def test_only_what_came_since_the_last_reply_is_answered() -> None:
    assert reply(user("What is the weather in Paris?"), model("Fine."), user("Thanks")) == Say(
        "You are welcome."
    )


def test_what_was_missing_completes_the_question() -> None:
    history = [user("What is the weather?")]
    assert reply(*history) == Say("Which city?")
    assert reply(*history, model("Which city?"), user("Paris, please.")) == [
        CallTool("get_weather", {"city": "Paris"})
    ]


def test_small_talk_may_come_in_between() -> None:
    history = user("What is the weather?"), model("Which city?")
    assert reply(*history, user("Never mind.")) == Say("All right.")


def test_an_answer_to_a_question_of_its_own_can_be_no_answer() -> None:
    assert reply(model("Which city?"), user("Paris")) == Say("I heard you say: Paris.")


def test_thoughts_are_not_what_was_said() -> None:
    thought = Content(role="user", parts=[Part(text="weather in Paris", thought=True), Part(text="hello")])
    assert reply(thought) == Say("Hello. How can I help you?")


def test_an_instruction_changes_nothing() -> None:
    instruction = Content(parts=[Part(text="Answer briefly.")])
    assert reply(user("hello"), system_instruction=instruction) == reply(user("hello"))


def test_a_long_text_is_not_looked_at_whole() -> None:
    assert reply(user("hello " * 100_000)) == Say("Hello. How can I help you?")
