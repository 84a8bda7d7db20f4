"""`LocalBackend`: the embedded server behind the library's own session."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio import (
    ConfigError,
    LiveGenerationConfig,
    ModelProfile,
    ProactivityConfig,
    ServerContent,
    SessionClosedError,
    SessionResumptionConfig,
    SetupRejectedError,
    get_live_generative_model,
)
from livegen_trio.local import CallTool, EngineError, Engines, LocalBackend, LocalServer, Say
from support.live_client import ScriptedResponder, speech_engines, text_engines

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from livegen_trio import LiveGenerativeModel, LiveSession

MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
JUMP = 2.0
"""Seconds until a session asks what of its last inputs has arrived: as far may a virtual clock jump meanwhile."""
TEXT_MODEL = "gemini-live-2.5-flash-preview"


def unhurried(model: LiveGenerativeModel) -> AbstractAsyncContextManager[LiveSession]:
    """A virtual clock jumps ahead while a thread works: there is little to jump to."""
    return model.connect(keepalive_interval=math.inf, keepalive_timeout=math.inf)


def model_on(backend: LocalBackend, name: str = MODEL) -> LiveGenerativeModel:
    return get_live_generative_model(name, backend=backend)


async def test_a_conversation_in_process_needs_nothing_but_the_backend() -> None:
    async with model_on(LocalBackend(engines=text_engines())).connect() as session:
        assert (await session.ask("Hello!")).text == "You said: Hello!"
        assert (await session.ask("Again!")).text == "You said: Again!"


async def test_a_conversation_over_a_websocket_is_the_same() -> None:
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(LocalServer(text_engines()).serve, 0)
        for backend in (
            LocalBackend(f"ws://{address.host}:{address.port}"),
            LocalBackend(base_url=f"http://{address.host}:{address.port}/"),
        ):
            async with model_on(backend).connect() as session:
                assert (await session.ask("Hello!")).text == "You said: Hello!"
        nursery.cancel_scope.cancel()


async def test_a_function_of_the_callers_is_called(autojump_clock: trio.testing.MockClock) -> None:
    def decide(history: object) -> object:
        assert isinstance(history, list)
        last = history[-1].parts[-1]
        if last.function_response is None:
            return [CallTool("double", {"number": 21})]
        return Say(f"It is {last.function_response.response}.")

    def double(number: int) -> dict[str, int]:
        """Twice a number."""
        return {"twice": 2 * number}

    engines = text_engines(decide)  # type: ignore[arg-type] # the history is looked into
    model = get_live_generative_model(MODEL, backend=LocalBackend(engines=engines), tools=[double])
    async with model.connect() as session:
        assert (await session.ask("What is twice 21?")).text == "It is {'twice': 42}."


async def test_a_setup_that_is_refused_says_why() -> None:
    model = model_on(LocalBackend(engines=text_engines()), "eliza")
    with pytest.raises(SetupRejectedError, match="models/eliza is not found") as caught:
        async with model.connect():
            pass
    assert caught.value.code == 1008


async def test_the_server_and_not_the_backend_says_what_it_refuses() -> None:
    config = LiveGenerationConfig(explicit_vad_signal=True)
    model = get_live_generative_model(
        MODEL, backend=LocalBackend(engines=text_engines()), generation_config=config
    )
    async with model.connect() as session:
        assert (await session.ask("Hi")).text == "You said: Hi"
    transparent = SessionResumptionConfig(transparent=True)
    with pytest.raises(SetupRejectedError, match='Unknown name "transparent"'):
        async with model.connect(session_resumption=transparent):
            pass


async def test_speech_in_process_lasts_as_long_as_it_plays(autojump_clock: trio.testing.MockClock) -> None:
    start = trio.current_time()
    model = model_on(LocalBackend(engines=speech_engines(seconds=20)))
    async with unhurried(model) as session:
        result = await session.ask("Hello!")
    assert len(result.audio) == 20 * 48000
    assert trio.current_time() - start == pytest.approx(20, abs=JUMP)


async def test_a_setting_that_only_v1alpha_serves_reaches_the_same_server() -> None:
    backend = LocalBackend(engines=text_engines())
    configured = LiveGenerationConfig(proactivity=ProactivityConfig(proactive_audio=True))
    async with model_on(backend, TEXT_MODEL).connect() as session:
        await session.ask("One.")
        handle = session.resumption_handle
    model = get_live_generative_model(TEXT_MODEL, backend=backend, generation_config=configured)
    async with model.connect(session_resumption=SessionResumptionConfig(handle=handle)) as session:
        assert (await session.ask("Two.")).text == "You said: Two."


async def test_sessions_of_one_backend_can_be_resumed_on_it() -> None:
    engines = text_engines()
    model = model_on(LocalBackend(engines=engines))
    async with model.connect() as session:
        while session.resumption_handle is None:
            await session.receive()
        before = session.resumption_handle
        await session.ask("One.")
        while session.resumption_handle == before:  # with this model, a handle comes after a turn
            await session.receive()
        handle = session.resumption_handle
    assert handle is not None
    async with model.connect(session_resumption=SessionResumptionConfig(handle=handle)) as session:
        await session.ask("Two.")
    assert isinstance(engines.responder, ScriptedResponder)
    assert [content.text for content in engines.responder.histories[-1]] == [
        "One.",
        "You said: One.",
        "Two.",
    ]


@pytest.mark.parametrize(
    "name", [MODEL, "gemini-3.1-flash-live-preview", "gemini-3.8-live", "gemini-3.8-live-extended-thinking"]
)
async def test_text_is_said_to_every_model_in_the_way_that_it_takes(name: str) -> None:
    model = model_on(LocalBackend(engines=text_engines()), name)
    async with model.connect() as session:
        await session.send("Hello!")
        async for turn in session.turns():
            assert (await turn.collect()).text == "You said: Hello!"
            break
        assert (await session.ask("Again!")).text == "You said: Again!"


async def test_a_model_that_takes_content_only_before_refuses_it_later() -> None:
    model = get_live_generative_model(
        "gemini-3.1-flash-live-preview",
        backend=LocalBackend(engines=text_engines()),
        profile=ModelProfile(),
    )
    with pytest.raises(SessionClosedError, match="invalid argument") as caught:
        async with model.connect() as session:
            await session.ask("Hello!")
    assert caught.value.code == 1007


async def test_a_session_that_goes_on_with_another_connection_is_remembered() -> None:
    engines = text_engines()
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(LocalServer(engines).serve, 0)
        url = f"ws://{address.host}:{address.port}"
        async with model_on(LocalBackend(url)).connect() as session:
            await session.ask("One.")
            await session.resume_session()
            assert (await session.ask("Two.")).text == "You said: Two."
        nursery.cancel_scope.cancel()
    assert isinstance(engines.responder, ScriptedResponder)
    assert [content.text for content in engines.responder.histories[-1]] == [
        "One.",
        "You said: One.",
        "Two.",
    ]


async def test_engines_are_loaded_once_by_the_first_sessions_and_not_on_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []

    def load() -> Engines:
        threads.append(threading.current_thread())
        return text_engines()

    monkeypatch.setattr("livegen_trio.local.backend.load_engines", load)
    model = model_on(LocalBackend())
    assert threads == []
    async with model.connect() as one, model.connect() as two:
        assert (await one.ask("Hi")).text == (await two.ask("Hi")).text
    [thread] = threads
    assert thread is not threading.main_thread()


async def test_engines_that_can_not_be_loaded_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Engines:
        raise EngineError("the voice is missing")

    monkeypatch.setattr("livegen_trio.local.backend.load_engines", load)
    with pytest.raises(EngineError, match="the voice is missing"):
        async with model_on(LocalBackend()).connect():
            pass


def test_one_backend_serves_several_runs() -> None:
    model = model_on(LocalBackend(engines=text_engines()))

    async def converse() -> str:
        async with model.connect() as session:
            return (await session.ask("Hi")).text

    assert [trio.run(converse), trio.run(converse)] == ["You said: Hi"] * 2


async def test_leaving_a_session_in_process_takes_no_time(autojump_clock: trio.testing.MockClock) -> None:
    model = model_on(LocalBackend(engines=speech_engines(seconds=60)))
    start = trio.current_time()
    async with unhurried(model) as session:
        await session.send("Talk!")
        while not isinstance(await session.receive(), ServerContent):
            pass
    assert trio.current_time() - start <= JUMP


async def test_a_cancelled_session_in_process_ends(autojump_clock: trio.testing.MockClock) -> None:
    model = model_on(LocalBackend(engines=speech_engines(seconds=60)))
    with trio.move_on_after(10) as scope:
        async with model.connect() as session:
            await session.send("Talk!")
            async for event in session:
                assert not (isinstance(event, ServerContent) and event.turn_complete)
    assert scope.cancelled_caught


async def test_text_is_possible_where_the_model_can() -> None:
    config = LiveGenerationConfig(response_modalities=["TEXT"])
    backend = LocalBackend(engines=speech_engines())
    model = get_live_generative_model(TEXT_MODEL, backend=backend, generation_config=config)
    async with model.connect() as session:
        assert (await session.ask("Hi")).text == "You said: Hi"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"url": "ws://one", "base_url": "ws://two"}, "one and the same"),
        ({"url": "ftp://one"}, "no base URL"),
        ({"url": "ws://one", "engines": text_engines()}, "leave out the URL"),
        ({"headers": {"x": "y"}}, "nothing is dialled"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LocalBackend(**arguments)  # type: ignore[arg-type] # one of them is no string


def test_it_says_where_it_is() -> None:
    assert repr(LocalBackend()) == "LocalBackend()"
    assert repr(LocalBackend("ws://localhost:1")).startswith("LocalBackend('ws://localhost:1/ws/")
