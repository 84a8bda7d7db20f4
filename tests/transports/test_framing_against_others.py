"""Our frames compared with those of wsproto and websockets: both read ours, and all three read a server's alike.

Where one of them has a reason to differ, a test shows it, and the comparison of random bytes allows for just that.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given, settings, strategies as st
from websockets.frames import Opcode
from websockets.protocol import CLIENT, SERVER, Protocol, Side
from wsproto import frame_protocol
from wsproto.frame_protocol import FrameProtocol

from livegen_trio.transports._direct.framing import CloseFrame, Framing, FramingError, Ping, Pong
from support.frame_strategies import BLOBS, CLOSE_CODES, TEXTS, mutated_streams, valid_streams
from support.raw_websocket import BINARY, CLOSE, PING, TEXT, encode, encode_close

if TYPE_CHECKING:
    from collections.abc import Generator

    from livegen_trio.transports._direct.framing import Event
    from support.frame_strategies import Said

LIMIT: Final = 100_000  # bytes; more than a length of two bytes can be
PADDING: Final = b"\x7f" * (LIMIT + 100)
"""Some look at a frame's payload before it is complete, and some after, so this completes any that the limit allows.
What it does to text is harmless, and where a frame should begin it is wrong: everything comes to an end."""


def read(stream: bytes) -> list[Event]:
    """What we make of a server's bytes."""
    return Framing(max_message_size=LIMIT).feed(stream)


def read_by_wsproto(stream: bytes, *, client: bool = True) -> list[Event]:
    """What wsproto makes of bytes, in our words."""
    protocol = FrameProtocol(client, extensions=[])
    protocol.receive_bytes(stream)
    events: list[Event] = []
    try:
        events.extend(events_of_wsproto(protocol))
    except frame_protocol.ParseFailed as error:
        events.append(FramingError(error.code, str(error)))
    return events


def events_of_wsproto(protocol: FrameProtocol) -> Generator[Event]:
    message = b""
    for frame in protocol.received_frames():
        match frame.opcode, frame.payload:
            case frame_protocol.Opcode.CLOSE, (int() as code, str() as reason):
                yield CloseFrame(code, reason)
            case frame_protocol.Opcode.PING, bytes() as payload:
                yield Ping(payload)
            case frame_protocol.Opcode.PONG, bytes() as payload:
                yield Pong(payload)
            case _, bytes() | str() as piece:
                message += piece.encode() if isinstance(piece, str) else piece
                if frame.message_finished:
                    yield message
                    message = b""
            case other:
                pytest.fail(f"{other}")


def read_by_websockets(stream: bytes, *, side: Side = CLIENT) -> list[Event]:
    """What websockets makes of bytes, in our words."""
    protocol = Protocol(side, max_size=LIMIT)
    protocol.receive_data(stream)
    events: list[Event] = []
    try:
        events.extend(events_of_websockets(protocol))
    except UnicodeDecodeError as error:
        events.append(FramingError(1007, str(error)))
        return events
    if protocol.parser_exc is not None:
        assert protocol.close_sent is not None
        events.append(FramingError(protocol.close_sent.code, protocol.close_sent.reason))
    return events


def events_of_websockets(protocol: Protocol) -> Generator[Event]:
    message = b""
    # It has frames and not messages, and leaves their text to who puts them together. Its own front ends do that so.
    decoder: codecs.IncrementalDecoder | None = None
    for frame in protocol.events_received():
        assert not isinstance(frame, Exception)
        payload = bytes(frame.data)
        match frame.opcode:
            case Opcode.CLOSE:
                assert protocol.close_rcvd is not None
                yield CloseFrame(protocol.close_rcvd.code, protocol.close_rcvd.reason)
            case Opcode.PING:
                yield Ping(payload)
            case Opcode.PONG:
                yield Pong(payload)
            case _:
                if frame.opcode is Opcode.TEXT:
                    decoder = codecs.getincrementaldecoder("utf-8")()
                if decoder is not None:
                    decoder.decode(payload, frame.fin)
                message += payload
                if frame.fin:
                    yield message
                    message, decoder = b"", None


def comparable(events: list[Event]) -> list[object]:
    """Everybody has words of their own for what is wrong, but the code is the same."""
    return [("error", event.code) if isinstance(event, FramingError) else event for event in events]


# What we read.


@given(said=valid_streams())
def test_what_a_server_may_say_is_the_same_to_all(said: Said) -> None:
    events, stream = said
    assert read(stream) == read_by_wsproto(stream) == read_by_websockets(stream) == events


@settings(max_examples=300)
@given(stream=mutated_streams() | st.binary(max_size=50))
@example(stream=encode_close(1014, b"\xff"))
def test_wsproto_makes_the_same_of_any_bytes(stream: bytes) -> None:
    ours, theirs = read(stream + PADDING), read_by_wsproto(stream + PADDING)
    if wsproto_may_differ(ours[-1], theirs):
        assert comparable(ours)[:-1] == comparable(theirs)[: len(ours) - 1]
    else:
        assert comparable(ours) == comparable(theirs)


def wsproto_may_differ(ours: Event, theirs: list[Event]) -> bool:
    if isinstance(ours, CloseFrame):
        return ours.code == 1014
    if is_error(ours, 1007, "a reason for its Close"):
        return is_error(theirs[-1], 1002)  # of a code that it doesn't know, it doesn't read the reason
    return is_error(ours, 1009)


@settings(max_examples=300)
@given(stream=mutated_streams() | st.binary(max_size=50))
def test_websockets_makes_the_same_of_any_bytes(stream: bytes) -> None:
    ours, theirs = read(stream + PADDING), read_by_websockets(stream + PADDING)
    if websockets_may_differ(ours[-1], theirs[min(len(ours), len(theirs)) - 1]):
        assert comparable(ours)[:-1] == comparable(theirs)[: len(ours) - 1]
    else:
        assert comparable(ours) == comparable(theirs)


def websockets_may_differ(ours: Event, theirs: Event) -> bool:
    if isinstance(ours, CloseFrame):
        return is_error(theirs, 1002, "incomplete fragmented message")
    if is_error(ours, 1002, "invalid code"):
        return is_error(theirs, 1007)
    if is_error(ours, 1002, "more than it takes") or is_error(
        ours, 1002, "control frame of more than 125 bytes"
    ):
        return True
    return is_error(ours, 1002) and is_error(theirs, 1009)


def is_error(event: Event, code: int, words: str = "") -> bool:
    return isinstance(event, FramingError) and event.code == code and words in str(event)


# Where they differ.


def test_wsproto_leaves_the_size_of_messages_to_others() -> None:
    frame = encode(BINARY, b"a" * (LIMIT + 1))
    assert comparable(read(frame)) == comparable(read_by_websockets(frame)) == [("error", 1009)]
    assert read_by_wsproto(frame) == [b"a" * (LIMIT + 1)]


def test_wsproto_does_not_know_the_code_that_came_after_the_rfc() -> None:
    bad_gateway = encode_close(1014)  # in IANA's registry since 2015
    assert read(bad_gateway) == read_by_websockets(bad_gateway) == [CloseFrame(1014, "")]
    assert comparable(read_by_wsproto(bad_gateway)) == [("error", 1002)]


def test_wsproto_refuses_text_before_its_frame_is_complete() -> None:
    # So can we not, as we copy nothing until then; of an earlier fragment we can.
    begun = encode(TEXT, b"\xff" * 200)[:100]
    assert read(begun) == read_by_websockets(begun) == []
    assert comparable(read_by_wsproto(begun)) == [("error", 1007)]


def test_wsproto_reads_the_whole_length_before_it_refuses_what_comes_before() -> None:
    begun = encode(BINARY, b"a" * 200, rsv=4)[:2]
    assert comparable(read(begun)) == [("error", 1002)]
    assert read_by_wsproto(begun) == []


@pytest.mark.parametrize(
    "frame",
    [
        encode(BINARY, b"a" * 200, rsv=4),
        encode(PING, b"a" * 200),
        encode(CLOSE, b"a" * 100, fin=False),
        encode(0, b"a" * 200),
    ],
)
def test_websockets_reads_a_whole_frame_before_it_refuses_its_header(frame: bytes) -> None:
    assert comparable(read(frame[:4])) == [("error", 1002)]
    assert read_by_websockets(frame[:-1]) == []
    assert comparable(read_by_websockets(frame)) == [("error", 1002)]


def test_websockets_looks_for_the_limit_first_so_it_finds_another_fault() -> None:
    wrong_and_large = encode(BINARY, b"a" * (LIMIT + 1), rsv=4)
    assert (
        comparable(read(wrong_and_large)) == comparable(read_by_wsproto(wrong_and_large)) == [("error", 1002)]
    )
    assert comparable(read_by_websockets(wrong_and_large)) == [("error", 1009)]


def test_websockets_takes_an_impossible_length_for_a_large_one() -> None:
    header = bytes.fromhex("827f8000000000000000")
    assert comparable(read(header)) == comparable(read_by_wsproto(header)) == [("error", 1002)]
    assert comparable(read_by_websockets(header)) == [("error", 1009)]


@pytest.mark.parametrize(
    ("header", "event"), [("827e0001", b"a"), ("827f0000000000000001", b"a"), ("897e0001", Ping(b"a"))]
)
def test_websockets_is_lenient_with_long_forms_of_lengths(header: str, event: Event) -> None:
    frame = bytes.fromhex(header) + b"a"
    assert comparable(read(frame)) == comparable(read_by_wsproto(frame)) == [("error", 1002)]  # RFC 6455, 5.2
    assert read_by_websockets(frame) == [event]


def test_websockets_refuses_a_close_inside_of_a_message() -> None:
    # It is a control frame, and those may come there (RFC 6455, 5.4); and it says why the message is cut short.
    stream = encode(TEXT, b"a", fin=False) + encode_close(1011, b"out of memory")
    assert read(stream) == read_by_wsproto(stream) == [CloseFrame(1011, "out of memory")]
    assert comparable(read_by_websockets(stream)) == [("error", 1002)]


def test_websockets_looks_at_the_reason_of_a_close_before_its_code() -> None:
    wrong_in_both = encode_close(1006, b"\xff")
    assert comparable(read(wrong_in_both)) == comparable(read_by_wsproto(wrong_in_both)) == [("error", 1002)]
    assert comparable(read_by_websockets(wrong_in_both)) == [("error", 1007)]


# What we write.

WRITTEN: Final[st.SearchStrategy[tuple[str, bytes]]] = st.tuples(st.just("text"), TEXTS) | st.tuples(
    st.sampled_from(["ping", "pong"]), BLOBS.map(lambda payload: payload[:125])
)


@given(
    said=st.lists(WRITTEN, max_size=8),
    code=st.sampled_from([*CLOSE_CODES, 1005]),
    reason=st.text(max_size=30),
)
def test_what_we_write_is_read_by_all_servers(said: list[tuple[str, bytes]], code: int, reason: str) -> None:
    reason = reason if code != 1005 else ""
    framing = Framing(max_message_size=LIMIT)
    stream = b"".join(getattr(framing, kind)(payload) for kind, payload in said) + framing.close(code, reason)
    kinds = {"text": bytes, "ping": Ping, "pong": Pong}
    events = [*(kinds[kind](payload) for kind, payload in said), CloseFrame(code, reason)]
    assert read_by_wsproto(stream, client=False) == read_by_websockets(stream, side=SERVER) == events
