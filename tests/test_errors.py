from __future__ import annotations

import contextlib
import copy
import importlib
import pickle
import pkgutil
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, strategies as st

import livegen_trio
from livegen_trio import (
    ConfigError,
    ConnectTimeoutError,
    HandshakeError,
    LiveError,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    SessionClosedError,
    SetupRejectedError,
    ToolError,
)
from livegen_trio._errors import one_line
from livegen_trio._single_exception import InternalError
from livegen_trio.anyio._portal import PortalEndedError
from livegen_trio.audio import AudioFileError, PlaybackOverflowError
from livegen_trio.cli._errors import CommandError
from livegen_trio.firebase import AIError, AIErrorCode
from livegen_trio.local import EngineError
from livegen_trio.testing import ScriptError
from livegen_trio.testing._script import ClientLeftError, FinalScriptError
from livegen_trio.transports.base import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable

FAKE = "no\r\nERROR root: all is\u2028lost\x1b[2J"


def test_the_tree_of_errors() -> None:
    parents = {
        ConfigError: LiveError,
        ToolError: LiveError,
        ProtocolError: LiveError,
        LocalProtocolError: ProtocolError,
        RemoteProtocolError: ProtocolError,
        HandshakeError: LiveError,
        SetupRejectedError: HandshakeError,
        ConnectTimeoutError: HandshakeError,
        SessionClosedError: LiveError,
    }
    assert {error: error.__bases__[0] for error in parents} == parents


def test_every_public_error_is_a_live_error() -> None:
    public = [getattr(livegen_trio, name) for name in dir(livegen_trio)]
    errors = [thing for thing in public if isinstance(thing, type) and issubclass(thing, BaseException)]
    assert all(issubclass(error, LiveError) for error in errors)
    assert len(errors) == 10


def test_a_closed_session_is_a_broken_resource_to_trio() -> None:
    with pytest.raises(trio.BrokenResourceError):
        raise SessionClosedError(1006, initiator="server")


def test_a_handshake_error_says_what_failed_and_what_to_do() -> None:
    error = HandshakeError(
        "the server refused",
        phase="upgrade",
        status_code=403,
        body=b"no",
        retryable=True,
        hint="enable the API",
    )
    assert str(error) == "the server refused (enable the API)"
    assert (error.phase, error.status_code, error.body) == ("upgrade", 403, b"no")
    assert (error.retryable, error.hint) == (True, "enable the API")


def test_a_handshake_error_without_details_claims_none() -> None:
    error = HandshakeError("the name is unknown", phase="dns")
    assert str(error) == "the name is unknown"
    assert (error.phase, error.status_code, error.body) == ("dns", None, b"")
    assert (error.retryable, error.hint) == (False, None)


def test_a_rejected_setup_gives_the_servers_code_and_words() -> None:
    error = SetupRejectedError(
        code=1008, reason="Requested entity was not found.", hint="check the model's name"
    )
    assert str(error) == (
        "the server refused the setup with close code 1008: Requested entity was not found. (check the model's name)"
    )
    assert (error.code, error.reason) == (1008, "Requested entity was not found.")
    assert (error.phase, error.retryable, error.status_code) == ("setup", False, None)


def test_a_setup_rejected_without_a_word_shows_no_empty_words() -> None:
    error = SetupRejectedError(code=1011, reason="", retryable=True)
    assert str(error) == "the server refused the setup with close code 1011"
    assert error.retryable


@pytest.mark.parametrize(("seconds", "words"), [(10.0, "10 s"), (0.25, "0.25 s")])
def test_a_timeout_names_the_phase_that_it_came_in(seconds: float, words: str) -> None:
    error = ConnectTimeoutError(phase="tls", timeout=seconds)
    assert str(error) == f"no session after {words}; the connection was in phase 'tls'"
    assert (error.phase, error.timeout, error.retryable) == ("tls", seconds, True)


def test_a_remote_protocol_error_knows_the_code_to_close_with() -> None:
    assert RemoteProtocolError("no JSON").code == 1007
    assert RemoteProtocolError("too large", code=1009).code == 1009


@pytest.mark.parametrize(
    "error",
    [
        HandshakeError(FAKE, phase="upgrade"),
        HandshakeError("refused", phase="upgrade", hint=FAKE),
        SetupRejectedError(code=1008, reason=FAKE),
        RemoteProtocolError(FAKE),
    ],
)
def test_a_peer_cannot_write_a_second_line_into_an_error(error: LiveError) -> None:
    assert str(error).isprintable()
    assert "no ERROR root: all is lost [2J" in str(error)


def test_the_servers_words_are_kept_as_they_came_beside_the_message() -> None:
    assert SetupRejectedError(code=1008, reason=FAKE).reason == FAKE


@given(st.text())
def test_one_line_is_one_line_and_stays_it(words: str) -> None:
    line = one_line(words)
    assert line.isprintable()
    assert line == line.strip()
    assert one_line(line) == line
    assert len(words.splitlines()) < 2 or len(line.splitlines()) < 2


ERRORS: list[Exception] = [
    LiveError("m"),
    ConfigError("m"),
    ToolError("m"),
    LocalProtocolError("m"),
    RemoteProtocolError("m", code=1003),
    HandshakeError("m", phase="upgrade", status_code=403, body=b"no", retryable=True, hint="enable the API"),
    SetupRejectedError(code=1007, reason="r", hint="h"),
    ConnectTimeoutError(phase="tls", timeout=3.0),
    SessionClosedError(1011, "r", initiator="server", phase="closing"),
    AIError(AIErrorCode.SESSION_CLOSED, "m"),
    AudioFileError("m"),
    PlaybackOverflowError("m"),
    EngineError("m"),
    CommandError("m", exit_code=3),
    ScriptError("m"),
    ClientLeftError("m"),
    FinalScriptError("m"),
    PortalEndedError("m"),
    InternalError("m"),
    ConnectionClosed(1001, "r", initiator="local"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "copied",
    [
        *(
            lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
            for protocol in range(6)
        ),
        copy.copy,
        copy.deepcopy,
    ],
)
def test_every_error_survives_pickling_and_copying(
    error: Exception, copied: Callable[[Exception], Exception]
) -> None:
    error.add_note("a note")
    other = copied(error)
    assert other is not error
    assert (type(other), str(other), repr(other), vars(other)) == (
        type(error),
        str(error),
        repr(error),
        vars(error),
    )


def test_so_does_any_other_error_of_the_package_whatever_its_constructor_takes() -> None:
    for module in pkgutil.walk_packages(livegen_trio.__path__, "livegen_trio."):
        if module.name.rpartition(".")[2] not in {"__main__", "_cpal", "fixtures"}:
            with contextlib.suppress(ImportError):  # of an extra that is not installed
                importlib.import_module(module.name)
    kinds = [kind for kind in subclasses_of(LiveError) if kind.__module__.startswith("livegen_trio")]
    assert len(kinds) > 15
    for kind in kinds:
        error = kind.__new__(kind, "m")
        vars(error)["attribute"] = 1
        other = pickle.loads(pickle.dumps(error))
        assert (type(other), other.args, vars(other)) == (kind, ("m",), {"attribute": 1})


def subclasses_of(kind: type[Exception]) -> set[type[Exception]]:
    found = set(kind.__subclasses__())
    return found.union(*(subclasses_of(subclass) for subclass in found))
