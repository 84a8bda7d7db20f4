"""What a server may say on a WebSocket, and what it may not, as bytes: strategies for Hypothesis."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from hypothesis import strategies as st

from livegen_trio.transports._direct.framing import CloseFrame, Ping, Pong
from support.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode, encode_close

if TYPE_CHECKING:
    from collections.abc import Sequence

    from livegen_trio.transports._direct.framing import Event

Said: TypeAlias = "tuple[Sequence[Event], bytes]"
"""What is to be heard, and the bytes that say it."""

SIZES: Final = st.sampled_from([0, 1, 124, 125, 126, 127, 128, 65535, 65536]) | st.integers(0, 5000)
"""Those around which a header takes another form are not left to chance."""

TEXTS: Final = st.text(max_size=200).map(str.encode) | SIZES.map(lambda size: b"a" * size)
BLOBS: Final = st.binary(max_size=200) | SIZES.map(lambda size: b"\xff" * size)
CLOSE_CODES: Final = [1000, 1001, 1002, 1003, *range(1007, 1014), 3000, 4999]
"""Those that everybody reads."""

CONTROLS: Final[st.SearchStrategy[Said]] = st.builds(
    lambda kind, payload: ([kind[0](payload)], encode(kind[1], payload)),
    st.sampled_from([(Ping, PING), (Pong, PONG)]),
    st.binary(max_size=125),
)
CLOSES: Final[st.SearchStrategy[Said]] = st.just(([CloseFrame(1005, "")], encode(CLOSE))) | st.builds(
    lambda code, reason: ([CloseFrame(code, reason)], encode_close(code, reason.encode())),
    st.sampled_from(CLOSE_CODES),
    st.text(max_size=30),
)


@st.composite
def _messages(draw: st.DrawFn) -> Said:
    """One message, in as many frames as it likes, with control frames between them."""
    opcode, payload = draw(st.tuples(st.just(TEXT), TEXTS) | st.tuples(st.just(BINARY), BLOBS))
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    bounds = [0, *cuts, len(payload)]
    events: list[Event] = []
    data = b""
    for index, (start, stop) in enumerate(pairwise(bounds)):
        for controls, frames in draw(st.lists(CONTROLS, max_size=2)) if index else []:
            events += controls
            data += frames
        last = index == len(cuts)
        data += encode(CONTINUATION if index else opcode, payload[start:stop], fin=last)
    return [*events, payload], data


@st.composite
def valid_streams(draw: st.DrawFn) -> Said:
    """Anything a server may say, with a Close at the end or without."""
    said = draw(st.lists(_messages() | CONTROLS, max_size=6))
    said += draw(st.lists(CLOSES, max_size=1))
    return [event for events, _ in said for event in events], b"".join(data for _, data in said)


CLOSE_PAYLOADS: Final = [
    *(code.to_bytes(2, "big") for code in (0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2999, 5000, 65535)),
    b"\x03",
    b"\x03\xe8\xff",
    b"\x03\xe7\xff",
]
NO_UTF_8: Final = [b"\xf0\x9f\x98", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"a" * 200 + b"\xff"]


@st.composite
def _odd_frames(draw: st.DrawFn) -> bytes:
    """A frame that has any header, whatever it promises, and any payload."""
    opcode = draw(st.sampled_from([CONTINUATION, TEXT, BINARY, CLOSE, CLOSE, PING]) | st.integers(0, 15))
    payload = draw(st.binary(max_size=130) | st.sampled_from(CLOSE_PAYLOADS + NO_UTF_8))
    size = draw(st.just(len(payload)) | SIZES | st.sampled_from([2**16 + 1, 2**63 - 1, 2**63, 2**64 - 1]))
    fin, rsv, masked = (
        draw(st.sampled_from(bits)) for bits in ([1, 1, 0], [0] * 12 + [1, 2, 4], [0] * 7 + [1])
    )
    fitting = 0 if size < 126 else 2 if size < 2**16 else 8
    width = max(fitting, draw(st.sampled_from([0, 0, 0, 0, 2, 8])))  # in bytes; it may be more than it takes
    length = {0: size, 2: 126, 8: 127}[width]
    extended = size.to_bytes(width, "big") if width else b""
    return bytes([fin << 7 | rsv << 4 | opcode, masked << 7 | length]) + extended + payload


@st.composite
def mutated_streams(draw: st.DrawFn) -> bytes:
    """What a server may say, with frames among it that it may not, or with some bytes changed, lost or added."""
    parts = draw(st.lists(valid_streams().map(lambda said: said[1]) | _odd_frames(), min_size=1, max_size=4))
    data = bytearray(b"".join(parts))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The same bytes as they may arrive."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[start:stop] for start, stop in pairwise([0, *cuts, len(data)])]
