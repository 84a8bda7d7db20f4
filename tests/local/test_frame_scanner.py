"""Frames are counted by their headers, however the bytes arrive."""

from __future__ import annotations

from hypothesis import given, strategies as st

from livegen_trio.local._frame_scanner import FrameScanner

CONTINUATION, TEXT, PING, CLOSE = 0, 1, 9, 8


def frame(opcode: int, size: int = 0, *, fin: bool = True, masked: bool = True) -> bytes:
    mask = 0x80 if masked else 0
    if size < 126:
        length = bytes([mask | size])
    elif size < 2**16:
        length = bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([mask | 127]) + size.to_bytes(8, "big")
    return bytes([fin << 7 | opcode]) + length + (b"key!" if masked else b"") + bytes(size)


def scanned(data: bytes) -> FrameScanner:
    scanner = FrameScanner()
    assert scanner.scan(data, 10**6) == len(data)
    return scanner


def test_messages_are_no_overhead_and_control_frames_are() -> None:
    scanner = scanned(
        frame(TEXT, 10) + frame(TEXT, 300) + frame(TEXT, 70_000) + frame(PING) + frame(CLOSE, 2)
    )
    assert (scanner.frames, scanner.overhead, scanner.unfinished) == (5, 2, 0)
    assert scanner.is_between_messages


def test_small_fragments_are_overhead_and_large_ones_are_not() -> None:
    scanner = scanned(frame(TEXT, 1, fin=False) + frame(CONTINUATION, 5000, fin=False))
    assert (scanner.overhead, scanner.unfinished) == (1, 5001)
    assert not scanner.is_between_messages
    scanner.scan(frame(PING) + frame(CONTINUATION, 1), 10)
    assert (scanner.overhead, scanner.unfinished) == (3, 0)
    assert scanner.is_between_messages


def test_an_empty_fragment_leaves_a_message_unfinished() -> None:
    assert not scanned(frame(TEXT, 0, fin=False)).is_between_messages


def test_bytes_of_a_frame_that_has_begun_are_counted_as_they_come() -> None:
    scanner = scanned(frame(TEXT, 1000)[:-400])
    assert scanner.unfinished == 600


def test_only_so_many_frames_are_taken_at_once() -> None:
    data = frame(TEXT, 3) * 5
    scanner = FrameScanner()
    assert scanner.scan(data, 2) == 2 * len(frame(TEXT, 3))
    assert scanner.frames == 2


FRAMES = st.lists(
    st.tuples(
        st.sampled_from([CONTINUATION, TEXT, PING]),
        st.sampled_from([0, 1, 125, 126, 2000, 65_536]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)


@given(FRAMES, st.lists(st.integers(1, 70_000), min_size=1, max_size=20), st.integers(1, 4))
def test_it_makes_no_difference_how_the_bytes_arrive(
    frames: list[tuple[int, int, bool, bool]], cuts: list[int], most: int
) -> None:
    data = b"".join(frame(opcode, size, fin=fin, masked=masked) for opcode, size, fin, masked in frames)
    whole, pieces = scanned(data), FrameScanner()
    position = 0
    while position < len(data):
        piece = data[position : position + cuts[position % len(cuts)]]
        position += len(piece)
        while piece:
            piece = piece[pieces.scan(piece, most) :]
    for attribute in ("frames", "overhead", "unfinished", "is_between_messages"):
        assert getattr(whole, attribute) == getattr(pieces, attribute)


@given(st.binary(), st.integers(1, 5))
def test_any_bytes_are_taken(data: bytes, most: int) -> None:
    scanner = FrameScanner()
    while data:
        size = scanner.scan(data, most)
        assert size > 0
        data = data[size:]
