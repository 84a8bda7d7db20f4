"""The demonstration: against a peer in memory for its logic, and once or twice for real."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from array import array
from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import FunctionCall, SessionClosedError, ToolError
from livegen_trio.audio import Recording, read_wav, speech_end, write_wav
from livegen_trio.cli import main
from livegen_trio.cli._demo import converse, report
from livegen_trio.cli._exchange import Exchange
from livegen_trio.cli._terminal import Screen
from livegen_trio.cli._weather import get_weather
from livegen_trio.tools import declarations
from support.peer import TURN_COMPLETE, Peer, conversation
from support.tool_calls import outcome
from support.voice import HUMAN_RATE, HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio.testing import MockClock

QUESTION = Recording(array("h", [9000, -9000] * 8000 + [0] * 8000).tobytes(), 16_000)
"""A second of sound, and half a second of silence."""

SPEECH = base64.b64encode(array("h", [5000, -5000] * 2400).tobytes()).decode()
ANSWER: tuple[dict[str, Any], ...] = (
    {"serverContent": {"inputTranscription": {"text": "Hello?"}}},
    {
        "serverContent": {
            "modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": SPEECH}}]}
        }
    },
    {"serverContent": {"outputTranscription": {"text": "Hello."}}},
    TURN_COMPLETE,
)


async def say_after(seconds: float, peer: Peer, *messages: dict[str, Any]) -> None:
    await trio.sleep(seconds)
    await peer.say(*messages)


async def listen(peer: Peer) -> None:
    """Hear more than a test's peer remembers."""
    while True:
        await peer.hear()


def audio_of(message: dict[str, Any]) -> bytes:
    audio = message["realtimeInput"]["audio"]
    assert audio["mimeType"] == "audio/pcm;rate=16000"
    return base64.b64decode(audio["data"])


async def test_the_question_is_streamed_in_real_time_and_silence_after_it(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(say_after, 3.005, peer, *ANSWER)
        start = trio.current_time()
        exchange = await converse(session, QUESTION, Screen())
        assert trio.current_time() - start == pytest.approx(3.205, abs=0.01)  # 0.2 s of it are the answer
        sent = b"".join([audio_of(await peer.hear()) for _ in range(150)])
    assert sent == QUESTION.pcm + bytes(48_000)
    assert (exchange.heard, exchange.said, exchange.answer.seconds) == ("Hello?", "Hello.", 0.2)


async def test_the_latency_counts_from_the_last_sound_and_not_from_the_files_end(
    autojump_clock: MockClock,
) -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(say_after, 1.8, peer, *ANSWER)
        exchange = await converse(session, QUESTION, Screen())
    assert exchange.first_audio_ms == 800


async def test_patience_with_a_silent_server_ends(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(listen, peer)
        start = trio.current_time()
        exchange = await converse(session, QUESTION, Screen())
        assert trio.current_time() - start == pytest.approx(1.5 + 15)
        nursery.cancel_scope.cancel()
    assert not exchange.is_over


async def test_patience_counts_from_the_last_news(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:
        nursery.start_soon(listen, peer)
        nursery.start_soon(say_after, 10, peer, *ANSWER[:1])
        nursery.start_soon(say_after, 20, peer, *ANSWER[1:])
        assert (await converse(session, QUESTION, Screen())).is_over
        nursery.cancel_scope.cancel()


async def test_a_break_is_raised_once_and_as_it_is(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:

        async def close() -> None:
            await trio.sleep(0.5)
            await peer.close(1011, "Internal error encountered.")

        nursery.start_soon(close)
        with pytest.raises(SessionClosedError, match="Internal error encountered"):
            await converse(session, QUESTION, Screen())


async def test_a_server_that_ends_normally_leaves_what_it_said(autojump_clock: MockClock) -> None:
    async with conversation() as (session, peer), trio.open_nursery() as nursery:

        async def answer_and_close() -> None:
            await trio.sleep(0.5)
            await peer.say(*ANSWER[:3])
            await peer.close()

        nursery.start_soon(answer_and_close)
        exchange = await converse(session, QUESTION, Screen())
    assert exchange.said == "Hello."


class PlayedExchange(Exchange):
    """An exchange whose answer has been played."""

    def __init__(self, pcm: bytes) -> None:
        super().__init__(Screen())
        self._pcm = pcm

    @property
    def answer(self) -> Recording:
        return Recording(self._pcm, 24_000)


def exchange_with(heard: str = "Hello?", said: str = "Hello.", pcm: bytes = bytes(48_000)) -> Exchange:
    exchange = PlayedExchange(pcm)
    exchange._heard.append(heard)
    exchange._said.append(said)
    exchange.tool_calls.append(FunctionCall(id="1", name="f", args={"x": 1}))
    exchange.speech_ended_at, exchange.first_audio_at = 1.0, 1.5
    return exchange


def test_the_results_are_one_object_in_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answer.wav"
    assert report(exchange_with(), out, Screen(), as_json=True) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "heard": "Hello?",
        "said": "Hello.",
        "tool_calls": [{"name": "f", "args": {"x": 1}}],
        "cancelled_calls": [],
        "answer_seconds": 1.0,
        "first_audio_ms": 500,
        "out": str(out),
    }
    assert read_wav(out) == Recording(bytes(48_000), 24_000)


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        (exchange_with(heard="", said="", pcm=b""), "nothing was understood; ask in English"),
        (exchange_with(said="", pcm=b""), "the question was heard, but no answer came within 15 s"),
        (exchange_with(pcm=b""), "the question was heard, but no answer came within 15 s"),
    ],
)
def test_no_answer_is_a_failure_with_a_reason(
    exchange: Exchange, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answer.wav"
    exchange.first_audio_at = None
    assert report(exchange, out, Screen(), as_json=True) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"livegen-trio: {words}")
    assert json.loads(captured.out)["out"] is None
    assert not out.exists()


async def test_the_weather_of_a_city_is_the_same_every_time() -> None:
    assert await get_weather("Paris") == {"city": "Paris", "celsius": 8, "conditions": "windy"}
    assert {**await get_weather(" paris"), "city": ""} == {**await get_weather("Paris"), "city": ""}


async def test_the_weather_is_a_tool_that_needs_a_city() -> None:
    tool = declarations([get_weather]).callable_tools["get_weather"]
    with pytest.raises(ToolError, match="city"):
        await outcome(tool, {})


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err
    assert message.startswith("livegen-trio: ")
    assert message.count("\n") == 1
    return message


def test_a_missing_question_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--question", "nowhere.wav"]) == 2
    assert "nowhere.wav can't be read: No such file or directory" in one_line(capsys)


def test_a_question_that_is_no_wav_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--question", __file__]) == 2
    assert "is no WAV file; 16-bit PCM WAV files" in one_line(capsys)


def test_a_silent_question_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "question.wav", Recording(bytes(32_000), 16_000))
    assert main(["demo", "--question", str(tmp_path / "question.wav")]) == 2
    assert "question.wav is silent; record the question again" in one_line(capsys)


def test_a_place_that_cannot_be_written_is_refused_before_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--out", str(tmp_path / "nowhere" / "answer.wav")]) == 2
    assert f"there is no folder {tmp_path / 'nowhere'}; create it" in one_line(capsys)
    (tmp_path / "no_folder").touch()
    assert main(["demo", "--out", str(tmp_path / "no_folder" / "answer.wav")]) == 2
    assert f"there is no folder {tmp_path / 'no_folder'}; create it" in one_line(capsys)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)  # root may write to all folders
        assert main(["demo", "--out", str(tmp_path / "answer.wav")]) == 2
    assert "answer.wav can't be written; name another file with --out" in one_line(capsys)
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "is a folder; name a file with --out" in one_line(capsys)


def test_a_missing_extra_is_named_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)  # not to be found
    assert main(["demo"]) == 2
    assert 'pip install "livegen-trio[local]"' in one_line(capsys)


def test_a_human_voice_is_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    question, out = tmp_path / "question.wav", tmp_path / "answer.wav"
    write_wav(question, Recording(human_voice(), HUMAN_RATE))
    assert main(["demo", "--question", str(question), "--out", str(out), "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out.splitlines()[-1])
    assert result["heard"].lower().replace(",", "").rstrip("?.!") == HUMAN_WORDS
    assert result["said"]
    assert result["out"] == str(out)
    assert captured.err == ""


def test_the_demonstration_ends_well_as_a_process(start: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"
    code, output, errors = start("demo", "--json", "--out", str(out)).end()
    assert (code, errors) == (0, "")
    *lines, last = output.splitlines()
    assert [line[:11].rstrip() for line in lines] == [
        "loading",
        "question",
        "server",
        "heard",
        "tool call",
        "said",
        "latency",
        "answer",
    ]
    result = json.loads(last)
    assert {"weather", "paris"} <= set(result["heard"].lower().rstrip("?.").split())
    assert result["tool_calls"] == [{"name": "get_weather", "args": {"city": "Paris"}}]
    assert "8" in result["said"]
    assert 0 < result["first_audio_ms"] < 10_000
    answer = read_wav(out)
    assert answer.rate == 24_000
    assert answer.seconds == pytest.approx(result["answer_seconds"], abs=0.001)
    assert (speech_end(answer) or 0) > 24_000


def test_what_is_slow_can_be_spoken_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--interrupt", "--out", str(tmp_path / "answer.wav"), "--json"]) == 0
    captured = capsys.readouterr()
    *lines, last = captured.out.splitlines()
    assert "given up    the search for flights to Rome, when it was spoken over" in lines
    result = json.loads(last)
    assert [call["name"] for call in result["tool_calls"]] == ["search_flights", "get_weather"]
    assert result["cancelled_calls"] == ["search_flights"]
    assert "Paris" in result["said"]
    assert captured.err == ""


@pytest.mark.parametrize("last_line_before", ["loading", "server"])
def test_ctrl_c_ends_it_at_once_and_cleanly(
    last_line_before: str, start: Callable[..., Any], tmp_path: Path
) -> None:
    process = start("demo", "--out", str(tmp_path / "answer.wav"))
    while not process.read_line().startswith(last_line_before):
        pass
    process.signal(signal.SIGINT)
    code, _, errors = process.end()
    assert (code, errors) == (130, "")
    assert not (tmp_path / "answer.wav").exists()
