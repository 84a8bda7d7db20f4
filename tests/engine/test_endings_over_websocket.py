"""Over real sockets: how connections end and what the error says of it, and what arrives before, however big it is."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from livegen_trio import (
    GeminiBackend,
    HandshakeError,
    LiveSession,
    Reconnecting,
    SessionClosedError,
    SessionResumptionConfig,
    SessionResumptionUpdate,
    SetupRejectedError,
    UnknownEvent,
)
from support.endings import ENDINGS, Ending
from support.loopback import SETUP_COMPLETE, raw_setups, setups, upgrades
from support.peer import model_on, next_content, text
from support.raw_websocket import BINARY, CLOSE, CONTINUATION, TEXT, encode, encode_close

if TYPE_CHECKING:
    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport, UpgradeRequest
    from support.raw_websocket import RawPeer

MEBIBYTE = 2**20
HANDLE = SessionResumptionConfig(handle="given-earlier")


def backend_at(port: int) -> GeminiBackend:
    return GeminiBackend(api_key="k", base_url=f"ws://127.0.0.1:{port}", proxy=None)


async def connect(port: int, **options: Any) -> None:
    async with model_on(backend_at(port)).connect(**options):
        raise AssertionError("there should be no session")


async def receive_to_the_end(session: LiveSession) -> None:
    with trio.fail_after(30):
        async for _ in session:
            pass


async def end(transport: TrioWebSocketTransport, ending: Ending, *, accepted: bool = False) -> None:
    if accepted:
        await transport.send(SETUP_COMPLETE)
    if ending.code == 1006:
        await transport.abort()
    else:
        await transport.aclose(ending.code, ending.reason)


def ids(endings: list[Ending]) -> list[str]:
    return [f"{ending.code}-{ending.reason[:40]}" for ending in endings]


REFUSALS = [ending for ending in ENDINGS if ending.code != 1006]
ENDS = [ending for ending in ENDINGS if not ending.resuming]


# Each reason, in answer to the setup and later


@pytest.mark.parametrize("ending", REFUSALS, ids=ids(REFUSALS))
async def test_a_refused_setup_says_what_to_change(ending: Ending) -> None:
    async with setups(partial(end, ending=ending)) as port:
        with pytest.raises(SetupRejectedError) as caught:
            await connect(port, session_resumption=HANDLE if ending.resuming else "auto")
    error = caught.value
    assert (error.code, error.reason, error.phase) == (ending.code, ending.reason, "setup")
    assert error.retryable is ending.retryable
    assert error.hint is not None
    assert ending.hint in error.hint
    assert str(error) == (
        f"the server refused the setup with close code {ending.code}: {ending.reason} ({error.hint})"
    )


async def test_a_server_that_hangs_up_on_the_setup_may_be_asked_again() -> None:
    async with setups(partial(end, ending=Ending(1006, "", True, ""))) as port:
        with pytest.raises(HandshakeError, match="hung up") as caught:
            await connect(port)
    assert not isinstance(caught.value, SetupRejectedError)
    assert (caught.value.phase, caught.value.retryable) == ("setup", True)
    assert caught.value.hint is not None


@pytest.mark.parametrize("ending", ENDS, ids=ids(ENDS))
async def test_a_session_that_the_server_ends_says_what_to_change(ending: Ending) -> None:
    async with setups(partial(end, ending=ending, accepted=True)) as port:
        with pytest.raises(SessionClosedError) as caught:
            async with model_on(backend_at(port)).connect() as session:
                await receive_to_the_end(session)
    error = caught.value
    assert (error.code, error.reason, error.initiator) == (ending.code, ending.reason, "server")
    assert (error.phase, error.retryable) == ("open", ending.retryable)
    assert error.hint is not None
    assert ending.hint in error.hint
    assert error.hint in str(error)


async def test_a_reason_that_is_too_long_for_a_close_arrives_cut_and_is_still_known() -> None:
    reason = "Request contains an invalid argument. " + "x" * 200
    async with setups(partial(end, ending=Ending(1007, reason, False, ""))) as port:
        with pytest.raises(SetupRejectedError) as caught:
            await connect(port)
    assert caught.value.reason == reason[:123]
    assert caught.value.hint is not None


async def test_resuming_with_a_handle_that_has_died_says_so() -> None:
    asked: list[dict[str, Any]] = []

    async def serve(request: UpgradeRequest) -> None:
        transport = await request.accept()
        asked.append(json.loads(await transport.receive())["setup"])
        if len(asked) > 1:
            await transport.aclose(1007, "Request contains an invalid argument.")
            return
        await transport.send(SETUP_COMPLETE)
        await transport.send(b'{"sessionResumptionUpdate": {"newHandle": "h", "resumable": true}}')
        await transport.aclose(1011, "Deadline expired before operation could complete.")

    async with upgrades(serve) as port, model_on(backend_at(port)).connect() as session:
        assert isinstance(await session.receive(), SessionResumptionUpdate)
        assert isinstance(await session.receive(), Reconnecting)
        with pytest.raises(SessionClosedError, match="handle may be too old: begin a session without it"):
            await session.receive()
    assert [setup["sessionResumption"] for setup in asked] == [{}, {"handle": "h"}]


async def test_an_error_message_in_answer_to_the_setup_says_what_to_change() -> None:
    async def serve(transport: TrioWebSocketTransport) -> None:
        error = {"code": 429, "message": "Resource has been exhausted.", "status": "RESOURCE_EXHAUSTED"}
        await transport.send(json.dumps({"error": error}).encode())
        await transport.receive()

    async with setups(serve) as port:
        with pytest.raises(HandshakeError, match="Resource has been exhausted") as caught:
            await connect(port)
    assert (caught.value.phase, caught.value.retryable) == ("setup", True)
    assert caught.value.hint is not None
    assert "slow down" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "body", "retryable", "hint"),
    [
        (400, b"", False, "malformed"),
        (400, b'{"error": {"message": "API key not valid. Please pass a valid"}}', False, "check the API key"),
        (401, b"", False, "credentials"),
        (403, b"", False, "API is enabled"),
        (403, b'{"error": {"message": "Method doesn\'t allow unregistered callers"}}', False, "no key or token"),
        (404, b"", False, "no Live API"),
        (429, b"", True, "quota"),
        (500, b"", True, "overloaded"),
        (503, b"", True, "overloaded"),
    ],
)  # fmt: skip
async def test_a_refused_upgrade_says_what_to_change(
    status: int, body: bytes, retryable: bool, hint: str
) -> None:
    async with upgrades(lambda request: request.refuse(status, body)) as port:
        with pytest.raises(HandshakeError) as caught:
            await connect(port)
    error = caught.value
    assert (error.phase, error.status_code, error.body) == ("upgrade", status, body)
    assert error.retryable is retryable
    assert error.hint is not None
    assert hint in error.hint


# What arrives before the end


def frame(message: dict[str, Any] | bytes, opcode: int = BINARY) -> bytes:
    return encode(opcode, message if isinstance(message, bytes) else json.dumps(message).encode())


async def test_messages_in_one_packet_with_the_close_are_received_before_it() -> None:
    async def serve(peer: RawPeer) -> None:
        said = [frame(SETUP_COMPLETE), *(frame(text(str(number))) for number in range(20))]
        await peer.say(*said, encode_close(1011, b"Internal error encountered."))
        await peer.hear()

    async with raw_setups(serve) as port, model_on(backend_at(port)).connect() as session:
        assert [(await next_content(session)).text for _ in range(20)] == [str(n) for n in range(20)]
        with pytest.raises(SessionClosedError, match="Internal error encountered"):
            await session.receive()


async def test_messages_from_before_the_close_wait_for_a_consumer_that_comes_late() -> None:
    closed = trio.Event()

    async def serve(peer: RawPeer) -> None:
        await peer.say(frame(SETUP_COMPLETE), *(frame(text(str(number))) for number in range(20)))
        await peer.say(encode_close(1008, b"The operation was aborted."))
        await peer.hear()  # the answer
        await peer.hear_end()
        closed.set()

    async with raw_setups(serve) as port, model_on(backend_at(port)).connect() as session:
        await closed.wait()
        with pytest.raises(SessionClosedError):
            await session.send("too late")
        assert session.statistics().unread_events == 20
        assert [(await next_content(session)).text for _ in range(20)] == [str(n) for n in range(20)]
        with pytest.raises(SessionClosedError, match="aborted"):
            await session.receive()


async def test_messages_of_a_server_that_hangs_up_without_a_close_are_received() -> None:
    async def serve(peer: RawPeer) -> None:
        await peer.say(frame(SETUP_COMPLETE), frame(text("last words")))
        await peer.hang_up()

    async with raw_setups(serve) as port, model_on(backend_at(port)).connect() as session:
        assert (await next_content(session)).text == "last words"
        with pytest.raises(SessionClosedError) as caught:
            await session.receive()
    assert (caught.value.code, caught.value.initiator, caught.value.retryable) == (1006, "server", True)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_message_of_an_unknown_kind_is_an_event_with_its_json(opcode: int) -> None:
    hologram = {"hologram": {"depth": 3.5, "layers": [{"name": "gr\u00fcn"}, None, []]}}

    async def serve(peer: RawPeer) -> None:
        said = (SETUP_COMPLETE, hologram, hologram | {"smell": True}, text("next"))
        await say_pieces(peer, *(frame(message, opcode) for message in said))

    async with raw_setups(serve) as port, model_on(backend_at(port)).connect() as session:
        assert await session.receive() == UnknownEvent(raw=hologram)
        assert await session.receive() == UnknownEvent(raw=hologram)
        assert await session.receive() == UnknownEvent(raw={"smell": True})
        assert (await next_content(session)).text == "next"


# Sizes


def speech(size: int) -> tuple[bytes, bytes]:
    """Some PCM, and the message with it, which is a little larger than *size* bytes."""
    pcm = bytes(range(256)) * (size * 3 // 4 // 256 + 1)
    blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(pcm).decode()}
    message = {"serverContent": {"modelTurn": {"parts": [{"inlineData": blob}]}}}
    return pcm, json.dumps(message).encode()


def whole(message: bytes) -> list[bytes]:
    return [encode(BINARY, message)]


def in_pieces(message: bytes, size: int = 64 * 1024) -> list[bytes]:
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    last = len(pieces) - 1
    return [
        encode(CONTINUATION if number else BINARY, piece, fin=number == last)
        for number, piece in enumerate(pieces)
    ]


async def say_pieces(peer: RawPeer, *pieces: bytes) -> None:
    """Say them, and hang up after the client's goodbye."""
    for piece in pieces:
        await peer.say(piece)
    opcode, _ = await peer.hear()
    assert opcode == CLOSE
    await peer.hang_up()


@pytest.mark.parametrize("frames", [whole, in_pieces])
async def test_a_message_of_twelve_mebibytes_is_received(frames: Any) -> None:
    pcm, message = speech(12 * MEBIBYTE)
    assert 12 * MEBIBYTE < len(message) < 13 * MEBIBYTE

    async def serve(peer: RawPeer) -> None:
        await say_pieces(peer, frame(SETUP_COMPLETE), *frames(message), frame(text("done")))

    async with raw_setups(serve) as port, model_on(backend_at(port)).connect() as session:
        with trio.fail_after(30):
            (blob,) = (await next_content(session)).audio
            assert blob.data == pcm
            assert (await next_content(session)).text == "done"


@pytest.mark.parametrize("frames", [whole, in_pieces])
async def test_a_message_of_seventeen_mebibytes_ends_the_session_with_a_clear_error(frames: Any) -> None:
    _, message = speech(17 * MEBIBYTE)

    async def serve(peer: RawPeer) -> None:
        await say_pieces(peer, frame(SETUP_COMPLETE), frame(text("before")), *frames(message))

    async with raw_setups(serve) as port:
        async with model_on(backend_at(port)).connect() as session:
            assert (await next_content(session)).text == "before"
            with pytest.raises(SessionClosedError) as caught, trio.fail_after(30):
                await session.receive()
    error = caught.value
    assert (error.code, error.initiator, error.retryable) == (1009, "local", False)
    assert "this side ended the session with close code 1009" in str(error)
    assert "16777216" in str(error)
    assert error.hint is not None


@pytest.mark.parametrize("frames", [whole, in_pieces])
async def test_a_message_of_seventeen_mebibytes_before_the_setup_is_complete_is_as_clear(frames: Any) -> None:
    _, message = speech(17 * MEBIBYTE)

    async def serve(peer: RawPeer) -> None:
        with suppress(trio.BrokenResourceError):  # nobody may be listening any more
            await say_pieces(peer, *frames(message))

    async with raw_setups(serve) as port:
        with pytest.raises(HandshakeError, match="this side ended the connection") as caught:
            await connect(port)
    error = caught.value
    assert not isinstance(error, SetupRejectedError)
    assert (error.phase, error.retryable) == ("setup", False)
    assert "16777216" in str(error)
    assert error.hint is not None


async def test_the_server_gets_the_close_code_of_a_message_that_is_too_big() -> None:
    heard: list[tuple[int, bytes]] = []
    _, message = speech(17 * MEBIBYTE)

    async def serve(peer: RawPeer) -> None:
        await peer.say(frame(SETUP_COMPLETE))
        await peer.say(*whole(message))
        heard.append(await peer.hear())
        await peer.hang_up()

    async with raw_setups(serve) as port, model_on(backend_at(port)).connect() as session:
        with pytest.raises(SessionClosedError):
            await session.receive()
    ((opcode, payload),) = heard
    assert opcode == CLOSE
    assert payload.startswith((1009).to_bytes(2, "big"))
