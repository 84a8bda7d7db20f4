"""WAV files, as programs write them and as they come out broken."""

from __future__ import annotations

import struct
import wave
from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from livegen_trio import LiveError
from livegen_trio.audio import AudioFileError, Recording, read_wav, write_wav

if TYPE_CHECKING:
    from pathlib import Path

PCM = array("h", [0, 1, -1, 1000, -1000, 32767, -32768, 5]).tobytes()


def chunk(name: bytes, content: bytes, *, size: int | None = None) -> bytes:
    padding = b"\0" if len(content) % 2 else b""
    return name + struct.pack("<I", len(content) if size is None else size) + content + padding


def fmt(tag: int = 1, *, channels: int = 1, rate: int = 16_000, bits: int = 16, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + extra)


def extensible(subformat: str, **values: int) -> bytes:
    extra = struct.pack("<HHI", 22, values.get("bits", 16), 0) + bytes.fromhex(subformat)
    return fmt(0xFFFE, extra=extra, **values)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "question.wav"
    path.write_bytes(content)
    return path


@given(samples=st.lists(st.integers(-32768, 32767), min_size=1), rate=st.integers(8_000, 96_000))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, samples: list[int], rate: int
) -> None:
    path = tmp_path_factory.mktemp("wav") / "sound.wav"
    recording = Recording(array("h", samples).tobytes(), rate)
    write_wav(path, recording)
    assert read_wav(path) == recording


def test_what_was_written_is_read_by_others(tmp_path: Path) -> None:
    write_wav(tmp_path / "sound.wav", Recording(PCM, 24_000))
    with wave.open(str(tmp_path / "sound.wav")) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 24_000)
        assert wav.readframes(100) == PCM


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_any_common_rate_is_read_and_named_in_the_mime_type(tmp_path: Path, rate: int) -> None:
    recording = read_wav(written(tmp_path, riff(fmt(rate=rate), chunk(b"data", PCM))))
    assert recording.mime_type == f"audio/pcm;rate={rate}"
    assert recording.seconds == 8 / rate


def test_stereo_is_mixed_down_without_overflow(tmp_path: Path) -> None:
    stereo = array("h", [100, 300, -32768, -32768, 32767, 32767, 32767, -32768]).tobytes()
    recording = read_wav(written(tmp_path, riff(fmt(channels=2), chunk(b"data", stereo))))
    assert array("h", recording.pcm).tolist() == [200, -32768, 32767, -1]


def test_an_extensible_header_of_plain_pcm_is_read(tmp_path: Path) -> None:
    header = extensible("0100000000001000800000aa00389b71", channels=2)
    recording = read_wav(written(tmp_path, riff(header, chunk(b"data", PCM))))
    assert len(recording.pcm) == len(PCM) // 2


def test_other_chunks_are_passed_over(tmp_path: Path) -> None:
    content = riff(
        chunk(b"LIST", b"odd"), fmt(), chunk(b"fact", b"abcd"), chunk(b"data", PCM), chunk(b"id3 ", b"x")
    )
    assert read_wav(written(tmp_path, content)).pcm == PCM


@pytest.mark.parametrize(
    "size",
    [0, 1_000_000_000, 2_000_000_000, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFDB, 0xFFFF_FFFF],
)
def test_a_file_written_to_a_pipe_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    content = riff(fmt(), chunk(b"data", PCM, size=size))
    assert read_wav(written(tmp_path, content)).pcm == PCM


@pytest.mark.parametrize("size_of_all", [0, 2_000_000_036, 0xFFFF_FFFF])
def test_a_placeholder_for_the_size_of_the_file_is_enough(tmp_path: Path, size_of_all: int) -> None:
    content = riff(fmt(), chunk(b"data", PCM, size=100_000))
    content = content[:4] + struct.pack("<I", size_of_all) + content[8:]
    assert read_wav(written(tmp_path, content)).pcm == PCM


def test_silence_after_a_size_of_nothing_is_sound(tmp_path: Path) -> None:
    content = riff(fmt(), chunk(b"data", bytes(640), size=0))
    assert read_wav(written(tmp_path, content)).pcm == bytes(640)


def test_a_chunk_after_a_size_of_nothing_is_no_sound(tmp_path: Path) -> None:
    content = riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"INFO"))
    with pytest.raises(AudioFileError, match="has no audio in it"):
        read_wav(written(tmp_path, content))


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_a_file_that_may_grow_beyond_4_gib_is_read(tmp_path: Path, magic: bytes) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 100, len(PCM), len(PCM) // 2, 0))
    content = riff(sizes, fmt(), chunk(b"data", PCM, size=0xFFFF_FFFF))
    assert read_wav(written(tmp_path, magic + content[4:])).pcm == PCM


def test_half_a_sample_at_the_end_is_left_out(tmp_path: Path) -> None:
    assert read_wav(written(tmp_path, riff(fmt(), chunk(b"data", PCM[:-1])))).pcm == PCM[:-2]


FLAWS = {
    "is empty": b"",
    "is no WAV file": b"OggS" + bytes(100),
    "is cut short or broken: its header has no audio": riff(fmt()),
    "is cut short or broken: its header is incomplete": riff(chunk(b"fmt ", b"\1\0\1\0")),
    "is cut short: 1.0 s of its 2.0 s of audio are there": riff(
        fmt(), chunk(b"data", bytes(32_000), size=64_000)
    ),
    "has no audio in it": riff(fmt(), chunk(b"data", b"")),
    "holds 8-bit audio": riff(fmt(bits=8), chunk(b"data", PCM)),
    "holds 24-bit audio": riff(fmt(bits=24), chunk(b"data", PCM)),
    "holds 32-bit audio": riff(fmt(bits=32), chunk(b"data", PCM)),
    "holds floating point audio": riff(fmt(3, bits=32), chunk(b"data", PCM)),
    "holds mu-law audio": riff(fmt(7, bits=8), chunk(b"data", PCM)),
    "holds compressed audio": riff(fmt(0x1234), chunk(b"data", PCM)),
    "has 6 channels": riff(fmt(channels=6), chunk(b"data", PCM)),
    "has a rate of 4000 Hz": riff(fmt(rate=4_000), chunk(b"data", PCM)),
    "has a rate of 192000 Hz": riff(fmt(rate=192_000), chunk(b"data", PCM)),
}


@pytest.mark.parametrize(("flaw", "content"), FLAWS.items(), ids=FLAWS)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, flaw: str, content: bytes) -> None:
    path = written(tmp_path, content)
    with pytest.raises(AudioFileError) as raised:
        read_wav(path)
    message = str(raised.value)
    assert message.startswith(f"{path} {flaw}")
    assert message.endswith("16-bit PCM WAV files, mono or stereo, of 8 to 96 kHz are read")
    assert "\n" not in message


def test_an_extensible_header_of_floating_point_is_refused(tmp_path: Path) -> None:
    header = extensible("0300000000001000800000aa00389b71", bits=32)
    with pytest.raises(AudioFileError, match="holds floating point audio"):
        read_wav(written(tmp_path, riff(header, chunk(b"data", PCM))))


@given(content=st.binary(max_size=80), position=st.integers(0, 80))
def test_damage_anywhere_is_an_audio_file_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, position: int
) -> None:
    whole = riff(fmt(), chunk(b"data", PCM))
    path = tmp_path_factory.mktemp("wav") / "sound.wav"
    path.write_bytes(whole[:position] + content + whole[position + len(content) :])
    try:
        assert read_wav(path).pcm
    except AudioFileError as exc:
        assert str(path) in str(exc)  # noqa: PT017 - either outcome is right


@given(data=st.data())
def test_any_bytes_flipped_or_cut_are_an_audio_file_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    header = data.draw(st.sampled_from([fmt(), fmt(channels=2), extensible("01" + "00" * 15)]))
    size = data.draw(st.none() | st.integers(0, 2**32 - 1))
    content = bytearray(
        riff(chunk(b"LIST", b"x"), header, chunk(b"data", PCM, size=size), chunk(b"id3 ", b""))
    )
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("wav") / "sound.wav"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        recording = read_wav(path)
    except AudioFileError:
        return
    assert recording.pcm
    assert len(recording.pcm) % 2 == 0


@pytest.mark.parametrize("path", ["a\0b.wav", "\ud800.wav"])
def test_a_path_that_can_not_be_one_is_an_audio_file_error(path: str) -> None:
    with pytest.raises(AudioFileError, match="can't be read"):
        read_wav(path)
    with pytest.raises(AudioFileError, match="can't be written"):
        write_wav(path, Recording(PCM, 24_000))


@pytest.mark.parametrize("rate", [0, -1, 4_000, 2**40])
def test_a_rate_that_would_not_be_read_is_not_written(tmp_path: Path, rate: int) -> None:
    with pytest.raises(AudioFileError, match=f"a rate of {rate} Hz; 16-bit PCM"):
        write_wav(tmp_path / "answer.wav", Recording(PCM, rate))
    assert not (tmp_path / "answer.wav").exists()


def test_half_a_sample_is_not_written(tmp_path: Path) -> None:
    write_wav(tmp_path / "answer.wav", Recording(PCM + b"x", 24_000))
    assert read_wav(tmp_path / "answer.wav").pcm == PCM


def test_a_missing_file_is_an_audio_file_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"question\.wav can't be read: No such file or directory"):
        read_wav(tmp_path / "question.wav")


def test_a_file_that_cannot_be_written_is_an_audio_file_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"answer\.wav can't be written: No such file or directory"):
        write_wav(tmp_path / "nowhere" / "answer.wav", Recording(PCM, 24_000))


def test_an_audio_file_error_is_one_of_the_library() -> None:
    assert issubclass(AudioFileError, LiveError)


def test_the_repr_of_a_recording_leaves_its_samples_out() -> None:
    assert repr(Recording(PCM, 16_000)) == "Recording(rate=16000)"
