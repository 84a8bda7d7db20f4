"""What each model is known to take: refused with the field, the model and what to do, before anything is dialled."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import msgspec
import pytest
import trio

from livegen_trio import (
    Blob,
    ConfigError,
    Content,
    FunctionCall,
    FunctionDeclaration,
    FunctionResponse,
    HistoryConfig,
    LiveGenerationConfig,
    LocalProtocolError,
    ModelProfile,
    Part,
    ProactivityConfig,
    SessionResumptionConfig,
    ThinkingConfig,
    Tool,
    Transcription,
    get_live_generative_model,
    profile_of,
)
from livegen_trio._protocol.model_profiles import ANY_MODEL
from livegen_trio._protocol.profile_checks import check_responses, check_setup
from livegen_trio._protocol.session_rules import LiveProtocol
from livegen_trio.types import (
    CodeExecution,
    FunctionResponsePart,
    GoogleMaps,
    GoogleSearch,
    Setup,
    UrlContext,
)
from support.peer import HANDLE, SETUP_COMPLETE, TURN_COMPLETE, PeerBackend, text

NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
OLD = "gemini-3.1-flash-live-preview"
NEW = "gemini-3.8-live"
THINKER = "gemini-3.8-live-extended-thinking"
HALF_CASCADE = "gemini-live-2.5-flash"
ROBOTICS = "gemini-robotics-er-2-streaming-preview"
TRANSCRIBER = "gemini-3.5-transcribe-live"
TRANSLATOR = "gemini-3.5-live-translate-preview"
KNOWN = [NATIVE, HALF_CASCADE, OLD, NEW, THINKER, ROBOTICS, TRANSCRIBER, TRANSLATOR]
HISTORY = LiveGenerationConfig(history_config=HistoryConfig(initial_history_in_client_content=True))


def waiting(behavior: str) -> dict[str, Any]:
    return {"tools": [FunctionDeclaration(name="look_up", behavior=behavior)]}


def configured(**config: Any) -> dict[str, Any]:
    return {"generation_config": LiveGenerationConfig(**config)}


# Names


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("gemini-live-2.5-flash-native-audio", NATIVE),
        ("gemini-2.5-flash-native-audio-latest", NATIVE),
        ("models/gemini-3.8-live", NEW),
        ("gemini-3.8-live-001", NEW),
        ("projects/p/locations/us-central1/publishers/google/models/gemini-3.8-live", NEW),
        ("models/gemini-3.8-live-extended-thinking-preview", THINKER),
        ("gemini-live-2.5-flash-001", HALF_CASCADE),
        ("gemini-robotics-er-2-streaming", ROBOTICS),
    ],
)
def test_a_model_is_known_by_all_its_names(name: str, same_as: str) -> None:
    assert profile_of(name) is profile_of(same_as)
    assert profile_of(name) is not ANY_MODEL


@pytest.mark.parametrize(
    "name", ["gemini-live-2.5-flash-preview", "gemini-4-live", "tunedModels/mine", "gemini-3x8-live"]
)
def test_a_model_that_is_not_known_takes_everything(name: str) -> None:
    assert profile_of(name) is ANY_MODEL
    options = {
        **waiting("BLOCKING"),
        **configured(response_modalities=["TEXT"], enable_affective_dialog=True),
    }
    get_live_generative_model(name, backend=PeerBackend(), **options)


def test_models_differ() -> None:
    assert len({profile_of(name) for name in KNOWN}) == len(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_each_fact_of_a_row_says_its_source_and_its_date(name: str) -> None:
    profile = profile_of(name)
    facts = {
        field.name
        for field in dataclasses.fields(ModelProfile)
        if field.name != "sources" and getattr(profile, field.name) != getattr(ANY_MODEL, field.name)
    }
    assert set(profile.sources) == facts
    undated = [source for source in profile.sources.values() if not re.search(r"20\d\d-\d\d", source)]
    assert undated == []


# What a setup may ask for


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (
            NATIVE,
            configured(response_modalities=["TEXT"]),
            "set response_modalities to AUDIO; for the text, ask for output_audio_transcription",
        ),
        (OLD, configured(response_modalities=["TEXT"]), "doesn't answer in TEXT"),
        (NEW, configured(response_modalities=["TEXT"]), "set response_modalities to AUDIO or VIDEO"),
        (THINKER, configured(response_modalities=["VIDEO"]), "doesn't answer in VIDEO"),
        (
            NEW,
            configured(thinking_config=ThinkingConfig(include_thoughts=True)),
            "takes no thinking_config; leave it out, or use gemini-3.8-live-extended-thinking",
        ),
        (OLD, configured(thinking_config=ThinkingConfig(thinking_budget=0)), "takes no thinking_budget"),
        (
            THINKER,
            configured(thinking_config=ThinkingConfig(thinking_budget=9)),
            "set a thinking_level in its place",
        ),
        (
            THINKER,
            configured(thinking_config=ThinkingConfig(thinking_level="MINIMAL")),
            "takes no thinking_level MINIMAL; set it to HIGH or LOW or MEDIUM",
        ),
        (NEW, configured(enable_affective_dialog=True), "takes no enable_affective_dialog; leave it out"),
        (THINKER, configured(enable_affective_dialog=True), "takes no enable_affective_dialog"),
        (
            OLD,
            configured(proactivity=ProactivityConfig(proactive_audio=True)),
            "has no proactive_audio; leave it out",
        ),
        (
            NEW,
            configured(proactivity=ProactivityConfig(proactive_audio=False)),
            "is always proactive, and refuses proactive_audio=False; leave it out",
        ),
        (
            OLD,
            waiting("NON_BLOCKING"),
            "waits for every function: leave out behavior=\"NON_BLOCKING\" of 'look_up'",
        ),
        (
            THINKER,
            waiting("BLOCKING"),
            "never waits for a function: leave out behavior=\"BLOCKING\" of 'look_up'",
        ),
        (NEW, {"tools": [Tool(code_execution=CodeExecution())]}, "takes no code_execution among its tools"),
        (NATIVE, {"tools": [Tool(url_context=UrlContext())]}, "takes no url_context among its tools"),
        (OLD, {"tools": [Tool(google_maps=GoogleMaps())]}, "takes no google_maps among its tools"),
        (NEW, {"tools": [Tool()]}, "takes no empty Tool, which tools[0] is; leave it out"),
        (
            HALF_CASCADE,
            configured(thinking_config=ThinkingConfig(thinking_level="LOW")),
            "takes no thinking_config",
        ),
        (ROBOTICS, configured(response_modalities=["AUDIO"]), "set response_modalities to TEXT"),
        (TRANSCRIBER, configured(response_modalities=["AUDIO"]), "set response_modalities to TEXT"),
        (TRANSLATOR, configured(response_modalities=["TEXT"]), "set response_modalities to AUDIO"),
        *[
            (
                model,
                configured(response_modalities=["AUDIO", "TEXT"]),
                "answers in text or in audio, not in both",
            )
            for model in (HALF_CASCADE, "gemini-4-live")
        ],
    ],
)
def test_what_a_model_does_not_take_is_refused_before_it_is_dialled(
    model: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        get_live_generative_model(model, backend=PeerBackend(), **options)
    assert str(caught.value).startswith(f"{model} ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (NATIVE, configured(enable_affective_dialog=True, thinking_config=ThinkingConfig(thinking_budget=0))),
        (NATIVE, configured(proactivity=ProactivityConfig(proactive_audio=True))),
        (NATIVE, waiting("NON_BLOCKING")),
        (OLD, waiting("BLOCKING")),
        (OLD, configured(thinking_config=ThinkingConfig(thinking_level="LOW"))),
        (NEW, waiting("BLOCKING")),
        (NEW, configured(proactivity=ProactivityConfig(proactive_audio=True))),
        (THINKER, configured(thinking_config=ThinkingConfig(thinking_level="HIGH"))),
        (THINKER, configured(thinking_config=ThinkingConfig(thinking_level="THINKING_LEVEL_UNSPECIFIED"))),
        (THINKER, configured(response_modalities=["MODALITY_UNSPECIFIED"])),
        (THINKER, {}),
        (HALF_CASCADE, configured(response_modalities=["TEXT"], enable_affective_dialog=True)),
        (HALF_CASCADE, configured(response_modalities=["AUDIO"])),
        (ROBOTICS, configured(response_modalities=["TEXT"])),
        (NATIVE, {"tools": [Tool(google_maps=GoogleMaps())]}),
        *[(model, {"tools": [Tool(google_search=GoogleSearch())]}) for model in KNOWN],
    ],
)
def test_what_a_model_takes_passes(model: str, options: dict[str, Any]) -> None:
    get_live_generative_model(model, backend=PeerBackend(), **options)


@pytest.mark.parametrize("model", KNOWN)
def test_the_least_setup_passes(model: str) -> None:
    check_setup(profile_of(model), Setup(model=model))


def test_a_profile_of_ones_own_overrides_what_is_known() -> None:
    model = get_live_generative_model(
        NEW, backend=PeerBackend(), profile=ModelProfile(), **configured(enable_affective_dialog=True)
    )
    assert model.profile == ModelProfile()
    with pytest.raises(ConfigError, match="unknown-model takes no thinking_config"):
        get_live_generative_model(
            "unknown-model",
            backend=PeerBackend(),
            profile=ModelProfile(thinking=False),
            **configured(thinking_config=ThinkingConfig(thinking_budget=0)),
        )


@pytest.mark.parametrize(
    ("config", "sent"),
    [
        ({}, {"thinkingLevel": "LOW"}),
        (
            {"thinking_config": ThinkingConfig(include_thoughts=True)},
            {"includeThoughts": True, "thinkingLevel": "LOW"},
        ),
        ({"thinking_config": ThinkingConfig(thinking_level="HIGH")}, {"thinkingLevel": "HIGH"}),
    ],
)
async def test_a_model_that_refuses_a_setup_without_a_thinking_level_gets_one(
    config: dict[str, Any], sent: dict[str, Any]
) -> None:
    backend = PeerBackend()
    async with get_live_generative_model(THINKER, backend=backend, **configured(**config)).connect():
        assert backend.setup["setup"]["generationConfig"]["thinkingConfig"] == sent


ON_VERTEX = "projects/p/locations/{}/publishers/google/models/gemini-live-2.5-flash-native-audio"


def test_a_location_that_does_not_serve_the_model_is_refused() -> None:
    profile = profile_of(ON_VERTEX)
    check_setup(profile, Setup(model=ON_VERTEX.format("us-central1")))
    with pytest.raises(
        ConfigError, match=r"^gemini-live-2\.5-flash-native-audio is not served in global; set the back"
    ):
        check_setup(profile, Setup(model=ON_VERTEX.format("global")))


def test_a_setting_that_the_model_ignores_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    get_live_generative_model(NEW, backend=PeerBackend(), **configured(temperature=1.0, top_k=40))
    assert [record.getMessage() for record in caplog.records] == [
        "gemini-3.8-live ignores temperature and top_k"
    ]
    get_live_generative_model(NATIVE, backend=PeerBackend(), **configured(temperature=1.0))
    assert len(caplog.records) == 1


# The history before a conversation

CALL = Part(function_call=FunctionCall(name="look_up", args={"city": "Paris"}))
RESULT = Part(function_response=FunctionResponse(name="look_up", response={"celsius": 21}))
SOUND = Part(inline_data=Blob(mime_type="audio/pcm;rate=16000", data=bytes(4)))
HI_FI = Part(
    inline_data=Blob(mime_type="audio/pcm;rate=24000", data=bytes(4)),
    audio_transcription=Transcription(text="It is sunny."),
)
SUNNY = Part(text="It is sunny.")


@pytest.mark.parametrize(
    ("model", "parts", "kept", "left_out"),
    [
        (NATIVE, [SUNNY, CALL, RESULT], [SUNNY], ["function_call", "function_response"]),
        (NATIVE, [SOUND, HI_FI], [SUNNY], ["audio", "audio"]),
        (NEW, [CALL, SOUND, HI_FI], [CALL, SOUND, SUNNY], ["audio of 24000 Hz"]),
        (NEW, [CALL, RESULT], [CALL, RESULT], []),
        ("gemini-4-live", [CALL, HI_FI], [CALL, HI_FI], []),
    ],
)
async def test_a_history_loses_what_the_model_refuses_and_a_log_says_so(
    model: str, parts: list[Part], kept: list[Part], left_out: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    backend = PeerBackend()
    async with get_live_generative_model(
        model, backend=backend, generation_config=HISTORY
    ).connect() as session:
        await session.send(Content(role="model", parts=parts), turn_complete=False)
        sent = await backend.peer.hear()
    [turn] = sent["clientContent"]["turns"]
    assert turn == json.loads(msgspec.json.encode(Content(role="model", parts=kept)))
    logged = [record.getMessage() for record in caplog.records]
    assert logged == [f"the model takes no {' and '.join(left_out)} in a history: left out"] * bool(left_out)


async def test_of_a_history_that_is_left_out_as_a_whole_only_its_end_is_sent() -> None:
    backend = PeerBackend()
    async with get_live_generative_model(
        OLD, backend=backend, generation_config=HISTORY
    ).connect() as session:
        await session.send(Content(role="user", parts=[HI_FI_ALONE]), turn_complete=False)
        await session.send(Content(role="user", parts=[HI_FI_ALONE]))
        assert (await backend.peer.hear())["clientContent"] == {"turnComplete": True}


HI_FI_ALONE = Part(inline_data=Blob(mime_type="audio/pcm;rate=24000", data=bytes(4)))


@pytest.mark.parametrize(("model", "is_demanded"), [(NATIVE, True), (NEW, False)])
async def test_a_history_ends_with_a_turn_of_the_users_where_the_model_demands_it(
    model: str, *, is_demanded: bool
) -> None:
    backend = PeerBackend()
    async with get_live_generative_model(
        model, backend=backend, generation_config=HISTORY
    ).connect() as session:
        await session.send("I am Ann.", turn_complete=False)
        assert len((await backend.peer.hear())["clientContent"]["turns"]) == 1
        await session.send(Content(role="model", parts=[Part(text="Hello Ann!")]))
        roles = [turn["role"] for turn in (await backend.peer.hear())["clientContent"]["turns"]]
    assert roles == (["model", "user"] if is_demanded else ["model"])


def test_a_history_for_a_new_session_ends_as_the_model_demands() -> None:
    said = [
        Content(role="user", parts=[Part(text="I am Ann.")]),
        Content(role="model", parts=[Part(text="Hello!")]),
    ]
    for model, count in ((NATIVE, 3), (NEW, 2)):
        frame = LiveProtocol(Setup(model=model), profile_of(model)).history(said)
        assert len(json.loads(frame)["clientContent"]["turns"]) == count


async def test_content_that_is_to_be_answered_is_no_history() -> None:
    backend = PeerBackend()
    async with get_live_generative_model(NATIVE, backend=backend).connect() as session:
        await session.send([SOUND, "What is this?"])
        assert len((await backend.peer.hear())["clientContent"]["turns"][0]["parts"]) == 2


# What may be sent


@pytest.mark.parametrize("model", [NATIVE, NEW, THINKER, "gemini-4-live"])
async def test_text_is_sent_as_content(model: str) -> None:
    backend = PeerBackend()
    async with get_live_generative_model(model, backend=backend).connect() as session:
        await session.send("Hello")
        assert (await backend.peer.hear())["clientContent"]["turnComplete"] is True


async def test_text_is_sent_in_real_time_to_a_model_that_takes_content_only_before() -> None:
    backend = PeerBackend()
    async with get_live_generative_model(OLD, backend=backend).connect() as session:
        await session.send("Hello")
        assert await backend.peer.hear() == {"realtimeInput": {"text": "Hello"}}
        await session.send(["Two", Part(text="lines")])
        assert await backend.peer.hear() == {"realtimeInput": {"text": "Two\nlines"}}


async def test_such_a_model_can_be_asked() -> None:
    backend = PeerBackend()

    async def answer() -> None:
        assert await backend.peer.hear() == {"realtimeInput": {"text": "What time is it?"}}
        await backend.peer.say(text("Noon."), TURN_COMPLETE)

    async with (
        get_live_generative_model(OLD, backend=backend).connect() as session,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(answer)
        assert (await session.ask("What time is it?")).text == "Noon."


@pytest.mark.parametrize(
    ("content", "turn_complete", "words"),
    [
        ("And then", False, "say the whole at once, with turn_complete=True"),
        (Content(role="model", parts=[Part(text="I said")]), True, "now it takes the user's text"),
        ([Part(text="Look:"), Part(thought=True)], True, "now it takes the user's text"),
    ],
)
async def test_what_such_a_model_cant_take_is_refused_and_the_session_goes_on(
    content: Any, *, turn_complete: bool, words: str
) -> None:
    backend = PeerBackend()
    async with get_live_generative_model(OLD, backend=backend).connect() as session:
        with pytest.raises(LocalProtocolError, match="only as the history before the conversation") as caught:
            await session.send(content, turn_complete=turn_complete)
        assert words in str(caught.value)
        await session.send("Hello")
        assert await backend.peer.hear() == {"realtimeInput": {"text": "Hello"}}


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_history_comes_first_whole_and_is_not_answered(model: str) -> None:
    backend = PeerBackend()
    live_model = get_live_generative_model(model, backend=backend, generation_config=HISTORY)
    async with live_model.connect() as session:
        with pytest.raises(LocalProtocolError, match="the history comes first"):
            await session.send_audio_realtime(b"\0\0")
        with pytest.raises(LocalProtocolError, match="the history comes first"):
            await session.send_text_realtime("Hello")
        with pytest.raises(LocalProtocolError, match="nothing is answered before the history is complete"):
            await session.ask("Well?")
        await session.send("I am Ann.", turn_complete=False)
        await session.send(Content(role="model", parts=[Part(text="Hello Ann!")]))
        assert "turnComplete" not in (await backend.peer.hear())["clientContent"]
        assert (await backend.peer.hear())["clientContent"]["turnComplete"] is True
        await session.send_audio_realtime(b"\0\0")
        assert "audio" in (await backend.peer.hear())["realtimeInput"]
        await session.send("Who am I?")
        assert ("realtimeInput" in await backend.peer.hear()) is (model == OLD)


async def test_a_session_that_is_resumed_does_not_wait_for_a_history_again() -> None:
    backend = PeerBackend(SETUP_COMPLETE, HANDLE)
    live_model = get_live_generative_model(OLD, backend=backend, generation_config=HISTORY)
    async with live_model.connect(session_resumption=SessionResumptionConfig(handle="earlier")) as session:
        assert "historyConfig" not in backend.setup["setup"]
        await session.send("Hello again")
        assert await backend.peer.hear() == {"realtimeInput": {"text": "Hello again"}}
        await session.receive()
        await session.resume_session()
        assert "historyConfig" not in backend.setup["setup"]
        await session.send("And again")
        assert await backend.peer.hear() == {"realtimeInput": {"text": "And again"}}


async def test_what_waited_for_the_end_of_the_history_is_sent_as_the_model_takes_it_then() -> None:
    backend = PeerBackend()
    live_model = get_live_generative_model(OLD, backend=backend, generation_config=HISTORY)
    async with live_model.connect() as session, trio.open_nursery() as nursery:
        nursery.start_soon(session.send, "I am Ann.")
        nursery.start_soon(session.send, "I am Ann.")
        first, second = await backend.peer.hear(), await backend.peer.hear()
    assert "clientContent" in first
    assert second == {"realtimeInput": {"text": "I am Ann."}}


@pytest.mark.parametrize(("model", "is_taken"), [(NATIVE, True), (NEW, True), (OLD, False), (THINKER, False)])
async def test_an_answers_scheduling_is_refused_where_it_means_nothing(model: str, *, is_taken: bool) -> None:
    backend = PeerBackend(SETUP_COMPLETE, HANDLE)
    response = FunctionResponse(id="1", name="look_up", response={}, scheduling="SILENT")
    async with get_live_generative_model(model, backend=backend).connect() as session:
        if not is_taken:
            with pytest.raises(LocalProtocolError, match=f"{model} takes no scheduling"):
                await session.send_function_responses([response])
            response = FunctionResponse(id="1", name="look_up", response={})
        await session.send_function_responses([response])
        assert "toolResponse" in await backend.peer.hear()


def with_media(mime_type: str) -> FunctionResponse:
    blob = Blob(mime_type=mime_type, data=b"x")
    return FunctionResponse(id="1", name="look_up", parts=[FunctionResponsePart(inline_data=blob)])


@pytest.mark.parametrize(
    ("model", "mime_type", "complaint"),
    [
        (
            NEW,
            "application/pdf",
            "reads image/jpeg or image/png or image/webp or text/plain in FunctionResponse.parts",
        ),
        (
            NATIVE,
            "image/png",
            "reads nothing but JSON in FunctionResponse.parts, not image/png; put what it says into",
        ),
        (NEW, "image/PNG", None),
        (OLD, "text/plain; charset=utf-8", None),
        ("gemini-4-live", "application/pdf", None),
    ],
)
def test_media_that_the_model_does_not_read_in_an_answer_are_refused(
    model: str, mime_type: str, complaint: str | None
) -> None:
    profile = profile_of(model)
    check_responses(profile, model, [FunctionResponse(parts=[FunctionResponsePart()])])
    if complaint is None:
        check_responses(profile, model, [with_media(mime_type)])
        return
    with pytest.raises(LocalProtocolError, match=rf"^{model} {complaint}"):
        check_responses(profile, model, [with_media(mime_type)])


async def test_tools_that_come_later_are_checked_as_well() -> None:
    async with get_live_generative_model(THINKER, backend=PeerBackend()).connect() as session:
        with pytest.raises(LocalProtocolError, match="never waits for a function"):
            await session.update_context(**waiting("BLOCKING"))


async def test_nothing_is_sent_of_an_empty_chunk() -> None:
    backend = PeerBackend()
    async with get_live_generative_model(NEW, backend=backend).connect() as session:
        await session.send_audio_realtime(b"")
        await session.send_video_realtime(b"")
        await session.send("something")
        assert "clientContent" in await backend.peer.hear()
