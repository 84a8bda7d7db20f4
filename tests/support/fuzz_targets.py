"""Everything that reads bytes from outside, as functions of bytes: each raises nothing but its documented errors."""

from __future__ import annotations

import contextlib
import json
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp import types
from pydantic import ValidationError

from livegen_trio import ConfigError, LiveError, ResumeState, ToolError
from livegen_trio._protocol.session_rules import LiveProtocol
from livegen_trio.audio import AudioFileError, read_wav
from livegen_trio.local._reading import read_message
from livegen_trio.testing import Recording, ScriptError
from livegen_trio.testing._replay import connections_of
from livegen_trio.tools._given_schemas import parameters_of_schema
from livegen_trio.tools._mcp import _output
from livegen_trio.transports._http_head import read_request, read_response
from livegen_trio.types import Setup

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE: Final = Path(tempfile.gettempdir()) / "livegen-trio-fuzz"


def wav(data: bytes) -> None:
    """Read a WAV file."""
    _FILE.write_bytes(data)
    with contextlib.suppress(AudioFileError):
        read_wav(_FILE)


def recording(data: bytes) -> None:
    """Read a recording of a session, and make a script of it."""
    _FILE.write_bytes(data)
    with contextlib.suppress(ScriptError, ConfigError):
        connections_of(Recording.load(_FILE))


def resume_state(data: bytes) -> None:
    """Read a state that a store has kept."""
    with contextlib.suppress(ConfigError):
        ResumeState.from_bytes(data)


def server_frames(data: bytes) -> None:
    """Receive frames from a server; a zero byte is between them."""
    protocol = LiveProtocol(Setup(model="models/m"))
    protocol.opening.start()
    try:
        for frame in (b'{"setupComplete":{}}', *data.split(b"\0")[:20]):
            protocol.receive(frame)
    except LiveError:
        pass


def client_frame(data: bytes) -> None:
    """Read a client's frame, as the embedded server does."""
    with contextlib.suppress(LiveError):
        read_message(data)


def response_head(data: bytes) -> None:
    """Read a server's or a proxy's answer."""
    read_response(data)


def request_head(data: bytes) -> None:
    """Read a client's request, as the embedded server does."""
    read_request(data)


def given_schema(data: bytes) -> None:
    """Declare a tool by a schema from outside."""
    try:
        schema = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(schema, dict):
        with contextlib.suppress(ToolError):
            parameters_of_schema(schema)


def mcp_result(data: bytes) -> None:
    """Make an answer of an MCP server's result."""
    try:
        result = types.CallToolResult.model_validate_json(data)
    except ValidationError:
        return
    _output(result)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    target.__name__: target
    for target in (
        *(wav, recording, resume_state, server_frames, client_frame),
        *(response_head, request_head, given_schema, mcp_result),
    )
}

_FORMAT: Final = struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)
_WAV: Final = b"RIFF\x34\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + _FORMAT + b"data\x10\x00\x00\x00" + bytes(16)
_FRAMES: Final = (
    b'{"serverContent":{"modelTurn":{"parts":[{"text":"Hi"},{"inlineData":{"mimeType":"audio/pcm;rate=24000",'
    b'"data":"AAAA"}}]},"turnComplete":true},"usageMetadata":{"totalTokenCount":3}}'
    b'\0{"toolCall":{"functionCalls":[{"id":"1","name":"f","args":{"a":[1,null]}}]}}'
    b'\0{"sessionResumptionUpdate":{"newHandle":"h","resumable":true}}\0{"goAway":{"timeLeft":"10s"}}'
)

SEEDS: Final[dict[str, list[bytes]]] = {
    "wav": [_WAV, _WAV.replace(b"\x34\x00\x00\x00", b"\xff\xff\xff\xff")],
    "recording": [
        (
            b'{"connection":1,"at":0.0,"sender":"client","text":"{\\"setup\\":{\\"model\\":\\"m\\"}}"}\n'
            b'{"connection":1,"at":0.1,"sender":"server","text":"{\\"setupComplete\\":{}}"}\n'
        )
    ],
    "resume_state": [ResumeState(handle="h", model="models/m", taken_at=1.0).to_bytes()],
    "server_frames": [_FRAMES],
    "client_frame": [
        b'{"setup":{"model":"models/m","generationConfig":{"responseModalities":["AUDIO"]},"tools":[{}]}}',
        b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm","data":"AAAA"}}}',
        b'{"clientContent":{"turns":[{"role":"user","parts":[{"text":"Hi"}]}],"turnComplete":true}}',
        b'{"toolResponse":{"functionResponses":[{"id":"1","name":"f","response":{"a":1}}]}}',
    ],
    "response_head": [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"],
    "request_head": [b"GET /ws/a HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n\r\n"],
    "given_schema": [
        (
            b'{"type":"object","properties":{"a":{"type":["string","null"]},"b":{"$ref":"#/$defs/B"}},'
            b'"required":["a"],"$defs":{"B":{"anyOf":[{"type":"integer","minimum":1},{"enum":["x"]}]}},'
            b'"additionalProperties":false}'
        )
    ],
    "mcp_result": [
        (
            b'{"content":[{"type":"text","text":"a"},{"type":"image","data":"AAAA","mimeType":"image/png"}],'
            b'"isError":false,"structuredContent":{"a":1}}'
        )
    ],
}
"""Something whole for each target, to begin with."""
