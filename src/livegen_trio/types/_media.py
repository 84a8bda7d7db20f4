"""Media in messages: blobs, files, and remarks on a part's media."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final

from ._base import Guarded, Model
from ._duration import Duration
from ._enums import (
    DocumentContentLayer,
    PartMediaResolutionLevel,
    SpreadsheetContentLayer,
    VideoContentLayer,
)

OUTPUT_SAMPLE_RATE: Final = 24_000
"""Hertz. What a model's speech has when its MIME type names no rate, as on Vertex."""

# A parameter of four to six digits; no other rate is one of sound.
_RATE: Final = re.compile(r";\s*rate=([1-9][0-9]{3,5})\s*(?:;|$)", re.IGNORECASE)


class Blob(Guarded, gc=False):
    """Bytes with a MIME type; base64 on the wire.

    Uncertain: whether streamed audio may have a format other than PCM, of which documents list some for content; and
    that `audio/pcm` without a rate is taken as 16 kHz.

    Attributes:
        mime_type: `audio/pcm;rate=16000` and `image/jpeg` are what a client sends.
        data: Audio is 16-bit little-endian mono PCM both ways.
        display_name: A label, in prompts only.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"data"})

    mime_type: str = ""
    data: bytes = b""
    display_name: str | None = None

    @property
    def sample_rate(self) -> int:
        """Samples a second by the MIME type's `rate`, else 24,000: the rate of the model's speech."""
        rate = _RATE.search(self.mime_type)
        return OUTPUT_SAMPLE_RATE if rate is None else int(rate[1])


class FileData(Model):
    """Media that the service fetches by itself."""

    file_uri: str = ""
    mime_type: str = ""
    display_name: str | None = None


class VideoMetadata(Model):
    """The stretch of a video that counts, and its frames a second.

    Attributes:
        start_offset: Seconds.
        end_offset: Seconds.
        fps: Frames a second that the model sees.
        content_layers: What of it counts.
    """

    start_offset: Duration | None = None
    end_offset: Duration | None = None
    fps: float | None = None
    content_layers: Sequence[VideoContentLayer] = []


class AudioMetadata(Model):
    """The stretch of an audio file that counts, in seconds from its start."""

    start_offset: Duration | None = None
    end_offset: Duration | None = None


class DocumentMetadata(Model):
    """The pages of a document that count; the first is 1, and both ends are included."""

    start_page: int | None = None
    end_page: int | None = None
    content_layers: Sequence[DocumentContentLayer] = []


class SpreadsheetMetadata(Model):
    """The cells of a workbook that count.

    Attributes:
        visible_cells: A range such as `A1:D10`.
        sheet_index: The first sheet is 1.
        content_layers: Which views of the cells are returned.
    """

    visible_cells: str | None = None
    sheet_index: int | None = None
    content_layers: Sequence[SpreadsheetContentLayer] = []


class SpeechMetadata(Model):
    """Speaker and style of a text part."""

    speaker: str | None = None
    style: str | None = None


class PartMediaResolution(Model):
    """Tokens that one part's media is worth."""

    level: PartMediaResolutionLevel | None = None
    num_tokens: int | None = None


class WordInfo(Model):
    """A word in a transcript, and when it was said in seconds."""

    word: str = ""
    start_offset: Duration | None = None
    end_offset: Duration | None = None


class Transcription(Model):
    """A transcript of speech; often a fragment, and at times an empty one.

    Fragments are concatenated as they are: the first often begins with a space.

    Attributes:
        text: The fragment.
        finished: Whether this is the last fragment. Many models never say so; uncertain on the Gemini API, whose
            reference doesn't have it.
        language_code: BCP-47.
        speaker_label: Such as `spk_1`, where speakers are distinguished.
        words: One by one, where the configuration asks for it.
        start_offset: Seconds since the audio began.
        end_offset: Seconds since the audio began.
    """

    text: str = ""
    finished: bool = False
    language_code: str | None = None
    speaker_label: str | None = None
    words: Sequence[WordInfo] = []
    start_offset: Duration | None = None
    end_offset: Duration | None = None
