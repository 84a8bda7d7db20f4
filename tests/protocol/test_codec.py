from __future__ import annotations

import array
import base64
import binascii
import contextlib
import ctypes
import json
import math
from functools import partial
from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from livegen_trio import types as t
from livegen_trio._errors import LocalProtocolError, RemoteProtocolError
from livegen_trio._protocol import codec
from livegen_trio._protocol.codec import (
    decode_client_message,
    decode_server_message,
    encode_client_message,
    encode_media,
    encode_server_message,
)
from livegen_trio._protocol.durations import decode_other
from livegen_trio._protocol.envelopes import events_in
from livegen_trio._protocol.lenient_json import Unknown, fit, salvage
from support.struct_strategies import DURATIONS, JSON, structs

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from livegen_trio._protocol.codec import MediaKind

CLIENT_MESSAGES: list[type[t.ClientMessage]] = [
    t.Setup,
    t.ClientContent,
    t.RealtimeInput,
    t.ToolResponse,
    t.ContextUpdate,
]
EVENTS: list[type[t.ServerEvent]] = [
    t.SetupComplete,
    t.SessionResumptionUpdate,
    t.GoAway,
    t.VoiceActivity,
    t.VoiceActivityDetectionSignal,
    t.ToolCallCancellation,
    t.ToolCall,
    t.UsageMetadata,
    t.ServerContent,
    t.ServerError,
]

EVERY_STRUCT: list[type[t.Model]] = [
    item for item in vars(t).values() if isinstance(item, type) and issubclass(item, t.Model)
]


def frame(**message: object) -> bytes:
    return msgspec.json.encode(message)


def content_of(**fields: object) -> bytes:
    return frame(serverContent=fields)


# Structs of all kinds


@pytest.mark.parametrize("struct", EVERY_STRUCT)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_any_struct_is_read_as_it_was_written_on_each_path(
    struct: type[t.Model], data: st.DataObject
) -> None:
    instance = data.draw(structs(struct))
    written = codec._ENCODER.encode(instance)
    assert msgspec.json.decode(written, type=struct, strict=False, dec_hook=decode_other) == instance
    unknown: list[Unknown] = []
    for plain in (
        fit(struct, json.loads(written), unknown),
        salvage(struct, json.loads(written), unknown),
        salvage(struct, json.loads(written), unknown, mends=True),
    ):
        assert msgspec.convert(plain, struct, strict=False, dec_hook=decode_other) == instance
        assert unknown == []


# A client's messages


@pytest.mark.parametrize("struct", CLIENT_MESSAGES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_client_message_survives_the_wire(struct: type[t.ClientMessage], data: st.DataObject) -> None:
    message = data.draw(structs(struct))
    written = encode_client_message(message)
    assert decode_client_message(written) == message
    assert decode_client_message(written.decode()) == message


@pytest.mark.parametrize("struct", CLIENT_MESSAGES)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_client_message_survives_the_slow_path_too(
    struct: type[t.ClientMessage], data: st.DataObject
) -> None:
    message = data.draw(structs(struct))
    plain = json.loads(encode_client_message(message))
    [key] = plain
    plain["tool_response" if key == "setup" else "setup"] = (
        None  # null is absent, and no strict decode takes it
    )
    assert decode_client_message(msgspec.json.encode(plain)) == message


def test_a_client_message_has_its_one_key() -> None:
    message = t.ClientContent(turns=[t.Content(role="user", parts=[t.Part(text="hi")])], turn_complete=True)
    assert json.loads(encode_client_message(message)) == {
        "clientContent": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}], "turnComplete": True}
    }


def test_camel_case_and_snake_case_may_be_mixed_at_every_level() -> None:
    message = decode_client_message(
        frame(
            setup={
                "model": "m",
                "generation_config": {
                    "responseModalities": ["AUDIO"],
                    "speech_config": {"voiceConfig": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
                },
                "realtimeInputConfig": {"automatic_activity_detection": {"silence_duration_ms": 500}},
                "tools": [
                    {
                        "function_declarations": [
                            {
                                "name": "f",
                                "parameters": {"type": "OBJECT", "properties": {"a": {"any_of": [{}]}}},
                            }
                        ]
                    }
                ],
            }
        )
    )
    schema = t.Schema(type="OBJECT", properties={"a": t.Schema(any_of=[t.Schema()])})
    assert message == t.Setup(
        model="m",
        generation_config=t.GenerationConfig(
            response_modalities=["AUDIO"],
            speech_config=t.SpeechConfig(
                voice_config=t.VoiceConfig(prebuilt_voice_config=t.PrebuiltVoiceConfig(voice_name="Kore"))
            ),
        ),
        realtime_input_config=t.RealtimeInputConfig(
            automatic_activity_detection=t.AutomaticActivityDetection(silence_duration_ms=500)
        ),
        tools=[t.Tool(function_declarations=[t.FunctionDeclaration(name="f", parameters=schema)])],
    )


def test_names_in_free_form_json_are_nobodys_business() -> None:
    response = {"function_responses": [{"snake_case": 1, "camelCase": None, "5": "5"}], "null": None}
    message = decode_client_message(frame(tool_response={"function_responses": [{"response": response}]}))
    assert message == t.ToolResponse(function_responses=[t.FunctionResponse(response=response)])


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_either_alphabet_of_base64_is_read_with_padding_or_without(data: bytes) -> None:
    expected = t.RealtimeInput(audio=t.Blob(mime_type="audio/pcm", data=data))
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        for digits in (text, text.rstrip("=")):
            blob = {"mimeType": "audio/pcm", "data": digits}
            assert decode_client_message(frame(realtimeInput={"audio": blob})) == expected
            assert decode_client_message(frame(realtime_input={"audio": blob})) == expected


@pytest.mark.parametrize("digits", ["A", "A===", "A*==", "Ω", 5, ["AAAA"]])
def test_what_is_no_base64_is_refused(digits: object) -> None:
    with pytest.raises(RemoteProtocolError, match="invalid argument"):
        decode_client_message(frame(realtimeInput={"audio": {"data": digits}}))


@pytest.mark.parametrize("tokens", [32000, "32000"])
def test_a_64_bit_number_is_read_as_number_or_string(tokens: object) -> None:
    message = decode_client_message(
        frame(setup={"model": "m", "contextWindowCompression": {"triggerTokens": tokens}})
    )
    assert message == t.Setup(
        model="m", context_window_compression=t.ContextWindowCompressionConfig(trigger_tokens=32000)
    )


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"setup": None},
        {"setup": {"model": "m"}, "clientContent": {}},
        {"setup": {"model": "m"}, "client_content": {}},
        {"setup": {}},
        {"setup": []},
        {"setup": {"model": 5}},
        {"setup": {"model": "m", "tools": {}}},
        {"setup": {"model": "m", "labels": ["a"]}},
        {
            "setup": {
                "model": "m",
                "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"properties": 1}}]}],
            }
        },
        {"clientContent": {"turnComplete": "perhaps"}},
        [],
        "setup",
        None,
    ],
)
def test_what_is_no_client_message_is_an_invalid_argument(message: object) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^Request contains an invalid argument\.") as caught:
        decode_client_message(msgspec.json.encode(message))
    assert caught.value.code == 1007


SCHEMA = {"properties": {"one": {}, "two": {"const": 1}}}


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"hello": {}}, '"hello"'),
        ({"setup": {"model": "m", "x": 1}}, "\"x\" at 'setup'"),
        (
            {"setup": {"generation_config": {"responseMimeType": 1}}},
            "\"responseMimeType\" at 'setup.generationConfig'",
        ),
        (
            {"setup": {"tools": [{}, {"function_declarations": [{"parameters": SCHEMA}]}]}},
            "\"const\" at 'setup.tools[1].functionDeclarations[0].parameters.properties[1].value'",
        ),
        ({"setup": {'line\nfeed"': 1}}, '"line\\nfeed\\"" at \'setup\''),
        ({"setup": {"x" * 999: 1}}, f"\"{'x' * 64}\" at 'setup'"),
        (
            {"clientContent": {"turnComplete": True, "turn_complete": False}},
            "\"turn_complete\" at 'clientContent'",
        ),
    ],
)
def test_an_unknown_name_is_told_as_the_service_tells_it(message: object, place: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_client_message(msgspec.json.encode(message))
    assert str(caught.value) == f"Invalid JSON payload received. Unknown name {place}: Cannot find field."
    assert caught.value.code == 1007


UNREADABLE = [
    b"",
    b"nonsense",
    b'{"setup": ',
    b'{"setup": {}}}',
    b'{"s\xff": 1}',
    b"\x00\x01\x02",
    b'{"toolResponse": {"functionResponses": [{"response": {"a": ' + b"[" * 100_000,
    b'{"x": ' + b"[" * 100_000,
    b'{"x": ' + b"[" * 10_000,
    *(b"[]", b'"text"', b"5", b"null", b"{} []", b"{} 5", b"{}" * 17, b" ", "\ufeff"),
]
UNREADABLE_BY_THE_SERVICE = [
    *UNREADABLE,
    '{"setup": "\ud800"}',
    b'{"x": ' + b"9" * 5_000 + b"}",
    b'{"x": 1e999}',
]


@pytest.mark.parametrize("data", UNREADABLE_BY_THE_SERVICE, ids=range(len(UNREADABLE_BY_THE_SERVICE)))
def test_an_unreadable_client_frame_is_invalid_json(data: bytes | str) -> None:
    with pytest.raises(
        RemoteProtocolError, match=r"^(Invalid JSON payload received|Request contains)"
    ) as caught:
        decode_client_message(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 123
    assert caught.value.__cause__ is not None


def test_a_call_whose_arguments_are_nested_too_deeply_is_an_error_of_ours() -> None:
    arguments = "[" * 15_000 + "]" * 15_000  # some Pythons go deeper than others
    frame = f'{{"toolCall":{{"functionCalls":[{{"name":"f","args":{{"a":{arguments}}}}}]}}}}'
    with pytest.raises(RemoteProtocolError, match="nested too deeply"):
        decode_server_message(frame)


def test_a_schema_nested_too_deeply_for_us_is_an_error_of_ours() -> None:
    deep = b'{"setup":{"model":"m","tools":[{"functionDeclarations":[{"name":"f","parameters":'
    for depth in (100, 300, 450, 800, 100_000):
        schema = b'{"items":' * depth + b'{"type":"STRING"}' + b"}" * depth
        for last in (b"", b',"hologram":1'):
            with contextlib.suppress(RemoteProtocolError):  # how deep is too deep is Python's affair
                decode_client_message(deep + schema + last + b"}]}]}}")


UNWRITABLE: list[object] = [object(), {(1, 2): 3}, "\ud800", {"\udfff": 1}, 10**5000, {"a": [1j]}]


@pytest.mark.parametrize("value", UNWRITABLE, ids=range(len(UNWRITABLE)))
def test_what_has_no_form_in_json_is_refused_before_it_is_sent(value: object) -> None:
    message = t.ToolResponse(function_responses=[t.FunctionResponse(response={"output": value})])
    with pytest.raises(LocalProtocolError, match="can't be written as JSON"):
        encode_client_message(message)


def test_what_holds_itself_is_refused_before_it_is_sent() -> None:
    loop: list[object] = []
    loop.append(loop)
    message = t.ToolResponse(function_responses=[t.FunctionResponse(response={"output": loop})])
    with pytest.raises(LocalProtocolError, match="nested too deeply"):
        encode_client_message(message)


# Media


SAMPLES = array.array("h", [0, 1, -1, 32767, -32768])
BUFFERS = {
    "bytes": SAMPLES.tobytes(),
    "bytearray": bytearray(SAMPLES.tobytes()),
    "array": SAMPLES,
    "memoryview": memoryview(SAMPLES),
    "a slice of a memoryview": memoryview(b"x" + SAMPLES.tobytes() + b"x")[1:-1],
    "two dimensions": memoryview(SAMPLES.tobytes()).cast("B", (5, 2)),
    "ctypes": (ctypes.c_int16 * len(SAMPLES))(*SAMPLES),
}


@pytest.mark.parametrize("buffer", BUFFERS.values(), ids=BUFFERS.keys())
@pytest.mark.parametrize("kind", ["audio", "video"])
def test_media_from_any_buffer_is_the_struct_on_the_wire(kind: MediaKind, buffer: Buffer) -> None:
    blob = t.Blob(mime_type="audio/pcm;rate=16000", data=SAMPLES.tobytes())
    expected = t.RealtimeInput(audio=blob) if kind == "audio" else t.RealtimeInput(video=blob)
    assert encode_media(kind, buffer, "audio/pcm;rate=16000") == encode_client_message(expected)


def test_media_from_numpy_is_the_struct_on_the_wire() -> None:
    numpy = pytest.importorskip("numpy")
    samples = numpy.array([[0, 1], [-1, 32767]], dtype="int16")
    blob = t.Blob(mime_type="audio/pcm", data=samples.tobytes())
    assert encode_media("audio", samples, "audio/pcm") == encode_client_message(t.RealtimeInput(audio=blob))
    assert decode_client_message(encode_media("audio", samples[:0], "audio/pcm")) == t.RealtimeInput(
        audio=t.Blob(mime_type="audio/pcm")
    )
    with pytest.raises(LocalProtocolError, match="contiguous"):
        encode_media("audio", samples[:, 0], "audio/pcm")
    for items in (">i2", "float32", "int32"):
        with pytest.raises(LocalProtocolError, match="16-bit little-endian samples, not items of format"):
            encode_media("audio", samples.astype(items), "audio/pcm")


@pytest.mark.parametrize("empty", [b"", bytearray(), array.array("h")])
def test_an_empty_buffer_is_a_blob_without_data(empty: Buffer) -> None:
    written = encode_media("audio", empty, "audio/pcm")
    assert decode_client_message(written) == t.RealtimeInput(audio=t.Blob(mime_type="audio/pcm"))


def test_a_buffer_with_gaps_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="contiguous"):
        encode_media("audio", memoryview(b"abcdef")[::2], "audio/pcm")


def test_what_is_no_buffer_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        encode_media("audio", "AAAA", "audio/pcm")  # type: ignore[arg-type]  # the point of the test


# A server's messages


@pytest.mark.parametrize("struct", EVENTS)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_event_survives_the_wire(struct: type[t.ServerEvent], data: st.DataObject) -> None:
    event = data.draw(structs(struct))
    written = encode_server_message(event)
    assert decode_server_message(written) == [event]
    assert decode_server_message(written.decode()) == [event]


@pytest.mark.parametrize("struct", EVENTS)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_event_survives_beside_something_unknown(
    struct: type[t.ServerEvent], data: st.DataObject
) -> None:
    event = data.draw(structs(struct))
    unknown = t.UnknownEvent(raw={"hologram": data.draw(JSON)})
    assert decode_server_message(encode_server_message(event, unknown)) == [unknown, event]


@given(st.tuples(*(structs(event) for event in EVENTS)))
@settings(max_examples=25, deadline=None)
def test_events_of_every_kind_fit_in_one_frame(events: tuple[t.ServerEvent, ...]) -> None:
    assert decode_server_message(encode_server_message(*reversed(events))) == list(events)


@pytest.mark.parametrize("data", ["{}", b"{}", b"{\n}\n", '{"serverContent": null}'])
def test_an_empty_frame_holds_no_events(data: bytes | str) -> None:
    assert decode_server_message(data) == []


def test_empty_messages_are_events() -> None:
    assert decode_server_message('{"serverContent": {}}') == [t.ServerContent()]
    assert decode_server_message('{"serverContent": {"outputTranscription": {}}}') == [
        t.ServerContent(output_transcription=t.Transcription())
    ]


def test_usage_comes_before_the_content_that_it_rides_with() -> None:
    events = decode_server_message(
        frame(serverContent={"turnComplete": True}, usageMetadata={"totalTokenCount": 3})
    )
    assert events == [t.UsageMetadata(total_token_count=3), t.ServerContent(turn_complete=True)]


def test_all_fields_of_one_content_come_together() -> None:
    [event] = decode_server_message(
        content_of(
            modelTurn={"parts": [{"text": "Hi"}]},
            outputTranscription={"text": "Hi"},
            turnComplete=True,
            interrupted=True,
        )
    )
    assert event == t.ServerContent(
        model_turn=t.Content(parts=[t.Part(text="Hi")]),
        output_transcription=t.Transcription(text="Hi"),
        turn_complete=True,
        interrupted=True,
    )


def test_both_spellings_of_usage_read_the_same() -> None:
    details = [{"modality": "AUDIO", "tokenCount": 7}]
    expected = t.UsageMetadata(
        response_token_count=7,
        response_tokens_details=[t.ModalityTokenCount(modality="AUDIO", token_count=7)],
    )
    for name in ("response", "candidates"):
        usage = {f"{name}TokenCount": 7, f"{name}TokensDetails": details}
        [event] = decode_server_message(frame(usageMetadata=usage))
        assert event == expected
        assert type(event) is t.UsageMetadata


def test_what_is_unknown_in_usage_of_either_spelling_is_kept() -> None:
    [event] = decode_server_message(frame(usageMetadata={"candidatesTokenCount": 7, "waterLiters": 2}))
    assert event == t.UsageMetadata(response_token_count=7, unknown_fields={"usageMetadata.waterLiters": 2})


def test_transcriptions_at_the_top_count_as_content() -> None:
    assert decode_server_message(frame(inputTranscription={"text": "hi"})) == [
        t.ServerContent(input_transcription=t.Transcription(text="hi"))
    ]
    both = frame(outputTranscription={"text": "hi", "mood": "up"}, serverContent={"turnComplete": True})
    assert decode_server_message(both) == [
        t.ServerContent(
            output_transcription=t.Transcription(text="hi"),
            turn_complete=True,
            unknown_fields={"serverContent.outputTranscription.mood": "up"},
        )
    ]


def test_a_transcription_both_inside_and_at_the_top_is_kept_twice() -> None:
    data = frame(inputTranscription={"text": "a"}, serverContent={"inputTranscription": {"text": "b"}})
    assert decode_server_message(data) == [
        t.UnknownEvent(raw={"inputTranscription": {"text": "a"}}),
        t.ServerContent(input_transcription=t.Transcription(text="b")),
    ]


def test_an_unknown_message_is_an_event_of_its_own() -> None:
    assert decode_server_message(frame(hologram={"x": 1}, weather=None, goAway={"timeLeft": "5s"})) == [
        t.UnknownEvent(raw={"hologram": {"x": 1}}),
        t.UnknownEvent(raw={"weather": None}),
        t.GoAway(time_left=t.Duration(5)),
    ]


def test_unknown_names_are_kept_by_their_path_in_the_event_that_they_came_in() -> None:
    events = decode_server_message(
        frame(
            serverContent={
                "modelTurn": {"parts": [{"text": "a"}, {"hologram": {"depth": 3}, "text": "b"}]},
                "sparkle": None,
            },
            toolCall={"functionCalls": [{"name": "f", "args": {"any": "thing"}, "urgency": 1}]},
        )
    )
    assert events == [
        t.ToolCall(
            function_calls=[t.FunctionCall(name="f", args={"any": "thing"})],
            unknown_fields={"toolCall.functionCalls[0].urgency": 1},
        ),
        t.ServerContent(
            model_turn=t.Content(parts=[t.Part(text="a"), t.Part(text="b")]),
            unknown_fields={
                "serverContent.modelTurn.parts[1].hologram": {"depth": 3},
                "serverContent.sparkle": None,
            },
        ),
    ]


def test_unknown_enum_values_are_kept_as_they_came() -> None:
    assert decode_server_message(content_of(turnCompleteReason="BORED", interactionStatus="HUMMING")) == [
        t.ServerContent(turn_complete_reason="BORED", interaction_status="HUMMING")
    ]


def test_fields_of_our_own_cannot_be_forged() -> None:
    for epoch in (0, 1, 7, -3, "7", None):
        for unknown in ({}, {"serverContent.text": "fake"}):
            [event] = decode_server_message(content_of(audioEpoch=epoch, unknownFields=unknown))
            forged = {"serverContent.audioEpoch": epoch, "serverContent.unknownFields": unknown}
            assert event == t.ServerContent(unknown_fields=forged)
    [event] = decode_server_message(content_of(audio_epoch=7, unknown_fields={}))
    assert event == t.ServerContent(
        unknown_fields={"serverContent.audio_epoch": 7, "serverContent.unknown_fields": {}}
    )


def test_fields_of_our_own_never_leave() -> None:
    event = t.ServerContent(turn_complete=True, audio_epoch=3, unknown_fields={"serverContent.x": 1})
    assert encode_server_message(event) == b'{"serverContent":{"turnComplete":true}}'
    assert encode_server_message(t.GoAway(unknown_fields={"goAway.x": 1})) == b'{"goAway":{}}'


def test_null_is_absent() -> None:
    data = content_of(
        modelTurn={"role": None, "parts": [{"text": "a", "inlineData": None}]}, turnComplete=None
    )
    assert decode_server_message(data) == [t.ServerContent(model_turn=t.Content(parts=[t.Part(text="a")]))]


def test_a_64_bit_number_comes_as_a_string() -> None:
    data = frame(sessionResumptionUpdate={"newHandle": "h", "lastConsumedClientMessageIndex": "123456789"})
    assert decode_server_message(data) == [
        t.SessionResumptionUpdate(new_handle="h", last_consumed_client_message_index=123456789)
    ]


def test_an_error_in_so_many_words_is_an_event() -> None:
    error = {"code": 400, "message": "no", "status": "INVALID_ARGUMENT", "details": [{"a": 1}]}
    assert decode_server_message(frame(error=error)) == [
        t.ServerError(code=400, message="no", status="INVALID_ARGUMENT", details=[{"a": 1}])
    ]


@pytest.mark.parametrize("data", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_unreadable_server_frame_is_a_protocol_error(data: bytes | str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^the server's message can't be read: ") as caught:
        decode_server_message(data)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ({"turnCompleteReason": 99}, t.ServerContent(turn_complete_reason="99")),
        (
            {"outputTranscription": {"text": 0.5}},
            t.ServerContent(output_transcription=t.Transcription(text="0.5")),
        ),
        ({"turnComplete": None, "interrupted": "true"}, t.ServerContent(interrupted=True)),
    ],
)
def test_a_value_of_another_type_is_converted_where_nothing_is_lost(
    content: dict[str, object], read: t.ServerContent
) -> None:
    assert decode_server_message(content_of(**content)) == [read]


def test_ids_that_are_numbers_are_read_as_text() -> None:
    data = frame(toolCall={"functionCalls": [{"id": 7, "name": "f"}]}, toolCallCancellation={"ids": [6, "5"]})
    assert decode_server_message(data) == [
        t.ToolCallCancellation(ids=["6", "5"]),
        t.ToolCall(function_calls=[t.FunctionCall(id="7", name="f")]),
    ]


@pytest.mark.parametrize(
    ("path", "odd", "content"),
    [
        ("turnComplete", "perhaps", {"turnComplete": "perhaps"}),
        ("turnComplete", 2, {"turnComplete": 2}),
        ("turnCompleteReason", True, {"turnCompleteReason": True}),
        ("modelTurn", [], {"modelTurn": []}),
        ("modelTurn.parts", {"text": "a"}, {"modelTurn": {"parts": {"text": "a"}}}),
        ("modelTurn.parts[0]", "odd", {"modelTurn": {"parts": ["odd"]}}),
        ("modelTurn.parts[1]", None, {"modelTurn": {"parts": [{}, None]}}),
        ("modelTurn.parts[0].text", ["a"], {"modelTurn": {"parts": [{"text": ["a"]}]}}),
        ("modelTurn.parts[0].thoughtSignature", "!", {"modelTurn": {"parts": [{"thoughtSignature": "!"}]}}),
        ("modelTurn.parts[0].inlineData.data", 5, {"modelTurn": {"parts": [{"inlineData": {"data": 5}}]}}),
        ("modelTurn.parts[0].partMetadata", 5, {"modelTurn": {"parts": [{"partMetadata": 5}]}}),
        ("outputTranscription.startOffset", 5, {"outputTranscription": {"startOffset": 5}}),
        (
            "groundingMetadata.groundingSupports[0].confidenceScores[1]",
            {},
            {"groundingMetadata": {"groundingSupports": [{"confidenceScores": [1, {}]}]}},
        ),
    ],
)
def test_a_value_of_a_wrong_type_is_kept_and_the_rest_is_read(
    path: str, odd: object, content: dict[str, object]
) -> None:
    [event] = decode_server_message(content_of(interactionStatus="IDLE", **content))
    assert isinstance(event, t.ServerContent)
    assert event.unknown_fields == {f"serverContent.{path}": odd}
    assert event.interaction_status == "IDLE"


def test_a_value_of_a_wrong_type_leaves_its_mapping() -> None:
    unknown: list[Unknown] = []
    schema = {"properties": {"a": 5, "b": {"type": "STRING"}}}
    assert salvage(t.Schema, schema, unknown) == {"properties": {"b": {"type": "STRING"}}}
    assert unknown == [Unknown("properties[0]", "value", 5)]


def test_a_message_that_is_no_object_is_an_unknown_event() -> None:
    data = frame(inputTranscription={"text": "a"}, serverContent="odd", goAway=[])
    assert decode_server_message(data) == [
        t.UnknownEvent(raw={"inputTranscription": {"text": "a"}}),
        t.UnknownEvent(raw={"serverContent": "odd"}),
        t.UnknownEvent(raw={"goAway": []}),
    ]


def test_half_of_a_surrogate_pair_is_replaced_and_kept_as_it_came() -> None:
    data = rb'{"serverContent":{"outputTranscription":{"text":"hi \ud83d"},"turnComplete":true}}'
    assert decode_server_message(data) == [
        t.ServerContent(
            output_transcription=t.Transcription(text="hi \ufffd"),
            turn_complete=True,
            unknown_fields={"serverContent.outputTranscription.text": "hi \ud83d"},
        )
    ]
    whole = rb'{"serverContent":{"outputTranscription":{"text":"\ud83d\ude00 \ud83d"}}}'
    [event] = decode_server_message(whole)
    assert event == t.ServerContent(
        output_transcription=t.Transcription(text="\N{GRINNING FACE} \ufffd"),
        unknown_fields={"serverContent.outputTranscription.text": "\N{GRINNING FACE} \ud83d"},
    )


def test_halves_of_pairs_in_arguments_are_replaced_at_any_depth() -> None:
    args = rb'{"a":["\ud800",{"\udfff":1}],"b":"\ud83d\ude00"}'
    data = b'{"toolCall":{"functionCalls":[{"id":"1","name":"f","args":%b}]}}' % args
    [event] = decode_server_message(data)
    assert isinstance(event, t.ToolCall)
    assert event.function_calls[0].args == {"a": ["\ufffd", {"\ufffd": 1}], "b": "\N{GRINNING FACE}"}
    assert event.unknown_fields == {
        "toolCall.functionCalls[0].args": {"a": ["\ud800", {"\udfff": 1}], "b": "\N{GRINNING FACE}"}
    }


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_what_is_no_number_is_kept_outside_of_its_field(number: bytes) -> None:
    data = b'{"usageMetadata":{"totalTokenCount":%b,"promptTokenCount":3}}' % number
    [event] = decode_server_message(data)
    assert isinstance(event, t.UsageMetadata)
    assert (event.total_token_count, event.prompt_token_count) == (0, 3)
    assert not math.isfinite(cast("float", event.unknown_fields["usageMetadata.totalTokenCount"]))


def test_a_number_with_thousands_of_digits_is_kept_as_text() -> None:
    digits = b"9" * 5_000
    [event] = decode_server_message(b'{"usageMetadata":{"totalTokenCount":%b,"promptTokenCount":3}}' % digits)
    assert event == t.UsageMetadata(
        prompt_token_count=3, unknown_fields={"usageMetadata.totalTokenCount": digits.decode()}
    )


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf{"serverContent":{"turnComplete":true}}',
        '\ufeff{"serverContent":{"turnComplete":true}}',
        b'{"serverContent":{"turnComplete":true,"modelTurn":null}}',
        b'{"serverContent":{"turnComplete":true,"turnCompleteReason":null}}{}',
    ],
)
def test_a_byte_order_mark_null_and_an_empty_object_change_nothing(data: bytes | str) -> None:
    assert decode_server_message(data) == [t.ServerContent(turn_complete=True)]


def test_two_messages_in_one_frame_are_both_read() -> None:
    data = b'{"goAway":{"timeLeft":"5s"}}\n{"serverContent":{"turnComplete":true},"hologram":NaN}'
    first, unknown, second = decode_server_message(data)
    assert first == t.GoAway(time_left=t.Duration(5))
    assert isinstance(unknown, t.UnknownEvent)
    assert second == t.ServerContent(turn_complete=True)


def test_a_line_feed_inside_a_text_is_read() -> None:
    assert decode_server_message(b'{"serverContent":{"modelTurn":{"parts":[{"text":"a\nb"}]}}}') == [
        t.ServerContent(model_turn=t.Content(parts=[t.Part(text="a\nb")]))
    ]


@pytest.mark.parametrize(
    "data",
    [
        b'{"serverContent":{"modelTurn":{"parts":[%b{}]}}}' % (b"{}," * 20_000),
        b'{"hologram":[%b0]}' % (b"0," * 2_000_001),
        b'{"serverContent":{"modelTurn":{"parts":[%b{}]}}}' % (b'{"x":1},' * 15_000),
        b'{"toolCallCancellation":{"ids":[%b0]}}' % (b"0," * 20_001),
        '{"hologram":[%s0]}' % ("[]," * 20_000),
    ],
)
def test_a_frame_of_countless_objects_is_refused_before_it_takes_memory(data: bytes | str) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^the server's message can't be read: it has more than"):
        decode_server_message(data)


def test_two_events_of_one_kind_do_not_fit_in_one_frame() -> None:
    with pytest.raises(LocalProtocolError, match="'serverContent'"):
        encode_server_message(t.ServerContent(), t.ServerContent())
    with pytest.raises(LocalProtocolError, match="'goAway'"):
        encode_server_message(t.GoAway(), t.UnknownEvent(raw={"goAway": 1}))


def test_no_events_are_an_empty_frame() -> None:
    assert encode_server_message() == b"{}"


# Durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0),
        ("13.160s", 13.16),
        ("3.000000001s", 3.000000001),
        ("0s", 0.0),
        ("-1.500s", -1.5),
        ("0.5s", 0.5),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    [event] = decode_server_message(frame(goAway={"timeLeft": text}))
    assert event == t.GoAway(time_left=t.Duration(seconds))


@pytest.mark.parametrize(
    "text", ["", "s", "10", "ten s", "1e3s", "infs", "nans", "1 s", "\u0661s", "1s\n", 10, True, [], {}]
)
def test_an_unreadable_duration_is_left_out_and_kept(text: object) -> None:
    [event] = decode_server_message(frame(voiceActivity={"type": "ACTIVITY_START", "audioOffset": text}))
    assert event == t.VoiceActivity(type="ACTIVITY_START", unknown_fields={"voiceActivity.audioOffset": text})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (10, "10s"),
        (13.16, "13.160s"),
        (0.5, "0.500s"),
        (3.000000001, "3.000000001s"),
        (0.000001, "0.000001s"),
        (-1.5, "-1.500s"),
        (0, "0s"),
        (59.9999999999, "60s"),
    ],
)
def test_a_duration_is_written_with_three_six_or_nine_digits(seconds: float, text: str) -> None:
    written = encode_server_message(t.VoiceActivity(audio_offset=t.Duration(seconds)))
    assert json.loads(written) == {"voiceActivity": {"audioOffset": text}}


@given(DURATIONS)
@settings(deadline=None)
def test_any_duration_survives_the_wire(duration: t.Duration) -> None:
    assert decode_server_message(encode_server_message(t.GoAway(time_left=duration))) == [
        t.GoAway(time_left=duration)
    ]


@pytest.mark.parametrize("seconds", [float("inf"), float("-inf"), float("nan")])
def test_a_duration_without_end_is_refused(seconds: float) -> None:
    with pytest.raises(LocalProtocolError, match="can't be written as JSON"):
        encode_server_message(t.GoAway(time_left=t.Duration(seconds)))


def speech(data: str, *, mime_type: str = "audio/pcm;rate=24000", space: str = "", more: str = "") -> bytes:
    """A server's frame with one stretch of sound."""
    blob = f'{{"mimeType":"{mime_type}","data":{space}"{data}"}}'
    return f'{{"serverContent":{{"modelTurn":{{"parts":[{{"inlineData":{blob}}}]}}{more}}}}}'.encode()


LONG = base64.b64encode(bytes(range(256)) * 16).decode()


@pytest.mark.parametrize("space", ["", " ", "\n\t "])
@pytest.mark.parametrize(
    "more", ["", ',"turnComplete":true', ',"outputTranscription":{"text":"the \\"data\\": \\"x\\""}']
)
def test_long_speech_is_read_by_a_way_of_its_own_to_the_same_end(space: str, more: str) -> None:
    frame = speech(LONG, space=space, more=more)
    assert codec._decode_speech(frame) is not None
    assert codec.decode_server_message(frame) == events_in(codec._SERVER_FRAME.decode(frame))


@pytest.mark.parametrize(
    "frame",
    [
        speech(LONG[:100]),
        speech(LONG + "="),
        speech(LONG.replace("A", "\\u0041")),
        speech(LONG).decode(),
        b'{"toolCall":{"functionCalls":[{"name":"f","args":{"data":"%b"}}]}}' % LONG.encode(),
        b'{"serverContent":{"modelTurn":{"parts":[{"text":"x","partMetadata":{"data":"%b"}}]}}}'
        % LONG.encode(),
        b'{"serverContent":{"modelTurn":{"parts":[{"text":"\\"data\\":\\"%b\\""}]}}}' % LONG.encode(),
        b'{"data":5,"more":"%b"}' % LONG.encode(),
        b'{"text":"%b"}' % LONG.encode(),
        speech(LONG, more=f',"outputTranscription":{{"text":"{"a" * 5000}"}}'),
    ],
)
def test_what_only_looks_like_long_speech_is_left_to_the_usual_way(frame: bytes | str) -> None:
    assert codec._decode_speech(frame) is None


def test_nothing_that_is_unknown_is_lost_beside_long_speech() -> None:
    [event] = codec.decode_server_message(speech(LONG, more=',"hologram":{"data":"another"}'))
    assert isinstance(event, t.ServerContent)
    assert event.unknown_fields == {"serverContent.hologram": {"data": "another"}}
    assert event.audio[0].data == base64.b64decode(LONG)


@st.composite
def nearly_base64(draw: st.DrawFn) -> str:
    """Many digits, of either alphabet; and near one of their ends, perhaps, something else in place of some."""
    data = bytes(range(256)) * 12 + bytes(draw(st.integers(0, 5)))
    alphabet = draw(st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
    digits = alphabet(data).decode().rstrip(draw(st.sampled_from(["", "="])))
    at = draw(st.integers(0, 8) | st.integers(len(digits) - 8, len(digits)))
    return digits[:at] + draw(st.text("A+/=-_* \\né\0", max_size=3)) + digits[at + draw(st.integers(0, 3)) :]


@given(digits=nearly_base64())
@settings(deadline=None, max_examples=300)
def test_long_speech_is_read_or_refused_as_short_speech_is_whatever_reads_its_base64(digits: str) -> None:
    frame = speech(digits)
    by_the_usual_way = outcome(frame.decode())
    assert outcome(frame) == by_the_usual_way
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(codec, "b64decode", partial(binascii.a2b_base64, strict_mode=True))
        assert outcome(frame) == by_the_usual_way


def outcome(frame: bytes | str) -> object:
    """What comes of a frame, or the words with which it is refused."""
    try:
        return decode_server_message(frame)
    except RemoteProtocolError as error:
        return str(error)
