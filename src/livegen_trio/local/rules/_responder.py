"""The embedded server's responder: a few rules."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .._engines import Say
from ._small_talk import echo, small_talk
from ._tool_choice import choose, is_question
from ._wording import Answered, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...types import Content, FunctionCall, FunctionDeclaration, FunctionResponse
    from .._engines import CallTool


_ABOUT_PICTURES: Final = re.compile(
    r"\bwhat (?:do|can) you see\b|\b(?:what is|what's|describe) (?:in |on )?(?:the|this) (?:picture|image|photo)\b",
    re.IGNORECASE,
)
_LONGEST_TEXT: Final = 2000  # characters that are read: other conversations wait meanwhile


class RuleResponder:
    """A `Responder` that follows rules; there is no language model in it.

    It calls declared functions whose names, descriptions and parameters share words with the user's message, makes an
    answer of what they return, has some small talk, and otherwise repeats what it heard. It ignores the system
    instruction. The same history always gets the same reply.
    """

    def respond(
        self,
        history: Sequence[Content],
        *,
        functions: Sequence[FunctionDeclaration],
        system_instruction: Content | None,  # noqa: ARG002 - rules take no instructions
    ) -> Say | Sequence[CallTool]:
        latest = _since_last_reply(history)
        if responses := _open_responses(latest):
            return Say(in_words(_answered(responses, history)))
        text = " ".join(filter(_has_letters, (content.text for content in latest)))[:_LONGEST_TEXT]
        earlier = history[: len(history) - len(latest)]
        return (
            _seen(text, latest)
            or choose(functions, text)
            or _chat(text, earlier)
            or _completed(functions, text, earlier)
            or Say(echo(text))
        )


def _seen(text: str, latest: Sequence[Content]) -> Say | None:
    """Say which pictures are in the user's turn, if that is the question. What they show takes a model to say."""
    if not _ABOUT_PICTURES.search(text):
        return None
    blobs = [part.inline_data for content in latest for part in content.parts if part.inline_data is not None]
    kinds = [
        blob.mime_type.removeprefix("image/").upper() for blob in blobs if blob.mime_type.startswith("image/")
    ]
    if not kinds:
        return Say("I see no picture.")
    return Say(f"I see {'a picture' if len(kinds) == 1 else f'{len(kinds)} pictures'}: {', '.join(kinds)}.")


def _chat(text: str, earlier: Sequence[Content]) -> Say | None:
    reply = small_talk(text, _messages(earlier))
    return None if reply is None else Say(reply)


def _completed(
    functions: Sequence[FunctionDeclaration], text: str, earlier: Sequence[Content]
) -> Say | Sequence[CallTool]:
    """The calls for which *text* is the missing argument."""
    messages = _messages(earlier)
    if not messages or not is_question(earlier[-1].text):
        return []
    return choose(functions, f"{messages[-1]} {text}")


def _since_last_reply(history: Sequence[Content]) -> Sequence[Content]:
    """The contents after the model's last one."""
    begin = next((i for i in range(len(history), 0, -1) if history[i - 1].role == "model"), 0)
    return history[begin:]


def _open_responses(contents: Sequence[Content]) -> Sequence[FunctionResponse]:
    """The function responses that have no reply; none if the user wrote something after them."""
    responses: list[FunctionResponse] = []
    for part in (part for content in contents for part in content.parts):
        if part.function_response is not None:
            responses.append(part.function_response)
        elif part.text and _has_letters(part.text) and not part.thought:
            responses.clear()
    return responses


def _answered(responses: Iterable[FunctionResponse], history: Sequence[Content]) -> Sequence[Answered]:
    calls = [
        part.function_call for content in history for part in content.parts if part.function_call is not None
    ]
    return [Answered(_args_of(response, calls), response.response) for response in responses]


def _args_of(response: FunctionResponse, calls: Sequence[FunctionCall]) -> Mapping[str, object]:
    """The arguments of the call, which some clients identify by its name only."""
    for call in reversed(calls):
        if call.id == response.id if response.id else call.name == response.name:
            return call.args
    return {}


def _messages(history: Sequence[Content]) -> Sequence[str]:
    return [content.text for content in history if content.role != "model" and _has_letters(content.text)]


def _has_letters(text: str) -> bool:
    return any(map(str.isalnum, text))
