"""Configuration of a session: the parts of a setup, without the tools.

Backends and models differ in the fields that they take; the docstrings say what is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ._base import Empty, Guarded
from ._checks import Checked, Count, Milliseconds, Nonempty, Size, check_media_type
from ._construction import refusal
from ._enums import (
    ActivityHandling,
    EndSensitivity,
    HarmBlockMethod,
    HarmBlockThreshold,
    HarmCategory,
    StartSensitivity,
    TranscriptionMode,
    TurnCoverage,
)


class AutomaticActivityDetection(Checked):
    """Detection of speech by the service.

    Attributes:
        disabled: Whether the client says so itself, with `ActivityStart` and `ActivityEnd`.
        start_of_speech_sensitivity: How readily speech begins.
        end_of_speech_sensitivity: How readily speech ends.
        prefix_padding_ms: Milliseconds of speech before it counts.
        silence_duration_ms: Milliseconds of silence before speech is over.
    """

    disabled: bool | None = None
    start_of_speech_sensitivity: StartSensitivity | None = None
    end_of_speech_sensitivity: EndSensitivity | None = None
    prefix_padding_ms: Milliseconds | None = None
    silence_duration_ms: Milliseconds | None = None


class RealtimeInputConfig(Checked):
    """Cutting of streamed input into turns.

    Attributes:
        automatic_activity_detection: On by default.
        activity_handling: Whether the user may cut in on the model.
        turn_coverage: Input that belongs to a turn.
        interim_transcript_timestamp_enabled: Uncertain: seen in google-genai 3.6.1, and in no reference.
    """

    automatic_activity_detection: AutomaticActivityDetection | None = None
    activity_handling: ActivityHandling | None = None
    turn_coverage: TurnCoverage | None = None
    interim_transcript_timestamp_enabled: bool | None = None


class LanguageHints(Checked):
    """Deprecated by the service: `AudioTranscriptionConfig.language_codes` has taken its place."""

    language_codes: Sequence[Nonempty] = []


class AudioTranscriptionConfig(Checked):
    """Asks for transcripts; `AudioTranscriptionConfig()` is enough.

    The fields are uncertain on the Gemini API, whose reference of mid-2026 lists none. Vertex's lists
    `language_codes`, `custom_vocabulary` and `mode`; the others were seen in google-genai 3.6.1.

    Attributes:
        language_codes: BCP-47 hints; none means that the language is found out.
        custom_vocabulary: Words to listen for.
        mode: Verbatim, or tidied up.
        word_timestamp: Whether each word gets its time. Not with mode `SMART`.
        diarization: Whether speakers are distinguished. Not with mode `SMART`.
        source_text: Text that mode `SMART` rewrites.
        adaptation_phrases: Deprecated by the service.
        language_auto: Deprecated by the service.
        language_hints: Deprecated by the service.
    """

    language_codes: Sequence[Nonempty] = []
    custom_vocabulary: Sequence[Nonempty] = []
    mode: TranscriptionMode | None = None
    word_timestamp: bool | None = None
    diarization: bool | None = None
    source_text: str | None = None
    adaptation_phrases: Sequence[Nonempty] = []
    language_auto: Empty | None = None
    language_hints: LanguageHints | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("word_timestamp", "diarization"):
            if self.mode == "SMART" and getattr(self, name):
                raise refusal(
                    self, f"there is no {name} in mode 'SMART'; leave it out, or use mode 'VERBATIM'"
                )


class SessionResumptionConfig(Guarded, Checked):
    """Asks for handles, by which a later connection takes up the session; an empty one is enough.

    A handle is good for two hours on the Gemini API. On Vertex that is uncertain: one page says both 24 hours and
    about ten minutes.

    Attributes:
        handle: Of the session to take up; None starts a new one.
        transparent: Whether the service says which messages it has taken in. Vertex only: the Gemini API
            closes the connection with 1007.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"handle"})

    handle: Nonempty | None = None
    transparent: bool | None = None


class SlidingWindow(Checked):
    """Compression that forgets the oldest turns.

    The Gemini API's reference also speaks of `prefixTurns` here, for which it has no field; so there is none
    (uncertain).

    Attributes:
        target_tokens: What is left; half of the trigger by default, at most 128,000 on Vertex.
    """

    target_tokens: Size | None = None


class ContextWindowCompressionConfig(Checked):
    """Lets a session outlast its context window.

    Attributes:
        trigger_tokens: When to compress; 80 % of the window by default, 5,000 to 128,000 on Vertex.
        sliding_window: How; `SlidingWindow()` turns it on.
    """

    trigger_tokens: Size | None = None
    sliding_window: SlidingWindow | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        target = None if self.sliding_window is None else self.sliding_window.target_tokens
        if target is not None and self.trigger_tokens is not None and target >= self.trigger_tokens:
            raise refusal(
                self,
                f"sliding_window.target_tokens={target} has to be less than trigger_tokens={self.trigger_tokens}",
            )


class ProactivityConfig(Checked):
    """Lets the model decide when to speak.

    Attributes:
        proactive_audio: Whether it may stay silent. Always so on Gemini 3.8, where False is an error.
        proactive_video: Whether pictures alone may make it speak; needs `proactive_audio`.
    """

    proactive_audio: bool | None = None
    proactive_video: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.proactive_video and not self.proactive_audio:
            raise refusal(self, "proactive_video=True needs proactive_audio=True")


class HistoryConfig(Checked):
    """Sending of the history before the conversation.

    Attributes:
        initial_history_in_client_content: Whether the first client contents, up to one with `turn_complete`,
            are history and get no answer. Uncertain on Vertex: its reference has it, and others found it refused.
    """

    initial_history_in_client_content: bool | None = None


class CustomizedAvatar(Guarded, Checked):
    """An avatar with a look of its own.

    Attributes:
        image_mime_type: Such as `image/jpeg`.
        image_data: Upright 9:16, at least 704 by 1280 pixels.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"image_data"})

    image_mime_type: Nonempty | None = None
    image_data: bytes = b""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_media_type(self, "image_data", "image_mime_type")


class AvatarConfig(Checked):
    """The avatar of the video that the model answers with, on Vertex.

    Uncertain on the Gemini API, for which google-genai lets it pass. Uncertain, too, how the video is cut: it is said
    to come as pieces of MP4, 24 frames a second.

    Attributes:
        avatar_name: One of the service's.
        customized_avatar: One of the caller's, in place of that.
        audio_bitrate_bps: Bits a second.
        video_bitrate_bps: Bits a second.
    """

    _exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("avatar_name", "customized_avatar"),)

    avatar_name: Nonempty | None = None
    customized_avatar: CustomizedAvatar | None = None
    audio_bitrate_bps: Count | None = None
    video_bitrate_bps: Count | None = None


class SafetySetting(Checked):
    """Blocks one kind of content.

    Attributes:
        category: Which kind.
        threshold: From which degree on.
        method: Measure of the degree. Vertex only.
    """

    category: HarmCategory | None = None
    threshold: HarmBlockThreshold | None = None
    method: HarmBlockMethod | None = None
