"""`livegen-trio replay`: the messages of a recorded session."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from .._errors import ConfigError, ProtocolError
from .._protocol.codec import decode_client_message, decode_server_message
from ..testing import Recording
from ..types import (
    ClientContent,
    ContextUpdate,
    GoAway,
    RealtimeInput,
    ServerContent,
    SessionResumptionUpdate,
    Setup,
    SetupComplete,
    ToolCall,
    ToolCallCancellation,
    ToolResponse,
    UsageMetadata,
)
from ._arguments import name
from ._terminal import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..testing import RecordedFrame
    from ..testing._recording import Sender
    from ..types import ServerEvent

SUMMARY: Final = "show the messages of a recorded session"
DESCRIPTION: Final = (
    "Show a session that livegen_trio.testing.RecordingBackend has recorded, message by message, each with its time, "
    "and > for the client's, < for the server's. Sound is counted, not played."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("recording", type=name, help="the file that Recording.save has written")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=math.inf,
        help="how fast: 1 for as it was, 2 for twice that; by default all at once",
    )


async def run(arguments: argparse.Namespace) -> int:
    """Show the recording.

    Raises:
        ConfigError: The file can't be read, or is no recording.
    """
    recording = await _load(arguments.recording)
    beginning = trio.current_time()
    last = {frame.connection: index for index, frame in enumerate(recording.frames)}
    for index, frame in enumerate(recording.frames):
        await trio.sleep_until(beginning + frame.at / arguments.speed)
        for line in _lines(frame):
            _print(frame.connection, frame.at, frame.sender, line)
        ending = recording.ending_of(frame.connection)
        if ending is not None and last[frame.connection] == index:
            await trio.sleep_until(beginning + ending.at / arguments.speed)
            reason = f": {ending.reason}" if ending.reason else ""
            _print(ending.connection, ending.at, ending.closed_by, f"[closes with {ending.code}{reason}]")
    return 0


def _print(connection: int, at: float, sender: Sender, line: str) -> None:
    mark = ">" if sender == "client" else "<"
    print(f"{connection}  {at:9.3f}  {mark} {' '.join(printable(line).split())}", flush=True)


async def _load(path: str) -> Recording:
    try:
        return await trio.to_thread.run_sync(Recording.load, path)
    except OSError as exc:
        raise ConfigError(f"{path} can't be read: {exc.strerror or exc}") from exc


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise argparse.ArgumentTypeError(f"{text} is no speed; give a number above 0")
    return speed


def _lines(frame: RecordedFrame) -> Iterator[str]:
    try:
        if frame.sender == "client":
            yield _client_line(frame.data)
            return
        for event in decode_server_message(frame.data):
            yield _server_line(event)
    except ProtocolError as exc:
        yield f"[no message: {exc}]"


def _client_line(data: bytes) -> str:
    match decode_client_message(data):
        case Setup(model=model):
            return f"[setup of {model}]"
        case ClientContent(turns=turns):
            return " ".join(content.text or "[no text]" for content in turns or ()) or "[the end of a turn]"
        case RealtimeInput(text=str(text)):
            return text
        case RealtimeInput(audio=blob) if blob is not None:
            return f"[sound, {len(blob.data)} bytes]"
        case RealtimeInput(video=blob) if blob is not None:
            return f"[a picture, {len(blob.data)} bytes]"
        case RealtimeInput():
            return "[a mark of the user's activity]"
        case ToolResponse(function_responses=responses):
            return "; ".join(f"{one.name} -> {_json(one.response)}" for one in responses)
        case ContextUpdate():
            return "[an update of the context]"


def _server_line(event: ServerEvent) -> str:
    match event:
        case ServerContent():
            return " ".join(_content(event)) or "[content]"
        case ToolCall(function_calls=calls):
            return "; ".join(f"{call.name}({_json(call.args)})" for call in calls)
        case ToolCallCancellation(ids=ids):
            return f"[cancels {', '.join(ids)}]"
        case GoAway(time_left=seconds):
            return f"[will hang up in {seconds:g} s]"
        case SessionResumptionUpdate(resumable=resumable):
            return "[a new handle]" if resumable else "[can't be resumed now]"
        case SetupComplete():
            return "[accepts the setup]"
        case UsageMetadata(total_token_count=count):
            return f"[{count} tokens]"
        case _:
            return f"[{type(event).__name__}]"


def _content(content: ServerContent) -> Iterator[str]:
    if content.interrupted:
        yield "[interrupted]"
    if content.input_transcription is not None:
        yield f'[heard "{content.input_transcription.text or ""}"]'
    if content.text:
        yield content.text
    if content.audio:
        yield f"[sound, {sum(len(blob.data) for blob in content.audio)} bytes]"
    if content.output_transcription is not None:
        yield f'[says "{content.output_transcription.text or ""}"]'
    if content.turn_complete:
        yield "[the end of the turn]"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
