"""Ephemeral tokens: what is asked for, byte for byte what Google's own client asks for, and what comes of it."""

from __future__ import annotations

import json
import re
import traceback
import warnings
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import trio
from google import genai
from google.genai import types
from hypothesis import given, strategies as st

from livegen_trio import (
    AudioTranscriptionConfig,
    AuthToken,
    AutomaticActivityDetection,
    ConfigError,
    ContextWindowCompressionConfig,
    FunctionDeclaration,
    GeminiBackend,
    GoogleSearch,
    HandshakeError,
    LiveGenerationConfig,
    LiveGenerativeModel,
    PrebuiltVoiceConfig,
    RealtimeInputConfig,
    SlidingWindow,
    SpeechConfig,
    Tool,
    VoiceConfig,
    create_auth_token,
    get_live_generative_model,
)
from livegen_trio._protocol.close_hints import diagnose_status
from livegen_trio._tokens import _name_in
from livegen_trio.local import LocalBackend
from livegen_trio.transports._https import Response
from livegen_trio.transports.base import Endpoint
from support.authority import client_context, server_context
from support.http_peer import HttpPeer, answer, http_peer
from support.json_strategies import objects
from support.peer import PeerBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = "AIza-secret-key"
NAME = "auth_tokens/0123-secret"
MODEL = "gemini-3.8-live"
TOKEN = answer(
    200, json.dumps({"name": NAME}, indent=2).encode(), "Content-Type: application/json; charset=UTF-8"
)


def backend_at(peer: HttpPeer, **options: Any) -> GeminiBackend:
    return GeminiBackend(**{"api_key": KEY, "base_url": f"ws://127.0.0.1:{peer.port}"} | options)


def model_at(
    backend: GeminiBackend, system_instruction: str | None = None, tools: Sequence[Tool] = (), **config: Any
) -> LiveGenerativeModel:
    return get_live_generative_model(
        MODEL,
        backend=backend,
        system_instruction=system_instruction,
        tools=tools,
        generation_config=LiveGenerationConfig(**config),
    )


async def asked(
    *, system_instruction: str | None = None, tools: Sequence[Tool] = (), config: Any = None, **options: Any
) -> dict[str, Any]:
    """The body of our request for a token for a model."""
    async with http_peer(TOKEN) as peer:
        model = model_at(backend_at(peer), system_instruction, tools, **(config or {}))
        await create_auth_token(model, **options)
    body: dict[str, Any] = json.loads(peer.body)
    return body


# The request and its answer


async def test_a_token_comes_for_a_post_with_the_key_in_its_header() -> None:
    async with http_peer(TOKEN) as peer:
        token = await create_auth_token(backend=backend_at(peer, headers={"x-team": "voice"}))
    assert peer.request_line == "POST /v1beta/auth_tokens HTTP/1.1"
    assert peer.headers == {
        "host": f"127.0.0.1:{peer.port}",
        "content-type": "application/json",
        "content-length": "10",
        "connection": "close",
        "x-team": "voice",
        "x-goog-api-key": KEY,
    }
    assert peer.body == b'{"uses":1}'
    assert token == AuthToken(name=NAME, uses=1, expire_time=None, new_session_expire_time=None)


async def test_the_api_version_the_base_url_and_the_context_for_tls_are_the_backends() -> None:
    async with http_peer(TOKEN, server_context("127.0.0.1")) as peer:
        backend = backend_at(
            peer,
            base_url=f"wss://127.0.0.1:{peer.port}/gemini/",
            api_version="v1alpha",
            ssl_context=client_context(),
        )
        assert (await create_auth_token(backend=backend)).name == NAME
    assert peer.request_line == "POST /gemini/v1alpha/auth_tokens HTTP/1.1"


async def test_a_token_without_a_model_takes_the_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="there is no API key"):
        await create_auth_token()


async def test_a_function_for_the_key_is_asked_for_each_token() -> None:
    keys = iter(["first", "second"])

    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return next(keys)

    async with http_peer(TOKEN) as peer:
        backend = backend_at(peer, api_key=fetch)
        for key in ("first", "second"):
            await create_auth_token(backend=backend)
            assert peer.headers["x-goog-api-key"] == key


async def test_a_token_shows_in_no_repr_and_in_no_string() -> None:
    token = AuthToken(name=NAME, uses=1, expire_time=None, new_session_expire_time=None)
    assert "secret" not in f"{token!r} {token}"
    assert repr(token) == "AuthToken(uses=1, expire_time=None, new_session_expire_time=None)"


# The limits


async def test_times_are_sent_in_utc_and_are_in_the_token() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    east = (now + timedelta(hours=1)).astimezone(timezone(timedelta(hours=5, minutes=30)))
    async with http_peer(TOKEN) as peer:
        token = await create_auth_token(
            backend=backend_at(peer),
            uses=0,
            expire_time=east,
            new_session_expire_time=now + timedelta(minutes=5),
        )
    assert json.loads(peer.body) == {
        "uses": 0,
        "expireTime": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}Z",
        "newSessionExpireTime": f"{now + timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}Z",
    }
    assert (token.uses, token.expire_time) == (0, east)
    assert token.new_session_expire_time == now + timedelta(minutes=5)


async def test_a_time_may_be_so_long_from_now() -> None:
    async with http_peer(TOKEN) as peer:
        before = datetime.now(UTC)
        token = await create_auth_token(backend=backend_at(peer), expire_time=timedelta(hours=2))
        after = datetime.now(UTC)
    assert token.expire_time is not None
    assert before <= token.expire_time - timedelta(hours=2) <= after
    assert datetime.fromisoformat(json.loads(peer.body)["expireTime"]) == token.expire_time


@pytest.mark.parametrize("field", ["expire_time", "new_session_expire_time"])
@pytest.mark.parametrize(
    ("when", "words"),
    [
        (datetime(2100, 1, 1), "is a datetime with its time zone, or a timedelta"),  # noqa: DTZ001 - the fault
        ("2100-01-01T00:00:00Z", "is a datetime with its time zone, or a timedelta"),
        (60, "is a datetime with its time zone, or a timedelta"),
        (datetime(2100, 1, 1, tzinfo=UTC), "has to be ahead, by less than 20 hours"),
        (
            datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
            "has to be ahead, by less than 20 hours",
        ),
        (datetime(2020, 1, 1, tzinfo=UTC), "has to be ahead, by less than 20 hours"),
        (timedelta(hours=20), "has to be ahead, by less than 20 hours"),
        (timedelta.max, "has to be ahead, by less than 20 hours"),
        (timedelta(0), "has to be ahead, by less than 20 hours"),
    ],
)
async def test_a_time_that_the_service_refuses_is_refused_before(field: str, when: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field} {words}"):
        await create_auth_token(backend=GeminiBackend(api_key=KEY), **{field: when})


@pytest.mark.parametrize("uses", [-1, 2**31])
async def test_a_number_of_uses_that_is_none_is_refused(uses: int) -> None:
    with pytest.raises(ConfigError, match=rf"0 for any number; not {uses}$"):
        await create_auth_token(backend=GeminiBackend(api_key=KEY), uses=uses)


# Who gives tokens


async def test_a_token_gives_no_other_token() -> None:
    with pytest.raises(ConfigError, match="give an API key"):
        await create_auth_token(backend=GeminiBackend(api_key=NAME))


async def test_other_services_have_no_tokens() -> None:
    backend = PeerBackend()
    model = get_live_generative_model(MODEL, backend=backend)
    for arguments in ({"backend": backend}, {"model": model}):
        with pytest.raises(ConfigError, match=r"^PeerBackend has no ephemeral tokens.*use GeminiBackend"):
            await create_auth_token(**arguments)


async def test_a_model_brings_its_backend() -> None:
    backend = GeminiBackend(api_key=KEY)
    with pytest.raises(ConfigError, match="leave backend out"):
        await create_auth_token(model_at(backend), backend=GeminiBackend(api_key=KEY))


async def test_a_model_may_come_with_the_backend_that_it_has() -> None:
    async with http_peer(TOKEN) as peer:
        backend = backend_at(peer)
        assert (await create_auth_token(model_at(backend), backend=backend)).name == NAME


# Constraints


async def test_a_model_is_locked_as_a_whole_without_the_envelope_of_a_setup() -> None:
    assert await asked(system_instruction="Be brief.", config={"temperature": 0.5}) == {
        "uses": 1,
        "bidiGenerateContentSetup": {
            "model": "models/gemini-3.8-live",
            "generationConfig": {"temperature": 0.5},
            "systemInstruction": {"role": "system", "parts": [{"text": "Be brief."}]},
            "sessionResumption": {},
        },
    }


async def test_nothing_empty_is_locked() -> None:
    assert await asked(session_resumption=None) == {
        "uses": 1,
        "bidiGenerateContentSetup": {"model": "models/gemini-3.8-live"},
    }


async def test_functions_are_declared_in_the_token() -> None:
    def double(number: int) -> int:
        """Twice as much."""
        return 2 * number

    async with http_peer(TOKEN) as peer:
        model = get_live_generative_model(MODEL, backend=backend_at(peer), tools=[double])
        await create_auth_token(model, lock_additional_fields=[])
    body = json.loads(peer.body)
    [tool] = body["bidiGenerateContentSetup"]["tools"]
    assert tool["functionDeclarations"][0]["name"] == "double"
    assert body["fieldMask"] == "model,tools"


async def test_a_model_that_the_service_would_refuse_gets_no_token() -> None:
    model = model_at(GeminiBackend(api_key=KEY), explicit_vad_signal=True)
    with pytest.raises(ConfigError, match="explicit_vad_signal is not supported by the Gemini Developer API"):
        await create_auth_token(model)


async def test_a_list_locks_what_is_set_and_leaves_resumption_to_the_user() -> None:
    body = await asked(config={"temperature": 0.5}, lock_additional_fields=[])
    assert "sessionResumption" not in body["bidiGenerateContentSetup"]
    assert body["fieldMask"] == "model,generationConfig.temperature"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("temperature", "generationConfig.temperature"),
        ("top_p", "generationConfig.topP"),
        ("topP", "generationConfig.topP"),
        ("generation_config", "generationConfig"),
        ("generation_config.top_p", "generationConfig.topP"),
        ("generationConfig.topP", "generationConfig.topP"),
        ("tools", "tools"),
        ("output_audio_transcription", "outputAudioTranscription"),
        ("outputAudioTranscription", "outputAudioTranscription"),
        ("realtime_input_config.activity_handling", "realtimeInputConfig.activityHandling"),
        ("session_resumption", "sessionResumption"),
        ("labels", "labels"),
    ],
)
async def test_a_field_to_lock_can_be_named_as_it_is_set_or_as_it_is_sent(name: str, path: str) -> None:
    body = await asked(lock_additional_fields=[name])
    assert body["fieldMask"] == f"model,{path}"


async def test_a_field_is_locked_once_however_often_it_is_named() -> None:
    names = ["top_p", "topP", "tools", "temperature", "model"]
    body = await asked(config={"temperature": 0.5}, lock_additional_fields=names)
    assert body["fieldMask"] == "model,generationConfig.temperature,generationConfig.topP,tools"


async def test_other_messages_than_the_generation_config_are_locked_as_a_whole() -> None:
    config = {
        "labels": {"team": "voice"},
        "realtime_input_config": RealtimeInputConfig(activity_handling="NO_INTERRUPTION"),
    }
    body = await asked(config=config, lock_additional_fields=[])
    assert body["fieldMask"] == "model,realtimeInputConfig,labels"


@pytest.mark.parametrize(
    "name",
    ["", "warmth", "Temperature", "tools.retrieval", "explicit_vad_signal", "top_p,model", "setup.model"],
)
async def test_a_field_that_is_none_is_refused_with_the_names_of_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        await create_auth_token(model_at(GeminiBackend(api_key=KEY)), lock_additional_fields=[name])
    words = str(caught.value)
    assert words.startswith(f"there is no field {name!r} to lock; there are model, generation_config, ")
    for known in ("temperature", "system_instruction", "output_audio_transcription"):
        assert f" {known}," in words
    assert "vad" not in words.partition("there are")[2]


async def test_a_bare_name_is_no_list() -> None:
    model = model_at(GeminiBackend(api_key=KEY))
    with pytest.raises(ConfigError, match="is a list of names"):
        await create_auth_token(model, lock_additional_fields="tools")


@pytest.mark.parametrize("names", [[], ["temperature"]])
async def test_there_is_nothing_to_lock_without_a_model(names: list[str]) -> None:
    with pytest.raises(ConfigError, match="give the model"):
        await create_auth_token(backend=GeminiBackend(api_key=KEY), lock_additional_fields=names)


async def test_a_handle_is_no_part_of_a_token() -> None:
    with pytest.raises(ConfigError, match="a handle is no part of a token"):
        await create_auth_token(model_at(GeminiBackend(api_key=KEY)), session_resumption="handle")  # type: ignore[arg-type] # the fault


# Google's own client


async def asked_by_google(config: dict[str, Any]) -> dict[str, Any]:
    """The body of google-genai's request for a token."""
    async with http_peer(TOKEN) as peer:
        base_url = f"http://127.0.0.1:{peer.port}"

        def create() -> None:
            client = genai.Client(
                api_key=KEY, http_options=types.HttpOptions(base_url=base_url, api_version="v1beta")
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "experimental"
                token = client.auth_tokens.create(config=types.CreateAuthTokenConfig(**config))
            client.close()
            assert token.name == NAME

        await trio.to_thread.run_sync(create)
    assert peer.request_line == "POST /v1beta/auth_tokens HTTP/1.1"
    assert peer.headers["x-goog-api-key"] == KEY
    body: dict[str, Any] = json.loads(peer.body)
    return body


def canonical(body: dict[str, Any]) -> bytes:
    """The body with one form for what means the same: of names, of a time, and of a mask's order."""
    body = camel(body)
    if "fieldMask" in body:
        body["fieldMask"] = sorted({camel_name(path) for path in body["fieldMask"].split(",")})
    for name in ("expireTime", "newSessionExpireTime"):
        if name in body:
            body[name] = datetime.fromisoformat(body[name]).timestamp()
    return json.dumps(body, sort_keys=True).encode()


def camel(value: Any) -> Any:
    """google-genai writes the names in deeper messages in snake_case, which the service takes as well."""
    if isinstance(value, dict):
        return {camel_name(name): camel(inner) for name, inner in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def camel_name(name: str) -> str:
    return re.sub("_([a-z])", lambda match: match[1].upper(), name)


SEARCH = Tool(google_search=GoogleSearch())
ROLL = FunctionDeclaration(name="roll", description="Roll dice.")
RICH: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "temperature": 0.5,
    "max_output_tokens": 100,
    "speech_config": SpeechConfig(
        voice_config=VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name="Kore")),
        language_code="en-US",
    ),
    "input_audio_transcription": AudioTranscriptionConfig(),
    "output_audio_transcription": AudioTranscriptionConfig(language_codes=["en"]),
    "realtime_input_config": RealtimeInputConfig(
        automatic_activity_detection=AutomaticActivityDetection(disabled=True, silence_duration_ms=300),
        activity_handling="NO_INTERRUPTION",
    ),
    "context_window_compression": ContextWindowCompressionConfig(
        trigger_tokens=10000, sliding_window=SlidingWindow(target_tokens=5000)
    ),
}
RICH_FOR_GOOGLE: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "temperature": 0.5,
    "max_output_tokens": 100,
    "speech_config": {
        "voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}},
        "language_code": "en-US",
    },
    "input_audio_transcription": {},
    "output_audio_transcription": {"language_codes": ["en"]},
    "realtime_input_config": {
        "automatic_activity_detection": {"disabled": True, "silence_duration_ms": 300},
        "activity_handling": "NO_INTERRUPTION",
    },
    "context_window_compression": {"trigger_tokens": 10000, "sliding_window": {"target_tokens": 5000}},
}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"config": {"temperature": 0.5}}, {"temperature": 0.5}),
        ({"config": RICH}, RICH_FOR_GOOGLE),
        (
            {"system_instruction": "Be brief.", "tools": [SEARCH, Tool(function_declarations=[ROLL])]},
            {
                "system_instruction": types.Content(role="system", parts=[types.Part(text="Be brief.")]),
                "tools": [
                    {"google_search": {}},
                    {"function_declarations": [{"name": "roll", "description": "Roll dice."}]},
                ],
            },
        ),
    ],
    ids=["the model", "a number", "many fields", "an instruction and tools"],
)
@pytest.mark.parametrize("lock", [None, [], ["temperature"], ["tools", "outputAudioTranscription", "seed"]])
async def test_googles_client_asks_for_the_same_token(
    ours: dict[str, Any], theirs: dict[str, Any], lock: list[str] | None
) -> None:
    resumption: dict[str, Any] = {"session_resumption": {}} if lock is None else {}
    constraints = {"model": MODEL, "config": theirs | resumption}
    google = await asked_by_google(
        {"uses": 1, "live_connect_constraints": constraints, "lock_additional_fields": lock}
    )
    assert canonical(await asked(**ours, lock_additional_fields=lock)) == canonical(google)


async def test_googles_client_sends_the_same_limits() -> None:
    now = datetime.now(UTC)
    limits: dict[str, Any] = {
        "expire_time": now + timedelta(hours=1),
        "new_session_expire_time": now + timedelta(minutes=2),
    }
    google = await asked_by_google({"uses": 3, **limits})
    async with http_peer(TOKEN) as peer:
        await create_auth_token(backend=backend_at(peer), uses=3, **limits)
    assert canonical(json.loads(peer.body)) == canonical(google)


async def test_unlike_googles_client_ours_spells_paths_as_the_wire_does() -> None:
    constraints = {"model": MODEL, "config": {"temperature": 0.5}}
    google = await asked_by_google(
        {"live_connect_constraints": constraints, "lock_additional_fields": ["top_p"]}
    )
    assert google["fieldMask"].endswith(",generationConfig.top_p")
    body = await asked(config={"temperature": 0.5}, lock_additional_fields=["top_p"])
    assert body["fieldMask"].endswith(",generationConfig.topP")


# What goes wrong


async def refusal(raw: bytes) -> HandshakeError:
    """The error of a request that is answered so; checks what holds for all of them."""
    async with http_peer(raw) as peer:
        with pytest.raises(HandshakeError) as caught:
            await create_auth_token(backend=backend_at(peer))
    error = caught.value
    assert error.phase == "request"
    assert "\n" not in str(error)
    assert "secret" not in "".join(traceback.format_exception(error)) + repr(error.body)
    return error


@pytest.mark.parametrize("status", [302, 400, 401, 403, 429, 500, 503])
async def test_a_refusal_says_what_can_be_done(status: int) -> None:
    body = json.dumps({"error": {"code": status, "message": "Some\nwords.", "status": "X"}}).encode()
    found = await refusal(answer(status, body, "Location: http://elsewhere.test/"))
    assert str(found).startswith(f"the server gave no token, but HTTP status {status}: Some words.")
    assert (found.status_code, found.body) == (status, body)
    known = diagnose_status(status)
    assert (found.retryable, found.hint) == (known.retryable, known.hint)
    assert (found.hint or "") in str(found)


async def test_a_version_without_tokens_is_an_error_that_names_the_one_with_them() -> None:
    found = await refusal(answer(404, b"Not Found"))
    assert not found.retryable
    assert 'try api_version="v1alpha"' in str(found)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error": "words"}', b'{"error": {"message": 1}}', b"\xff", b"[" * 5000, b"[]"]
)
async def test_a_refusal_without_a_message_of_googles_is_one_all_the_same(body: bytes) -> None:
    found = await refusal(answer(403, body))
    assert str(found).startswith("the server gave no token, but HTTP status 403")
    assert found.body == body[:2048]


async def test_a_long_refusal_is_cut() -> None:
    found = await refusal(answer(500, json.dumps({"error": {"message": "x" * 5000}}).encode()))
    assert 500 < len(str(found)) < 600
    assert len(found.body) == 2048


async def test_a_refusal_that_repeats_the_key_is_shown_without_it() -> None:
    body = json.dumps({"error": {"message": f"Not a key: {KEY}"}}).encode()
    found = await refusal(answer(400, body))
    assert "Not a key: <hidden>" in str(found)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"name": 1}',
        b'{"name": "models/secret"}',
        b'{"name": ',
        b"\xff",
        b'{"name": null}',
    ],
)
async def test_an_answer_without_a_token_is_an_error(body: bytes) -> None:
    found = await refusal(answer(200, body))
    assert str(found) == "there is no token in the server's answer"
    assert (found.status_code, found.retryable) == (200, False)


async def test_what_is_new_in_an_answer_does_no_harm() -> None:
    async with http_peer(answer(200, json.dumps({"name": NAME, "new": {"x": [1]}}).encode())) as peer:
        assert (await create_auth_token(backend=backend_at(peer))).name == NAME


async def test_a_service_that_can_not_be_reached_is_an_error_with_the_phase() -> None:
    async with http_peer(TOKEN) as peer:
        pass
    with pytest.raises(HandshakeError) as caught:
        await create_auth_token(backend=backend_at(peer))
    assert (caught.value.phase, caught.value.retryable) == ("tcp", True)


async def test_asking_can_be_cancelled() -> None:
    async def say_nothing(peer: HttpPeer, stream: trio.abc.Stream) -> None:
        await peer.hear(stream)
        scope.cancel()
        await trio.sleep_forever()

    scope = trio.CancelScope()
    async with http_peer(say_nothing) as peer:
        with scope:
            await create_auth_token(backend=backend_at(peer))
    assert scope.cancelled_caught


async def test_no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    async with http_peer(TOKEN) as peer:
        await create_auth_token(backend=backend_at(peer))
    assert "secret" not in caplog.text


async def test_a_server_in_process_gives_no_tokens() -> None:
    with pytest.raises(ConfigError, match="LocalBackend"):
        await create_auth_token(backend=LocalBackend())


@given(
    st.integers(100, 599),
    st.one_of(
        st.binary(max_size=200),
        objects(st.sampled_from(["name", "error", "x"])).map(lambda value: json.dumps(value).encode()),
        objects(st.sampled_from(["message", "x"])).map(lambda value: json.dumps({"error": value}).encode()),
    ),
)
def test_no_answer_without_a_token_raises_anything_but_a_handshake_error(status: int, body: bytes) -> None:
    endpoint = Endpoint("https://tokens.test/", (("x-goog-api-key", KEY),))
    with pytest.raises(HandshakeError):
        _name_in(Response(status, body), endpoint)
