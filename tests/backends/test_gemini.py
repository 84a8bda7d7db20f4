"""The Gemini API's URL, header, names and refusals; and that a key or token is seen in that header only."""

from __future__ import annotations

import ssl
import traceback
from typing import Any

import pytest
import trio

from livegen_trio import (
    ConfigError,
    FunctionResponse,
    GeminiBackend,
    HandshakeError,
    LiveGenerationConfig,
    LocalProtocolError,
    ProactivityConfig,
    SessionResumptionConfig,
    Tool,
    get_live_generative_model,
)
from livegen_trio.testing import FaultyBackend, RecordingBackend
from livegen_trio.types import (
    ClientContent,
    ContextUpdate,
    GoogleMaps,
    RealtimeInput,
    SafetySetting,
    Setup,
    ToolResponse,
    ToolsUpdate,
    make_setup,
)

KEY = "AIza-SECRET"
TOKEN = "auth_tokens/0123-SECRET"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def key_sent(backend: GeminiBackend) -> str:
    return dict((await backend.endpoint()).headers)["x-goog-api-key"]


# Where to


async def test_the_live_method_of_the_service_is_dialled() -> None:
    endpoint = await GeminiBackend(api_key=KEY).endpoint()
    assert endpoint.url == (
        "wss://generativelanguage.googleapis.com"
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    )
    assert endpoint.headers == (("x-goog-api-key", KEY),)
    assert endpoint.ssl_context is None


async def test_the_api_version_is_part_of_the_path() -> None:
    endpoint = await GeminiBackend(api_key=KEY, api_version="v1alpha").endpoint()
    assert ".v1alpha.GenerativeService." in endpoint.url


@pytest.mark.parametrize("version", ["", "v1beta/", "v1?key=x", "V1", "v1.beta", "v1beta\n"])
def test_what_is_no_api_version_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match='is no API version; write "v1beta"'):
        GeminiBackend(api_key=KEY, api_version=version)


@pytest.mark.parametrize(
    ("base_url", "beginning"),
    [
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/ws/google.ai."),
        ("https://proxy.example/gemini/", "wss://proxy.example/gemini/ws/google.ai."),
    ],
)
async def test_another_server_can_be_dialled(base_url: str, beginning: str) -> None:
    endpoint = await GeminiBackend(api_key=KEY, base_url=base_url).endpoint()
    assert endpoint.url.startswith(beginning)


@pytest.mark.parametrize("base_url", ["", "proxy.example"])
def test_a_bad_base_url_is_refused_before_anything_is_dialled(base_url: str) -> None:
    with pytest.raises(ConfigError, match="write wss://host"):
        GeminiBackend(api_key=KEY, base_url=base_url)


async def test_the_context_for_tls_is_handed_on() -> None:
    context = ssl.create_default_context()
    endpoint = await GeminiBackend(api_key=KEY, ssl_context=context).endpoint()
    assert endpoint.ssl_context is context


async def test_headers_are_sent_with_the_key() -> None:
    headers = {"x-team": "voice"}
    backend = GeminiBackend(api_key=KEY, headers=headers)
    headers["x-team"] = "changed afterwards"
    assert (await backend.endpoint()).headers == (("x-team", "voice"), ("x-goog-api-key", KEY))


async def test_the_key_is_sent_once_however_a_header_spells_its_name() -> None:
    backend = GeminiBackend(api_key=KEY, headers={"X-Goog-Api-Key": "another"})
    assert (await backend.endpoint()).headers == (("x-goog-api-key", KEY),)


# The key


async def test_a_function_for_the_key_is_called_on_every_dial() -> None:
    keys = iter(["first", " second\n"])

    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return next(keys)

    backend = GeminiBackend(api_key=fetch)
    assert [await key_sent(backend), await key_sent(backend)] == ["first", "second"]


async def test_the_environment_has_the_key_under_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "google")
    assert await key_sent(GeminiBackend()) == "google"
    monkeypatch.setenv("GEMINI_API_KEY", "gemini\n")
    assert await key_sent(GeminiBackend()) == "gemini"
    assert await key_sent(GeminiBackend(api_key="mine")) == "mine"


async def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", " ")
    monkeypatch.setenv("GOOGLE_API_KEY", "google")
    assert await key_sent(GeminiBackend()) == "google"


async def test_the_environment_is_read_when_the_backend_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "then")
    backend = GeminiBackend()
    monkeypatch.setenv("GEMINI_API_KEY", "now")
    assert await key_sent(backend) == "then"


def test_without_a_key_the_error_says_where_to_put_one() -> None:
    with pytest.raises(
        ConfigError, match=r"give api_key, or set GEMINI_API_KEY .* LocalBackend\(\) needs none"
    ):
        GeminiBackend()


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_key_is_not_replaced_by_the_environments(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "of another account")
    with pytest.raises(ConfigError, match="the API key is empty; leave api_key out"):
        GeminiBackend(api_key=empty)


async def test_an_empty_key_from_a_function_is_an_error_of_its_own() -> None:
    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return ""

    with pytest.raises(ConfigError, match="the API key is empty"):
        await GeminiBackend(api_key=fetch).endpoint()


async def test_white_space_around_a_key_is_no_part_of_it() -> None:
    assert await key_sent(GeminiBackend(api_key=f" {KEY}\r\n")) == KEY


@pytest.mark.parametrize("key", [f"{KEY}\nx-evil: 1", f"{KEY}é"])
async def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError, match="x-goog-api-key") as caught:
        await GeminiBackend(api_key=key).endpoint()
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


async def fetch_secret() -> str:
    await trio.lowlevel.checkpoint()
    return KEY


@pytest.mark.parametrize("key", [KEY, fetch_secret])
async def test_a_key_shows_in_no_repr(key: Any) -> None:
    backend = GeminiBackend(api_key=key, headers={"authorization": KEY}, base_url="wss://host")
    endpoint = await backend.endpoint()
    assert repr(backend) == (
        "GeminiBackend('wss://host/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent')"
    )
    shown = f"{backend!r} {backend!s} {endpoint!r} {endpoint!s}"
    assert "SECRET" not in shown
    assert KEY in dict(endpoint.headers).values()


# An ephemeral token


async def test_a_token_goes_to_the_method_for_tokens_in_a_header_of_its_own() -> None:
    endpoint = await GeminiBackend(api_key=TOKEN).endpoint()
    assert endpoint.url == (
        "wss://generativelanguage.googleapis.com"
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContentConstrained"
    )
    assert endpoint.headers == (("authorization", f"Token {TOKEN}"),)


async def test_a_token_is_sent_once_however_a_header_spells_authorization() -> None:
    backend = GeminiBackend(api_key=TOKEN, headers={"Authorization": "Bearer another", "x-team": "voice"})
    assert (await backend.endpoint()).headers == (("x-team", "voice"), ("authorization", f"Token {TOKEN}"))


async def test_a_function_may_give_a_key_on_one_dial_and_a_token_on_the_next() -> None:
    secrets = iter([KEY, f"{TOKEN}\n", KEY])

    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return next(secrets)

    backend = GeminiBackend(api_key=fetch, api_version="v1alpha")
    dialled = [await backend.endpoint() for _ in range(3)]
    assert [endpoint.headers for endpoint in dialled] == [
        (("x-goog-api-key", KEY),),
        (("authorization", f"Token {TOKEN}"),),
        (("x-goog-api-key", KEY),),
    ]
    assert [endpoint.url.rpartition(".v1alpha.GenerativeService.")[2] for endpoint in dialled] == [
        "BidiGenerateContent",
        "BidiGenerateContentConstrained",
        "BidiGenerateContent",
    ]


@pytest.mark.parametrize("token", ["auth_tokens/", f"{TOKEN} x", f"{TOKEN}\r\nx-evil: 1", f"{TOKEN}é"])
async def test_what_can_be_no_token_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ConfigError, match="is no ephemeral token") as caught:
        await GeminiBackend(api_key=token).endpoint()
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


async def test_a_token_shows_in_no_repr() -> None:
    backend = GeminiBackend(api_key=TOKEN)
    endpoint = await backend.endpoint()
    assert repr(backend).endswith("BidiGenerateContentConstrained')")
    assert "SECRET" not in f"{backend!r} {backend!s} {endpoint!r} {endpoint!s}"


# Where tokens come from


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "https://generativelanguage.googleapis.com/v1alpha/auth_tokens"),
        ("wss://proxy.example/gemini/", "https://proxy.example/gemini/v1alpha/auth_tokens"),
        ("https://proxy.example", "https://proxy.example/v1alpha/auth_tokens"),
        ("ws://127.0.0.1:8080", "http://127.0.0.1:8080/v1alpha/auth_tokens"),
    ],
)
async def test_tokens_are_requested_next_to_the_live_method(base_url: str | None, url: str) -> None:
    context = ssl.create_default_context()
    backend = GeminiBackend(
        api_key=KEY,
        api_version="v1alpha",
        base_url=base_url,
        ssl_context=context,
        proxy="http://proxy.test:3128",
        headers={"x-team": "voice", "X-Goog-Api-Key": "another"},
    )
    endpoint = await backend.auth_tokens_endpoint()
    assert endpoint.url == url
    assert endpoint.proxy == "http://proxy.test:3128"
    assert endpoint.headers == (("x-team", "voice"), ("x-goog-api-key", KEY))
    assert endpoint.ssl_context is context


async def test_a_token_gives_no_tokens() -> None:
    with pytest.raises(ConfigError, match="give an API key") as caught:
        await GeminiBackend(api_key=TOKEN).auth_tokens_endpoint()
    assert "SECRET" not in str(caught.value)


# What it refuses


def setup(**fields: Any) -> Setup:
    return make_setup("models/gemini-3.8-live", LiveGenerationConfig(**fields))


def test_a_setup_for_it_stays_as_it_is() -> None:
    resumption = SessionResumptionConfig(handle="h")
    given = make_setup("models/gemini-3.8-live", session_resumption=resumption)
    assert GeminiBackend(api_key=KEY).prepare_setup(given) is given


def test_a_field_that_only_vertex_takes_is_refused_with_its_name_and_the_fix() -> None:
    with pytest.raises(ConfigError) as caught:
        GeminiBackend(api_key=KEY).prepare_setup(setup(explicit_vad_signal=True))
    assert str(caught.value) == (
        "explicit_vad_signal is not supported by the Gemini Developer API, only by Vertex AI: "
        "leave it out, or use VertexBackend"
    )


async def test_nothing_is_dialled_for_a_setup_that_is_refused() -> None:
    model = get_live_generative_model(
        "gemini-3.8-live",
        backend=GeminiBackend(api_key=KEY, base_url="ws://127.0.0.1:9"),
        generation_config=LiveGenerationConfig(safety_settings=[SafetySetting(method="SEVERITY")]),
    )
    with pytest.raises(ConfigError, match=r"safety_settings\[0\]\.method"):
        async with model.connect():
            pass


def test_a_message_that_only_vertex_takes_is_refused() -> None:
    maps = GoogleMaps(auth_config={"authType": "OAUTH"})
    update = ContextUpdate(tools=ToolsUpdate(tools=[Tool(google_maps=maps)]))
    with pytest.raises(LocalProtocolError, match=r"tools\[0\]\.google_maps\.auth_config\.authType is not"):
        GeminiBackend(api_key=KEY).check_message(update)


@pytest.mark.parametrize("call_id", [None, ""])
def test_a_functions_response_has_to_say_to_which_call(call_id: str | None) -> None:
    answers = [FunctionResponse(id="1", name="f"), FunctionResponse(id=call_id, name="f")]
    with pytest.raises(LocalProtocolError, match="by the Gemini Developer API: give it the id"):
        GeminiBackend(api_key=KEY).check_message(ToolResponse(function_responses=answers))


@pytest.mark.parametrize(
    "message",
    [
        ClientContent(turn_complete=True),
        RealtimeInput(text="hello"),
        ContextUpdate(tools=ToolsUpdate()),
        ContextUpdate(),
        ToolResponse(function_responses=[FunctionResponse(id="1", name="f", will_continue=True)]),
    ],
)
def test_other_messages_pass(message: Any) -> None:
    GeminiBackend(api_key=KEY).check_message(message)


# The model's name


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gemini-3.8-live", "models/gemini-3.8-live"),
        ("models/gemini-3.8-live", "models/gemini-3.8-live"),
        ("tunedModels/mine", "tunedModels/mine"),
    ],
)
def test_a_model_is_named_with_its_collection(model: str, name: str) -> None:
    assert GeminiBackend(api_key=KEY).resource_name(model) == name


@pytest.mark.parametrize(
    "model",
    [
        "",
        "..",
        "models/../files/x",
        "gemini?key=x",
        "a&b",
        "gemini live",
        "gemini\n",
        "/gemini",
        "models/",
        "a//b",
    ],
)
def test_what_can_be_no_models_name_is_refused(model: str) -> None:
    with pytest.raises(ConfigError, match=r"can't be a model's name; write one like"):
        GeminiBackend(api_key=KEY).resource_name(model)


# The version of the API


PREVIEWS: dict[str, dict[str, Any]] = {
    "proactivity": {"proactivity": ProactivityConfig(proactive_audio=True)},
    "enable_affective_dialog": {"enable_affective_dialog": True},
}


async def dialled_path(backend: GeminiBackend, **config: Any) -> str:
    setup = make_setup("models/gemini-2.5-flash-native-audio-preview-12-2025", LiveGenerationConfig(**config))
    endpoint = await backend.for_setup(backend.prepare_setup(setup)).endpoint()
    return endpoint.target


@pytest.mark.parametrize("field", PREVIEWS)
async def test_what_only_the_preview_serves_is_dialled_there(field: str) -> None:
    backend = GeminiBackend(api_key=KEY)
    assert ".v1alpha." in await dialled_path(backend, **PREVIEWS[field])
    assert ".v1beta." in await dialled_path(backend)
    assert ".v1beta." in (await backend.endpoint()).target


@pytest.mark.parametrize("field", PREVIEWS)
async def test_a_version_that_was_given_is_kept_or_the_setup_refused(field: str) -> None:
    assert ".v1alpha." in await dialled_path(
        GeminiBackend(api_key=KEY, api_version="v1alpha"), **PREVIEWS[field]
    )
    with pytest.raises(
        ConfigError, match=f"{field} is served by api_version=.v1alpha. only.*leave api_version out"
    ):
        await dialled_path(GeminiBackend(api_key=KEY, api_version="v1beta"), **PREVIEWS[field])
    assert ".v1beta." in await dialled_path(GeminiBackend(api_key=KEY, api_version="v1beta"))


def test_the_version_that_is_not_served_is_refused() -> None:
    with pytest.raises(ConfigError, match="not served as api_version='v1'; leave it out"):
        GeminiBackend(api_key=KEY, api_version="v1")


async def test_a_session_is_dialled_in_the_version_that_serves_it() -> None:
    paths: list[str] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            paths.append(bytes(await stream.receive_some()).split()[1].decode())

    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        backend = GeminiBackend(api_key=KEY, base_url=f"ws://127.0.0.1:{listener.socket.getsockname()[1]}")
        for wrapped in (backend, RecordingBackend(backend), FaultyBackend(backend)):
            config = LiveGenerationConfig(response_modalities=["AUDIO"], **PREVIEWS["proactivity"])
            model = get_live_generative_model(
                "gemini-2.5-flash-native-audio-preview-12-2025", backend=wrapped, generation_config=config
            )
            with pytest.raises(HandshakeError):
                async with model.connect():
                    pass
        nursery.cancel_scope.cancel()
    assert [path.split(".")[3] for path in paths] == ["v1alpha"] * 3
