"""Constructors: what they convert, what they refuse, and what they suggest."""

from __future__ import annotations

import array
import enum
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from livegen_trio import ConfigError, types as t
from livegen_trio._protocol.codec import decode_server_message
from livegen_trio._protocol.usage import add_usage
from livegen_trio.types._base import Received
from livegen_trio.types._construction import fields_of
from support.struct_strategies import JSON, reachable

PUCK = t.SpeechConfig(
    voice_config=t.VoiceConfig(prebuilt_voice_config=t.PrebuiltVoiceConfig(voice_name="Puck"))
)
# Structs of which something may go out.
WRITTEN: list[type[t.Model]] = [
    struct
    for struct in vars(t).values()
    if isinstance(struct, type)
    and issubclass(struct, t.Model)
    and not issubclass(struct, Received)
    and struct is not t.Model
]


class Theirs(str, enum.Enum):  # noqa: UP042 - as theirs are
    """As google-genai has its enums."""

    AUDIO = "AUDIO"


# What is refused


@pytest.mark.parametrize(
    ("struct", "fields", "complaint"),
    [
        (
            t.FunctionResponse,
            {"response": "sunny"},
            "FunctionResponse: response is 'sunny'; expected `dict`, got `str`",
        ),
        (
            t.FunctionResponse,
            {"response": ["sunny"]},
            "FunctionResponse: response is of type list; expected `dict`",
        ),
        (
            t.FunctionResponse,
            {"response": {1: "a"}},
            "FunctionResponse: response is of type dict; expected `str`",
        ),
        (t.FunctionResponse, {"id": 7}, "FunctionResponse: id is 7; expected `str | None`, got `int`"),
        (t.Part, {"text": 5}, "Part: text is 5; expected `str | None`, got `int`"),
        (t.Content, {"parts": ["Hello"]}, "Content: parts[0] is wrong; expected `Part`, got `str`"),
        (t.Content, {"parts": "Hello"}, "Content: parts is 'Hello'; expected `list`, got `str`"),
        (t.Part, {"inline_data": b"\0\0"}, "Part: inline_data is of type bytes; expected `Blob | None`"),
        (t.Blob, {"data": "AAAA"}, "Blob: data is of type str; expected `bytes`"),
        (t.Blob, {"data": array.array("f", [1.0])}, "Blob: data is of type array; expected `bytes`"),
        (t.Schema, {"type": "dict"}, "Schema: type is 'dict'; did you mean 'OBJECT'?"),
        (t.Schema, {"type": "strng"}, "Schema: type is 'strng'; did you mean 'STRING'?"),
        (t.Schema, {"type": dict}, "Schema: type is of type type; expected `str | None`, got `type`"),
        (
            t.GenerationConfig,
            {"response_modalities": ["audi"]},
            "GenerationConfig: response_modalities[0] is 'audi'; did you mean 'AUDIO'?",
        ),
        (
            t.ThinkingConfig,
            {"thinking_level": "none at all"},
            "ThinkingConfig: thinking_level is 'none at all'; it is one of MINIMAL, LOW, MEDIUM, HIGH",
        ),
        (
            t.LiveGenerationConfig,
            {"speech_config": {"voice_confg": {}}},
            "SpeechConfig has no field 'voice_confg'; did you mean 'voice_config'?",
        ),
        (
            t.LiveGenerationConfig,
            {"thinking_config": {"thinkingBudget": -7}},
            "ThinkingConfig: thinking_budget is -7; expected `int` >= -1",
        ),
        (
            t.Tool,
            {"function_declarations": [{"description": "d"}]},
            "FunctionDeclaration: name is missing",
        ),
        (
            t.Tool,
            {"function_declarations": [{"name": 5}]},
            "FunctionDeclaration: name is 5; expected `str`, got `int`",
        ),
        (
            t.Schema,
            {"properties": {"a": {"kind": "STRING"}}},
            "Schema has no field 'kind'; its fields are type, title",
        ),
        (
            t.Schema,
            {"properties": ["a"]},
            "Schema: properties is of type list; expected `Schema`, got `list`",
        ),
        (
            t.StreamableHttpTransport,
            {"timeout": True},
            "StreamableHttpTransport: timeout is True; expected `Duration",
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(
    struct: type[t.Model], fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(complaint)}"):
        struct(**fields)


@pytest.mark.parametrize(
    ("struct", "name", "way_out"),
    [
        (t.LiveGenerationConfig, "respnse_modalities", "did you mean 'response_modalities'?"),
        (t.LiveGenerationConfig, "responseModalities", "did you mean 'response_modalities'?"),
        (t.FunctionResponse, "respond", "did you mean 'response'?"),
        (t.ServerContent, "turn_completed", "did you mean 'turn_complete'?"),
        (t.FileData, "zzz", "its fields are file_uri, mime_type, display_name"),
        (t.Empty, "zzz", "its fields are none"),
    ],
)
def test_a_misspelt_field_is_named_and_the_nearest_is_suggested(
    struct: type[t.Model], name: str, way_out: str
) -> None:
    with pytest.raises(TypeError, match=rf"^{struct.__name__} has no field '{name}'; {re.escape(way_out)}$"):
        struct(**{name: 1})


@pytest.mark.parametrize("struct", WRITTEN, ids=lambda struct: struct.__name__)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_any_value_of_any_field_is_taken_or_refused_with_a_name(
    struct: type[t.Model], data: st.DataObject
) -> None:
    required: dict[str, Any] = {field.name: "f" for field in msgspec.structs.fields(struct) if field.required}
    for name in fields_of(struct):
        value = data.draw(JSON)
        complaint = complaint_about(struct, {**required, name: value})
        assert complaint is None or re.match(r"[A-Z]\w+(:| has no field) ", complaint)


def complaint_about(struct: type[t.Model], fields: dict[str, Any]) -> str | None:
    try:
        struct(**fields)
    except ConfigError as exc:
        return str(exc)
    return None


# What is converted


SPEECH = {"voiceConfig": {"prebuilt_voice_config": {"voice_name": "Puck"}}}
SOUND = {"inlineData": {"mime_type": "audio/pcm", "data": b"\0\0"}}


@pytest.mark.parametrize(
    ("struct", "written", "meant"),
    [
        (t.GenerationConfig, {"response_modalities": ["text"]}, {"response_modalities": ["TEXT"]}),
        (t.GenerationConfig, {"response_modalities": (Theirs.AUDIO,)}, {"response_modalities": ["AUDIO"]}),
        (t.GenerationConfig, {"response_modalities": ["HOLOGRAM"]}, {"response_modalities": ["HOLOGRAM"]}),
        (t.Schema, {"type": "object"}, {"type": "OBJECT"}),
        (t.ThinkingConfig, {"thinking_level": "High"}, {"thinking_level": "HIGH"}),
        (t.FunctionResponse, {"scheduling": "silent"}, {"scheduling": "SILENT"}),
        (t.Content, {"role": "User"}, {"role": "user"}),
        (t.Content, {"role": "system"}, {"role": "system"}),
        (t.LiveGenerationConfig, {"speech_config": SPEECH}, {"speech_config": PUCK}),
        (
            t.Content,
            {"parts": [SOUND]},
            {"parts": [t.Part(inline_data=t.Blob(mime_type="audio/pcm", data=b"\0\0"))]},
        ),
        (t.Schema, {"properties": {"a": {"type": "string"}}}, {"properties": {"a": t.Schema(type="STRING")}}),
        (t.Content, {"parts": None}, {}),
        (t.Blob, {"data": bytearray(b"ab")}, {"data": b"ab"}),
        (t.Blob, {"data": array.array("h", [1])}, {"data": b"\1\0"}),
        (t.StreamableHttpTransport, {"timeout": 2}, {"timeout": t.Duration(2)}),
    ],
)
def test_what_means_the_same_is_converted(
    struct: type[t.Model], written: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert struct(**written) == struct(**meant)
    assert repr(struct(**written)) == repr(struct(**meant))


def test_what_is_handed_in_can_be_changed_afterwards() -> None:
    parts, response = [t.Part(text="a")], {"a": 1}
    content = t.Content(parts=parts)
    answer = t.FunctionResponse(response=response)
    parts.clear()
    response.clear()
    assert content.text == "a"
    assert answer.response == {"a": 1}


def test_a_struct_is_no_less_of_its_type_for_it() -> None:
    blob = t.Blob(data=b"a")
    assert t.Part(inline_data=blob).inline_data is blob


def test_what_a_server_sends_is_not_held_to_it() -> None:
    frame = (
        b'{"serverContent":{"modelTurn":{"role":"User","parts":[{"executableCode":{"language":"python"}}]}}}'
    )
    [event] = decode_server_message(frame)
    assert isinstance(event, t.ServerContent)
    assert event.model_turn is not None
    assert event.model_turn.role == "User"
    code = event.model_turn.parts[0].executable_code
    assert code is not None
    assert code.language == "python"


def test_all_that_goes_out_is_checked_and_nothing_that_only_servers_send() -> None:
    sent = reachable(
        t.Setup, t.ClientContent, t.RealtimeInput, t.ToolResponse, t.ContextUpdate, t.LiveGenerationConfig
    )
    assert sent <= {*WRITTEN}
    assert {*WRITTEN} - sent == {t.PartnerSearch}  # the base of two that are


def test_a_kind_of_tokens_that_is_not_known_is_added_up_as_it_came() -> None:
    count = t.ModalityTokenCount(modality="hologram", token_count=1)
    assert add_usage(
        t.UsageMetadata(), t.UsageMetadata(prompt_tokens_details=[count])
    ).prompt_tokens_details == [count]


def test_events_are_constructed_as_they_are_written() -> None:
    odd: Any = "as it is"
    assert repr(t.ServerContent(model_turn=odd)) == "ServerContent(model_turn='as it is')"
