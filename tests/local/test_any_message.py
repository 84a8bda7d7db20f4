"""Whatever a client sends, the embedded server takes it or closes the connection for it; it never fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings, strategies as st

from livegen_trio._errors import LocalProtocolError
from livegen_trio._protocol.codec import encode_client_message
from livegen_trio.local import Dialect, Engines, LocalServer, text_engines
from livegen_trio.transports.base import ConnectionClosed
from livegen_trio.transports.memory import memory_transport_pair
from livegen_trio.types import ClientContent, ContextUpdate, RealtimeInput, Setup, ToolResponse
from support.live_client import WEATHER, Client, LoudnessDetector, audio, said, setup, sound
from support.struct_strategies import JSON, structs

if TYPE_CHECKING:
    from livegen_trio.transports.base import Transport
    from livegen_trio.types import ClientMessage

RULES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

SENSIBLE = st.sampled_from(
    [
        said("What is the weather in Paris?"),
        said("Hello", turn_complete=False),
        audio(sound(0.3)),
        audio(sound(0.5, level=0)),
        audio(sound(0.2, rate=8000), "audio/pcm;rate=8000"),
        {"realtimeInput": {"activityStart": {}}},
        {"realtimeInput": {"activityEnd": {}}},
        {"realtimeInput": {"audioStreamEnd": True}},
        {"realtimeInput": {"text": "What time is it?"}},
        {"realtimeInput": {"text": " "}},
        {"clientContent": {"turnComplete": True}},
        {"toolResponse": {"functionResponses": [{"name": "get_weather", "response": {"output": 1}}]}},
    ]
).map(lambda message: json.dumps(message).encode())


def encoded(message: ClientMessage) -> bytes:
    try:
        return encode_client_message(message)
    except LocalProtocolError:  # a number that JSON has no room for
        return b"{}"


ANYTHING = st.one_of(
    structs(ClientContent).map(encoded),
    structs(RealtimeInput).map(encoded),
    structs(ToolResponse).map(encoded),
    structs(ContextUpdate).map(encoded),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20),
)

SETUPS = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.just([WEATHER]),
        "realtimeInputConfig": st.fixed_dictionaries(
            {},
            optional={
                "automaticActivityDetection": st.just({"disabled": True}),
                "activityHandling": st.just("NO_INTERRUPTION"),
            },
        ),
        "sessionResumption": st.just({}),
        "historyConfig": st.just({"initialHistoryInClientContent": True}),
        "outputAudioTranscription": st.just({}),
        "explicitVadSignal": st.just(True),
    },
)


def close_of(frames: list[bytes], dialect: Dialect) -> tuple[int, str]:
    """How a session with these frames ends; with 1000 if only the client ends it."""
    engines = Engines(responder=text_engines().responder, open_detector=LoudnessDetector)

    async def converse() -> tuple[int, str]:
        ours, theirs = memory_transport_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(LocalServer(engines).converse, theirs, dialect)
            nursery.start_soon(_send_all, ours, frames)
            closed = await Client(ours).hear_close()
        return closed.code, closed.reason

    return trio.run(converse, clock=trio.testing.MockClock(autojump_threshold=0))


async def _send_all(transport: Transport, frames: list[bytes]) -> None:
    try:
        for frame in frames:
            await transport.send(frame)
            await trio.sleep(0.1)
        await trio.sleep(60)
        await transport.aclose()
    except ConnectionClosed:
        pass


@RULES
@given(structs(Setup), st.sampled_from([Dialect(), Dialect(is_vertex=True)]))
def test_any_setup_is_accepted_or_refused(message: Setup, dialect: Dialect) -> None:
    assert close_of([encoded(message)], dialect)[0] in {1000, 1007, 1008}


@RULES
@given(st.lists(SENSIBLE | ANYTHING, max_size=12), SETUPS)
def test_any_messages_are_taken_or_refused(frames: list[bytes], fields: dict[str, Any]) -> None:
    for model in ("gemini-live-2.5-flash-preview", "gemini-3.8-live"):
        first = json.dumps(setup(f"models/{model}", **fields)).encode()
        code, reason = close_of([first, *frames], Dialect())
        assert code in {1000, 1007}, reason


@RULES
@given(st.lists(SENSIBLE, max_size=30), SETUPS)
def test_any_sensible_messages_are_taken(frames: list[bytes], fields: dict[str, Any]) -> None:
    code, reason = close_of([json.dumps(setup(**fields)).encode(), *frames], Dialect())
    assert code == 1000 or "activity control" in reason
