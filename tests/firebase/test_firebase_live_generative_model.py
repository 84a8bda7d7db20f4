"""Firebase's unit tests of `LiveGenerativeModel`, one for one and named after them, and what they leave out."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from livegen_trio import (
    AudioTranscriptionConfig,
    Blob,
    Content,
    ContextWindowCompressionConfig,
    FunctionDeclaration,
    HandshakeError,
    LiveError,
    LiveGenerationConfig,
    Part,
    SessionResumptionConfig,
    SetupRejectedError,
    SlidingWindow,
    ThinkingConfig,
    ToolConfig,
)
from livegen_trio.firebase import AIError, AIErrorCode, get_live_generative_model
from livegen_trio.types import FunctionCallingConfig
from support.firebase_peer import MODEL, ai_of, firebase_session, model_of
from support.peer import SETUP_COMPLETE, PeerBackend

CONFIG = LiveGenerationConfig(
    response_modalities=["AUDIO"],
    temperature=0.5,
    input_audio_transcription=AudioTranscriptionConfig(),
    output_audio_transcription=AudioTranscriptionConfig(),
    context_window_compression=ContextWindowCompressionConfig(
        trigger_tokens=1000, sliding_window=SlidingWindow(target_tokens=500)
    ),
)


async def test_lgm_1_connect_should_call_handler_connect_and_send_setup_message() -> None:
    backend = PeerBackend()
    async with model_of(backend).connect() as session:
        assert backend.setup == {"setup": {"model": f"models/{MODEL}", "generationConfig": {}}}
        assert not session.is_closed


async def test_lgm_2_connect_should_throw_if_handshake_fails() -> None:
    with pytest.raises(AIError, match="the server's first message was UnknownEvent") as caught:
        async with firebase_session({"handshake": "failed"}):
            pass
    assert caught.value.code is AIErrorCode.RESPONSE_ERROR


async def test_lgm_2_connect_should_throw_if_the_server_answers_with_an_error() -> None:
    with pytest.raises(AIError, match="the setup with an error: handshake failed") as caught:
        async with firebase_session({"error": {"message": "handshake failed"}}):
            pass
    assert caught.value.code is AIErrorCode.RESPONSE_ERROR


async def test_lgm_3_connect_should_pass_through_connection_errors() -> None:
    class Unreachable(PeerBackend):
        async def dial(self, *_: Any) -> Any:
            await trio.lowlevel.checkpoint()
            raise HandshakeError("the host does not answer", phase="tcp")

    with pytest.raises(AIError, match="the host does not answer") as caught:
        async with model_of(Unreachable()).connect():
            pass
    assert caught.value.code is AIErrorCode.FETCH_ERROR
    assert isinstance(caught.value.__cause__, HandshakeError)


async def test_lgm_4_connect_should_pass_through_setup_parameters_correctly() -> None:
    backend = PeerBackend()
    model = model_of(
        backend,
        generation_config=LiveGenerationConfig(temperature=0.8),
        tools=[FunctionDeclaration(name="look", description="Looks.")],
        tool_config=ToolConfig(function_calling_config=FunctionCallingConfig(mode="ANY")),
        system_instruction="be brief",
    )
    async with model.connect():
        assert backend.setup["setup"] == {
            "model": f"models/{MODEL}",
            "generationConfig": {"temperature": 0.8},
            "systemInstruction": {"role": "system", "parts": [{"text": "be brief"}]},
            "tools": [{"functionDeclarations": [{"name": "look", "description": "Looks."}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        }
    assert model.generation_config.temperature == 0.8
    assert model.tool_config is not None
    assert model.tools[0].function_declarations[0].name == "look"
    assert model.system_instruction is not None
    assert model.system_instruction.text == "be brief"
    assert model.model == f"models/{MODEL}"


async def test_lgm_5_connect_should_deconstruct_generation_config_to_send_transcription_configs() -> None:
    backend = PeerBackend()
    model = model_of(backend, generation_config=CONFIG)
    for _ in range(2):
        async with model.connect():
            assert backend.setup["setup"] == {
                "model": f"models/{MODEL}",
                "generationConfig": {"responseModalities": ["AUDIO"], "temperature": 0.5},
                "inputAudioTranscription": {},
                "outputAudioTranscription": {},
                "contextWindowCompression": {
                    "triggerTokens": 1000,
                    "slidingWindow": {"targetTokens": 500},
                },
            }
    assert model.generation_config is CONFIG


@pytest.mark.parametrize(
    ("resumption", "sent"),
    [(None, None), (SessionResumptionConfig(), {}), (SessionResumptionConfig(handle="h"), {"handle": "h"})],
)
async def test_resumption_is_asked_for_when_it_is_given(
    resumption: SessionResumptionConfig | None, sent: object
) -> None:
    backend = PeerBackend()
    async with model_of(backend).connect(resumption):
        assert backend.setup["setup"].get("sessionResumption") == sent


async def test_a_handshake_that_the_server_closes_has_its_code_and_reason() -> None:
    class Refusing(PeerBackend):
        async def _answer_setup(self) -> None:
            await self.peer.hear()
            await self.peer.close(1007, "Request contains an invalid argument.")

    with pytest.raises(AIError, match="close code 1007: Request contains") as caught:
        async with model_of(Refusing()).connect():
            pass
    assert caught.value.code is AIErrorCode.RESPONSE_ERROR
    assert isinstance(caught.value.__cause__, SetupRejectedError)
    assert caught.value.__cause__.code == 1007


@pytest.mark.parametrize("error", [ValueError("mine"), LiveError("mine"), KeyboardInterrupt()])
async def test_the_blocks_own_error_leaves_it_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        async with firebase_session():
            raise error
    assert caught.value is error


async def test_a_break_that_no_call_has_raised_is_raised_on_leaving() -> None:
    with pytest.raises(AIError, match="close code 1011") as caught:
        async with firebase_session(SETUP_COMPLETE) as (_, peer):
            await peer.close(1011, "Internal error encountered.")
            await trio.testing.wait_all_tasks_blocked()
    assert caught.value.code is AIErrorCode.SESSION_CLOSED


# System instructions


@pytest.mark.parametrize(
    ("instruction", "role"),
    [
        ("be brief", "system"),
        (Part(text="be brief"), "system"),
        (Content(parts=[Part(text="be brief")]), "system"),
        (Content(role="user", parts=[Part(text="be brief")]), "user"),
    ],
    ids=[
        "rh_6_formats_system_instructions_if_provided_as_text",
        "rh_7_formats_system_instructions_if_provided_as_part",
        "rh_8_formats_system_instructions_if_provided_as_content_without_role",
        "rh_9_passes_thru_system_instructions_if_provided_as_content",
    ],
)
def test_rh_6_to_9(instruction: Any, role: str) -> None:
    model = get_live_generative_model(ai_of(), MODEL, system_instruction=instruction)
    assert model.system_instruction is not None
    assert (model.system_instruction.role, model.system_instruction.text) == (role, "be brief")


def test_no_system_instruction_is_none() -> None:
    assert get_live_generative_model(ai_of(), MODEL).system_instruction is None


@pytest.mark.parametrize(
    "instruction", ["", Part(text=""), Part(inline_data=Blob(mime_type="image/png", data=b"x"))]
)
def test_a_system_instruction_that_firebase_would_drop_is_an_error(instruction: Any) -> None:
    with pytest.raises(AIError, match="system instruction") as caught:
        get_live_generative_model(ai_of(), MODEL, system_instruction=instruction)
    assert caught.value.code is AIErrorCode.UNSUPPORTED


def test_what_a_model_does_not_take_is_an_error() -> None:
    with pytest.raises(AIError, match="takes no thinking_config") as caught:
        get_live_generative_model(
            ai_of(),
            "gemini-3.8-live",
            generation_config=LiveGenerationConfig(thinking_config=ThinkingConfig(include_thoughts=True)),
        )
    assert caught.value.code is AIErrorCode.UNSUPPORTED


def test_a_function_that_cant_be_declared_is_an_invalid_schema() -> None:
    def look(what: complex) -> object:
        """Look."""
        return what

    with pytest.raises(AIError, match="look") as caught:
        get_live_generative_model(ai_of(), MODEL, tools=[look])
    assert caught.value.code is AIErrorCode.INVALID_SCHEMA
