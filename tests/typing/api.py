"""The public API as its users write it: type-checked, never run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, assert_type

from livegen_trio import (
    AIModel,
    AuthToken,
    Backend,
    Blob,
    Buffering,
    ClientCertificate,
    Content,
    FirebaseBackend,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    GeminiBackend,
    GoAway,
    LiveGenerationConfig,
    LiveGenerativeModel,
    LiveSession,
    ModelProfile,
    Part,
    Reconnection,
    ResumeState,
    ResumeStore,
    ServerContent,
    ServerEvent,
    SessionClosedError,
    SessionResumptionConfig,
    SessionStatistics,
    Tool,
    ToolCall,
    ToolCallUnanswered,
    ToolContext,
    ToolFailed,
    Transcription,
    Turn,
    TurnResult,
    UnknownEvent,
    UsageMetadata,
    VertexBackend,
    create_auth_token,
    firebase,
    get_live_generative_model,
    profile_of,
    tool,
)
from livegen_trio.anyio import connect as livegen_anyio_connect
from livegen_trio.stores import Drain, Lease, MemoryResumeStore

if TYPE_CHECKING:
    import mcp
    import trio


async def get_weather(city: str) -> dict[str, object]:
    """Current weather of a city."""
    return {"city": city, "celsius": 21}


@tool
def roll_dice(sides: int = 6) -> int:
    """Roll dice."""
    return sides


@tool(name="toss", behavior="NON_BLOCKING", scheduling="SILENT", timeout=2.5, on_interrupt="finish")
async def toss_coin() -> bool:
    """Toss a coin."""
    return True


@tool(behavior="NON_BLOCKING")
async def order(dish: str, context: ToolContext) -> str:
    """Order a dish."""
    assert_type(context.session, LiveSession)
    assert_type(context.cancelled, str | None)
    await context.progress({"dish": dish}, scheduling="SILENT")
    return "served"


async def approve(call: FunctionCall) -> bool:
    return call.name == "order"


async def tool_sources(model: LiveGenerativeModel, client: mcp.Client, session: mcp.ClientSession) -> None:
    get_live_generative_model("a-model", backend=model.backend, tools=[order, client, session])
    async with model.connect(approve=approve) as live:
        await live.refresh_tools()
        assert_type(live.pending_calls, Sequence[FunctionCall])
        async for event in live:
            match event:
                case ToolFailed(call=call, message=message, error=error):
                    assert_type(call, FunctionCall)
                    assert_type(message, str)
                    assert_type(error, Exception | None)
                case ToolCallUnanswered():
                    break
                case _:
                    pass
    async with model.connect(tool_execution="manual"):
        pass


async def tools_stay_functions() -> None:
    assert_type(roll_dice(), int)
    assert_type(await toss_coin(), bool)


async def fetch_key() -> str:
    return "key"


def backends() -> list[Backend]:
    return [
        GeminiBackend(),
        GeminiBackend(api_key="key"),
        VertexBackend("project", "europe-west1", credentials=fetch_key, proxy="http://proxy:3128"),
        VertexBackend(api_key=fetch_key, client_certificate=ClientCertificate("client.pem")),
        FirebaseBackend(
            api_key="key", project_id="project", app_id="app", provider="vertexai", app_check_token=fetch_key
        ),
        GeminiBackend(api_key=fetch_key, base_url="wss://host"),
    ]


def models(backend: Backend) -> list[AIModel]:
    plain = get_live_generative_model("a-model", backend=backend)
    assert_type(plain, LiveGenerativeModel)
    full = get_live_generative_model(
        "a-model",
        backend=backend,
        generation_config=LiveGenerationConfig(response_modalities=["AUDIO"]),
        system_instruction="Answer briefly.",
        tools=[get_weather, roll_dice, FunctionDeclaration(name="look_up"), Tool()],
        tool_config=None,
    )
    return [
        plain,
        full,
        get_live_generative_model("a-model", backend=backend, system_instruction=Part(text="Be brief.")),
        get_live_generative_model(
            "a-model", backend=backend, system_instruction=Content(parts=[Part(text="Be")])
        ),
    ]


async def tokens(model: LiveGenerativeModel) -> GeminiBackend:
    await create_auth_token()
    await create_auth_token(
        backend=GeminiBackend(), uses=0, expire_time=datetime.now(UTC) + timedelta(hours=1)
    )
    token = await create_auth_token(
        model,
        new_session_expire_time=timedelta(minutes=5),
        lock_additional_fields=["temperature"],
        session_resumption=None,
    )
    assert_type(token, AuthToken)
    assert_type((token.uses, token.expire_time), tuple[int, datetime | None])
    return GeminiBackend(api_key=token.name)


async def connecting(model: LiveGenerativeModel) -> None:
    async with model.connect() as session:
        assert_type(session, LiveSession)
    async with model.connect(
        session_resumption=None, connect_timeout=5, close_timeout=0, keepalive_interval=math.inf
    ):
        pass
    async with model.connect(
        reconnection=Reconnection(
            delays=(0.5, 1),
            give_up_after=30,
            min_uptime=5,
            margin=2,
            replay="none",
            max_replays=1,
            late_answers="as_content",
            when_forgotten="fresh",
        ),
        buffering=Buffering(media="drop_oldest", media_bytes=2**20, media_seconds=2.5),
    ):
        pass
    async with model.connect(session_resumption=SessionResumptionConfig(handle="handle")):
        pass


async def sending(session: LiveSession) -> None:
    await session.send("Hello")
    await session.send(Content(role="user", parts=[Part(text="Hello")]), turn_complete=False)
    await session.send_text_realtime("Hello")
    await session.send_audio_realtime(b"\0\0")
    await session.send_audio_realtime(memoryview(bytearray(2)), mime_type="audio/pcm;rate=8000")
    await session.send_audio_realtime(Blob(mime_type="audio/pcm;rate=16000", data=b"\0\0"))
    await session.send_video_realtime(b"jpeg")
    await session.send_function_responses(
        [FunctionResponse(id="1", name="look_up", response={"found": True})]
    )
    await session.update_context(system_instruction="Be kind.")
    await session.end_audio()
    async with session.activity():
        await session.send_audio_realtime(b"\0\0")


async def receiving(session: LiveSession, channel: trio.abc.ReceiveChannel[ServerEvent]) -> None:
    channel = session
    assert_type(await channel.receive(), ServerEvent)
    async for event in session:
        match event:
            case ServerContent(turn_complete=True):
                break
            case ServerContent() as content:
                assert_type(content.text, str)
                assert_type(content.output_transcription, Transcription | None)
            case ToolCall(function_calls=calls):
                assert_type([call.name for call in calls], list[str])
            case GoAway(time_left=left):
                assert_type(left + 1.0, float)
            case UnknownEvent() | _:
                pass


async def turns(session: LiveSession) -> None:
    assert_type(await session.ask("Hello"), TurnResult)
    async for turn in session.turns():
        assert_type(turn, Turn)
        async for event in turn:
            assert_type(event, ServerEvent)
        async for text in turn.text():
            assert_type(text, str)
        async for chunk in turn.audio():
            assert_type(chunk, bytes)
        assert_type(await turn.transcript(), str)
        result = await turn.collect()
        assert_type(result.text, str)
        assert_type(result.audio, bytes)
        assert_type(result.usage, UsageMetadata | None)


def state(session: LiveSession) -> None:
    assert_type(session.is_closed, bool)
    assert_type(session.session_id, str | None)
    assert_type(session.resumption_handle, str | None)
    assert_type(session.usage, UsageMetadata)
    assert_type(session.statistics(), SessionStatistics)


def errors(error: SessionClosedError) -> trio.BrokenResourceError:
    assert_type((error.code, error.reason, error.retryable, error.hint), tuple[int, str, bool, str | None])
    return error


def profiles(backend: Backend) -> LiveGenerativeModel:
    profile = replace(profile_of("gemini-3.8-live"), thinking=True)
    assert_type(profile, ModelProfile)
    return get_live_generative_model("gemini-3.8-live", backend=backend, profile=profile)


async def take_over(model: LiveGenerativeModel, store: ResumeStore, session: LiveSession) -> None:
    await session.save_to(store, "ann")
    await session.save_to(MemoryResumeStore(), "ann")
    assert_type(session.resume_state(), ResumeState | None)
    state = await store.load("ann")
    assert_type(state, ResumeState | None)
    async with model.connect(session_resumption=state or "auto"):
        assert_type(session.statistics(), SessionStatistics)
    await store.delete("ann")


async def hold(model: LiveGenerativeModel, store: MemoryResumeStore, drain: Drain) -> None:
    async with store.lease("ann", 10, wait=5, holder="a", drain=drain) as lease:
        assert_type(lease, Lease)
        assert_type(lease.state, ResumeState | None)
        async with model.connect(session_resumption=lease) as session:
            assert_type(session, LiveSession)
        async with livegen_anyio_connect(model, session_resumption=lease) as session:
            assert_type(session.is_idle, bool)


async def resume(session: LiveSession) -> None:
    await session.resume_session()
    await session.resume_session(SessionResumptionConfig(handle="handle"))


async def by_firebases_names() -> None:
    app = firebase.FirebaseApp(api_key="key", project_id="project", app_id="app", auth_token=fetch_key)
    ai = firebase.get_ai(app, backend=firebase.VertexAIBackend("europe-west1"))
    model = firebase.get_live_generative_model(ai, "a-model", tools=[get_weather])
    assert_type(model, firebase.LiveGenerativeModel)
    try:
        async with model.connect(SessionResumptionConfig()) as session:
            assert_type(session, firebase.LiveSession)
            await session.send("Hello", turn_complete=False)
            async for message in session.receive():
                assert_type(message, ServerEvent)
    except firebase.AIError as exc:
        assert_type(exc.code, firebase.AIErrorCode)
