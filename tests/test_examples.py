"""The examples, run as their reader would run them."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coredis
import pytest
import trio

from livegen_trio.audio import Recording, read_wav, speech_end, write_wav
from livegen_trio.local import LocalServer, text_engines
from livegen_trio.stores.valkey import ValkeyResumeStore
from livegen_trio.testing import Connection, Emit, ScriptedServer, ServerEnd
from support.valkey_server import valkey_server
from support.voice import HUMAN_RATE, HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_text_chat_prints_an_answer_to_each_question(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "text_chat.py"), run_name="__main__")
    answers = capsys.readouterr().out.splitlines()
    assert len(answers) == 2
    assert all(answers)


def test_ask_by_voice_hears_the_question_and_writes_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    write_wav(question, Recording(human_voice(), HUMAN_RATE))
    monkeypatch.setattr(sys, "argv", ["ask_by_voice.py", str(question), str(answer)])
    runpy.run_path(str(EXAMPLES / "ask_by_voice.py"), run_name="__main__")
    heard, _, said = capsys.readouterr().out.strip().partition(" - ")
    assert heard.lower().replace(",", "").rstrip("?.!") == HUMAN_WORDS
    assert said
    assert (speech_end(read_wav(answer)) or 0) > 24_000


def run_with(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_live_transcription_prints_hypotheses_and_what_was_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "speech.wav", Recording(human_voice(), HUMAN_RATE))
    run_with(monkeypatch, "live_transcription.py", str(tmp_path / "speech.wav"))
    *hypotheses, said = capsys.readouterr().out.splitlines()
    assert hypotheses
    assert all(line.startswith("... ") for line in hypotheses)
    assert said.lower().replace(",", "").rstrip("?.!") == HUMAN_WORDS


def test_live_translation_prints_both_languages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "speech.wav", Recording(human_voice(), HUMAN_RATE))
    run_with(monkeypatch, "live_translation.py", str(tmp_path / "speech.wav"), "de")
    lines = [line.lower().replace(",", "").rstrip("?.!") for line in capsys.readouterr().out.splitlines()]
    assert lines == [f"user: {HUMAN_WORDS}", f"model: {HUMAN_WORDS}"]


def test_ephemeral_token_begins_one_session_and_no_second(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "ephemeral_token.py"), run_name="__main__")
    answer, refusal = capsys.readouterr().out.splitlines()
    assert answer
    assert "refused the setup with close code 1008" in refusal


def test_firebase_chat_prints_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "firebase_chat.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith("Yes, I can hear you.")


def test_audio_conversation_plays_the_question_and_keeps_what_is_heard_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    write_wav(question, Recording(human_voice(), HUMAN_RATE))
    monkeypatch.setattr(sys, "argv", ["audio_conversation.py", str(question), str(answer)])
    runpy.run_path(str(EXAMPLES / "audio_conversation.py"), run_name="__main__")
    heard, *said, seconds = capsys.readouterr().out.splitlines()
    assert heard.lower().replace(",", "").rstrip("?.!") == f"you: {HUMAN_WORDS}"
    assert said
    assert all(line.startswith("model: ") for line in said)
    assert seconds == f"{read_wav(answer).seconds:.1f} s of speech were heard"


def test_speak_over_a_tool_has_it_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "speak_over_a_tool.py"), run_name="__main__")
    *lines, answer = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "user: Search flights to Rome.",
        "searching flights to Rome",
        "user: What is the weather in Paris?",
    ]
    assert set(lines[3:]) == {"the search is given up", "the model takes its call back"}
    assert answer.startswith("model: ")
    assert "Paris" in answer


async def test_a_conversation_survives_the_killing_of_its_process() -> None:
    with valkey_server() as port:
        valkey = f"redis://127.0.0.1:{port}"
        async with trio.open_nursery() as nursery, coredis.Redis.from_url(valkey) as client:
            address = await nursery.start(partial(LocalServer(text_engines()).serve, 0))
            arguments = ["ann", f"ws://{address[0].host}:{address[0].port}", valkey]
            with trio.fail_after(40):
                async with survivor(arguments) as (first, say):
                    assert await say("") == "begun"
                    assert "Ann" in await say("My name is Ann.")
                    while await ValkeyResumeStore(client).load("ann") is None:  # noqa: ASYNC110 - another process saves it
                        await trio.sleep(0.01)
                    await first.stdin.send_all(b"Tell me a story.\n")
                    first.kill()  # SIGKILL: no goodbye, nothing more is saved
                    assert await first.wait() == -signal.SIGKILL
                async with survivor(arguments) as (second, say):
                    assert await say("") == "resumed"
                    assert "Ann" in await say("What is my name?")
                    await second.stdin.send_all(b"\n")
                    assert await second.wait() == 0
            assert await ValkeyResumeStore(client).load("ann") is None
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def survivor(arguments: list[str]) -> AsyncGenerator[tuple[Any, Callable[[str], Awaitable[str]]]]:
    """A process of the example, and a function that says a line to it and hears one."""
    command = [sys.executable, str(EXAMPLES / "survive.py"), *arguments]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    heard = bytearray()

    async def say(line: str) -> str:
        if line:
            await process.stdin.send_all(f"{line}\n".encode())
        while b"\n" not in heard:
            more = await process.stdout.receive_some()
            assert more, "the process has ended"
            heard.extend(more)
        reply, _, rest = bytes(heard).partition(b"\n")
        heard[:] = rest
        return reply.decode()

    try:
        yield process, say
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def test_text_service_serves_each_client_in_a_session_of_its_own() -> None:
    async with trio.open_nursery() as nursery:
        [address] = await nursery.start(LocalServer(text_engines()).serve, 0)
        with trio.fail_after(40):
            async with text_service(f"ws://{address.host}:{address.port}") as (_, port):
                async with await open_client(port) as ann, await open_client(port) as ben:
                    await ann.send_all(b"My name is Ann.\n\nWhat is my name?\n")
                    await ben.send_all(b"What is my name?\n")
                    assert b"Ann" in (await lines(ann, 2))[1]
                    assert b"Ann" not in (await lines(ben, 1))[0]
        nursery.cancel_scope.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="no process is sent a SIGTERM there that it can handle")
async def test_text_service_ends_gracefully() -> None:
    async def answer_by_halves(server: ServerEnd) -> None:
        await server.hear()
        await Emit({"serverContent": {"modelTurn": {"parts": [{"text": "half an "}]}}})(server)
        await told.wait()
        rest = {"modelTurn": {"parts": [{"text": "answer"}]}, "turnComplete": True}
        await Emit({"serverContent": rest})(server)

    told = trio.Event()
    server = ScriptedServer(Connection(answer_by_halves), Connection())
    with trio.fail_after(40):
        async with server.listening() as url, text_service(url) as (process, port):
            async with await open_client(port) as waiting:
                await waiting.send_all(b"Hello\nThis is not answered any more.\n")
                assert await waiting.receive_some() == b"half an "
                async with await open_client(port) as idle:
                    while len(server.connected) < 2:  # noqa: ASYNC110 - there is no event for it
                        await trio.sleep(0.001)
                    process.send_signal(signal.SIGTERM)
                    assert await idle.receive_some() == b""
                with pytest.raises(OSError, match="connect"):
                    await open_client(port)
                told.set()
                assert await lines(waiting, 2) == [b"answer", b""]
            assert await process.wait() == 0
    assert [end.closed.code for end in server.connected] == [1000, 1000]


@asynccontextmanager
async def text_service(live_url: str) -> AsyncGenerator[tuple[trio.Process, int]]:
    """A process of the example, and its port."""
    command = [sys.executable, str(EXAMPLES / "text_service.py"), "0"]
    process = await trio.lowlevel.open_process(
        command, stdout=subprocess.PIPE, env={**os.environ, "LIVE_URL": live_url}
    )
    try:
        [line] = await lines(process.stdout, 1)
        yield process, int(line.rpartition(b" ")[2])
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()


async def open_client(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port)


async def lines(stream: Any, count: int) -> list[bytes]:
    """The next lines that a stream brings, or those before its end."""
    heard = b""
    while heard.count(b"\n") < count and (more := await stream.receive_some()):
        heard += more
    return heard.split(b"\n")[:count]


TESTED_ELSEWHERE = {
    "browser_login.py": "web/test_relay.py",
    "browser_relay.py": "anyio_/test_web_servers.py",
    "fleet.py": "stores/test_fleet.py",
    "talk.py": "audio/test_devices.py",
}


def test_every_example_is_tested_here() -> None:
    tested = {
        "text_chat.py",
        "ask_by_voice.py",
        "audio_conversation.py",
        "ephemeral_token.py",
        "speak_over_a_tool.py",
        "firebase_chat.py",
        "live_transcription.py",
        "live_translation.py",
        "survive.py",
        "text_service.py",
    }
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested | TESTED_ELSEWHERE.keys()
    for example, tests in TESTED_ELSEWHERE.items():
        assert Path(example).stem in (Path(__file__).parent / tests).read_text("utf-8")
