"""What a constructor refuses, and in which words."""

from __future__ import annotations

import re
import types
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from livegen_trio import ConfigError, RemoteProtocolError, types as t
from livegen_trio._protocol.codec import decode_client_message, encode_client_message
from livegen_trio.types._checks import Checked
from support.struct_strategies import reachable

if TYPE_CHECKING:
    from collections.abc import Callable

F = t.FunctionDeclaration(name="f")
SEARCH = t.Tool(google_search=t.GoogleSearch())
SETTING = t.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="OFF")
PUCK = t.VoiceConfig(prebuilt_voice_config=t.PrebuiltVoiceConfig(voice_name="Puck"))
CHOIR = t.MultiSpeakerVoiceConfig(
    speaker_voice_configs=[t.SpeakerVoiceConfig(speaker="a", voice_config=PUCK)]
)

OUT_OF_RANGE: list[tuple[type[t.Model], str, object, str]] = [
    (t.GenerationConfig, "temperature", -0.1, "-0.1; expected `float` >= 0.0"),
    (t.GenerationConfig, "temperature", 2.1, "2.1; expected `float` <= 2.0"),
    (t.GenerationConfig, "temperature", float("nan"), "nan; expected `float` >= 0.0"),
    (t.GenerationConfig, "temperature", float("inf"), "inf; expected `float` <= 2.0"),
    (t.GenerationConfig, "top_p", 1.5, "1.5; expected `float` <= 1.0"),
    (t.GenerationConfig, "top_k", 0, "0; expected `float` >= 1.0"),
    (t.GenerationConfig, "max_output_tokens", 0, "0; expected `int` >= 1"),
    (t.GenerationConfig, "max_output_tokens", 2**31, "2147483648; expected `int` <= 2147483647"),
    (t.GenerationConfig, "candidate_count", 0, "0; expected `int` >= 1"),
    (t.GenerationConfig, "presence_penalty", -2.5, "-2.5; expected `float` >= -2.0"),
    (t.GenerationConfig, "frequency_penalty", 2.5, "2.5; expected `float` <= 2.0"),
    (t.GenerationConfig, "seed", 2**31, "2147483648; expected `int` <= 2147483647"),
    (t.LiveGenerationConfig, "temperature", 3, "3; expected `float` <= 2.0"),
    (t.ThinkingConfig, "thinking_budget", -2, "-2; expected `int` >= -1"),
    (t.PrebuiltVoiceConfig, "voice_name", "", "''; expected `str` of length >= 1"),
    (t.SpeechConfig, "language_code", "", "''; expected `str` of length >= 1"),
    (t.TranslationConfig, "target_language_code", "", "''; expected `str` of length >= 1"),
    (t.AutomaticActivityDetection, "prefix_padding_ms", -1, "-1; expected `int` >= 0"),
    (t.AutomaticActivityDetection, "silence_duration_ms", -1, "-1; expected `int` >= 0"),
    (t.SlidingWindow, "target_tokens", -1, "-1; expected `int` >= 0"),
    (t.ContextWindowCompressionConfig, "trigger_tokens", 2**63, f"{2**63}; expected `int` <= {2**63 - 1}"),
    (t.SessionResumptionConfig, "handle", "", "''; expected `str` of length >= 1"),
    (t.AvatarConfig, "avatar_name", "", "''; expected `str` of length >= 1"),
    (t.AvatarConfig, "video_bitrate_bps", 0, "0; expected `int` >= 1"),
    (t.FileSearch, "top_k", 0, "0; expected `int` >= 1"),
    (t.DynamicRetrievalConfig, "dynamic_threshold", 1.5, "1.5; expected `float` <= 1.0"),
    (t.Schema, "min_items", -1, "-1; expected `int` >= 0"),
    (t.Schema, "minimum", float("-inf"), "-inf; expected `float` >= -1.7976931348623157e+308"),
    (t.LatLng, "latitude", 91, "91; expected `float` <= 90.0"),
    (t.LatLng, "longitude", -181.0, "-181.0; expected `float` >= -180.0"),
]

WRONG_TYPES: list[tuple[type[t.Model], str, object, str]] = [
    (t.GenerationConfig, "temperature", "0.5", " is '0.5'; expected `float | None`, got `str`"),
    (t.GenerationConfig, "temperature", True, " is True; expected `float | None`, got `bool`"),
    (t.GenerationConfig, "response_modalities", "AUDIO", " is 'AUDIO'; expected `list`, got `str`"),
    (t.GenerationConfig, "response_modalities", [1], "[0] is wrong; expected `str`, got `int`"),
    (t.GenerationConfig, "thinking_config", 5, " is 5; expected `ThinkingConfig | None`, got `int`"),
    (t.Tool, "function_declarations", F, " is of type FunctionDeclaration; expected `list`, got"),
    (t.Tool, "function_declarations", [F, F.name], "[1] is wrong; expected `FunctionDeclaration`, got `str`"),
    (t.SessionResumptionConfig, "handle", b"secret", " is of type bytes; expected `str | None`, got `bytes`"),
    (t.CustomizedAvatar, "image_data", "secret", " is of type str; "),
    (t.LiveGenerationConfig, "labels", ["secret"], " is of type list; expected `dict`, got `list`"),
]

CONFLICTS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: t.ThinkingConfig(thinking_budget=0, thinking_level="LOW"),
        "ThinkingConfig: thinking_budget and thinking_level exclude each other; set one of them",
    ),
    (
        lambda: t.VoiceConfig(
            prebuilt_voice_config=t.PrebuiltVoiceConfig(),
            replicated_voice_config=t.ReplicatedVoiceConfig(),
            voice="v",
        ),
        "VoiceConfig: prebuilt_voice_config and replicated_voice_config and voice exclude each other",
    ),
    (
        lambda: t.SpeechConfig(voice_config=PUCK, multi_speaker_voice_config=CHOIR),
        "SpeechConfig: voice_config and multi_speaker_voice_config exclude each other",
    ),
    (
        lambda: t.LiveGenerationConfig(speech_config=t.SpeechConfig(multi_speaker_voice_config=CHOIR)),
        "LiveGenerationConfig: speech_config.multi_speaker_voice_config is not for Live sessions",
    ),
    (
        lambda: t.ReplicatedVoiceConfig(voice_sample_audio=b"RIFF"),
        "ReplicatedVoiceConfig: voice_sample_audio needs its format in mime_type",
    ),
    (
        lambda: t.CustomizedAvatar(image_data=b"\xff\xd8"),
        "CustomizedAvatar: image_data needs its format in image_mime_type",
    ),
    (
        lambda: t.AvatarConfig(avatar_name="Kira", customized_avatar=t.CustomizedAvatar()),
        "AvatarConfig: avatar_name and customized_avatar exclude each other",
    ),
    (
        lambda: t.AudioTranscriptionConfig(mode="SMART", word_timestamp=True),
        "AudioTranscriptionConfig: there is no word_timestamp in mode 'SMART'",
    ),
    (
        lambda: t.AudioTranscriptionConfig(mode="SMART", diarization=True),
        "AudioTranscriptionConfig: there is no diarization in mode 'SMART'",
    ),
    (
        lambda: t.ContextWindowCompressionConfig(
            trigger_tokens=8000, sliding_window=t.SlidingWindow(target_tokens=8000)
        ),
        "ContextWindowCompressionConfig: sliding_window.target_tokens=8000 has to be less than trigger_tokens=8000",
    ),
    (
        lambda: t.ProactivityConfig(proactive_video=True),
        "ProactivityConfig: proactive_video=True needs proactive_audio=True",
    ),
    (
        lambda: t.FunctionDeclaration(name="f", parameters=t.Schema(), parameters_json_schema={}),
        "FunctionDeclaration: parameters and parameters_json_schema exclude each other",
    ),
    (
        lambda: t.FunctionDeclaration(name="f", response=t.Schema(), response_json_schema={}),
        "FunctionDeclaration: response and response_json_schema exclude each other",
    ),
    (
        lambda: t.FunctionCallingConfig(allowed_function_names=["f"]),
        "FunctionCallingConfig: allowed_function_names needs mode='ANY'; it is None",
    ),
    (
        lambda: t.Interval(start_time="2026-01-01T00:00:00Z"),
        "Interval: start_time and end_time go together",
    ),
    (lambda: t.Schema(min_items=2, max_items=1), "Schema: min_items=2 is more than max_items=1"),
    (lambda: t.Schema(minimum=2, maximum=1), "Schema: minimum=2.0 is more than maximum=1.0"),
    (lambda: t.Schema(min_length=2, max_length=1), "Schema: min_length=2 is more than max_length=1"),
    (
        lambda: t.Schema(min_properties=2, max_properties=1),
        "Schema: min_properties=2 is more than max_properties=1",
    ),
    (
        lambda: t.Setup(model="m", safety_settings=[SETTING, SETTING]),
        "Setup: safety_settings has two entries for 'HARM_CATEGORY_HARASSMENT'; leave one of them out",
    ),
    (
        lambda: t.LiveGenerationConfig(safety_settings=[SETTING, SETTING]),
        "LiveGenerationConfig: safety_settings has two entries for 'HARM_CATEGORY_HARASSMENT'",
    ),
    (
        lambda: t.Setup(
            model="m", tools=[t.Tool(function_declarations=[F]), t.Tool(function_declarations=[F])]
        ),
        "Setup: tools has two entries for 'f'; leave one of them out",
    ),
    (
        lambda: t.ToolsUpdate(tools=[t.Tool(function_declarations=[F, F])]),
        "ToolsUpdate: tools has two entries for 'f'; leave one of them out",
    ),
]


@pytest.mark.parametrize(("struct", "field", "value", "words"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_refused_by_name(
    struct: type[t.Model], field: str, value: object, words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(f'{struct.__name__}: {field} is {words}')}$"):
        struct(**{field: value})


@pytest.mark.parametrize(("struct", "field", "value", "words"), WRONG_TYPES)
def test_a_value_of_the_wrong_type_is_refused_by_name(
    struct: type[t.Model], field: str, value: object, words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(f'{struct.__name__}: {field}{words}')}") as caught:
        struct(**{field: value})
    assert "secret" not in str(caught.value)
    assert "$" not in str(caught.value)


@pytest.mark.parametrize(("make", "words"), CONFLICTS, ids=[words for _, words in CONFLICTS])
def test_what_contradicts_itself_is_refused_by_name(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{re.escape(words)}"):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: t.GenerationConfig(temperature=0, top_p=0, top_k=1, presence_penalty=-2, seed=-(2**31)),
        lambda: t.GenerationConfig(temperature=2.0, top_p=1, frequency_penalty=2, seed=2**31 - 1),
        lambda: t.ThinkingConfig(include_thoughts=True, thinking_budget=-1),
        lambda: t.ThinkingConfig(include_thoughts=True, thinking_level="HIGH"),
        lambda: t.SpeechConfig(voice_config=PUCK, language_code="de-DE"),
        lambda: t.SpeechConfig(multi_speaker_voice_config=CHOIR),
        lambda: t.LiveGenerationConfig(speech_config=t.SpeechConfig(voice_config=PUCK)),
        lambda: t.AudioTranscriptionConfig(mode="SMART", word_timestamp=False, source_text="Dear Sir,"),
        lambda: t.AudioTranscriptionConfig(mode="VERBATIM", word_timestamp=True, diarization=True),
        lambda: t.ContextWindowCompressionConfig(
            trigger_tokens=1, sliding_window=t.SlidingWindow(target_tokens=0)
        ),
        lambda: t.ContextWindowCompressionConfig(sliding_window=t.SlidingWindow(target_tokens=9)),
        lambda: t.ContextWindowCompressionConfig(trigger_tokens=1, sliding_window=t.SlidingWindow()),
        lambda: t.ProactivityConfig(proactive_audio=True, proactive_video=True),
        lambda: t.ProactivityConfig(proactive_audio=False, proactive_video=False),
        lambda: t.FunctionCallingConfig(mode="ANY", allowed_function_names=["f"]),
        lambda: t.FunctionCallingConfig(mode="VALIDATED", allowed_function_names=["f"]),
        lambda: t.FunctionCallingConfig(mode="SOME_DAY", allowed_function_names=["f"]),
        lambda: t.Interval(start_time="2026-01-01T00:00:00Z", end_time="2026-02-01T00:00:00Z"),
        lambda: t.Schema(min_items=1, max_items=1, minimum=-1.5, maximum=3, min_length=0),
        lambda: t.Setup(model="m", safety_settings=[SETTING, t.SafetySetting(), t.SafetySetting()]),
        lambda: t.Setup(model="m", tools=[t.Tool(function_declarations=[F]), SEARCH]),
    ],
)
def test_what_lies_on_a_bound_or_goes_together_is_taken(make: Callable[[], object]) -> None:
    assert make() == make()


@pytest.mark.parametrize("name", ["f", "_", "Get.Weather:now-2", "a" * 128])
def test_a_functions_name_is_taken(name: str) -> None:
    assert t.FunctionDeclaration(name=name).name == name


@pytest.mark.parametrize("name", ["", "2f", "-f", "get weather", "gęt", "f\n", "a" * 129])
def test_a_functions_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^FunctionDeclaration: name is .*; begin with a letter"):
        t.FunctionDeclaration(name=name)


@pytest.mark.parametrize(
    "labels", [{}, {"team": "voice-2"}, {"a": ""}, {"straße": "日本_1"}, {"k" * 63: "v" * 63}]
)
def test_labels_are_taken(labels: dict[str, str]) -> None:
    assert t.Setup(model="m", labels=labels).labels == labels
    assert t.LiveGenerationConfig(labels=labels).labels == labels


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"": "a"}, "the key '' in labels has to begin with a letter"),
        ({"1a": "a"}, "the key '1a' in labels"),
        ({"Team": "a"}, "the key 'Team' in labels"),
        ({"k" * 64: "a"}, "the key 'kkkkk"),
        ({"team": "Voice"}, "labels['team'] is 'Voice'; values are lower-case letters, digits, _ and -"),
        ({"team": "v" * 64}, "labels['team'] is 'vvvvv"),
        ({"team": "a b"}, "labels['team'] is 'a b'"),
    ],
)
@pytest.mark.parametrize("struct", [t.LiveGenerationConfig, t.Setup])
def test_labels_against_the_rules_are_refused(
    struct: type[t.Model], labels: dict[str, str], words: str
) -> None:
    fields: dict[str, Any] = {"model": "m"} if struct is t.Setup else {}
    with pytest.raises(ConfigError, match=rf"^{struct.__name__}: {re.escape(words)}"):
        struct(labels=labels, **fields)


def test_what_a_caller_hands_in_is_neither_kept_nor_changed() -> None:
    modalities, labels, tools = ["AUDIO"], {"team": "voice"}, [SEARCH]
    config = t.LiveGenerationConfig(response_modalities=modalities, labels=labels)
    setup = t.make_setup("m", config, tools=tools)
    for collection in (modalities, labels, tools):
        collection.clear()
    assert config.response_modalities == ["AUDIO"]
    assert setup.labels == config.labels == {"team": "voice"}
    assert setup.tools == [SEARCH]
    frozen = types.MappingProxyType({"team": "voice"})
    assert t.LiveGenerationConfig(response_modalities=("AUDIO",), labels=frozen) == config


def test_a_copy_with_other_fields_is_checked_too() -> None:
    config = t.LiveGenerationConfig(temperature=1)
    assert msgspec.structs.replace(config, temperature=2).temperature == 2
    with pytest.raises(ConfigError, match="temperature is 9"):
        msgspec.structs.replace(config, temperature=9)


def test_an_error_stays_short_and_names_a_known_value_in_full() -> None:
    for category, shown in (
        ("HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT", "'HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT'"),
        ("X" * 10_000, "'XXX"),
    ):
        with pytest.raises(ConfigError, match=f"two entries for {shown}") as caught:
            t.Setup(model="m", safety_settings=[t.SafetySetting(category=category)] * 2)
        assert len(str(caught.value)) < 200


def test_a_refused_value_leaves_no_secret_in_the_error() -> None:
    with pytest.raises(ConfigError) as caught:
        t.ExaAiSearch(api_key="secret" * 100, custom_configs=5)  # type: ignore[arg-type]  # the point of the test
    assert str(caught.value) == "ExaAiSearch: custom_configs is 5; expected `dict`, got `int`"


def test_what_we_would_not_send_the_embedded_server_does_not_take() -> None:
    both = {
        "model": "m",
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}},
    }
    for setup, words in (
        ({"model": "m", "generationConfig": {"temperature": 3}}, "Expected `float` <= 2.0"),
        (both, "thinking_budget and thinking_level exclude each other"),
        ({**both, "tools": None}, "thinking_budget and thinking_level exclude each other"),
    ):
        with pytest.raises(RemoteProtocolError, match=r"^Request contains an invalid argument\. ") as caught:
            decode_client_message(msgspec.json.encode({"setup": setup}))
        assert words in str(caught.value)
        assert caught.value.code == 1007


def test_a_checked_setup_encodes_as_it_was_written() -> None:
    setup = t.Setup(
        model="m", generation_config=t.GenerationConfig(temperature=1, top_k=40), labels={"a": "b"}
    )
    assert encode_client_message(setup) == (
        b'{"setup":{"model":"m","generationConfig":{"temperature":1.0,"topK":40.0},"labels":{"a":"b"}}}'
    )


def test_nothing_that_a_server_sends_is_ever_refused_for_its_value() -> None:
    received = reachable(*t.Event.__subclasses__())
    assert t.ServerContent in received
    assert t.Blob in received
    assert not [struct for struct in received if issubclass(struct, Checked)]


def test_nothing_that_is_sent_many_times_a_second_is_checked() -> None:
    sent = reachable(t.RealtimeInput, t.ClientContent, t.ToolResponse)
    assert not [struct for struct in sent if issubclass(struct, Checked)]


def test_all_that_only_clients_write_is_checked() -> None:
    written = reachable(t.Setup, t.LiveGenerationConfig, t.ContextUpdate)
    said = reachable(t.Content, *t.Event.__subclasses__())
    unchecked = {struct for struct in written - said if not issubclass(struct, Checked)}
    assert unchecked == {t.ContextUpdate, t.Empty}  # nothing in them can be wrong
