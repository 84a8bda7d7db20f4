"""The profile of the model against the service: what differs is a table in the summary. These tests judge nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio

from livegen_trio import (
    Blob,
    Content,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    GeminiBackend,
    LiveError,
    Part,
    ProactivityConfig,
    ServerContent,
    SessionResumptionUpdate,
    ThinkingConfig,
    Tool,
    ToolCall,
    profile_of,
)
from livegen_trio._protocol.model_profiles import ANY_MODEL
from livegen_trio.audio import stream_pcm
from livegen_trio.types import CodeExecution, FunctionResponsePart, HistoryConfig
from support.live_service import BASE_URL, MODEL, backend_of_environment, conversation
from support.voice import HUMAN_RATE, human_voice

if TYPE_CHECKING:
    from livegen_trio import LiveSession
    from livegen_trio.testing import RecordingBackend
    from support.live_findings import Findings

PROFILE: Final = profile_of(MODEL)
GET_TIME: Final = FunctionDeclaration(
    name="get_time", description="The time of day in Paris, which only this knows."
)
# Seconds without an event after which nothing more is expected; a server of one's own answers at once.
QUIET: Final = 1.0 if BASE_URL else 4.0
PNG: Final = bytes.fromhex(  # a red pixel
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)


def modalities() -> tuple[str, ...]:
    """Modalities that the model answers in, as far as that is known."""
    return tuple(sorted(PROFILE.response_modalities or ("AUDIO",)))  # AUDIO first, in any process


def talking(backend: Any, *, config: dict[str, Any] | None = None, **options: Any) -> Any:
    """A conversation that our profile forbids nothing."""
    settings = {"response_modalities": [modalities()[0]]} | (config or {})
    return conversation(backend, config=settings, profile=ANY_MODEL, **options)


@dataclass(frozen=True, slots=True)
class Setup:
    """Something that a setup may have, and whether the profile says that it is taken."""

    behaviour: str
    is_taken: bool | None
    options: dict[str, Any]

    def __str__(self) -> str:
        return self.behaviour


def setups() -> list[Setup]:
    known = PROFILE.response_modalities
    return [
        *(
            Setup(
                f"answers in {modality}",
                None if known is None else modality in known,
                {"config": {"response_modalities": [modality]}},
            )
            for modality in ("TEXT", "AUDIO")
        ),
        Setup("goes without a thinking level", PROFILE.required_thinking_level is None, {}),
        Setup(
            "takes a thinking level",
            PROFILE.thinking,
            {"config": {"thinking_config": ThinkingConfig(thinking_level="LOW")}},
        ),
        Setup(
            "takes a thinking budget",
            PROFILE.thinking and PROFILE.thinking_budget,
            {"config": {"thinking_config": ThinkingConfig(thinking_budget=0)}},
        ),
        Setup(
            "knows affective dialog", PROFILE.affective_dialog, {"config": {"enable_affective_dialog": True}}
        ),
        Setup(
            "knows proactive audio",
            PROFILE.proactive_audio != "never",
            {"config": {"proactivity": ProactivityConfig(proactive_audio=True)}},
        ),
        Setup("takes a penalty", None, {"config": {"presence_penalty": 0.1}}),
        Setup(
            "takes code execution",
            "code_execution" not in PROFILE.refused_tools,
            {"tools": [Tool(code_execution=CodeExecution())]},
        ),
        *(
            Setup(
                f"takes {behavior} functions",
                is_taken,
                {"tools": [FunctionDeclaration(name="get_time", behavior=behavior)]},
            )
            for behavior, is_taken in (
                ("BLOCKING", PROFILE.blocking_functions),
                ("NON_BLOCKING", PROFILE.non_blocking_functions),
            )
        ),
    ]


@pytest.mark.parametrize("setup", setups(), ids=str)
async def test_what_a_setup_may_have(backend: RecordingBackend, findings: Findings, setup: Setup) -> None:
    async def connect() -> bool:
        async with talking(backend, **setup.options) as session:
            await session.ask("Say yes.")  # some settings are refused only then
        return True

    await findings.compare(setup.behaviour, setup.is_taken, connect)


@pytest.mark.parametrize(("version", "is_served"), [("v1beta", True), ("v1alpha", True), ("v1", False)])
async def test_the_versions_that_are_served(findings: Findings, version: str, *, is_served: bool) -> None:
    if not isinstance(backend_of_environment(), GeminiBackend):
        pytest.skip("only the Gemini API has these versions")

    async def connect() -> bool:
        async with talking(backend_of_environment(api_version=version)):
            return True

    await findings.compare(f"is served as {version}", is_served, connect)


async def test_how_many_turns_a_call_makes(backend: RecordingBackend, findings: Findings) -> None:
    async def converse() -> bool:
        async with talking(
            backend, tools=[GET_TIME], system_instruction="Use the tools that you have. Be brief."
        ) as session:
            await session.send("What time is it in Paris?")
            _, ends = await receive(session, answer={"time": "half past three"})
        return ends > 1

    expected = True if PROFILE.default_behavior == "NON_BLOCKING" else PROFILE.ends_calling_turn
    await findings.compare("ends its turn with a call", expected, converse)


async def test_handles_in_the_middle_of_a_turn(backend: RecordingBackend, findings: Findings) -> None:
    async def converse() -> bool:
        async with talking(backend) as session:
            await session.send("Count from one to thirty.")
            events, _ = await receive(session)
        return any(isinstance(event, SessionResumptionUpdate) and not event.new_handle for event in events)

    covers = PROFILE.handle_covers
    await findings.compare(
        "withholds handles during a turn",
        None if covers is None else covers == "finished_exchanges",
        converse,
    )


async def test_a_late_answer_to_a_call(backend: RecordingBackend, findings: Findings) -> None:
    async def converse() -> bool:
        async with talking(
            backend, tools=[GET_TIME], system_instruction="Use the tools that you have."
        ) as session:
            await session.send("What time is it in Paris?")
            call = await first_call(session)
            await session.resume_session()
            await answer_call(session, call, {"time": "half past three"})
            events, _ = await receive(session)
        return spoken(events)

    await findings.compare(
        "takes an answer to a call of an earlier connection", PROFILE.takes_late_answers, converse
    )


@pytest.mark.parametrize("ends_with", ["user", "model"])
async def test_the_end_of_a_history(backend: RecordingBackend, findings: Findings, ends_with: str) -> None:
    async def converse() -> bool:
        turns = [Content(role="user", parts=[Part(text="My name is Ann.")])]
        if ends_with == "model":
            turns.append(Content(role="model", parts=[Part(text="Hello, Ann.")]))
        async with seeded(backend) as session:
            await seed(session, turns)
            await session.send_text_realtime("What is my name?")
            events, _ = await receive(session)
        return spoken(events)

    expected = ends_with == "user" or not PROFILE.history_ends_with_user
    await findings.compare(f"takes a history that ends with the {ends_with}", expected, converse)


@pytest.mark.parametrize("field", ["function_call", "function_response", "audio"])
async def test_parts_of_a_history(backend: RecordingBackend, findings: Findings, field: str) -> None:
    part = {
        "function_call": Part(function_call=FunctionCall(name="get_time", args={})),
        "function_response": Part(
            function_response=FunctionResponse(name="get_time", response={"time": "noon"})
        ),
        "audio": Part(inline_data=Blob(data=bytes(32_000), mime_type="audio/pcm;rate=16000")),
    }[field]
    turns = [
        Content(role="model" if field == "function_call" else "user", parts=[part]),
        Content(role="user", parts=[Part(text="My name is Ann.")]),
    ]

    async def converse() -> bool:
        async with seeded(backend) as session:
            await seed(session, turns)
            await session.send_text_realtime("What is my name?")
            await receive(session)
        return True

    is_taken = PROFILE.history_audio if field == "audio" else field not in PROFILE.refused_history
    await findings.compare(f"takes {field} in a history", is_taken, converse)


@pytest.mark.parametrize("mime_type", ["image/png", "text/plain", "application/pdf"])
async def test_media_in_the_answer_of_a_function(
    backend: RecordingBackend, findings: Findings, mime_type: str
) -> None:
    data = {"image/png": PNG, "text/plain": b"half past three"}.get(mime_type, b"%PDF-1.4\n%%EOF\n")
    parts = [FunctionResponsePart(inline_data=Blob(data=data, mime_type=mime_type))]

    async def converse() -> bool:
        async with talking(
            backend, tools=[GET_TIME], system_instruction="Use the tools that you have."
        ) as session:
            await session.send("What time is it in Paris?")
            call = await first_call(session)
            await answer_call(session, call, {"time": "half past three"}, parts)
            await receive(session)
        return True

    known = PROFILE.response_media
    expected = None if not known else mime_type in known
    await findings.compare(f"takes {mime_type} in the answer of a function", expected, converse)


async def test_a_picture_before_a_typed_turn(backend: RecordingBackend, findings: Findings) -> None:
    async def converse() -> bool:
        async with talking(backend, config={"output_audio_transcription": {}}) as session:
            await session.send_video_realtime(PNG, mime_type="image/png")
            await trio.sleep(1)
            answer = await session.ask("Which colour has the picture that you see? Say one word.")
        return "red" in f"{answer.text} {answer.output_transcript}".lower()

    await findings.compare("sees video in a typed turn", PROFILE.typed_turns_see_video, converse)


async def test_text_while_the_model_speaks(backend: RecordingBackend, findings: Findings) -> None:
    async def converse() -> bool:
        async with talking(backend) as session:
            await session.send("Count slowly from one to fifty.")
            async for event in session:
                if isinstance(event, ServerContent) and (event.audio or event.text):
                    break
            await session.send_text_realtime("Stop. Say yes.")
            events, _ = await receive(session)
        return any(isinstance(event, ServerContent) and event.interrupted for event in events)

    await findings.compare("is cut off by text", PROFILE.text_interrupts, converse)


async def test_a_transcription_that_nobody_asked_for(backend: RecordingBackend, findings: Findings) -> None:
    async def converse() -> bool:
        async with talking(backend, config={"input_audio_transcription": None}) as session:
            pcm = stream_pcm(human_voice(), HUMAN_RATE, 0.1)
            await session.send_media_stream(pcm, mime_type=f"audio/pcm;rate={HUMAN_RATE}")
            await session.end_audio()
            events, _ = await receive(session)
        return any(isinstance(event, ServerContent) and event.input_transcription for event in events)

    await findings.compare("transcribes the user unasked", PROFILE.transcribes_unasked, converse)


# How the probes converse


def seeded(backend: RecordingBackend) -> Any:
    """A conversation that waits for its history."""
    return talking(backend, config={"history_config": HistoryConfig(initial_history_in_client_content=True)})


async def seed(session: LiveSession, turns: list[Content]) -> None:
    """Send a history, turn by turn."""
    for turn in turns[:-1]:
        await session.send(turn, turn_complete=False)
    await session.send(turns[-1])


async def first_call(session: LiveSession) -> FunctionCall:
    """Receive until the model calls a function."""
    async for event in session:
        if isinstance(event, ToolCall):
            return event.function_calls[0]
    raise LiveError("the session ended without a call")


async def answer_call(
    session: LiveSession,
    call: FunctionCall,
    response: dict[str, object],
    parts: list[FunctionResponsePart] | None = None,
) -> None:
    """Answer *call*."""
    given = FunctionResponse(id=call.id, name=call.name, response=response, parts=parts or [])
    await session.send_function_responses([given])


async def receive(
    session: LiveSession, *, answer: dict[str, object] | None = None
) -> tuple[list[object], int]:
    """Receive until nothing comes any more, and answer calls; return the events, and how many turns were completed."""
    events: list[object] = []
    while True:
        with trio.move_on_after(QUIET) as waiting:
            event = await session.receive()
            events.append(event)
            if isinstance(event, ToolCall) and answer is not None:
                await answer_call(session, event.function_calls[0], answer)
        if waiting.cancelled_caught:
            return events, sum(isinstance(one, ServerContent) and one.turn_complete for one in events)


def spoken(events: list[object]) -> bool:
    """Whether the model has said anything."""
    return any(isinstance(event, ServerContent) and (event.audio or event.text) for event in events)
