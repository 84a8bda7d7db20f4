"""The same conversation, by us and by google-genai: their server must see the same frames."""

from __future__ import annotations

import asyncio
import re
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme
from google import genai
from google.genai import types

from livegen_trio import (
    AudioTranscriptionConfig,
    AutomaticActivityDetection,
    Blob,
    Content,
    ContextWindowCompressionConfig,
    FunctionDeclaration,
    FunctionResponse,
    GeminiBackend,
    GoogleSearch,
    HistoryConfig,
    LiveGenerationConfig,
    Part,
    PrebuiltVoiceConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SessionResumptionConfig,
    SlidingWindow,
    SpeechConfig,
    ThinkingConfig,
    Tool,
    TranslationConfig,
    VoiceConfig,
    get_live_generative_model,
)
from livegen_trio.types import SafetySetting
from support.recording_server import recording_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.genai.live import AsyncSession

    from livegen_trio import LiveSession

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
PCM = bytes(range(256)) * 2
JPEG = b"\xff\xd8\xff\xe0?>!"  # its base64 has all that is spelt in two ways, and padding


async def nothing(session: object) -> None:
    """Say no more than the setup."""


async def messages_of_both(
    ours: Callable[[LiveSession], Awaitable[object]] = nothing,
    theirs: Callable[[AsyncSession], Awaitable[object]] = nothing,
    *,
    options: dict[str, Any] | None = None,
    config: types.LiveConnectConfig | None = None,
    resumption: SessionResumptionConfig | None = None,
) -> tuple[list[Any], list[Any]]:
    """The messages that a server hears of each, in one spelling."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async with recording_server(serving) as server:
        backend = GeminiBackend(api_key="KEY", base_url=server.url("wss"), ssl_context=trusting, proxy=None)
        model = get_live_generative_model(MODEL, backend=backend, **(options or {}))
        async with model.connect(session_resumption=resumption) as session:
            await ours(session)

        # Theirs needs the version, ours finds it by itself.
        version = "v1alpha" if ".v1alpha." in server.visits[0].target else "v1beta"
        client = genai.Client(
            api_key="KEY",
            http_options=types.HttpOptions(
                base_url=server.url("https"), async_client_args={"ssl": trusting}, api_version=version
            ),
        )

        async def converse() -> None:
            async with client.aio.live.connect(model=MODEL, config=config) as session:
                await theirs(session)

        await trio.to_thread.run_sync(asyncio.run, converse())
    our_visit, their_visit = server.visits
    assert their_visit.target.replace("//", "/") == our_visit.target
    assert their_visit.headers["x-goog-api-key"] == our_visit.headers["x-goog-api-key"]
    return one_spelling(our_visit.messages), one_spelling(their_visit.messages)


def one_spelling(value: Any) -> Any:
    """One spelling of what is the same to the service.

    Theirs has snake_case at the top and URL-safe base64, and says that a turn is not complete; the role of a system
    instruction is "system" in ours, as in Firebase's clients, and ignored.
    """
    match value:
        case {"role": _, "parts": [{"text": "Be brief." | "Be kind."}] as parts}:
            return {"parts": parts}
        case dict():
            return {
                camel(name): one_spelling(item)
                for name, item in value.items()
                if (name, item) != ("turnComplete", False)
            }
        case list():
            return [one_spelling(item) for item in value]
        case str():
            return value.replace("-", "+").replace("_", "/") if value.endswith("=") else value
    return value


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


SETUPS: dict[str, tuple[dict[str, Any], types.LiveConnectConfig]] = {
    "nothing but a modality": (
        {"generation_config": LiveGenerationConfig(response_modalities=["AUDIO"])},
        types.LiveConnectConfig(response_modalities=[types.Modality.AUDIO]),
    ),
    "how it answers": (
        {
            "generation_config": LiveGenerationConfig(
                response_modalities=["AUDIO"],
                temperature=0.5,
                top_p=0.25,
                top_k=8,
                max_output_tokens=100,
                seed=7,
                media_resolution="MEDIA_RESOLUTION_LOW",
                thinking_config=ThinkingConfig(include_thoughts=True, thinking_budget=0),
                enable_affective_dialog=True,
                speech_config=SpeechConfig(
                    language_code="de-DE",
                    voice_config=VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name="Puck")),
                ),
            ),
            "system_instruction": "Be brief.",
        },
        types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            temperature=0.5,
            top_p=0.25,
            top_k=8,
            max_output_tokens=100,
            seed=7,
            media_resolution=types.MediaResolution.MEDIA_RESOLUTION_LOW,
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=0),
            enable_affective_dialog=True,
            speech_config=types.SpeechConfig(
                language_code="de-DE",
                voice_config=types.VoiceConfig(
                    prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Puck")
                ),
            ),
            system_instruction="Be brief.",
        ),
    ),
    "how it listens": (
        {
            "generation_config": LiveGenerationConfig(
                response_modalities=["AUDIO"],
                input_audio_transcription=AudioTranscriptionConfig(),
                output_audio_transcription=AudioTranscriptionConfig(language_codes=["en-US"]),
                realtime_input_config=RealtimeInputConfig(
                    automatic_activity_detection=AutomaticActivityDetection(
                        start_of_speech_sensitivity="START_SENSITIVITY_LOW",
                        end_of_speech_sensitivity="END_SENSITIVITY_HIGH",
                        prefix_padding_ms=20,
                        silence_duration_ms=0,
                    ),
                    activity_handling="NO_INTERRUPTION",
                    turn_coverage="TURN_INCLUDES_ALL_INPUT",
                ),
                context_window_compression=ContextWindowCompressionConfig(
                    trigger_tokens=20000, sliding_window=SlidingWindow(target_tokens=10000)
                ),
                proactivity=ProactivityConfig(proactive_audio=True),
                history_config=HistoryConfig(initial_history_in_client_content=True),
                translation_config=TranslationConfig(target_language_code="pl", echo_target_language=True),
                safety_settings=[
                    SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_ONLY_HIGH")
                ],
                labels={"team": "voice"},
            )
        },
        types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            input_audio_transcription=types.AudioTranscriptionConfig(),
            output_audio_transcription=types.AudioTranscriptionConfig(language_codes=["en-US"]),
            realtime_input_config=types.RealtimeInputConfig(
                automatic_activity_detection=types.AutomaticActivityDetection(
                    start_of_speech_sensitivity=types.StartSensitivity.START_SENSITIVITY_LOW,
                    end_of_speech_sensitivity=types.EndSensitivity.END_SENSITIVITY_HIGH,
                    prefix_padding_ms=20,
                    silence_duration_ms=0,
                ),
                activity_handling=types.ActivityHandling.NO_INTERRUPTION,
                turn_coverage=types.TurnCoverage.TURN_INCLUDES_ALL_INPUT,
            ),
            context_window_compression=types.ContextWindowCompressionConfig(
                trigger_tokens=20000, sliding_window=types.SlidingWindow(target_tokens=10000)
            ),
            proactivity=types.ProactivityConfig(proactive_audio=True),
            history_config=types.HistoryConfig(initial_history_in_client_content=True),
            translation_config=types.TranslationConfig(target_language_code="pl", echo_target_language=True),
            safety_settings=[
                types.SafetySetting(
                    category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
                    threshold=types.HarmBlockThreshold.BLOCK_ONLY_HIGH,
                )
            ],
            labels={"team": "voice"},
        ),
    ),
    "tools": (
        {
            "generation_config": LiveGenerationConfig(response_modalities=["AUDIO"]),
            "tools": [
                Tool(google_search=GoogleSearch()),
                FunctionDeclaration(
                    name="look_up",
                    description="Look it up.",
                    behavior="NON_BLOCKING",
                    parameters_json_schema={"type": "object", "properties": {"what_for": {"type": "string"}}},
                ),
            ],
        },
        types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            tools=[
                types.Tool(google_search=types.GoogleSearch()),
                types.Tool(
                    function_declarations=[
                        types.FunctionDeclaration(
                            name="look_up",
                            description="Look it up.",
                            behavior=types.Behavior.NON_BLOCKING,
                            parameters_json_schema={
                                "type": "object",
                                "properties": {"what_for": {"type": "string"}},
                            },
                        )
                    ]
                ),
            ],
        ),
    ),
}


@pytest.mark.parametrize("name", SETUPS)
async def test_the_setup_is_the_official_clients(name: str) -> None:
    options, config = SETUPS[name]
    [our_setup], [their_setup] = await messages_of_both(options=options, config=config)
    assert our_setup == their_setup


@pytest.mark.parametrize("handle", [None, "handle"])
async def test_resumption_is_asked_for_as_by_the_official_client(handle: str | None) -> None:
    [our_setup], [their_setup] = await messages_of_both(
        resumption=SessionResumptionConfig(handle=handle),
        options={"generation_config": LiveGenerationConfig(response_modalities=["AUDIO"])},
        config=types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            session_resumption=types.SessionResumptionConfig(handle=handle),
        ),
    )
    assert our_setup == their_setup


async def test_what_is_said_is_said_in_the_official_clients_frames() -> None:
    async def ours(session: LiveSession) -> None:
        await session.send("Hello")
        await session.send(Content(role="user", parts=[Part(text="Wait")]), turn_complete=False)
        await session.send_function_responses(
            [FunctionResponse(id="1", name="look_up", response={"found_it": True}, scheduling="SILENT")]
        )
        await session.update_context(system_instruction="Be kind.", tools=[])
        await session.send_text_realtime("Typing")
        await session.send_audio_realtime(PCM)
        await session.send_video_realtime(Blob(mime_type="image/jpeg", data=JPEG))
        await session.end_audio()

    async def theirs(session: AsyncSession) -> None:
        await session.send_client_content(turns=user("Hello"), turn_complete=True)
        await session.send_client_content(turns=user("Wait"), turn_complete=False)
        await session.send_tool_response(
            function_responses=types.FunctionResponse(
                id="1",
                name="look_up",
                response={"found_it": True},
                scheduling=types.FunctionResponseScheduling.SILENT,
            )
        )
        await session.send_context_update(system_instruction="Be kind.", tools=[])
        await session.send_realtime_input(text="Typing")
        await session.send_realtime_input(audio=types.Blob(data=PCM, mime_type="audio/pcm;rate=16000"))
        await session.send_realtime_input(video=types.Blob(data=JPEG, mime_type="image/jpeg"))
        await session.send_realtime_input(audio_stream_end=True)

    [_, *our_messages], [_, *their_messages] = await messages_of_both(ours, theirs)
    assert our_messages == their_messages


async def test_activity_is_marked_in_the_official_clients_frames() -> None:
    async def ours(session: LiveSession) -> None:
        async with session.activity():
            pass

    async def theirs(session: AsyncSession) -> None:
        await session.send_realtime_input(activity_start=types.ActivityStart())
        await session.send_realtime_input(activity_end=types.ActivityEnd())

    detection = AutomaticActivityDetection(disabled=True)
    our_messages, their_messages = await messages_of_both(
        ours,
        theirs,
        options={
            "generation_config": LiveGenerationConfig(
                response_modalities=["AUDIO"],
                realtime_input_config=RealtimeInputConfig(automatic_activity_detection=detection),
            )
        },
        config=types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            realtime_input_config=types.RealtimeInputConfig(
                automatic_activity_detection=types.AutomaticActivityDetection(disabled=True)
            ),
        ),
    )
    assert our_messages == their_messages


def user(text: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=text)])
