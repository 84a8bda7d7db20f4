"""The time that decoding takes a mebibyte, for frames of twenty shapes: what a server can make of one frame.

Run it with `nox -s bench -- decoding`. Ordinary frames are far below the limit; the others are what somebody would send
who wants this side to be busy. A frame that holds far too much is refused, which takes time as well.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from typing import TYPE_CHECKING, Final

import pybase64

from livegen_trio._protocol.session_rules import LiveProtocol
from livegen_trio.types import Setup, UnreadableFrame

if TYPE_CHECKING:
    from collections.abc import Callable

MEBIBYTE: Final = 2**20
ROUNDS: Final = 5
LIMIT: Final = 60.0
"""Milliseconds a MiB."""

ROW: Final = "{:34}{:>8}{:>12}{:>12}  {}"


def content(inner: bytes) -> bytes:
    """A frame with this in its content."""
    return b'{"serverContent":{%b}}' % inner


def filled(before: bytes, item: bytes, after: bytes, size: int) -> bytes:
    """A frame of *size* bytes that repeats an item, with commas between."""
    count = max(1, (size - len(before) - len(after)) // (len(item) + 1))
    return before + b",".join([item] * count) + after


def numbered(before: bytes, item: str, after: bytes, size: int) -> bytes:
    """The same, with a number in each item."""
    count = max(1, size // (len(item) + 5))
    return before + ",".join(item % number for number in range(count)).encode() + after


SHAPES: Final[dict[str, Callable[[int], bytes]]] = {
    # What a server does send, if more of it
    "speech": lambda size: content(
        b'"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"%b"}}]}'
        % pybase64.b64encode(bytes(size * 3 // 4))
    ),
    "speech beside an unknown field": lambda size: content(
        b'"x":1,"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"%b"}}]}'
        % pybase64.b64encode(bytes(size * 3 // 4))
    ),
    "text": lambda size: content(
        b'"modelTurn":{"parts":[{"text":"%b"}]}' % (b"Hello there, " * (size // 13))
    ),
    "text of escapes": lambda size: content(
        b'"modelTurn":{"parts":[{"text":"%b"}]}' % (b"\\u00fc\\n" * (size // 8))
    ),
    "words of a transcript": lambda size: filled(
        b'{"serverContent":{"inputTranscription":{"words":[',
        b'{"word":"hello","startOffset":"1.500s","endOffset":"1.900s"}',
        b"]}}}",
        size,
    ),
    "numbers in arguments": lambda size: filled(
        b'{"toolCall":{"functionCalls":[{"name":"f","args":{"a":[', b"3.25", b"]}}]}}", size
    ),
    # Little that becomes much
    "empty parts": lambda size: filled(b'{"serverContent":{"modelTurn":{"parts":[', b"{}", b"]}}}", size),
    "short parts": lambda size: filled(
        b'{"serverContent":{"modelTurn":{"parts":[', b'{"text":"a"}', b"]}}}", size
    ),
    "calls": lambda size: filled(b'{"toolCall":{"functionCalls":[', b'{"name":"f"}', b"]}}", size),
    "ids": lambda size: filled(b'{"toolCallCancellation":{"ids":[', b'"a"', b"]}}", size),
    "ids that are numbers": lambda size: filled(b'{"toolCallCancellation":{"ids":[', b"7", b"]}}", size),
    "ids that are lists": lambda size: filled(b'{"toolCallCancellation":{"ids":[', b"[]", b"]}}", size),
    "modalities": lambda size: numbered(
        b'{"usageMetadata":{"promptTokensDetails":[', '{"modality":"M%d","tokenCount":1}', b"]}}", size
    ),
    "modalities of long names": lambda size: filled(
        b'{"usageMetadata":{"promptTokensDetails":[',
        b'{"modality":"%b","tokenCount":1}' % (b"M" * 500),
        b"]}}",
        size,
    ),
    "unknown messages": lambda size: numbered(b"{", '"m%d":1', b"}", size),
    "unknown fields": lambda size: numbered(b'{"serverContent":{', '"f%d":1', b"}}", size),
    "unknown fields of parts": lambda size: filled(
        b'{"serverContent":{"modelTurn":{"parts":[', b'{"x":"%b"}' % (b"y" * 40), b"]}}}", size
    ),
    # What is no JSON, or hardly
    "halves of surrogate pairs": lambda size: content(
        b'"modelTurn":{"parts":[{"text":"%b"}]}' % (rb"\ud800" * (size // 6))
    ),
    "half a pair beside arguments": lambda size: filled(
        rb'{"toolCall":{"functionCalls":[{"name":"\ud800","args":{"a":[', b"{}", b"]}}]}}", size
    ),
    "NaN": lambda size: filled(
        b'{"toolCall":{"functionCalls":[{"name":"f","args":{"a":[', b"NaN", b"]}}]}}", size
    ),
    "messages in one frame": lambda size: b"{}" * (size // 2),
    "brackets": lambda size: b"[" * size,
    "digits": lambda size: b'{"usageMetadata":{"totalTokenCount":%b}}' % (b"9" * size),
    "garbage": lambda size: b"\xff" * size,
}


def main() -> None:
    """Measure and print; exit with 1 if a shape is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mebibytes", type=float, default=1.0, help="size of each frame")
    arguments = parser.parse_args()
    size = int(arguments.mebibytes * MEBIBYTE)
    print(ROW.format("a frame of", "MiB", "ms a MiB", "MiB of heap", "becomes"))
    report = {name: measured(name, make(size)) for name, make in SHAPES.items()}
    if arguments.json:
        print(json.dumps(report))
    if slow := [name for name, milliseconds in report.items() if milliseconds > LIMIT]:
        raise SystemExit(f"above {LIMIT:g} ms a MiB: {', '.join(slow)}")


def measured(name: str, frame: bytes) -> float:
    """The best time of some rounds, in milliseconds a MiB; a frame smaller than a MiB counts as one."""
    mebibytes = len(frame) / MEBIBYTE
    best = min(timed(frame) for _ in range(ROUNDS)) * 1000 / max(1.0, mebibytes)
    tracemalloc.start()
    events = open_protocol().receive(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    kinds = ", ".join(sorted({type(event).__name__ for event in events})) or "nothing"
    if isinstance(events[0], UnreadableFrame):
        kinds = f"{kinds}: {events[0].reason.partition('read: ')[2][:60]}"
    print(ROW.format(name, f"{mebibytes:.1f}", f"{best:.1f}", f"{peak / MEBIBYTE:.1f}", kinds))
    return best


def timed(frame: bytes) -> float:
    """Seconds of CPU for one frame in a session that is open."""
    protocol = open_protocol()
    begin = time.process_time()
    protocol.receive(frame)
    return time.process_time() - begin


def open_protocol() -> LiveProtocol:
    """A session that is set up."""
    protocol = LiveProtocol(Setup(model="models/m"))
    protocol.opening.start()
    protocol.receive(b'{"setupComplete":{}}')
    return protocol


if __name__ == "__main__":
    main()
