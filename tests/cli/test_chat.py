"""Conversation in text: with the embedded server in process, and with a peer where it must go wrong."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import IO, TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import GeminiBackend, HandshakeError, LocalBackend, SessionClosedError, SetupRejectedError
from livegen_trio.cli import _chat, main
from livegen_trio.cli._chat import converse
from livegen_trio.cli._errors import CommandError
from livegen_trio.cli._running import run
from support.peer import TURN_COMPLETE, Peer, conversation, text

if TYPE_CHECKING:
    from collections.abc import Callable


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err
    assert message.startswith("livegen-trio: ")
    assert message.count("\n") == 1
    return message


def test_each_line_is_answered_until_the_input_ends(
    standard_input: IO[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    standard_input.write(b"Hello\n\n  \nHello again")
    standard_input.close()
    assert main(["chat"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert all(captured.out.splitlines())
    assert captured.err == ""


def test_models_that_only_speak_are_read(
    standard_input: IO[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    standard_input.write(b"Hello\n")
    standard_input.close()
    assert main(["chat", "--model", "gemini-2.5-flash-native-audio-preview-12-2025"]) == 0
    assert capsys.readouterr().out.strip()


def test_an_unknown_model_is_refused_with_one_that_is_known(
    standard_input: IO[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chat", "--model", "nonsense"]) == 2
    message = one_line(capsys)
    assert "models/nonsense is not found" in message
    assert "choose another --model, such as gemini-" in message


def test_a_server_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--url", "ws://127.0.0.1:1"]) == 2
    message = one_line(capsys)
    assert "127.0.0.1:1 can't be reached" in message
    assert "is `livegen-trio serve` running there?" in message


def test_a_url_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--url", "nonsense"]) == 2
    assert "'nonsense' is no base URL" in one_line(capsys)


def test_gemini_without_a_key_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    assert main(["chat", "--backend", "gemini"]) == 2
    assert "there is no API key: set GEMINI_API_KEY" in one_line(capsys)


def test_gemini_has_no_url(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--backend", "gemini", "--url", "ws://127.0.0.1:1"]) == 2
    assert "--url is for --backend local" in one_line(capsys)


def model_for(**options: str) -> Any:
    defaults = {"model": None, "backend": "local", "url": None, "system": None}
    return _chat._model(argparse.Namespace(**{**defaults, **options}))


def test_gemini_is_asked_to_speak_and_to_write_it_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "secret")
    model = model_for(backend="gemini", system="Be brief.")
    assert type(model.backend) is GeminiBackend
    assert model.generation_config.response_modalities == ["AUDIO"]
    assert model.generation_config.output_audio_transcription is not None
    assert model.system_instruction.text == "Be brief."


def test_the_embedded_server_is_asked_to_write() -> None:
    model = model_for(url="ws://127.0.0.1:1")
    assert type(model.backend) is LocalBackend
    assert model.generation_config.response_modalities == ["TEXT"]


def test_a_network_that_is_down_is_suspected_where_there_is_no_url() -> None:
    error = HandshakeError("dns failed", phase="dns")
    advice = _chat._advice(error, argparse.Namespace(url=None, backend="gemini"))
    assert advice == "; is the network up?"


def test_a_refusal_that_is_not_about_the_model_has_no_advice() -> None:
    error = SetupRejectedError(code=1007, reason="API key not valid.")
    assert _chat._advice(error, argparse.Namespace(url=None, backend="gemini")) == ""


def spoken(words: str) -> dict[str, Any]:
    return {"serverContent": {"outputTranscription": {"text": words}}}


@pytest.mark.parametrize(
    "answer",
    [
        (text("Good "), text("day.")),
        (spoken("Good "), spoken("day.")),
        (text("Good day."), spoken("Good day.")),
        (spoken("Good day."), text("Good day.")),
        (text("Good\x1b[2J day."),),
    ],
    ids=["text", "speech", "text-first", "speech-first", "escape"],
)
async def test_an_answer_is_shown_once_whatever_it_comes_as(
    answer: tuple[dict[str, Any], ...], standard_input: IO[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    standard_input.write(b"Hello\n")
    standard_input.close()

    async def reply(peer: Peer) -> None:
        await peer.hear()
        await peer.say(*answer, TURN_COMPLETE)

    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(reply, peer)
        await converse(session)
    assert capsys.readouterr().out.replace("[2J", "") == "Good day.\n"


async def test_a_server_that_ends_the_session_ends_the_chat(standard_input: IO[bytes]) -> None:
    async with conversation() as (session, peer):
        await peer.close()
        with pytest.raises(CommandError, match="the server ended the session") as raised:
            await converse(session)
        assert raised.value.exit_code == 1


async def test_a_session_that_breaks_is_reported_while_a_line_is_waited_for(
    standard_input: IO[bytes],
) -> None:
    async with conversation() as (session, peer):
        await peer.close(1011, "Internal error encountered.")
        with pytest.raises(SessionClosedError, match="Internal error encountered"):
            await converse(session)


async def test_a_session_that_breaks_is_reported_while_lines_are_sent(standard_input: IO[bytes]) -> None:
    standard_input.write(b"Hello\n" * 10)

    async def break_off(peer: Peer) -> None:
        await peer.hear()
        await peer.say(TURN_COMPLETE)
        await peer.close(1011, "Internal error encountered.")

    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(break_off, peer)
        with pytest.raises(SessionClosedError, match="Internal error encountered"):
            await converse(session)


def test_ctrl_c_ends_an_answer_that_does_not_end(standard_input: IO[bytes]) -> None:
    standard_input.write(b"Hello\n")

    async def interrupted(peer: Peer) -> None:
        await peer.hear()
        await peer.say(text("Once upon a time"))
        signal.raise_signal(signal.SIGINT)

    async def command() -> int:
        async with conversation() as (session, peer), trio.open_nursery() as nursery:
            nursery.start_soon(interrupted, peer)
            await converse(session)
        return 0

    assert run(command, terminated=143) == 130


def test_a_terminal_is_prompted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave) as terminal:
            monkeypatch.setattr(sys, "stdin", terminal)
            os.write(master, b"Hello\n\x04")
            assert main(["chat"]) == 0
    finally:
        os.close(master)
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("> ")
    assert last == "> "


def test_a_pipe_is_answered_line_by_line(start: Callable[..., Any]) -> None:
    process = start("chat")
    for _ in range(2):
        process.write("Hello\n")
        assert process.read_line().strip()
    code, output, errors = process.end()
    assert (code, output, errors) == (0, "", "")


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_while_it_waits_for_a_line(
    number: signal.Signals, expected: int, start: Callable[..., Any]
) -> None:
    process = start("chat")
    process.write("Hello\n")
    process.read_line()
    process.signal(number)
    code, output, errors = process.wait()
    assert (code, output, errors) == (expected, "", "")


def test_a_reader_that_leaves_is_no_traceback(start: Callable[..., Any]) -> None:
    process = start("chat")
    process.stop_reading()
    process.write("Hello\n")
    code, _, errors = process.wait()
    assert (code, errors) == (1, "")
