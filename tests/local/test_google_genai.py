"""Google's own client, google-genai, converses with the embedded server: it has to take us for the service."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme
from google import genai
from google.genai import errors, types

from livegen_trio.local import Address, CallTool, Engines, LocalServer, Say, text_engines as rule_engines
from support.live_client import speech_engines, text_engines
from support.voice import HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    from collections.abc import Generator

    from google.genai.live import AsyncSession

    from livegen_trio.local.speech._moonshine import MoonshineRecognizer
    from livegen_trio.local.speech._piper import PiperSynthesizer
    from livegen_trio.local.speech._silero import SileroModel

TEXT_MODEL = "gemini-live-2.5-flash-preview"
SPEECH_MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
TEXT = types.LiveConnectConfig(response_modalities=[types.Modality.TEXT])


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@contextmanager
def client_of(engines: Engines, authority: trustme.CA, **options: Any) -> Generator[genai.Client]:
    """A client of a server that runs in a thread of its own. The client insists on TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with serving(LocalServer(engines), context) as address:
        yield genai.Client(
            http_options=types.HttpOptions(
                base_url=f"https://{address.host}:{address.port}", async_client_args={"ssl": trusting}
            ),
            **({"api_key": "none"} | options),
        )


@contextmanager
def serving(server: LocalServer, context: ssl.SSLContext) -> Generator[Address]:
    listening = threading.Event()
    running: list[tuple[Address, trio.CancelScope, trio.lowlevel.TrioToken]] = []

    async def run() -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def serve(  # noqa: ASYNC128 - the server calls it
                    *, task_status: trio.TaskStatus[list[Address]]
                ) -> None:
                    await server.serve(0, ssl_context=context, task_status=task_status)

                [address] = await nursery.start(serve)
                running.append((address, scope, trio.lowlevel.current_trio_token()))
                listening.set()

    thread = threading.Thread(target=trio.run, args=(run,))
    thread.start()
    assert listening.wait(10)
    [(address, scope, token)] = running
    try:
        yield address
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token)
        thread.join()


async def turn_of(session: AsyncSession) -> list[types.LiveServerMessage]:
    """One turn; the client's own idea of its end."""
    return [message async for message in session.receive()]


def text_of(messages: list[types.LiveServerMessage]) -> str:
    return "".join(message.text or "" for message in messages)


def user(text: str) -> types.Content:
    return types.Content(role="user", parts=[types.Part(text=text)])


def test_a_conversation_in_text(authority: trustme.CA) -> None:
    async def converse(client: genai.Client) -> None:
        async with client.aio.live.connect(model=TEXT_MODEL, config=TEXT) as session:
            await session.send_client_content(turns=user("Hello?"), turn_complete=True)
            first = await turn_of(session)
            assert text_of(first) == "You said: Hello?"
            assert first[-1].usage_metadata is not None
            assert first[-1].usage_metadata.total_token_count == 6
            await session.send_client_content(turns=user("One,"), turn_complete=False)
            await session.send_client_content(turns=user("two."))
            assert text_of(await turn_of(session)) == "You said: two."
            await session.send_realtime_input(text="In real time!")
            assert text_of(await turn_of(session)) == "You said: In real time!"

    with client_of(text_engines(), authority) as client:
        asyncio.run(converse(client))


def test_a_conversation_through_the_vertex_path(authority: trustme.CA) -> None:
    async def converse(client: genai.Client) -> None:
        async with client.aio.live.connect(model="gemini-live-2.5-flash", config=TEXT) as session:
            assert session.session_id
            await session.send_client_content(turns=user("Hello?"))
            messages = await turn_of(session)
            assert text_of(messages) == "You said: Hello?"
            assert messages[-1].usage_metadata is not None
            assert messages[-1].usage_metadata.response_token_count == 4

    with client_of(text_engines(), authority, vertexai=True) as client:
        asyncio.run(converse(client))


def test_a_conversation_with_a_function(authority: trustme.CA) -> None:
    def decide(history: Any) -> Any:
        answer = history[-1].parts[-1].function_response
        if answer is None:
            return [CallTool("get_weather", {"city": "Paris"})]
        return Say(f"It is {answer.response['celsius']} degrees.")

    async def converse(client: genai.Client) -> None:
        declaration = types.FunctionDeclaration(
            name="get_weather",
            description="Weather.",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}
            ),
        )
        config = types.LiveConnectConfig(
            response_modalities=[types.Modality.TEXT],
            system_instruction="Be brief.",
            tools=[types.Tool(function_declarations=[declaration])],
        )
        text = ""
        async with client.aio.live.connect(model=TEXT_MODEL, config=config) as session:
            await session.send_client_content(turns=user("What is the weather in Paris?"))
            async for message in session.receive():
                text += message.text or ""
                if message.tool_call is None:
                    continue
                [call] = message.tool_call.function_calls or []
                assert (call.name, call.args) == ("get_weather", {"city": "Paris"})
                await session.send_tool_response(
                    function_responses=types.FunctionResponse(
                        id=call.id, name=call.name, response={"celsius": 21}
                    )
                )
        assert text.startswith("It is 21")

    with client_of(text_engines(decide), authority) as client:
        asyncio.run(converse(client))


def test_marked_speech_is_answered_with_speech(authority: trustme.CA) -> None:
    async def converse(client: genai.Client) -> None:
        config = types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            realtime_input_config=types.RealtimeInputConfig(
                automatic_activity_detection=types.AutomaticActivityDetection(disabled=True)
            ),
            session_resumption=types.SessionResumptionConfig(),
        )
        async with client.aio.live.connect(model=SPEECH_MODEL, config=config) as session:
            await session.send_realtime_input(activity_start=types.ActivityStart())
            # All byte values, so that both alphabets of base64 differ.
            pcm = bytes(range(256)) * 64
            await session.send_realtime_input(audio=types.Blob(data=pcm, mime_type="audio/pcm;rate=16000"))
            await session.send_realtime_input(video=types.Blob(data=b"\xff\xd8", mime_type="image/jpeg"))
            await session.send_realtime_input(activity_end=types.ActivityEnd())
            messages = await turn_of(session)
        updates = [message.session_resumption_update for message in messages]
        assert updates[0] is not None
        assert updates[0].resumable
        assert len(b"".join(message.data or b"" for message in messages)) == 9600

    with client_of(speech_engines(seconds=0.2), authority) as client:
        asyncio.run(converse(client))


def test_a_setup_that_is_refused_has_its_code_and_reason(authority: trustme.CA) -> None:
    async def converse(client: genai.Client) -> None:
        async with client.aio.live.connect(model=SPEECH_MODEL, config=TEXT):
            pass

    with (
        client_of(text_engines(), authority) as client,
        pytest.raises(errors.APIError, match="modalities") as caught,
    ):
        asyncio.run(converse(client))
    assert caught.value.code == 1007


def test_a_human_voice_is_heard_and_answered(
    authority: trustme.CA,
    silero: SileroModel,
    recognizer: MoonshineRecognizer,
    synthesizer: PiperSynthesizer,
) -> None:
    engines = Engines(rule_engines().responder, silero.open_detector, recognizer, synthesizer)

    async def converse(client: genai.Client) -> None:
        config = types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO],
            input_audio_transcription=types.AudioTranscriptionConfig(),
            output_audio_transcription=types.AudioTranscriptionConfig(),
        )
        heard, spoken, speech = "", "", b""
        async with client.aio.live.connect(model=SPEECH_MODEL, config=config) as session:
            voice = human_voice() + bytes(32000)
            for begin in range(0, len(voice), 3200):
                chunk = types.Blob(data=voice[begin : begin + 3200], mime_type="audio/pcm;rate=16000")
                await session.send_realtime_input(audio=chunk)
            async for message in session.receive():
                content = message.server_content or types.LiveServerContent()
                if content.input_transcription:
                    heard += content.input_transcription.text or ""
                if content.output_transcription:
                    spoken += content.output_transcription.text or ""
                speech += message.data or b""
                if content.generation_complete:
                    break
        assert re.findall("[a-z]+", heard.lower()) == HUMAN_WORDS.split()
        assert spoken
        assert len(speech) > 24000

    with client_of(engines, authority) as client:
        asyncio.run(converse(client))
