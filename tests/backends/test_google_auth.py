"""Google's credentials of every kind: renewed in time, for all at once, off the event loop, and without a trace."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import google.auth.aio.credentials
import pytest
import trio
import trio.testing
from google.auth import api_key, impersonated_credentials
from google.auth.compute_engine import _metadata
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2 import credentials as user_credentials

from livegen_trio import ConfigError, HandshakeError, LiveError
from livegen_trio.backends._google_auth import SCOPE, GoogleAuthorization, project_of
from support.authority import server_context
from support.google_servers import (
    CLIENT_SECRET,
    EMAIL,
    HOUR,
    REFRESH_TOKEN,
    TOKEN,
    answer,
    from_now,
    google_server,
    private_key,
    service_account_at,
    service_account_info,
    token,
    user_at,
)
from support.uninstalled import uninstall

if TYPE_CHECKING:
    from pathlib import Path

    from support.google_servers import GoogleServer

BEARER = {"authorization": f"Bearer {TOKEN}"}
PROXY_PASSWORD = "SECRET-password"


@pytest.fixture(autouse=True)
def no_credentials_on_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_QUOTA_PROJECT",
        "HTTPS_PROXY",
        "https_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "my-project")  # else gcloud is run to find one
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", True)  # its environment variable is read on import


def authorization(credentials: Any = None, *, proxy: str | None = None) -> GoogleAuthorization:
    return GoogleAuthorization(credentials, quota_project=None, proxy=proxy)


async def error_of(credentials: Any = None, **options: Any) -> LiveError:
    with pytest.raises(LiveError) as caught:
        await authorization(credentials, **options).headers()
    error = caught.value
    # google-auth's errors have the servers' answers in them.
    assert error.__cause__ is None
    assert error.__context__ is None
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert "SECRET" not in shown
    return error


# Every kind of credentials


async def test_a_service_account_signs_for_a_token_of_the_right_scope() -> None:
    async with google_server() as server:
        credentials = service_account_at(server)
        assert credentials.requires_scopes
        assert await authorization(credentials).headers() == BEARER
    assert server.request.target == "/token"
    form = server.request.form
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = google.auth.jwt.decode(form["assertion"], verify=False)
    assert (claims["iss"], claims["scope"]) == (EMAIL, SCOPE)


async def test_scopes_that_credentials_have_stay() -> None:
    async with google_server() as server:
        await authorization(service_account_at(server, scopes=["https://scope.test"])).headers()
    claims = google.auth.jwt.decode(server.request.form["assertion"], verify=False)
    assert claims["scope"] == "https://scope.test"


async def test_a_user_who_has_logged_in_gets_a_token_for_the_refresh_token() -> None:
    async with google_server() as server:
        credentials = user_at(server, quota_project_id="my-quota")
        headers = await authorization(credentials).headers()
    assert headers == BEARER | {"x-goog-user-project": "my-quota"}
    assert server.request.form["refresh_token"] == REFRESH_TOKEN


async def test_an_account_is_impersonated_with_the_token_of_another() -> None:
    theirs = {"accessToken": "ya29.theirs", "expireTime": from_now(hours=1).strftime("%Y-%m-%dT%H:%M:%SZ")}
    async with google_server() as ours, google_server(answer(theirs)) as iam:
        credentials = impersonated_credentials.Credentials(
            source_credentials=service_account_at(ours),
            target_principal="other@my-project.iam.gserviceaccount.com",
            target_scopes=[],
            iam_endpoint_override=iam.url,
        )
        assert await authorization(credentials).headers() == {"authorization": "Bearer ya29.theirs"}
    assert iam.request.headers["authorization"] == f"Bearer {TOKEN}"
    assert json.loads(iam.request.body)["scope"] == [SCOPE]


async def test_a_token_that_never_expires_is_used_as_it_is() -> None:
    assert await authorization(user_credentials.Credentials(TOKEN)).headers() == BEARER


async def test_credentials_without_a_token_fill_in_what_they_have() -> None:
    assert await authorization(api_key.Credentials("KEY")).headers() == {"x-goog-api-key": "KEY"}
    assert await authorization(AnonymousCredentials()).headers() == {}


class OwnCredentials:
    """Somebody's own, which know nothing of google-auth."""

    def __init__(self) -> None:
        self.valid = False

    def refresh(self, request: object) -> None:
        self.valid = True

    def apply(self, headers: dict[str, str]) -> None:
        headers["Authorization"] = "Bearer own"


async def test_credentials_may_be_of_another_make() -> None:
    assert await authorization(OwnCredentials()).headers() == {"authorization": "Bearer own"}


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        ({"type": "service_account", "private_key": "SECRET"}, "builtins.dict"),
        (google.auth.aio.credentials.StaticCredentials("SECRET"), "google.auth.aio.credentials.Static"),
    ],
)
def test_what_can_be_no_credentials_is_refused_and_not_repeated(thing: Any, name: str) -> None:
    with pytest.raises(ConfigError, match=f"credentials are those of google-auth .* not a {name}") as caught:
        authorization(thing)
    assert "SECRET" not in str(caught.value)


def test_some_credentials_know_their_project() -> None:
    class Account:
        project_id = "my-project"

    assert project_of(Account()) == "my-project"
    assert project_of(AnonymousCredentials()) is None
    assert project_of(None) is None


# The application's default credentials


async def test_the_default_credentials_are_those_in_the_file_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with google_server() as server:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(service_account_info(server)))
        default = authorization()
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        assert await default.headers() == BEARER
        file.unlink()
        assert await default.headers() == BEARER, "they are looked up once"
    claims = google.auth.jwt.decode(server.request.form["assertion"], verify=False)
    assert claims["scope"] == SCOPE


async def test_the_default_credentials_of_a_virtual_machine_are_its_accounts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with google_server(
        answer("computeMetadata/"),
        answer("my-project"),
        answer({"email": EMAIL, "scopes": [SCOPE], "aliases": ["default"]}),
        token(),
    ) as server:
        host = f"127.0.0.1:{server.port}"
        monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", host)
        monkeypatch.setenv("GCE_METADATA_IP", host)
        # Its metadata is where no proxy leads.
        assert await authorization(proxy="http://127.0.0.1:9").headers() == BEARER
    assert [request.target.partition("?")[0] for request in server.requests] == [
        "/",
        "/computeMetadata/v1/project/project-id",
        "/computeMetadata/v1/instance/service-accounts/default/",
        "/computeMetadata/v1/instance/service-accounts/default/token",
    ]


async def test_without_any_default_credentials_the_error_says_how_to_have_some() -> None:
    error = await error_of()
    assert isinstance(error, ConfigError)
    assert "gcloud auth application-default login" in str(error)
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(error)


async def test_a_file_that_is_no_key_is_an_error_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key.json"
    file.write_text('{"type": "service_account", "private_key": "SECRET"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    error = await error_of()
    assert isinstance(error, ConfigError)
    assert "key.json" in str(error)


async def test_credentials_that_were_missing_are_looked_up_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    default = authorization()
    with pytest.raises(ConfigError):
        await default.headers()
    async with google_server() as server:
        file = tmp_path / "key.json"
        file.write_text(json.dumps(service_account_info(server)))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
        assert await default.headers() == BEARER


@pytest.mark.parametrize("missing", ["google.auth", "google.auth.transport.requests", "requests"])
async def test_without_google_auth_the_error_says_how_to_install_it_or_do_without(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("google.auth.exceptions", "google.auth.transport.requests"):
        monkeypatch.delitem(sys.modules, name)
    uninstall(monkeypatch, missing)
    error = await error_of()
    assert isinstance(error, ConfigError)
    assert 'pip install "livegen-trio[vertex]"; or give an async function' in str(error)


# When it is renewed


@pytest.mark.parametrize(("minutes", "requests"), [(4, 0), (3, 1), (-1, 1)])
async def test_a_token_is_renewed_while_it_still_lasts_for_the_handshake(minutes: int, requests: int) -> None:
    async with google_server() as server:
        credentials = user_at(server, token="old", expiry=from_now(minutes=minutes))
        await authorization(credentials).headers()
    assert len(server.requests) == requests


async def test_each_dial_asks_again_and_sees_a_renewed_token() -> None:
    async with google_server(token("first"), token("second")) as server:
        credentials = user_at(server)
        tokens = authorization(credentials)
        first = [await tokens.headers() for _ in range(2)]
        credentials.expiry = from_now(minutes=1)
        second = await tokens.headers()
    assert first == [{"authorization": "Bearer first"}] * 2
    assert second == {"authorization": "Bearer second"}
    assert len(server.requests) == 2


async def test_a_token_that_another_has_renewed_meanwhile_is_not_renewed_again() -> None:
    class Shared(OwnCredentials):
        looks = 0

        @property
        def valid(self) -> bool:
            self.looks += 1
            return self.looks > 1

        @valid.setter
        def valid(self, value: bool) -> None:
            pass

        def refresh(self, request: object) -> None:
            raise AssertionError("it is valid")

    assert await authorization(Shared()).headers() == {"authorization": "Bearer own"}


async def test_a_token_that_is_good_for_less_than_the_margin_is_used_while_it_lasts() -> None:
    async with google_server(token("brief", lifetime=60)) as server:
        tokens = authorization(user_at(server))
        assert await tokens.headers() == await tokens.headers() == {"authorization": "Bearer brief"}
    assert len(server.requests) == 2


async def test_many_dials_at_once_ask_for_one_token() -> None:
    async with google_server(closed=True) as server:
        tokens = authorization(user_at(server))
        dialled: list[dict[str, str]] = []

        async def dial() -> None:
            dialled.append(await tokens.headers())

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(dial)
            # Were the event loop blocked, the server in it would never hear.
            await server.asked.wait()
            assert not dialled
            server.gate.set()
    assert dialled == [BEARER] * 100
    assert len(server.requests) == 1


async def test_a_cancelled_dial_leaves_at_once_and_the_token_to_the_next() -> None:
    async with google_server(closed=True) as server:
        tokens = authorization(user_at(server))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tokens.headers)
                await server.asked.wait()
                scope.cancel()
        assert scope.cancelled_caught, "though the server has not answered"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tokens.headers)
            await trio.testing.wait_all_tasks_blocked()
            server.gate.set()
        assert await tokens.headers() == BEARER
    assert len(server.requests) == 1


async def test_a_dial_that_fails_keeps_no_later_one_from_a_token() -> None:
    async with google_server(answer({"error": "invalid_grant"}, 400), token()) as server:
        tokens = authorization(user_at(server))
        with pytest.raises(HandshakeError):
            await tokens.headers()
        assert await tokens.headers() == BEARER


# What goes wrong


async def test_a_token_that_is_refused_says_why_and_what_to_do() -> None:
    refusal = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    async with google_server(answer(refusal, 400)) as server:
        error = await error_of(user_at(server))
    assert isinstance(error, HandshakeError)
    assert (error.phase, error.retryable) == ("request", False)
    assert str(error).startswith(
        "Google gave no access token: invalid_grant: Token has been expired or revoked. (the credentials have"
    )
    assert error.hint
    assert "gcloud auth application-default login" in error.hint


async def test_an_account_that_may_not_be_impersonated_is_an_error_with_the_servers_message() -> None:
    refusal = {"error": {"code": 403, "message": "Permission 'iam.x' denied", "status": "PERMISSION_DENIED"}}
    async with google_server() as ours, google_server(answer(refusal, 403)) as iam:
        credentials = impersonated_credentials.Credentials(
            user_at(ours), EMAIL, [SCOPE], iam_endpoint_override=iam.url
        )
        error = await error_of(credentials)
    assert isinstance(error, HandshakeError)
    assert str(error).endswith("Unable to acquire impersonated credentials (Permission 'iam.x' denied)")
    assert not error.retryable


async def test_an_answer_with_a_token_that_cannot_be_read_is_not_repeated() -> None:
    unreadable = {"accessToken": TOKEN, "expireTime": "tomorrow"}
    async with google_server() as ours, google_server(answer(unreadable)) as iam:
        credentials = impersonated_credentials.Credentials(
            user_at(ours), EMAIL, [SCOPE], iam_endpoint_override=iam.url
        )
        error = await error_of(credentials)
    assert "No access token or invalid expiration in response" in str(error)


async def test_a_server_that_repeats_what_it_was_sent_is_not_repeated() -> None:
    async with google_server(answer(f"<p>{CLIENT_SECRET} {REFRESH_TOKEN}\n{'x ' * 500}", 400)) as server:
        error = await error_of(user_at(server))
    assert str(error).startswith("Google gave no access token: <p>... 1//... x x x")
    assert len(str(error)) < 400


async def test_what_one_gateway_says_is_left_out_if_it_is_no_message() -> None:
    class Odd(OwnCredentials):
        def refresh(self, request: object) -> None:
            raise RefreshError("odd", "<html>")

    assert str(await error_of(Odd())) == "Google gave no access token: odd"


async def test_an_error_without_a_message_is_still_one() -> None:
    class Mute(OwnCredentials):
        def refresh(self, request: object) -> None:
            raise GoogleAuthError

    assert str(await error_of(Mute())) == "Google gave no access token: GoogleAuthError"


async def test_an_error_that_is_not_google_auths_comes_as_it_is() -> None:
    class Broken(OwnCredentials):
        def refresh(self, request: object) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await authorization(Broken()).headers()


@pytest.mark.parametrize("status", [200, 302, 403, 511])
@pytest.mark.parametrize(
    "body",
    [
        "<html>Please log in</html>",
        "not JSON",
        "",
        "null",
        "3",
        "[]",
        '"SECRET"',
        "{}",
        '{"access_token": 3}',
        '{"access_token": "SECRET\\nx-evil: 1", "expires_in": 3600}',
        '{"access_token": null, "expires_in": 3600}',
        '{"access_token": "SECRET", "expires_in": "SECRET"}',
        '{"access_token": "SECRET", "expires_in": 1e400}',
        '{"access_token": "SECRET", "expires_in": 99999999999999}',
        '{"error": 3}',
    ],
)
async def test_what_no_server_of_googles_answers_is_a_handshake_error(body: str, status: int) -> None:
    if status != 200 and body == '"SECRET"':
        body = '"message"'  # one that says no more than this is taken for a message
    async with google_server(answer(body, status)) as server:
        for credentials in (service_account_at(server), user_at(server)):
            error = await error_of(credentials)
            assert isinstance(error, HandshakeError)
            assert error.phase == "request"
            assert str(error).startswith("Google gave no access token: ")


async def test_a_captive_portal_is_guessed_at_and_may_pass() -> None:
    async with google_server(answer("<html>Please log in</html>")) as server:
        error = await error_of(service_account_at(server))
    assert isinstance(error, HandshakeError)
    assert error.retryable
    assert "a captive portal may have answered" in str(error)


async def test_an_answer_is_read_up_to_a_limit() -> None:
    async with google_server(answer("x" * (2**20 + 1))) as server:
        for credentials in (service_account_at(server), user_at(server)):
            error = await error_of(credentials)
            assert "the answer is larger than 1048576 bytes" in str(error)
    padded = answer({"access_token": TOKEN, "expires_in": HOUR, "padding": "x" * 1_000_000})
    async with google_server(padded) as server:
        assert await authorization(user_at(server)).headers() == BEARER


async def test_an_answer_without_a_token_is_followed_by_another_request() -> None:
    async with google_server(answer({"access_token": 3}), token()) as server:
        tokens = authorization(user_at(server))
        with pytest.raises(HandshakeError):
            await tokens.headers()
        assert await tokens.headers() == BEARER


async def test_a_server_that_is_out_of_order_may_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # google-auth tries several times
    async with google_server(answer({"error": "internal_failure"}, 503)) as server:
        error = await error_of(user_at(server))
    assert isinstance(error, HandshakeError)
    assert error.retryable
    assert len(server.requests) > 1


async def test_a_server_that_is_out_of_reach_may_be_asked_again() -> None:
    async with google_server() as server:
        credentials = user_at(server)
    error = await error_of(credentials)
    assert isinstance(error, HandshakeError)
    assert (error.phase, error.retryable) == ("request", True)
    assert f"host='127.0.0.1', port={server.port}" in str(error)


async def test_a_server_that_says_nothing_is_not_waited_for_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livegen_trio.backends._google_auth._TIMEOUT", 0.05)
    async with google_server(closed=True) as server:
        error = await error_of(user_at(server))
    assert isinstance(error, HandshakeError)
    assert error.retryable
    assert "timed out" in str(error)


async def test_a_metadata_server_without_an_account_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with google_server(answer("none", 404)) as server:
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", f"127.0.0.1:{server.port}")
        error = await error_of(google.auth.compute_engine.Credentials())
    assert isinstance(error, HandshakeError)
    assert not error.retryable
    assert "Status: 404" in str(error)


# How it is asked for


def https(server: GoogleServer) -> str:
    return server.url.replace("http://", "https://")


async def test_a_server_that_nobody_vouches_for_is_not_asked_again() -> None:
    async with google_server(tls=server_context("127.0.0.1")) as server:
        error = await error_of(user_at(server, token_uri=https(server)))
    assert isinstance(error, HandshakeError)
    assert not error.retryable
    assert "certificate verify failed" in str(error)


async def test_certificates_that_are_not_there_are_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    async with google_server(tls=server_context("127.0.0.1")) as server:
        error = await error_of(user_at(server, token_uri=https(server)))
    assert isinstance(error, HandshakeError)
    assert "/nowhere/ca.pem" in str(error)


@pytest.mark.parametrize("by", ["argument", "environment"])
async def test_a_token_is_asked_for_through_the_proxy(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = answer("", 407)
    async with google_server(refusal) as proxy, google_server(refusal) as other:
        urls = [f"http://me:{PROXY_PASSWORD}@127.0.0.1:{server.port}" for server in (proxy, other)]
        monkeypatch.setenv("HTTPS_PROXY", urls[by == "argument"])
        chosen = urls[0] if by == "argument" else "environment"
        error = await error_of(user_at(proxy, token_uri="https://oauth.test/token"), proxy=chosen)
    assert isinstance(error, HandshakeError)
    assert "407" in str(error)
    assert {request.method for request in proxy.requests} == {"CONNECT"}
    assert proxy.requests[0].target == "oauth.test:443"
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert not other.requests, "the argument goes before the environment"


async def test_without_a_proxy_the_environments_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with google_server() as server, google_server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert await authorization(user_at(server), proxy=None).headers() == BEARER
    assert not proxy.requests


async def test_a_socks_proxy_needs_a_package_that_the_error_names() -> None:
    async with google_server() as server:
        error = await error_of(user_at(server, token_uri=https(server)), proxy="socks5h://127.0.0.1:9")
    assert isinstance(error, HandshakeError)
    assert not error.retryable
    assert 'pip install "requests[socks]"' in str(error)


# Silence


async def test_no_secret_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "google", "google.auth.transport.requests", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with google_server(token(), answer({"error": "invalid_grant"}, 400)) as server:
        for credentials in (user_at(server), service_account_at(server)):
            tokens = authorization(credentials)
            with suppress(HandshakeError):
                await tokens.headers()
            assert "SECRET" not in repr(tokens)
    assert len(server.requests) == 2
    shown = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
    assert "127.0.0.1" in shown, "something is logged"
    assert "SECRET" not in shown
    assert private_key().splitlines()[1] not in shown
