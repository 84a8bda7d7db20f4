from __future__ import annotations

import msgspec
import pytest

from livegen_trio import types as t
from livegen_trio._protocol.codec import encode_client_message, encode_server_message

STRUCTS = [
    struct
    for struct in vars(t).values()
    if isinstance(struct, type) and issubclass(struct, t.Model) and struct not in (t.Model, t.Event)
]


@pytest.mark.parametrize("struct", STRUCTS)
def test_a_struct_without_fields_set_is_empty_on_the_wire(struct: type[t.Model]) -> None:
    required: dict[str, object] = {
        field.name: "x" for field in msgspec.structs.fields(struct) if field.required
    }
    expected: dict[str, object] = {"tools": []} if struct is t.ToolsUpdate else required
    assert msgspec.json.decode(msgspec.json.encode(struct(**required))) == expected


@pytest.mark.parametrize("struct", STRUCTS)
def test_a_struct_is_documented_and_immutable(struct: type[t.Model]) -> None:
    assert struct.__doc__
    instance = struct(**{field.name: "x" for field in msgspec.structs.fields(struct) if field.required})
    for name in struct.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(instance, name, None)


def test_structs_are_equal_by_value() -> None:
    content = t.Content(role="user", parts=[t.Part(text="hi")])
    assert content == t.Content(role="user", parts=[t.Part(text="hi")])
    assert content != t.Content(role="user", parts=[t.Part(text="ho")])
    assert t.ServerContent(audio_epoch=1) != t.ServerContent()
    assert t.UsageMetadata(unknown_fields={"usageMetadata.x": 1}) != t.UsageMetadata()


def test_events_are_matched_by_type_and_field() -> None:
    match t.ServerContent(turn_complete=True, audio_epoch=3):
        case t.ServerContent(turn_complete=True, audio_epoch=epoch):
            assert epoch == 3
        case _:
            pytest.fail("no match")


def test_a_repr_shows_what_is_set_and_nothing_else() -> None:
    assert repr(t.ServerContent(turn_complete=True)) == "ServerContent(turn_complete=True)"
    assert repr(t.SetupComplete()) == "SetupComplete()"


def test_a_repr_shows_the_size_of_media_and_not_the_media() -> None:
    blob = t.Blob(mime_type="audio/pcm", data=b"\0" * 640)
    assert repr(blob) == "Blob(mime_type='audio/pcm', data=<640 bytes>)"
    assert repr(t.Blob()) == "Blob()"


def test_a_repr_shows_no_secrets() -> None:
    secret = "AIzaMadeUp"
    structs = [
        t.SessionResumptionConfig(handle=secret, transparent=False),
        t.SessionResumptionUpdate(new_handle=secret, resumable=True),
        t.ExaAiSearch(api_key=secret),
        t.ParallelAiSearch(api_key=secret),
        t.GoogleMaps(auth_config={"apiKey": secret}),
        t.StreamableHttpTransport(headers={"authorization": secret}),
    ]
    for struct in structs:
        assert secret not in repr(struct)
        assert "<hidden>" in repr(struct)
    assert repr(structs[0]) == "SessionResumptionConfig(handle=<hidden>, transparent=False)"


@pytest.mark.parametrize(
    ("mime_type", "rate"),
    [
        ("audio/pcm;rate=16000", 16000),
        ("audio/pcm; Rate=44100", 44100),
        ("audio/pcm;channels=1;rate=8000", 8000),
        ("audio/pcm", 24000),
        ("", 24000),
        ("audio/pcm;rate=", 24000),
        ("audio/pcm;rate=fast", 24000),
        ("audio/pcm;rate=-1", 24000),
        ("audio/pcm;rate=²", 24000),
        ("audio/pcm;rate=0", 24000),
        ("audio/pcm;rate=" + "9" * 5000, 24000),
    ],
)
def test_a_blob_knows_its_sample_rate(mime_type: str, rate: int) -> None:
    assert t.Blob(mime_type=mime_type).sample_rate == rate


def test_the_text_of_content_leaves_thoughts_out() -> None:
    parts = [t.Part(text="Let me see.", thought=True), t.Part(text="It is "), t.Part(inline_data=t.Blob())]
    content = t.Content(parts=[*parts, t.Part(text="21.")])
    assert content.text == "It is 21."
    assert t.ServerContent(model_turn=content).text == "It is 21."
    assert t.ServerContent(turn_complete=True).text == ""


def test_the_audio_of_content_is_all_its_sound_in_order() -> None:
    sounds = [t.Blob(mime_type="audio/pcm", data=b"1"), t.Blob(mime_type="audio/pcm;rate=24000", data=b"2")]
    others = [t.Part(text="a"), t.Part(inline_data=t.Blob(mime_type="image/jpeg", data=b"3"))]
    parts = [t.Part(inline_data=sounds[0]), *others, t.Part(inline_data=sounds[1])]
    assert t.ServerContent(model_turn=t.Content(parts=parts)).audio == tuple(sounds)
    assert t.ServerContent(interrupted=True).audio == ()


def test_a_duration_is_a_number_of_seconds() -> None:
    assert t.Duration(2.5) == 2.5
    assert t.Duration(60) / 2 == 30.0


def test_a_setup_always_has_a_generation_config() -> None:
    assert t.make_setup("models/m") == t.Setup(model="models/m", generation_config=t.GenerationConfig())
    assert (
        encode_client_message(t.make_setup("models/m"))
        == b'{"setup":{"model":"models/m","generationConfig":{}}}'
    )


def test_a_setup_hoists_what_the_wire_keeps_outside_the_generation_config() -> None:
    hoisted = {
        "input_audio_transcription": t.AudioTranscriptionConfig(),
        "output_audio_transcription": t.AudioTranscriptionConfig(language_codes=["en-US"]),
        "realtime_input_config": t.RealtimeInputConfig(activity_handling="NO_INTERRUPTION"),
        "context_window_compression": t.ContextWindowCompressionConfig(sliding_window=t.SlidingWindow()),
        "proactivity": t.ProactivityConfig(proactive_audio=True),
        "explicit_vad_signal": True,
        "history_config": t.HistoryConfig(initial_history_in_client_content=True),
        "avatar_config": t.AvatarConfig(avatar_name="Kira"),
        "safety_settings": [t.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
        "labels": {"team": "voice"},
    }
    config = t.LiveGenerationConfig(response_modalities=["AUDIO"], temperature=0.5, **hoisted)  # type: ignore[arg-type]  # by name
    setup = t.make_setup("models/m", config)
    assert setup.generation_config == t.GenerationConfig(response_modalities=["AUDIO"], temperature=0.5)
    assert type(setup.generation_config) is t.GenerationConfig
    assert {name: getattr(setup, name) for name in hoisted} == hoisted


def test_no_field_of_a_live_generation_config_gets_lost_in_a_setup() -> None:
    fields = set(t.LiveGenerationConfig.__struct_fields__)
    assert fields <= set(t.GenerationConfig.__struct_fields__) | set(t.Setup.__struct_fields__)


def test_a_setup_takes_what_a_model_is_made_with_and_changes_none_of_it() -> None:
    tools = [t.Tool(google_search=t.GoogleSearch())]
    config = t.LiveGenerationConfig(seed=1, proactivity=t.ProactivityConfig())
    setup = t.make_setup(
        "models/m",
        config,
        system_instruction=t.Content(role="system", parts=[t.Part(text="Be brief.")]),
        tools=tools,
        tool_config=t.ToolConfig(function_calling_config=t.FunctionCallingConfig(mode="ANY")),
        session_resumption=t.SessionResumptionConfig(),
    )
    assert setup.tools == tools
    assert setup.tools is not tools
    assert tools == [t.Tool(google_search=t.GoogleSearch())]
    assert config == t.LiveGenerationConfig(seed=1, proactivity=t.ProactivityConfig())
    assert msgspec.json.decode(encode_client_message(setup)) == {
        "setup": {
            "model": "models/m",
            "generationConfig": {"seed": 1},
            "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
            "tools": [{"googleSearch": {}}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
            "sessionResumption": {},
            "proactivity": {},
        }
    }


def test_no_tools_at_all_and_an_update_to_no_tools_differ_on_the_wire() -> None:
    assert encode_client_message(t.ContextUpdate()) == b'{"contextUpdate":{}}'
    cleared = t.ContextUpdate(tools=t.ToolsUpdate())
    assert encode_client_message(cleared) == b'{"contextUpdate":{"tools":{"tools":[]}}}'


def test_a_zero_that_was_set_is_sent() -> None:
    config = t.LiveGenerationConfig(temperature=0.0, thinking_config=t.ThinkingConfig(thinking_budget=0))
    frame = msgspec.json.decode(encode_client_message(t.make_setup("m", config)))
    assert frame["setup"]["generationConfig"] == {"temperature": 0.0, "thinkingConfig": {"thinkingBudget": 0}}


def test_a_false_that_was_set_is_sent() -> None:
    config = t.LiveGenerationConfig(proactivity=t.ProactivityConfig(proactive_audio=False))
    frame = msgspec.json.decode(encode_client_message(t.make_setup("m", config)))
    assert frame["setup"]["proactivity"] == {"proactiveAudio": False}


def test_empty_messages_are_there_by_presence() -> None:
    assert encode_client_message(t.RealtimeInput(activity_start=t.ActivityStart())) == (
        b'{"realtimeInput":{"activityStart":{}}}'
    )
    assert encode_server_message(t.SetupComplete()) == b'{"setupComplete":{}}'


@pytest.mark.parametrize(
    "struct",
    [
        *(
            t.AudioTranscriptionConfig,
            t.AvatarConfig,
            t.Blob,
            t.ClientContent,
            t.ContextUpdate,
            t.FunctionCall,
        ),
        *(t.FunctionResponse, t.GenerationConfig, t.HistoryConfig, t.LiveGenerationConfig, t.RealtimeInput),
        *(
            t.RealtimeInputConfig,
            t.ServerContent,
            t.SessionResumptionConfig,
            t.SessionResumptionUpdate,
            t.Setup,
        ),
        *(
            t.SlidingWindow,
            t.ToolConfig,
            t.Transcription,
            t.TranslationConfig,
            t.UsageMetadata,
            t.VoiceActivity,
        ),
        t.VoiceConfig,
    ],
)
def test_a_struct_says_what_is_uncertain_about_it(struct: type[t.Model]) -> None:
    assert "uncertain" in (struct.__doc__ or "").lower()
