"""What is accepted as a chunk of sound, and where its samples begin: one answer for sending, capture and playback."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from .._errors import LocalProtocolError

if TYPE_CHECKING:
    from typing_extensions import Buffer

SAMPLE_WIDTH: Final = 2  # bytes
MIN_RATE: Final = 8_000  # Hz, a telephone's
MAX_RATE: Final = 96_000  # Hz; beyond it there is nothing to hear

_BYTES: Final = frozenset({"b", "B", "c"})  # formats of a buffer's items, as `struct` names them
_SAMPLES: Final = "h"
_PCM: Final = frozenset({"audio/pcm", "audio/l16"})


class SampleCutter:
    """Cuts the chunks of one stream of PCM between samples: half a sample is carried over to the next chunk.

    Attributes:
        half: The carried byte, or nothing.
    """

    __slots__ = ("half",)

    def __init__(self) -> None:
        self.half: bytes = b""

    def cut(self, pcm: Buffer) -> bytes | memoryview:
        """Return the whole samples that *pcm* completes; see `pcm_bytes` for what it may be.

        Raises:
            LocalProtocolError: It is no PCM. What was carried stays.
            TypeError: It has no buffer.
        """
        chunk = pcm_bytes(pcm)
        if self.half:
            chunk = self.half + bytes(chunk)
        whole = len(chunk) & ~1
        self.half = bytes(chunk[whole:])
        return chunk[:whole] if self.half else chunk

    def clear(self) -> None:
        """Drop what is carried: the stream has ended, or begins again."""
        self.half = b""


def pcm_bytes(data: Buffer) -> bytes | memoryview:
    """Return the bytes of a chunk of PCM, without copying them where that can be avoided.

    Args:
        data: Signed 16-bit little-endian mono samples: bytes or the like, or 16-bit integers with the buffer protocol,
            such as `array("h")` or a numpy array of int16 whose shape is (n,), (n, 1) or (1, n).

    Raises:
        LocalProtocolError: The items are of another type, such as floats, which would be heard as noise; or there are
            several channels.
        TypeError: It has no buffer.
    """
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(
            f"sound is bytes, or 16-bit samples in a buffer, not a {type(data).__name__}"
        ) from None
    items = view.format.lstrip("@=<")
    if items not in _BYTES and items != _SAMPLES:
        raise LocalProtocolError(
            f"sound is bytes or 16-bit little-endian samples, not items of format {view.format!r};"
            " convert them to signed 16-bit integers"
        )
    if items == _SAMPLES and sum(length != 1 for length in view.shape or ()) > 1 and view.nbytes:
        raise LocalProtocolError(
            f"sound has one channel, and this has the shape {view.shape}; mix the channels down, or send one"
        )
    if items == _SAMPLES and not view.c_contiguous:
        return view.tobytes()  # one channel of several
    if not view.c_contiguous:
        raise LocalProtocolError("sound must be contiguous in memory; copy it before it is sent")
    return view.cast("B") if view.nbytes else b""


def check_rate(rate: object) -> int:
    """Return *rate* as an integer.

    Raises:
        LocalProtocolError: It is no rate of sound.
    """
    if not isinstance(rate, (int, float)) or not MIN_RATE <= rate <= MAX_RATE or rate != int(rate):
        raise LocalProtocolError(
            f"{rate!r} is no rate of sound; give a whole number of samples a second,"
            f" from {MIN_RATE:,} to {MAX_RATE:,}"
        )
    return int(rate)


@lru_cache(maxsize=64)
def is_pcm(mime_type: str) -> bool:
    """Whether *mime_type* is one of raw samples, whatever its parameters are."""
    return mime_type.partition(";")[0].strip().lower() in _PCM


def check_sound_type(mime_type: str) -> None:
    """Check the parameters of a MIME type of raw samples; other types of sound are the service's to judge.

    Raises:
        LocalProtocolError: Its rate is no rate of sound, or it has several channels.
    """
    if not is_pcm(mime_type):
        return
    for name, value in _parameters(mime_type):
        if name == "rate":
            check_rate(int(value) if value.isdecimal() else value)
        elif name == "channels" and value != "1":
            raise LocalProtocolError(
                f"sound has one channel, and {mime_type!r} says {value}; mix the channels down, or send one"
            )


def is_playable(mime_type: str) -> bool:
    """Whether sound of this type can be played: raw samples of one channel, with a rate of sound if it names one."""
    try:
        check_sound_type(mime_type)
    except LocalProtocolError:
        return False
    return is_pcm(mime_type)


def _parameters(mime_type: str) -> list[tuple[str, str]]:
    pairs = (parameter.partition("=") for parameter in mime_type.split(";")[1:])
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]
