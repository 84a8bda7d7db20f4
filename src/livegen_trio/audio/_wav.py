"""WAV files: 16-bit PCM in and out of memory, by the standard library alone.

Reading goes by the file's own chunks and not through `wave`, which refuses WAVE_FORMAT_EXTENSIBLE before Python 3.12,
and says of most broken files only that something was unexpected.
"""

from __future__ import annotations

import struct
import wave
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from .._errors import LiveError
from .._protocol.sound import SAMPLE_WIDTH
from ._samples import to_pcm, to_samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

MIN_RATE: Final = 8_000  # Hz, a telephone's
MAX_RATE: Final = 96_000  # Hz; beyond it there is nothing to hear

_PCM: Final = 1
_FLOAT: Final = 3
_EXTENSIBLE: Final = 0xFFFE
_PCM_SUBFORMAT: Final = bytes.fromhex("0100000000001000800000aa00389b71")
"""KSDATAFORMAT_SUBTYPE_PCM, the GUID that an extensible header has for plain PCM."""
_FORMATS: Final = {2: "ADPCM", _FLOAT: "floating point", 6: "A-law", 7: "mu-law", 17: "ADPCM", 85: "MP3"}
_UNKNOWN_SIZE: Final = 0x7F00_0000
"""From here on a size was not known to a program that wrote to a pipe: 0xFFFFFFFF and the like."""
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
        """How long it plays."""
        return len(self.pcm) / SAMPLE_WIDTH / self.rate

    @property
    def mime_type(self) -> str:
        """What `LiveSession.send_audio_realtime` tells the server about it; the server resamples."""
        return f"audio/pcm;rate={self.rate}"


def read_wav(path: str | PathLike[str]) -> Recording:
    """Read a WAV file of 16-bit PCM; stereo is mixed down to mono. *Blocking*, as files are.

    A file that was written to a pipe, whose header couldn't tell its length, is read to its end.

    Raises:
        AudioFileError: The file can't be read, is no WAV file, is cut short, or is encoded in another way.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as exc:
        raise AudioFileError(f"{path} can't be read: {exc.strerror}") from exc
    try:
        return _parse(content)
    except _FlawError as exc:
        raise AudioFileError(f"{path} {exc}; {_ACCEPTED}") from None


def write_wav(path: str | PathLike[str], recording: Recording) -> None:
    """Write a WAV file. *Blocking*, as files are.

    Raises:
        AudioFileError: The file can't be written.
    """
    try:
        with Path(path).open("wb") as file, wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(SAMPLE_WIDTH)
            wav.setframerate(recording.rate)
            wav.writeframes(recording.pcm)
    except OSError as exc:
        raise AudioFileError(f"{path} can't be written: {exc.strerror}") from exc


class _FlawError(Exception):
    """What is wrong with a file, without its name."""


class _Format(NamedTuple):
    """A file's `fmt ` chunk."""

    tag: int
    channels: int
    rate: int
    byte_rate: int
    block: int
    bits: int


def _parse(content: bytes) -> Recording:
    if not content:
        raise _FlawError("is empty")
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise _FlawError("is no WAV file")
    header: _Format | None = None
    for name, chunk, missing in _chunks(content):
        if name == b"fmt ":
            header = _format(chunk)
        elif name == b"data" and header is not None:
            return _recording(header, chunk, missing)
    raise _FlawError("is cut short or broken: its header has no audio after it")


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Each chunk's name, content, and how many bytes of it are missing at the file's end."""
    view = memoryview(content)
    start = 12
    while start + 8 <= len(content):
        size = int.from_bytes(view[start + 4 : start + 8], "little")
        chunk = view[start + 8 : start + 8 + size]
        missing = 0 if size >= _UNKNOWN_SIZE else size - len(chunk)
        yield bytes(view[start : start + 4]), chunk, missing
        start += 8 + size + size % 2


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
    """What an extensible header says it really is: the first two bytes of its GUID are the plain tag."""
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
