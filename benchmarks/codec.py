"""The CPU cost of a frame: ours against google-genai's and against the floor, in microseconds and in ratios.

Run it with `nox -s bench`. What is measured is a session's own work for one frame, from the caller's bytes to the
WebSocket library and back, without any network.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pybase64
from google import genai
from google.genai import live, types

from livegen_trio._protocol.codec import decode_server_message, encode_media

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

ROUNDS: Final = 7
SECONDS_A_ROUND: Final = 0.1
MIME_TYPE: Final = "audio/pcm;rate=16000"
SENT: Final = {"20 ms": bytes(640), "100 ms": bytes(3200)}  # of 16 kHz PCM
RECEIVED: Final = {"40 ms": bytes(1920), "200 ms": bytes(9600), "1 s": bytes(48_000)}  # of 24 kHz PCM
TOLD: Final = {
    "transcription": b'{"serverContent":{"outputTranscription":{"text":" It is sunny in Paris"}}}',
    "tool call": (
        b'{"toolCall":{"functionCalls":[{"id":"function-call-1","name":"get_weather",'
        b'"args":{"city":"Paris","days":3}}]}}'
    ),
}
ROW: Final = "{:24}{:>14}{:>8}{:>8}{:>14}{:>10}"


class Wire:
    """In place of google-genai's WebSocket: takes what is sent, and has one frame to be received."""

    def __init__(self, frame: bytes = b"") -> None:
        self._frame = frame

    async def send(self, message: str) -> None:
        """Take a message."""

    async def recv(self, *, decode: bool) -> bytes:
        """Give the frame, again and again."""
        assert not decode
        return self._frame


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    print(ROW.format("us of CPU", "google-genai", "ours", "floor", "times less", "floors"))
    report = {
        **{f"send {length}": measured(f"send {length}", *senders(chunk)) for length, chunk in SENT.items()},
        **{
            f"receive {length}": measured(f"receive {length}", *receivers(speech))
            for length, speech in RECEIVED.items()
        },
        **{
            f"receive a {name}": measured(f"receive a {name}", *readers(frame))
            for name, frame in TOLD.items()
        },
    }
    if arguments.json:
        print(json.dumps(report))


def senders(chunk: bytes) -> tuple[Callable[[], object], ...]:
    """Three ways to make a frame of a chunk of speech."""
    session = peer_session(Wire())
    prefix = f'{{"realtimeInput":{{"audio":{{"mimeType":"{MIME_TYPE}","data":"'.encode()
    return (
        lambda: run(session.send_realtime_input(audio=types.Blob(data=chunk, mime_type=MIME_TYPE))),
        lambda: encode_media("audio", chunk, MIME_TYPE),
        lambda: b"".join((prefix, pybase64.b64encode(chunk), b'"}}}')),
    )


def receivers(speech: bytes) -> tuple[Callable[[], object], ...]:
    """Three ways to get speech out of a frame; the last one knows where it is and looks at nothing else."""
    data = pybase64.b64encode(speech)
    frame = (
        b'{"serverContent":{"modelTurn":{"parts":[{"inlineData":{"mimeType":"audio/pcm","data":"%b"}}]}}}'
        % data
    )
    session = peer_session(Wire(frame))
    start = frame.index(data)
    return (
        lambda: run(session._receive()),
        lambda: decode_server_message(frame),
        lambda: pybase64.b64decode(frame[start : start + len(data)], validate=True),
    )


def readers(frame: bytes) -> tuple[Callable[[], object], ...]:
    """Three ways to read a frame without media; the last one gives nothing but dicts."""
    session = peer_session(Wire(frame))
    return (
        lambda: run(session._receive()),
        lambda: decode_server_message(frame),
        lambda: msgspec.json.decode(frame),
    )


def peer_session(wire: Wire) -> live.AsyncSession:
    """A session of google-genai's that is set up already."""
    client = genai.Client(api_key="none")
    return live.AsyncSession(api_client=client._api_client, websocket=wire)  # type: ignore[arg-type]  # as much as it uses


def run(coroutine: Coroutine[Any, Any, object]) -> object:
    """Run a coroutine that never waits, without the cost of an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value
    raise AssertionError("it has waited")


def measured(
    name: str, theirs: Callable[[], object], ours: Callable[[], object], floor: Callable[[], object]
) -> dict[str, float]:
    """One row, printed as well."""
    peer, own, least = times = [microseconds(function) for function in (theirs, ours, floor)]
    print(ROW.format(name, *(f"{one:.2f}" for one in times), f"{peer / own:.1f}x", f"{own / least:.1f}x"))
    return {"google-genai": peer, "livegen_trio": own, "floor": least}


def microseconds(function: Callable[[], object]) -> float:
    """The best of several rounds: what is above it is the machine's noise."""
    best = float("inf")
    for _ in range(ROUNDS):
        calls, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < SECONDS_A_ROUND:
            for _ in range(10):
                function()
            calls += 10
        best = min(best, elapsed / calls * 1e6)
    return best


if __name__ == "__main__":
    main()
