"""Vertex AI's hosts, headers, names and refusals, compared with those of Google's own client; no secret is shown."""

from __future__ import annotations

import asyncio
import ssl
import traceback
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
import trustme
from google import genai
from google.genai import types
from google.oauth2 import credentials as user_credentials
from hypothesis import given, strategies as st

from livegen_trio import (
    Blob,
    ClientCertificate,
    ConfigError,
    ConnectTimeoutError,
    FunctionResponse,
    HandshakeError,
    LiveGenerationConfig,
    LocalProtocolError,
    SessionResumptionConfig,
    Tool,
    VertexBackend,
    get_live_generative_model,
)
from livegen_trio.types import (
    ClientContent,
    ContextUpdate,
    FileSearch,
    RealtimeInput,
    Setup,
    ToolResponse,
    ToolsUpdate,
    make_setup,
)
from support.google_servers import TOKEN, answer, google_server, service_account_at, user_at
from support.recording_server import Visit, recording_server

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "gemini-live-2.5-flash-native-audio"
METHOD = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
KEY = "AQ.SECRET-key"


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("PROJECT", "LOCATION", "QUOTA_PROJECT")
    for name in (*(f"GOOGLE_CLOUD_{name}" for name in names), "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def google_credentials(**options: Any) -> user_credentials.Credentials:
    """A user's, with a token that never expires."""
    return user_credentials.Credentials(TOKEN, **options)


async def headers_of(backend: VertexBackend) -> dict[str, str]:
    return dict((await backend.endpoint()).headers)


# Where to

LOCATIONS = ["us-central1", "europe-west4", "northamerica-northeast1", "global", "us", "eu"]


async def test_the_live_method_of_the_default_region_is_dialled_with_a_token() -> None:
    endpoint = await VertexBackend(project="my-project", credentials=google_credentials()).endpoint()
    assert endpoint.url == f"wss://us-central1-aiplatform.googleapis.com{METHOD}"
    assert endpoint.headers == (("authorization", f"Bearer {TOKEN}"),)
    assert endpoint.ssl_context is None


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
async def test_each_location_has_its_host(location: str, host: str) -> None:
    backend = VertexBackend("my-project", location, credentials=TOKEN)
    assert (await backend.endpoint()).url == f"wss://{host}{METHOD}"


@pytest.mark.parametrize("location", LOCATIONS)
async def test_googles_client_dials_the_same_host(location: str) -> None:
    client = genai.Client(
        vertexai=True, project="my-project", location=location, credentials=google_credentials()
    )
    endpoint = await VertexBackend("my-project", location, credentials=TOKEN).endpoint()
    assert client._api_client._websocket_base_url() == endpoint.url.removesuffix(METHOD) + "/"
    assert client._api_client._http_options.api_version == "v1beta1"


async def test_the_environment_has_a_location(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west1\n")
    backend = VertexBackend("my-project", credentials=TOKEN)
    assert (await backend.endpoint()).url.startswith("wss://europe-west1-aiplatform.")
    assert "/locations/europe-west1/" in backend.resource_name(MODEL)
    backend = VertexBackend("my-project", "us-east4", credentials=TOKEN)
    assert (await backend.endpoint()).url.startswith("wss://us-east4-aiplatform.")


NO_LOCATIONS = [
    "",
    "US",
    "evil.example/",
    "us-central1.evil.example",
    "a:1",
    "us_1",
    "-us",
    "us-",
    "us\n",
    "ü",
    "a@b",
]


@pytest.mark.parametrize("location", NO_LOCATIONS)
def test_what_is_no_location_never_gets_into_a_url(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="can't be a location"):
        VertexBackend("my-project", location, credentials=TOKEN)
    if location.strip() == location != "":
        monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", location)
        with pytest.raises(ConfigError, match="can't be a location"):
            VertexBackend("my-project", credentials=TOKEN)


@given(st.text())
def test_whatever_the_location_is_google_is_dialled_or_nobody(location: str) -> None:
    try:
        backend = VertexBackend("my-project", location, credentials=TOKEN)
    except ConfigError:
        return
    host = repr(backend).partition("//")[2].partition("/")[0]
    assert host.endswith(("aiplatform.googleapis.com", f".{location}.rep.googleapis.com"))


async def test_the_api_version_is_part_of_the_path() -> None:
    endpoint = await VertexBackend("my-project", credentials=TOKEN, api_version="v1").endpoint()
    assert ".aiplatform.v1.LlmBidiService/" in endpoint.url


@pytest.mark.parametrize("version", ["", "v1/", "v1?key=x", "V1", "v1\n"])
def test_what_is_no_api_version_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match='is no API version; write "v1beta1"'):
        VertexBackend("my-project", credentials=TOKEN, api_version=version)


async def test_another_server_can_be_dialled_in_another_way() -> None:
    context = ssl.create_default_context()
    backend = VertexBackend(
        "my-project",
        credentials=TOKEN,
        base_url="https://gateway.example/vertex/",
        ssl_context=context,
        proxy="http://proxy.example:3128",
    )
    endpoint = await backend.endpoint()
    assert endpoint.url == f"wss://gateway.example/vertex{METHOD}"
    assert endpoint.ssl_context is context
    assert endpoint.proxy == "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "us-central1-aiplatform.mtls.googleapis.com"),
        ("global", "aiplatform.mtls.googleapis.com"),
    ],
)
async def test_a_certificate_is_shown_to_the_host_for_that(location: str, host: str, tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    trustme.CA().issue_cert("client").private_key_and_cert_chain_pem.write_to_path(str(file))
    certificate = ClientCertificate(file)
    backend = VertexBackend("my-project", location, credentials=TOKEN, client_certificate=certificate)
    assert (await backend.endpoint()).url == f"wss://{host}{METHOD}"
    with pytest.raises(ConfigError, match="multi-region hosts have no known form"):
        VertexBackend("my-project", "eu", credentials=TOKEN, client_certificate=certificate)


# As whom


async def test_credentials_are_asked_on_every_dial() -> None:
    tokens = iter(["first", " second\n"])

    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return next(tokens)

    backend = VertexBackend("my-project", credentials=fetch)
    assert [(await headers_of(backend))["authorization"] for _ in range(2)] == [
        "Bearer first",
        "Bearer second",
    ]


async def test_a_token_is_got_from_google() -> None:
    async with google_server() as server:
        backend = VertexBackend("my-project", credentials=service_account_at(server), proxy=None)
        assert await headers_of(backend) == {"authorization": f"Bearer {TOKEN}"}


async def test_the_default_credentials_are_the_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    backend = VertexBackend("my-project")  # nothing is looked up yet
    with pytest.raises(ConfigError, match=r"none\.json was not found.* - run `gcloud auth"):
        await backend.endpoint()


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_token_or_key_is_not_replaced_by_anothers(empty: str) -> None:
    with pytest.raises(ConfigError, match="the token is empty; leave credentials out"):
        VertexBackend("my-project", credentials=empty)
    with pytest.raises(ConfigError, match="the API key is empty; leave api_key out"):
        VertexBackend(api_key=empty)


@pytest.mark.parametrize("option", ["credentials", "api_key"])
async def test_an_empty_secret_from_a_function_is_an_error_of_its_own(option: str) -> None:
    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return ""

    options: dict[str, Any] = {option: fetch}
    with pytest.raises(ConfigError, match="is empty"):
        await VertexBackend(**options).endpoint()


async def test_the_users_authorization_is_sent_and_no_credentials_are_looked_up() -> None:
    backend = VertexBackend("my-project", headers={"Authorization": "Bearer mine"})
    assert await headers_of(backend) == {"Authorization": "Bearer mine"}


async def test_headers_are_sent_with_the_token() -> None:
    backend = VertexBackend("my-project", credentials=TOKEN, headers={"x-team": "voice"})
    assert await headers_of(backend) == {"x-team": "voice", "authorization": f"Bearer {TOKEN}"}


async def test_the_project_for_quotas_is_nearest_to_the_request() -> None:
    credentials = google_credentials(quota_project_id="of-credentials")
    options: dict[str, Any] = {"project": "my-project", "credentials": credentials}
    by_credentials = await headers_of(VertexBackend(**options))
    by_argument = await headers_of(VertexBackend(**options, quota_project="of-argument"))
    by_header = await headers_of(
        VertexBackend(**options, quota_project="of-argument", headers={"X-Goog-User-Project": "of-header"})
    )
    assert by_credentials["x-goog-user-project"] == "of-credentials"
    assert by_argument["x-goog-user-project"] == "of-argument"
    assert by_header == {"X-Goog-User-Project": "of-header", "authorization": f"Bearer {TOKEN}"}


async def test_a_token_that_no_header_can_hold_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="authorization") as caught:
        await VertexBackend("my-project", credentials=f"{TOKEN}\nx-evil: 1").endpoint()
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


async def fetch_secret() -> str:
    await trio.lowlevel.checkpoint()
    return TOKEN


@pytest.mark.parametrize("credentials", [TOKEN, fetch_secret, google_credentials()])
async def test_a_token_shows_in_no_repr(credentials: Any) -> None:
    backend = VertexBackend("my-project", credentials=credentials, headers={"x-gate": "SECRET"})
    endpoint = await backend.endpoint()
    assert repr(backend) == f"VertexBackend('wss://us-central1-aiplatform.googleapis.com{METHOD}')"
    assert "SECRET" not in f"{backend!r} {backend!s} {endpoint!r} {vars(backend)!r}"
    assert f"Bearer {TOKEN}" in dict(endpoint.headers).values()


# With an API key


async def test_a_key_goes_to_the_global_host_in_a_header_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "europe-west4")
    backend = VertexBackend(api_key=f" {KEY}\n")
    endpoint = await backend.endpoint()
    assert endpoint.url == f"wss://aiplatform.googleapis.com{METHOD}"
    assert endpoint.headers == (("x-goog-api-key", KEY),)
    assert backend.resource_name(MODEL) == f"publishers/google/models/{MODEL}"
    assert "SECRET" not in f"{backend!r} {vars(backend)!r}"


async def test_a_key_may_be_used_in_a_region_and_behind_a_gateway() -> None:
    backend = VertexBackend(location="us-east4", api_key=KEY, headers={"authorization": "Basic gateway"})
    endpoint = await backend.endpoint()
    assert endpoint.url == f"wss://us-east4-aiplatform.googleapis.com{METHOD}"
    assert dict(endpoint.headers) == {"authorization": "Basic gateway", "x-goog-api-key": KEY}


@pytest.mark.parametrize(
    "other", [{"project": "my-project"}, {"credentials": "token"}, {"quota_project": "my-project"}]
)
def test_a_key_stands_for_its_project(other: Any) -> None:
    with pytest.raises(ConfigError, match="an API key stands for its project: leave out") as caught:
        VertexBackend(api_key=KEY, **other)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("location", [None, "us-east4", "eu"])
async def test_googles_client_goes_to_the_same_host_with_a_key(location: str | None) -> None:
    client = genai.Client(vertexai=True, api_key=KEY, location=location)
    endpoint = await VertexBackend(location=location, api_key=KEY).endpoint()
    assert client._api_client._websocket_base_url() == endpoint.url.removesuffix(METHOD) + "/"
    assert client._api_client._http_options.headers is not None
    assert client._api_client._http_options.headers["x-goog-api-key"] == KEY


# The model's name


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (MODEL, f"projects/p/locations/us-central1/publishers/google/models/{MODEL}"),
        (f"models/{MODEL}", f"projects/p/locations/us-central1/publishers/google/models/{MODEL}"),
        ("meta/llama@001", "projects/p/locations/us-central1/publishers/meta/models/llama@001"),
        ("publishers/google/models/m", "projects/p/locations/us-central1/publishers/google/models/m"),
        ("projects/other/locations/eu/endpoints/123", "projects/other/locations/eu/endpoints/123"),
    ],
)
def test_a_model_is_named_with_its_project_and_publisher(model: str, name: str) -> None:
    assert VertexBackend("p", credentials=TOKEN).resource_name(model) == name


@pytest.mark.parametrize(
    "model",
    [
        "",
        "..",
        "models/../x",
        "gemini?key=x",
        "a&b",
        "a#b",
        "a%2fb",
        "gemini live",
        "gemini\n",
        "/gemini",
        "models/",
        "a//b",
        "a/b/c",
        "publishers/google",
        "publishers/google/models",
        "publishers/google/endpoints/1",
        "endpoints/123",
        "locations/us/x",
        "projects/../x",
    ],
)
def test_what_can_be_no_models_name_is_refused(model: str) -> None:
    with pytest.raises(ConfigError, match=r"can't be a model's name; write one like"):
        VertexBackend("p", credentials=TOKEN).resource_name(model)


@pytest.mark.parametrize("project", ["my-project", "123456789", "example.com:my-project", "a--b"])
def test_a_project_is_a_name_or_a_number(project: str) -> None:
    backend = VertexBackend(project, credentials=TOKEN)
    assert backend.resource_name("m").startswith(f"projects/{project}/locations/")


NO_PROJECTS = ["", " ", "My-Project", "a/b", "p\n", "..", "a..b", "a?b", "-p", "p:", ":p", "a:b:c", "é"]


@pytest.mark.parametrize("project", NO_PROJECTS)
def test_what_can_be_no_project_is_refused(project: str) -> None:
    with pytest.raises(ConfigError, match="can't be a project"):
        VertexBackend(project, credentials=TOKEN)
    with pytest.raises(ConfigError, match="can't be a project"):
        VertexBackend("p", credentials=TOKEN, quota_project=project)


async def test_the_project_is_the_arguments_the_environments_or_the_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with google_server() as server:
        credentials = service_account_at(server, quota_project_id="q")  # of "my-project"

    def project(given: str | None = None) -> str:
        return VertexBackend(given, credentials=credentials).resource_name("m").split("/")[1]

    assert project() == "my-project"
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "environment")
    assert project() == "environment"
    assert project("argument") == "argument"


def test_without_a_project_the_error_says_where_to_put_one_unless_the_name_has_it() -> None:
    backend = VertexBackend(credentials=TOKEN)
    with pytest.raises(ConfigError, match="there is no project: give project, or set GOOGLE_CLOUD_PROJECT"):
        get_live_generative_model(MODEL, backend=backend)
    assert backend.resource_name("projects/p/locations/l/endpoints/1") == "projects/p/locations/l/endpoints/1"


# What it takes


def setup(**fields: Any) -> Setup:
    return make_setup("publishers/google/models/m", LiveGenerationConfig(**fields))


def test_audio_is_asked_for_if_nothing_is_and_the_setup_given_stays_as_it_is() -> None:
    backend = VertexBackend("p", credentials=TOKEN)
    given = setup(temperature=0.5)
    prepared = backend.prepare_setup(given)
    assert given == setup(temperature=0.5)
    assert prepared == setup(temperature=0.5, response_modalities=["AUDIO"])
    assert backend.prepare_setup(Setup(model="m")) == make_setup(
        "m", LiveGenerationConfig(response_modalities=["AUDIO"])
    )


@pytest.mark.parametrize(("asked", "sent"), [(None, True), (True, True), (False, False)])
def test_resumption_is_transparent_unless_the_caller_says_otherwise(
    *, asked: bool | None, sent: bool
) -> None:
    given = make_setup("m", session_resumption=SessionResumptionConfig(handle="h", transparent=asked))
    prepared = VertexBackend("p", credentials=TOKEN).prepare_setup(given).session_resumption
    assert prepared == SessionResumptionConfig(handle="h", transparent=sent)


def test_resumption_that_is_not_asked_for_is_not_added() -> None:
    assert VertexBackend("p", credentials=TOKEN).prepare_setup(Setup(model="m")).session_resumption is None


def test_a_setup_with_a_modality_stays_as_it_is() -> None:
    given = setup(response_modalities=["TEXT"], explicit_vad_signal=True)
    given = msgspec.structs.replace(given, session_resumption=SessionResumptionConfig(transparent=True))
    assert VertexBackend("p", credentials=TOKEN).prepare_setup(given) is given


def test_a_field_that_only_the_gemini_api_takes_is_refused_with_its_name_and_the_fix() -> None:
    given = make_setup("m", tools=[Tool(), Tool(file_search=FileSearch())])
    with pytest.raises(ConfigError) as caught:
        VertexBackend("p", credentials=TOKEN).prepare_setup(given)
    assert str(caught.value) == (
        "tools[1].file_search is not supported by Vertex AI, only by the Gemini Developer API: "
        "leave it out, or use GeminiBackend"
    )


@pytest.mark.parametrize(
    "message",
    [
        ToolResponse(function_responses=[FunctionResponse(name="f", will_continue=False)]),
        ContextUpdate(tools=ToolsUpdate(tools=[Tool(file_search=FileSearch())])),
    ],
)
def test_a_message_that_only_the_gemini_api_takes_is_refused(message: Any) -> None:
    with pytest.raises(LocalProtocolError, match="is not supported by Vertex AI, only by the Gemini"):
        VertexBackend("p", credentials=TOKEN).check_message(message)


@pytest.mark.parametrize(
    "message",
    [
        ClientContent(turn_complete=True),
        RealtimeInput(audio=Blob(data=b"1", mime_type="audio/pcm")),
        RealtimeInput(audio_stream_end=True),
        ContextUpdate(tools=ToolsUpdate()),
        ToolResponse(function_responses=[FunctionResponse(name="f", scheduling="SILENT")]),
    ],
)
def test_other_messages_pass(message: Any) -> None:
    VertexBackend("p", credentials=TOKEN).check_message(message)


# Sessions


async def visits_of_both(
    ours: dict[str, Any], theirs: dict[str, Any], config: LiveGenerationConfig | None = None
) -> tuple[Visit, Visit]:
    """What a server sees of us, and of google-genai."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with recording_server(serving) as server:
        backend = VertexBackend(**ours, base_url=server.url("wss"), ssl_context=trusting, proxy=None)
        model = get_live_generative_model(
            MODEL, backend=backend, generation_config=config or LiveGenerationConfig()
        )
        async with model.connect(session_resumption=None):
            pass
        options = types.HttpOptions(base_url=server.url("https"), async_client_args={"ssl": trusting})
        client = genai.Client(vertexai=True, **theirs, http_options=options)

        async def converse() -> None:
            async with client.aio.live.connect(model=MODEL):
                pass

        await trio.to_thread.run_sync(asyncio.run, converse())
    our_visit, their_visit = server.visits
    assert their_visit.target.replace("//", "/") == our_visit.target
    return our_visit, their_visit


def said(visit: Visit) -> dict[str, str]:
    """Its headers, but for those that only google-genai sends."""
    about_them = ("user-agent", "x-goog-api-client", "content-type")
    return {name: value for name, value in visit.headers.items() if name not in about_them}


async def test_googles_client_sends_the_same_request_and_setup() -> None:
    credentials = google_credentials(quota_project_id="my-quota")
    both = {"project": "my-project", "location": "europe-west4", "credentials": credentials}
    ours, theirs = await visits_of_both(both, both)
    assert (
        said(ours) == said(theirs) == {"authorization": f"Bearer {TOKEN}", "x-goog-user-project": "my-quota"}
    )
    assert ours.setup == theirs.setup
    assert ours.setup["generationConfig"] == {"responseModalities": ["AUDIO"]}


async def test_googles_client_sends_the_same_with_a_key() -> None:
    audio = LiveGenerationConfig(response_modalities=["AUDIO"])
    ours, theirs = await visits_of_both({"api_key": KEY}, {"api_key": KEY}, audio)
    assert said(ours) == said(theirs) == {"x-goog-api-key": KEY}
    assert ours.setup["model"] == theirs.setup["model"] == f"publishers/google/models/{MODEL}"


async def test_a_session_whose_token_is_refused_says_so() -> None:
    async with google_server(answer({"error": "invalid_grant"}, 400)) as server:
        backend = VertexBackend("my-project", credentials=user_at(server), proxy=None)
        with pytest.raises(HandshakeError, match="Google gave no access token: invalid_grant") as caught:
            async with get_live_generative_model(MODEL, backend=backend).connect():
                pass
    assert (caught.value.phase, caught.value.retryable) == ("request", False)


async def test_a_session_that_has_waited_too_long_for_its_token_says_so() -> None:
    async with google_server(closed=True) as server:
        backend = VertexBackend("my-project", credentials=user_at(server), proxy=None)
        with pytest.raises(ConnectTimeoutError) as caught:
            async with get_live_generative_model(MODEL, backend=backend).connect(connect_timeout=0.05):
                pass
        assert caught.value.phase == "request"
        server.gate.set()
        assert await headers_of(backend) == {"authorization": f"Bearer {TOKEN}"}
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", [MODEL, f"{MODEL}-preview-09-2025"])
def test_native_audio_is_refused_where_it_is_not_served(name: str) -> None:
    backend = VertexBackend("my-project", "global", credentials=TOKEN)
    with pytest.raises(
        ConfigError, match=r"is not served at location=.global.; give location, such as 'us-central1'"
    ):
        backend.prepare_setup(Setup(model=backend.resource_name(name)))


@pytest.mark.parametrize(
    ("location", "model", "options"),
    [
        ("us-east5", MODEL, {}),
        ("eu", MODEL, {}),
        ("global", "gemini-live-2.5-flash", {}),
        ("global", MODEL, {"base_url": "wss://proxy.test"}),
    ],
)
def test_other_models_and_places_are_left_to_the_service(
    location: str, model: str, options: dict[str, Any]
) -> None:
    backend = VertexBackend("my-project", location, credentials=TOKEN, **options)
    backend.prepare_setup(Setup(model=backend.resource_name(model)))


async def test_an_api_key_takes_native_audio_with_a_location() -> None:
    backend = VertexBackend(api_key="k")
    setup = Setup(model=backend.resource_name(MODEL))
    with pytest.raises(ConfigError, match="us-central1"):
        backend.prepare_setup(setup)
    VertexBackend(api_key="k", location="us-central1").prepare_setup(setup)
