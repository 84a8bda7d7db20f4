"""Configuration of answers: `generationConfig`, and the flat form of it that users write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, TypeAlias

import msgspec

from ._base import Guarded, Model
from ._checks import (
    Budget,
    Checked,
    Count,
    Nonempty,
    Seed,
    Share,
    check_distinct,
    check_labels,
    check_media_type,
)
from ._config import (
    AudioTranscriptionConfig,
    AvatarConfig,
    ContextWindowCompressionConfig,
    HistoryConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SafetySetting,
)
from ._construction import refusal
from ._enums import MediaResolution, Modality, ThinkingLevel

Temperature: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=2)]
Penalty: TypeAlias = Annotated[float, msgspec.Meta(ge=-2, le=2)]
TopK: TypeAlias = Annotated[float, msgspec.Meta(ge=1, le=2**31 - 1)]


class VoiceConsentSignature(Model):
    """The service's confirmation that a voice's owner has agreed to its use."""

    signature: str = ""


class PrebuiltVoiceConfig(Checked):
    """One of the service's voices.

    Attributes:
        voice_name: Such as `Puck`, which is the default, or `Kore`.
    """

    voice_name: Nonempty | None = None


class ReplicatedVoiceConfig(Guarded, Checked):
    """A voice made after a sample.

    Attributes:
        mime_type: `audio/wav`.
        voice_sample_audio: The sample; 16-bit, 24 kHz.
        consent_audio: The owner's recorded consent; the same format. Gemini API only.
        voice_consent_signature: What the service gave for an earlier consent. Gemini API only.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"voice_sample_audio", "consent_audio"})

    mime_type: Nonempty | None = None
    voice_sample_audio: bytes = b""
    consent_audio: bytes = b""
    voice_consent_signature: VoiceConsentSignature | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_media_type(self, "voice_sample_audio", "mime_type")


class VoiceConfig(Checked):
    """A voice, given in one of three ways.

    Attributes:
        prebuilt_voice_config: One of the service's.
        replicated_voice_config: One made after a sample.
        voice: A speaker's identifier. Uncertain: seen in google-genai 3.6.1, and in no reference.
    """

    _exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("prebuilt_voice_config", "replicated_voice_config", "voice"),
    )

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: ReplicatedVoiceConfig | None = None
    voice: Nonempty | None = None


class SpeakerVoiceConfig(Checked):
    """One speaker's voice."""

    speaker: Nonempty | None = None
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(Checked):
    """Several speakers' voices. google-genai refuses it for Live sessions, and so does `LiveGenerationConfig`."""

    speaker_voice_configs: Sequence[SpeakerVoiceConfig] = []


class SpeechConfig(Checked):
    """Configuration of speech.

    Attributes:
        voice_config: With which voice.
        language_code: BCP-47; native audio models find the language by themselves.
        multi_speaker_voice_config: With which voices; see there.
    """

    _exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("voice_config", "multi_speaker_voice_config"),)

    voice_config: VoiceConfig | None = None
    language_code: Nonempty | None = None
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None


class ThinkingConfig(Checked):
    """Configuration of thinking. `gemini-3.8-live` refuses it.

    Attributes:
        include_thoughts: Whether thoughts come as parts.
        thinking_budget: Tokens; 0 is none, -1 leaves it to the model. Not together with a level.
        thinking_level: Not together with a budget.
    """

    _exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("thinking_budget", "thinking_level"),)

    include_thoughts: bool | None = None
    thinking_budget: Budget | None = None
    thinking_level: ThinkingLevel | None = None


class TranslationConfig(Checked):
    """Has the model translate what it hears. Uncertain on Vertex, where google-genai refused it before version 3.

    Attributes:
        target_language_code: BCP-47.
        echo_target_language: Whether speech that needs no translation is repeated.
    """

    target_language_code: Nonempty | None = None
    echo_target_language: bool | None = None


class GenerationConfig(Checked):
    """The wire's `setup.generationConfig`.

    Live sessions take neither `response_logprobs` nor `response_mime_type`, `logprobs`, `response_schema`,
    `stop_sequences`, `routing_config` or `audio_timestamp`, says the reference; so they are not here.

    Attributes:
        response_modalities: Exactly one, in practice. Vertex demands it.
        temperature: Randomness, 0 to 2.
        top_p: Share of the probable tokens to choose from, 0 to 1.
        top_k: Number of the probable tokens to choose from.
        max_output_tokens: Of one answer.
        candidate_count: How many answers.
        presence_penalty: Against tokens that were used at all, -2 to 2.
        frequency_penalty: Against tokens that were used often, -2 to 2.
        seed: For answers that repeat, as far as they do.
        media_resolution: How many tokens an image is worth.
        speech_config: How the model speaks.
        thinking_config: How much it thinks.
        enable_affective_dialog: Whether it answers the tone of voice. An error on Gemini 3.8.
        translation_config: Has it translate.
        audio_transcription_config: Speech recognition. Uncertain: seen in google-genai 3.6.1 only.
        response_format: As JSON. Uncertain: seen in google-genai 3.6.1 only.
        model_config: As JSON. Vertex only; uncertain, as it was seen in google-genai 3.6.1 only.
    """

    response_modalities: Sequence[Modality] = []
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: TopK | None = None
    max_output_tokens: Count | None = None
    candidate_count: Count | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    seed: Seed | None = None
    media_resolution: MediaResolution | None = None
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | None = None
    translation_config: TranslationConfig | None = None
    audio_transcription_config: AudioTranscriptionConfig | None = None
    response_format: Sequence[Mapping[str, object]] = []
    model_config: Mapping[str, object] | None = None


class LiveGenerationConfig(GenerationConfig):
    """Configuration of a session: a `GenerationConfig`, and whatever else a setup may configure.

    On the wire the fields below stand next to `generationConfig`; `make_setup` puts them there.

    Attributes:
        input_audio_transcription: Asks for transcripts of the user.
        output_audio_transcription: Asks for transcripts of the model.
        realtime_input_config: How streamed input is cut into turns.
        context_window_compression: Lets the session outlast its context window.
        proactivity: Lets the model decide when to speak.
        explicit_vad_signal: Asks for `VoiceActivity` events. Vertex only; uncertain, see `Setup`.
        history_config: How earlier history comes in.
        avatar_config: Who speaks in the video.
        safety_settings: What is blocked.
        labels: For billing; keys and values of at most 63 lower-case letters, digits, `_` and `-`, and a letter
            first in a key.
    """

    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    proactivity: ProactivityConfig | None = None
    explicit_vad_signal: bool | None = None
    history_config: HistoryConfig | None = None
    avatar_config: AvatarConfig | None = None
    safety_settings: Sequence[SafetySetting] = []
    labels: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_labels(self, self.labels)
        check_distinct(self, "safety_settings", [setting.category for setting in self.safety_settings])
        if self.speech_config is not None and self.speech_config.multi_speaker_voice_config is not None:
            raise refusal(
                self,
                "speech_config.multi_speaker_voice_config is not for Live sessions, which have one voice; "
                "set voice_config",
            )

    def generation_config(self) -> GenerationConfig:
        """Return the part of it that stays in `generationConfig`."""
        return GenerationConfig(**{name: getattr(self, name) for name in GenerationConfig.__struct_fields__})
