"""`livegen-trio replay`: a recorded session on the screen."""

from __future__ import annotations

import argparse
import base64
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio.cli import main
from livegen_trio.cli._replay import run
from livegen_trio.testing import RecordedEnding, RecordedFrame, Recording

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

SOUND = base64.b64encode(bytes(640)).decode()


def content(**fields: Any) -> dict[str, Any]:
    return {"serverContent": fields}


CONVERSATION: list[tuple[str, Any, str]] = [
    ("client", {"setup": {"model": "models/m"}}, "> [setup of models/m]"),
    ("server", {"setupComplete": {}}, "< [accepts the setup]"),
    ("client", {"clientContent": {"turns": [{"parts": [{"text": "Hello"}]}]}}, "> Hello"),
    ("client", {"clientContent": {"turns": [{"parts": [{"inlineData": {}}]}]}}, "> [no text]"),
    ("client", {"clientContent": {"turnComplete": True}}, "> [the end of a turn]"),
    ("client", {"realtimeInput": {"text": "Hi"}}, "> Hi"),
    (
        "client",
        {"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": SOUND}}},
        "> [sound, 640 bytes]",
    ),
    (
        "client",
        {"realtimeInput": {"video": {"mimeType": "image/png", "data": SOUND}}},
        "> [a picture, 640 bytes]",
    ),
    ("client", {"realtimeInput": {"activityEnd": {}}}, "> [a mark of the user's activity]"),
    (
        "client",
        {"toolResponse": {"functionResponses": [{"id": "1", "name": "f", "response": {"a": 1}}]}},
        '> f -> {"a":1}',
    ),
    ("client", {"contextUpdate": {"systemInstruction": {"parts": []}}}, "> [an update of the context]"),
    ("server", content(modelTurn={"parts": [{"text": "Hi\nthere"}]}), "< Hi there"),
    (
        "server",
        content(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": SOUND}}]}),
        "< [sound, 640 bytes]",
    ),
    (
        "server",
        content(
            interrupted=True,
            inputTranscription={"text": "a"},
            outputTranscription={"text": "b"},
            turnComplete=True,
        ),
        '< [interrupted] [heard "a"] [says "b"] [the end of the turn]',
    ),
    ("server", content(generationComplete=True), "< [content]"),
    (
        "server",
        {"toolCall": {"functionCalls": [{"id": "1", "name": "f", "args": {"x": 1}}]}},
        '< f({"x":1})',
    ),
    ("server", {"toolCallCancellation": {"ids": ["1", "2"]}}, "< [cancels 1, 2]"),
    ("server", {"goAway": {"timeLeft": "9.5s"}}, "< [will hang up in 9.5 s]"),
    ("server", {"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}}, "< [a new handle]"),
    ("server", {"sessionResumptionUpdate": {}}, "< [can't be resumed now]"),
    ("server", {"usageMetadata": {"totalTokenCount": 7}}, "< [7 tokens]"),
    ("server", {"hologram": {}}, "< [UnknownEvent]"),
    ("server", "<html>", "< [no message: "),
]


def write(path: Path, conversation: list[tuple[str, Any, str]], *, step: float = 0.0) -> Path:
    frames = [
        RecordedFrame(
            connection=1,
            at=number * step,
            sender=sender,  # type: ignore[arg-type] # of a table
            text=message if isinstance(message, str) else json.dumps(message),
        )
        for number, (sender, message, _) in enumerate(conversation)
    ]
    recording = path / "session.jsonl"
    Recording(tuple(frames)).save(recording)
    return recording


def test_each_message_is_a_line_with_its_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(write(tmp_path, CONVERSATION, step=0.25))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CONVERSATION)
    for number, (line, (_, _, expected)) in enumerate(zip(lines, CONVERSATION, strict=True)):
        assert line.startswith(f"1  {number * 0.25:9.3f}  {expected}")


@pytest.mark.parametrize(("speed", "seconds"), [(math.inf, 0), (1, 22), (4, 5.5)])
async def test_it_goes_as_fast_as_is_asked(
    speed: float, seconds: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    arguments = argparse.Namespace(recording=str(write(tmp_path, CONVERSATION, step=1)), speed=speed)
    assert await run(arguments) == 0
    assert trio.current_time() == seconds


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "fast"])
def test_what_is_no_speed_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "x", "--speed", speed])
    assert f"{speed} is no speed; give a number above 0" in capsys.readouterr().err


def test_a_file_that_is_missing_or_no_recording_is_a_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(tmp_path / "none")]) != 0
    assert "can't be read: No such file" in capsys.readouterr().err
    (tmp_path / "odd").write_text("odd")
    assert main(["replay", str(tmp_path / "odd")]) != 0
    assert "line 1 is none of a recording" in capsys.readouterr().err


def test_the_end_of_a_connection_is_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setup = json.dumps({"setup": {"model": "models/m"}})
    frames = [RecordedFrame(connection=one, at=float(one), sender="client", text=setup) for one in (1, 2)]
    endings = [
        RecordedEnding(connection=1, at=1.5, closed_by="server", code=1011, reason="Internal error"),
        RecordedEnding(connection=2, at=2.5, closed_by="client", code=1000),
    ]
    path = tmp_path / "session.jsonl"
    Recording(tuple(frames), tuple(endings)).save(path)
    assert main(["replay", str(path)]) == 0
    assert [line.split(maxsplit=3)[2:] for line in capsys.readouterr().out.splitlines()] == [
        [">", "[setup of models/m]"],
        ["<", "[closes with 1011: Internal error]"],
        [">", "[setup of models/m]"],
        [">", "[closes with 1000]"],
    ]
