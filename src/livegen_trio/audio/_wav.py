"""WAV files: 16-bit PCM in and out of memory, by the standard library alone.

Files are read chunk by chunk and not through `wave`, which refuses WAVE_FORMAT_EXTENSIBLE before Python 3.12, and whose
errors for broken files don't say what is wrong.
"""

from __future__ import annotations

import struct
import wave
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from .._errors import LiveError
from .._protocol.sound import MAX_RATE, MIN_RATE, SAMPLE_WIDTH
from ._samples import to_pcm, to_samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
# KSDATAFORMAT_SUBTYPE_PCM, the GUID that an extensible header has for plain PCM.
_PCM_SUBFORMAT: Final = bytes.fromhex("0100000000001000800000aa00389b71")
_FORMATS: Final = {2: "ADPCM", _FLOAT: "floating point", 6: "A-law", 7: "mu-law", 17: "ADPCM", 85: "MP3"}
# Bytes. A size from here on, of which less is there, is a placeholder of a program that wrote to a pipe without
# knowing the length: 0xFFFFFFFF (ffmpeg, many services), 0x7FFFF000 (SoX), 0x80000000 (arecord), 2,000,000,000, ...
_PLACEHOLDER: Final = 900_000_000
_RIFF: Final = frozenset(
    {b"RIFF", b"RF64", b"BW64"}
)  # the latter two are for more than 4 GiB (EBU Tech 3306)
_ACCEPTED: Final = "16-bit PCM WAV files, mono or stereo, of 8 to 96 kHz are read"


class AudioFileError(LiveError):
    """An audio file can't be read or written; the message names it, what is wrong, and what is accepted."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Sound in memory.

    Attributes:
        pcm: Samples: signed 16-bit little-endian, mono.
        rate: Samples a second.
    """

    pcm: bytes = field(repr=False)
    rate: int

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return len(self.pcm) / SAMPLE_WIDTH / self.rate

    @property
    def mime_type(self) -> str:
        """The type to send it with, by `LiveSession.send_audio_realtime`; the server resamples."""
        return f"audio/pcm;rate={self.rate}"


def read_wav(path: str | PathLike[str]) -> Recording:
    """Read a WAV file of 16-bit PCM; stereo is mixed down to mono. *Blocking*, as files are.

    A file that was written to a pipe, so that its header has a placeholder for the length, is read to its end.

    Raises:
        AudioFileError: The file can't be read, is no WAV file, is cut short, or is encoded in another way.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as exc:  # ValueError: the path can't be one
        raise AudioFileError(f"{path!s} can't be read: {_reason(exc)}") from exc
    try:
        return _parse(content)
    except _FlawError as exc:
        raise AudioFileError(f"{path} {exc}; {_ACCEPTED}") from None


def write_wav(path: str | PathLike[str], recording: Recording) -> None:
    """Write a WAV file. *Blocking*, as files are. Half a sample at the end of the recording is left out.

    Raises:
        AudioFileError: The file can't be written, or the rate is none that `read_wav` reads.
    """
    if not MIN_RATE <= recording.rate <= MAX_RATE:
        raise AudioFileError(f"{path!s} can't be written: a rate of {recording.rate} Hz; {_ACCEPTED}")
    whole = len(recording.pcm) // SAMPLE_WIDTH * SAMPLE_WIDTH
    try:
        with Path(path).open("wb") as file, wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(SAMPLE_WIDTH)
            wav.setframerate(recording.rate)
            wav.writeframes(recording.pcm[:whole])
    except (OSError, ValueError, struct.error) as exc:  # struct.error: more than 4 GiB
        raise AudioFileError(f"{path!s} can't be written: {_reason(exc)}") from exc


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class _FlawError(Exception):
    """A flaw of a file, without the file's name."""


class _Format(NamedTuple):
    """A file's `fmt ` chunk."""

    tag: int
    channels: int
    rate: int
    byte_rate: int
    block: int
    bits: int


class _Chunk(NamedTuple):
    """A chunk of a file.

    Attributes:
        name: Its four characters.
        content: All of it that is in the file.
        missing: How many bytes more its size promises.
    """

    name: bytes
    content: memoryview
    missing: int


def _parse(content: bytes) -> Recording:
    if not content:
        raise _FlawError("is empty")
    if content[:4] not in _RIFF or content[8:12] != b"WAVE":
        raise _FlawError("is no WAV file")
    header: _Format | None = None
    for chunk in _chunks(content):
        if chunk.name == b"fmt ":
            header = _format(chunk.content)
        elif chunk.name == b"data" and header is not None:
            return _recording(header, chunk.content, chunk.missing)
    raise _FlawError("is cut short or broken: its header has no audio after it")


def _chunks(content: bytes) -> Iterator[_Chunk]:
    view = memoryview(content)
    size_of_all = int.from_bytes(view[4:8], "little")
    start = 12
    while start + 8 <= len(content):
        name = bytes(view[start : start + 4])
        size = int.from_bytes(view[start + 4 : start + 8], "little")
        there = len(content) - start - 8
        if name == b"data" and _is_placeholder(size, view[start + 8 :], size_of_all):
            size = there
        yield _Chunk(name, view[start + 8 : start + 8 + size], max(0, size - there))
        start += 8 + size + size % 2


def _is_placeholder(size: int, rest: memoryview, size_of_all: int) -> bool:
    """Whether *size* was written before the length of the sound was known; *rest* is what follows it in the file."""
    if size == 0:
        return not _begins_chunk(rest)
    if size <= len(rest):
        return False
    return size >= _PLACEHOLDER or size_of_all == 0 or size_of_all >= _PLACEHOLDER


def _begins_chunk(rest: memoryview) -> bool:
    """Whether *rest* is another chunk, rather than sound: its name is text, and all of it is there."""
    name, size = bytes(rest[:4]), int.from_bytes(rest[4:8], "little")
    return name.isascii() and name.decode().isprintable() and size <= len(rest) - 8


def _format(chunk: memoryview) -> _Format:
    if len(chunk) < 16:
        raise _FlawError("is cut short or broken: its header is incomplete")
    header = _Format(*struct.unpack_from("<HHIIHH", chunk))
    if header.tag == _EXTENSIBLE:
        header = header._replace(tag=_extended_tag(chunk))
    if header.tag != _PCM:
        raise _FlawError(f"holds {_FORMATS.get(header.tag, 'compressed')} audio")
    if header.bits != 8 * SAMPLE_WIDTH:
        raise _FlawError(f"holds {header.bits}-bit audio")
    if header.channels not in (1, 2):
        raise _FlawError(f"has {header.channels} channels")
    if not MIN_RATE <= header.rate <= MAX_RATE:
        raise _FlawError(f"has a rate of {header.rate} Hz")
    return header


def _extended_tag(chunk: memoryview) -> int:
    """Return the plain tag of an extensible header, which is the first two bytes of its GUID."""
    if bytes(chunk[24:40]) == _PCM_SUBFORMAT:
        return _PCM
    return int.from_bytes(chunk[24:26], "little")


def _recording(header: _Format, data: memoryview, missing: int) -> Recording:
    frame = SAMPLE_WIDTH * header.channels
    if missing:
        there, promised = (size / frame / header.rate for size in (len(data), len(data) + missing))
        raise _FlawError(f"is cut short: {there:.1f} s of its {promised:.1f} s of audio are there")
    samples = data[: len(data) // frame * frame]
    if not samples:
        raise _FlawError("has no audio in it")
    return Recording(_mixed_down(bytes(samples)) if header.channels == 2 else bytes(samples), header.rate)


def _mixed_down(stereo: bytes) -> bytes:
    samples = to_samples(stereo)
    mono = ((left + right) // 2 for left, right in zip(samples[::2], samples[1::2], strict=True))
    return to_pcm(array("h", mono))
