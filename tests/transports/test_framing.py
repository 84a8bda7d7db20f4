from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings, strategies as st

from livegen_trio.transports._direct import framing
from livegen_trio.transports._direct.framing import CloseFrame, Framing, FramingError, Ping, Pong
from support.frame_strategies import CLOSE_CODES, mutated_streams, pieces, valid_streams
from support.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode, encode_close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

    from livegen_trio.transports._direct.framing import Event
    from support.frame_strategies import Said

SIZES: Final = [0, 1, 125, 126, 127, 65535, 65536, 65537]
LIMIT: Final = 2**20
SPLIT_EURO: Final = ("€".encode()[:1], "€".encode()[1:])


def open_framing(max_message_size: int = LIMIT) -> Framing:
    return Framing(max_message_size=max_message_size)


def heard(*frames: bytes, max_message_size: int = LIMIT) -> list[object]:
    """What comes of frames that arrive at once."""
    return plain(open_framing(max_message_size).feed(b"".join(frames)))


def plain(events: Iterable[Event]) -> list[object]:
    """The same, with errors that can be compared."""
    return [(event.code, str(event)) if isinstance(event, FramingError) else event for event in events]


def refused(*frames: bytes, max_message_size: int = LIMIT) -> tuple[int, str]:
    """The code and the words of the error that frames lead to, and to nothing else."""
    [error] = open_framing(max_message_size).feed(b"".join(frames))
    assert isinstance(error, FramingError)
    return error.code, str(error)


def header_and_payload(frame: bytes) -> tuple[bytes, bytes, bytes]:
    """A frame of a client's: its header up to the mask, its key, its payload unmasked."""
    size, header = frame[1] & 0x7F, 2
    assert frame[1] & 0x80, "a client masks everything"
    if size > 125:
        header = 4 if size == 126 else 10
        size = int.from_bytes(frame[2:header], "big")
    key, masked = frame[header : header + 4], frame[header + 4 :]
    assert len(masked) == size
    return frame[:header], key, bytes(byte ^ key[at % 4] for at, byte in enumerate(masked))


# What we write.


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, "8180"),
        (125, "81fd"),
        (126, "81fe007e"),
        (930, "81fe03a2"),
        (65535, "81feffff"),
        (65536, "81ff0000000000010000"),
    ],
)
def test_a_text_frame_has_the_shortest_header_that_holds_its_length(size: int, header: str) -> None:
    payload = b"x" * size
    written, _, read = header_and_payload(open_framing().text(payload))
    assert written.hex() == header
    assert read == payload


def test_every_frame_has_a_key_of_its_own() -> None:
    opened = open_framing()
    frames = [opened.text(b""), opened.ping(), opened.pong(b""), opened.close()]
    frames += [opened.text(b"a") for _ in range(500)]  # more than are drawn at once
    keys = [header_and_payload(frame)[1] for frame in frames]
    assert len(set(keys)) > len(keys) - 3  # two in half a thousand may be alike by chance, if rarely


def test_pings_and_pongs_carry_their_payload() -> None:
    opened = open_framing()
    assert header_and_payload(opened.ping(b"7"))[::2] == (b"\x89\x81", b"7")
    assert header_and_payload(opened.pong(b"p" * 125))[::2] == (b"\x8a\xfd", b"p" * 125)


def test_a_close_carries_its_code_and_reason() -> None:
    assert header_and_payload(open_framing().close(1001, "gone €"))[::2] == (
        b"\x88\x8a",
        b"\x03\xe9gone \xe2\x82\xac",
    )


def test_a_close_says_by_default_that_all_is_well() -> None:
    assert header_and_payload(open_framing().close())[2] == b"\x03\xe8"


def test_a_close_without_a_code_can_be_answered_in_kind() -> None:
    assert header_and_payload(open_framing().close(1005))[::2] == (b"\x88\x80", b"")


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 65536])
def test_a_close_with_a_code_that_means_nothing_there_is_not_written(code: int) -> None:
    with pytest.raises(ValueError, match=f"^{code} is no code that a Close can carry$"):
        open_framing().close(code)


def test_a_reason_needs_a_code() -> None:
    with pytest.raises(ValueError, match=r"^1005 is no code"):
        open_framing().close(1005, "why")


@pytest.mark.parametrize(
    "write",
    [
        lambda opened: opened.ping(b"x" * 126),
        lambda opened: opened.pong(b"x" * 126),
        lambda opened: opened.close(1000, "x" * 124),
    ],
)
def test_a_control_frame_that_would_be_too_long_is_not_written(write: Callable[[Framing], bytes]) -> None:
    with pytest.raises(ValueError, match=r"^a control frame holds 125 bytes, not 126$"):
        write(open_framing())


def test_a_close_has_room_for_a_reason_of_123_bytes() -> None:
    assert header_and_payload(open_framing().close(1000, "x" * 123))[2] == b"\x03\xe8" + b"x" * 123


# What we read.


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_size_is_its_bytes(opcode: int, size: int) -> None:
    assert heard(encode(opcode, b"x" * size)) == [b"x" * size]


def test_all_that_arrives_at_once_is_handed_over_in_order() -> None:
    frames = (
        encode(BINARY, b"a" * 200),
        encode(PING, b"p"),
        encode(TEXT, b"b"),
        encode(PONG),
        encode(TEXT, b"c" * 300),
    )
    assert heard(*frames) == [b"a" * 200, Ping(b"p"), b"b", Pong(b""), b"c" * 300]


def test_nothing_comes_of_nothing() -> None:
    assert heard() == []


def test_text_may_be_of_any_characters() -> None:
    text = "naïve 語 😀 " * 20
    assert heard(encode(TEXT, text.encode())) == [text.encode()]


def test_the_start_of_a_frame_waits_for_the_rest() -> None:
    opened = open_framing()
    frame = encode(TEXT, b"x" * 70_000)
    assert [opened.feed(frame[at : at + 1]) for at in range(20)] == [[]] * 20
    assert opened.feed(frame[20:-1]) == []
    assert opened.feed(frame[-1:] + frame[:1]) == [b"x" * 70_000]
    assert opened.feed(frame[1:]) == [b"x" * 70_000]


def test_a_message_in_fragments_is_put_together() -> None:
    assert heard(
        encode(TEXT, b"a" * 200, fin=False),
        encode(CONTINUATION, b"b" * 200, fin=False),
        encode(CONTINUATION, b"c" * 70_000),
    ) == [b"a" * 200 + b"b" * 200 + b"c" * 70_000]


def test_fragments_and_messages_may_be_empty() -> None:
    assert heard(
        encode(BINARY, fin=False),
        encode(CONTINUATION, fin=False),
        encode(CONTINUATION),
        encode(TEXT),
        encode(BINARY),
    ) == [b"", b"", b""]


def test_control_frames_come_between_fragments() -> None:
    assert heard(
        encode(TEXT, b"a", fin=False), encode(PING, b"1"), encode(CONTINUATION, b"b", fin=False), encode(PONG, b"2"),
        encode(CONTINUATION, b"c"),
    ) == [Ping(b"1"), Pong(b"2"), b"abc"]  # fmt: skip


def test_a_fragmented_message_does_not_bear_on_the_next() -> None:
    assert heard(encode(TEXT, b"a", fin=False), encode(CONTINUATION), encode(BINARY, b"\xff" * 200)) == [
        b"a",
        b"\xff" * 200,
    ]


def test_a_character_may_be_split_between_fragments() -> None:
    first, second = SPLIT_EURO
    assert heard(encode(TEXT, first, fin=False), encode(PING), encode(CONTINUATION, second)) == [
        Ping(b""),
        "€".encode(),
    ]


@pytest.mark.parametrize(("opcode", "kind"), [(PING, Ping), (PONG, Pong)])
@pytest.mark.parametrize("size", [0, 1, 125])
def test_control_frames_hold_up_to_125_bytes(opcode: int, kind: type[Ping | Pong], size: int) -> None:
    assert heard(encode(opcode, b"p" * size)) == [kind(b"p" * size)]


def test_a_close_has_a_code_and_a_reason() -> None:
    assert heard(encode_close(1011, "gone €".encode())) == [CloseFrame(1011, "gone €")]


@pytest.mark.parametrize("code", [*CLOSE_CODES, 1014])
def test_every_code_that_may_be_sent_is_read(code: int) -> None:
    assert heard(encode_close(code)) == [CloseFrame(code, "")]


def test_a_close_without_a_code_reads_1005() -> None:
    assert heard(encode(CLOSE)) == [CloseFrame(1005, "")]


def test_a_close_may_come_inside_of_a_message() -> None:
    assert heard(encode(TEXT, b"a", fin=False), encode_close(1000)) == [CloseFrame(1000, "")]


def test_nothing_is_read_after_a_close() -> None:
    opened = open_framing()
    assert opened.feed(encode(TEXT, b"a") + encode_close(1000) + encode(TEXT, b"b") + b"\xff\xff") == [
        b"a",
        CloseFrame(1000, ""),
    ]
    assert opened.feed(encode(TEXT, b"c")) == []


# What is refused.


def test_messages_before_an_error_are_handed_over() -> None:
    opened = open_framing()
    *before, error = opened.feed(encode(BINARY, b"a" * 200) + encode(PING) + b"\xff\xff" + encode(TEXT, b"b"))
    assert before == [b"a" * 200, Ping(b"")]
    assert isinstance(error, FramingError)
    assert error.code == 1002


def test_nothing_is_read_after_an_error() -> None:
    opened = open_framing()
    opened.feed(b"\xff\xff")
    assert opened.feed(encode(TEXT, b"a")) == []


def test_an_error_holds_on_to_nothing_of_what_arrived() -> None:
    [error] = open_framing().feed(encode(TEXT, b"\xff" * 1000))
    assert error.__traceback__ is error.__context__ is error.__cause__ is None


@pytest.mark.parametrize("rsv", [1, 2, 4, 7])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING])
def test_reserved_bits_are_refused(opcode: int, rsv: int) -> None:
    code, words = refused(encode(opcode, b"a" * 100, rsv=rsv))
    assert (code, words) == (1002, "the peer set a reserved bit, though no extension was agreed on")


@pytest.mark.parametrize("size", [100, 200])
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_unknown_opcodes_are_refused(opcode: int, size: int) -> None:
    assert refused(encode(opcode, b"a" * size)) == (
        1002,
        f"the peer sent a frame with the unknown opcode {opcode}",
    )


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
@pytest.mark.parametrize("size", [0, 100])
def test_masks_of_a_server_are_refused(opcode: int, size: int) -> None:
    code, words = refused(encode(opcode, b"a" * size, mask=True))
    assert (code, words) == (1002, "the peer masked a frame, which is for clients")


@pytest.mark.parametrize("size", [126, 200, 65536])
def test_masks_on_longer_frames_are_refused(size: int) -> None:
    assert refused(encode(BINARY, b"a" * size, mask=True))[0] == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_in_fragments_are_refused(opcode: int) -> None:
    assert refused(encode(opcode, fin=False)) == (1002, "the peer fragmented a control frame")


@pytest.mark.parametrize("size", [126, 65536])
@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_beyond_125_bytes_are_refused(opcode: int, size: int) -> None:
    assert refused(encode(opcode, b"a" * size)) == (
        1002,
        "the peer sent a control frame of more than 125 bytes",
    )


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("size", [0, 200])
def test_a_continuation_of_nothing_is_refused(size: int, fin: bool) -> None:
    assert refused(encode(CONTINUATION, b"a" * size, fin=fin)) == (
        1002,
        "the peer continued a message that it had not begun",
    )


def test_a_continuation_of_a_message_that_is_complete_is_refused() -> None:
    assert heard(encode(TEXT, b"a", fin=False), encode(CONTINUATION), encode(CONTINUATION)) == [
        b"a",
        (1002, "the peer continued a message that it had not begun"),
    ]


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 200, 70_000])
def test_a_message_inside_of_another_is_refused(opcode: int, fin: bool, size: int) -> None:
    assert refused(encode(TEXT, b"a", fin=False), encode(opcode, b"b" * size, fin=fin)) == (
        1002,
        "the peer began a message inside of another",
    )


@pytest.mark.parametrize(
    ("header", "size", "length"),
    [("827e0000", 0, 2), ("827e007d", 125, 2), ("827f000000000000ffff", 65535, 8)],
)
def test_lengths_that_are_longer_than_they_have_to_be_are_refused(
    header: str, size: int, length: int
) -> None:
    assert refused(bytes.fromhex(header), b"a" * size) == (
        1002,
        f"the peer wrote the length {size} in {length} bytes, more than it takes",
    )


def test_a_length_with_the_top_bit_set_is_refused() -> None:
    assert refused(bytes.fromhex("827f8000000000000000")) == (
        1002,
        "the peer sent a frame whose length has the top bit set",
    )


@pytest.mark.parametrize("limit", [0, 100, 125, 126, 1000, 65535, 65536, 70_000])
def test_a_message_of_the_size_allowed_is_read_and_a_larger_one_refused(limit: int) -> None:
    assert heard(encode(BINARY, b"a" * limit), max_message_size=limit) == [b"a" * limit]
    assert refused(encode(BINARY, b"a" * (limit + 1)), max_message_size=limit) == (
        1009,
        f"the peer sent {limit + 1} bytes or more; the maximum message size is {limit} bytes",
    )


@pytest.mark.parametrize("header", ["827e03e9", "827f0000000010000000"])
def test_a_message_that_will_be_too_large_is_refused_at_its_header(header: str) -> None:
    assert refused(bytes.fromhex(header), max_message_size=1000)[0] == 1009


def test_fragments_are_refused_where_they_are_too_large_together() -> None:
    begun = encode(BINARY, b"a" * 600, fin=False)
    assert heard(begun, encode(CONTINUATION, b"b" * 400), max_message_size=1000) == [b"a" * 600 + b"b" * 400]
    assert refused(begun, encode(CONTINUATION, b"b" * 401)[:4], max_message_size=1000)[0] == 1009


def test_control_frames_do_not_count_as_a_part_of_the_message() -> None:
    frames = (encode(BINARY, b"a", fin=False), encode(PING, b"p" * 125), encode_close(1000, b"r" * 123))
    assert heard(*frames, max_message_size=1) == [Ping(b"p" * 125), CloseFrame(1000, "r" * 123)]


@pytest.mark.parametrize("size", [0, 200, 70_000])
@pytest.mark.parametrize(
    "wrong", [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
)
def test_text_that_is_no_utf_8_is_refused(wrong: bytes, size: int) -> None:
    assert refused(encode(TEXT, b"a" * size + wrong)) == (
        1007,
        "the peer sent a text message that is not UTF-8",
    )


def test_bytes_need_not_be_utf_8() -> None:
    assert heard(encode(BINARY, b"\xff"), encode(BINARY, b"\xff" * 200)) == [b"\xff", b"\xff" * 200]


def test_text_in_fragments_that_ends_inside_of_a_character_is_refused() -> None:
    assert refused(encode(TEXT, SPLIT_EURO[0], fin=False), encode(CONTINUATION))[0] == 1007


def test_text_is_refused_at_the_first_fragment_that_is_no_utf_8() -> None:
    assert refused(encode(TEXT, b"a\xff", fin=False)) == (
        1007,
        "the peer sent a text message that is not UTF-8",
    )


def test_half_a_code_in_a_close_is_refused() -> None:
    assert refused(encode(CLOSE, b"\x03")) == (1002, "the peer sent a Close with half a code")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_codes_that_no_close_can_carry_are_refused(code: int) -> None:
    assert refused(encode_close(code)) == (1002, f"the peer sent a Close with the invalid code {code}")


def test_a_reason_that_is_no_utf_8_is_refused() -> None:
    assert refused(encode_close(1000, b"\xff")) == (
        1007,
        "the peer sent a reason for its Close that is not UTF-8",
    )


# Whatever comes.


@given(said=valid_streams(), data=st.data())
def test_whatever_a_server_may_say_is_heard_however_it_arrives(said: Said, data: st.DataObject) -> None:
    events, stream = said
    opened = open_framing()
    assert [event for piece in data.draw(pieces(stream)) for event in opened.feed(piece)] == events


@given(stream=mutated_streams() | st.binary(max_size=50), data=st.data())
def test_how_bytes_arrive_makes_no_difference_not_even_to_what_is_wrong(
    stream: bytes, data: st.DataObject
) -> None:
    at_once = plain(open_framing(100_000).feed(stream))
    opened = open_framing(100_000)
    assert plain(event for piece in data.draw(pieces(stream)) for event in opened.feed(piece)) == at_once


@settings(max_examples=20)
@given(stream=mutated_streams().filter(lambda stream: len(stream) < 2000))
def test_bytes_may_come_one_by_one(stream: bytes) -> None:
    opened = open_framing(100_000)
    one_by_one = [event for byte in stream for event in opened.feed(bytes([byte]))]
    assert plain(one_by_one) == heard(stream, max_message_size=100_000)


@given(stream=mutated_streams() | st.binary(max_size=50))
def test_only_the_last_thing_heard_is_an_end(stream: bytes) -> None:
    events = open_framing(100_000).feed(stream)
    assert not any(isinstance(event, CloseFrame | FramingError) for event in events[:-1])


# What it costs.


def calls(function: Callable[..., object], *arguments: object) -> int:
    """How many Python functions of the module run, which is what takes the time."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename == framing.__file__

    sys.setprofile(note)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [126, 1300, 65535])
def test_usual_messages_need_no_calls_of_their_own(opcode: int, size: int) -> None:
    assert calls(open_framing().feed, encode(opcode, b"a" * size) * 10) == calls(open_framing().feed, b"")


def test_usual_messages_are_read_quickly_after_others_too() -> None:
    opened = open_framing()
    opened.feed(encode(TEXT, b"a", fin=False) + encode(CONTINUATION) + encode(PING))
    assert calls(opened.feed, encode(BINARY, b"a" * 1300)) == calls(open_framing().feed, b"")


def test_keys_are_drawn_by_the_hundred() -> None:
    opened = open_framing()
    assert [calls(opened.text, b"a" * 930) for _ in range(100)] == [1] * 100
    opened = open_framing()
    assert [calls(opened.ping) for _ in range(100)] == [2] * 100


@pytest.mark.parametrize("frame", [encode(BINARY, b"a" * 200_000), encode(TEXT, b"a" * 60_000)])
def test_the_pieces_of_a_large_frame_are_not_looked_at_before_it_is_complete(frame: bytes) -> None:
    opened = open_framing()
    opened.feed(frame[:20])
    assert {calls(opened.feed, frame[at : at + 1000]) for at in range(20, len(frame) - 1000, 1000)} == {1}


def test_nor_is_a_header_before_it_is_complete() -> None:
    opened = open_framing()
    header = encode(BINARY, b"a" * 70_000)[:10]
    looked_at = [calls(opened.feed, header[at : at + 1]) > 1 for at in range(10)]
    assert looked_at == [True, True, *[False] * 7, True]


@pytest.mark.parametrize("fragment", [b"", b"ab"])
def test_small_fragments_take_no_more_memory_than_large_ones(fragment: bytes) -> None:
    opened = open_framing()
    opened.feed(encode(TEXT, b"ab" * 100, fin=False))
    frame = encode(CONTINUATION, fragment, fin=False)
    tracemalloc.start()
    try:
        for _ in range(10_000):
            opened.feed(frame)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 10_000 * len(fragment) * 1.5 + 20_000
