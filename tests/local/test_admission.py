"""The clients that the server lets in, and how many."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from livegen_trio import ConfigError, RemoteProtocolError
from livegen_trio.local import LocalServer
from livegen_trio.local._admission import Admission, Door, RefusedError, Voices
from livegen_trio.local._request import Request
from support.live_client import text_engines


def request(*, query: dict[str, str] | None = None, **headers: str) -> Request:
    named = {"host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(method="GET", path="/", query=query or {}, headers=named, head=b"", rest=b"")


def refusal(admission: Admission, asked: Request) -> int:
    with pytest.raises(RefusedError) as caught:
        admission.check_host(asked)
        admission.check(asked)
    return caught.value.status.value


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:8080",
        "[::1]:8080",
        "192.0.2.7",
        "app.localhost",
        "named.test:1",
    ],
)
def test_addresses_and_known_names_may_be_called(host: str) -> None:
    Admission(hosts=["Named.test"]).check_host(request(host=host))


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "localhost.evil.example", "[", "a b"]
)
def test_other_names_may_not_be_called(host: str) -> None:
    assert refusal(Admission(hosts=["named.test"]), request(host=host)) == 403
    Admission(hosts=["*"]).check_host(request(host=host))


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "file://"])
def test_no_page_may_connect_unless_its_origin_is_allowed(origin: str) -> None:
    assert refusal(Admission(origins=["https://good.example"]), request(origin=origin)) == 403
    Admission(origins=["*"]).check(request(origin=origin))


def test_pages_of_an_allowed_origin_and_programs_may_connect() -> None:
    admission = Admission(origins=["HTTPS://good.example:8443"])
    admission.check(request(origin="https://good.example:8443"))
    admission.check(request())


@pytest.mark.parametrize(
    "given",
    [{"x_goog_api_key": "k\u00e9y"}, {"authorization": "Bearer k\u00e9y"}, {"query": {"key": "k\u00e9y"}}],
)
def test_a_key_may_come_as_the_services_does(given: Any) -> None:
    admission = Admission(api_key="k\u00e9y")
    admission.check(request(**given))
    assert refusal(Admission(api_key="another"), request(**given)) == 401
    assert refusal(admission, request()) == 401
    admission.check(request(), has_token=True)


@pytest.mark.parametrize(
    "arguments",
    [
        {"origins": ["example.com"]},
        {"origins": ["https://example.com/page"]},
        {"origins": "https://example.com"},
        {"hosts": "named.test"},
        {"api_key": ""},
    ],
)
def test_rules_that_make_no_sense_are_refused(arguments: Any) -> None:
    with pytest.raises(ConfigError):
        Admission(**arguments)
    with pytest.raises(ConfigError):
        names = {"origins": "allowed_origins", "hosts": "allowed_hosts", "api_key": "api_key"}
        LocalServer(text_engines(), **{names[name]: value for name, value in arguments.items()})


async def test_a_new_connection_ends_the_oldest_that_has_not_come_to_its_setup() -> None:
    door = Door(max_connections=10, max_pending=2)
    with door.visit() as settled:
        settled.settle()
        with door.visit() as oldest, door.visit() as newer:
            assert not oldest.scope.cancel_called
            with door.visit() as newest:
                assert oldest.scope.cancel_called
                assert [one.scope.cancel_called for one in (settled, newer, newest)] == [False] * 3


async def test_connections_are_counted() -> None:
    door = Door(max_connections=1, max_pending=1)
    with door.visit():
        assert not door.is_full
        with door.visit():
            assert door.is_full
            assert not door.is_crowded
            with door.visit():
                assert door.is_crowded
    assert not door.is_full
    await trio.lowlevel.checkpoint()


def test_sessions_beyond_what_the_engines_serve_are_refused() -> None:
    voices = Voices(1)
    with voices.use():
        with pytest.raises(RemoteProtocolError, match="try again later") as caught, voices.use():
            pass
        assert caught.value.code == 1013
    with voices.use():
        pass
