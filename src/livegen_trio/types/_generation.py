"""How the model answers: `generationConfig`, and the flat form of it that users write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ._base import Model
from ._config import (
    AudioTranscriptionConfig,
    AvatarConfig,
    ContextWindowCompressionConfig,
    HistoryConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SafetySetting,
)
from ._enums import MediaResolution, Modality, ThinkingLevel


class VoiceConsentSignature(Model):
    """The service's word that a voice's owner agreed to its use."""

    signature: str = ""


class PrebuiltVoiceConfig(Model):
    """One of the service's voices.

    Attributes:
        voice_name: Such as `Puck`, which is the default, or `Kore`.
    """

    voice_name: str | None = None


class ReplicatedVoiceConfig(Model):
    """A voice made after a sample.

    Attributes:
        mime_type: `audio/wav`.
        voice_sample_audio: The sample; 16-bit, 24 kHz.
        consent_audio: The owner's recorded consent; the same format. Gemini API only.
        voice_consent_signature: What the service gave for an earlier consent. Gemini API only.
    """

    mime_type: str | None = None
    voice_sample_audio: bytes = b""
    consent_audio: bytes = b""
    voice_consent_signature: VoiceConsentSignature | None = None


class VoiceConfig(Model):
    """A voice, given in one of three ways.

    Attributes:
        prebuilt_voice_config: One of the service's.
        replicated_voice_config: One made after a sample.
        voice: A speaker's identifier; in google-genai 3.4.0.
    """

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: ReplicatedVoiceConfig | None = None
    voice: str | None = None


class SpeakerVoiceConfig(Model):
    """One speaker's voice."""

    speaker: str | None = None
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(Model):
    """Several speakers' voices. google-genai refuses it for Live sessions."""

    speaker_voice_configs: Sequence[SpeakerVoiceConfig] = []


class SpeechConfig(Model):
    """How the model speaks.

    Attributes:
        voice_config: With which voice.
        language_code: BCP-47; native audio models find the language by themselves.
        multi_speaker_voice_config: With which voices; see there.
    """

    voice_config: VoiceConfig | None = None
    language_code: str | None = None
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None


class ThinkingConfig(Model):
    """How much the model thinks. `gemini-3.8-live` refuses it.

    Attributes:
        include_thoughts: Whether thoughts come as parts.
        thinking_budget: Tokens; 0 is none, -1 leaves it to the model. Not together with a level.
        thinking_level: Not together with a budget.
    """

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: ThinkingLevel | None = None


class TranslationConfig(Model):
    """Has the model translate what it hears.

    Attributes:
        target_language_code: BCP-47.
        echo_target_language: Whether speech that needs no translation is repeated.
    """

    target_language_code: str | None = None
    echo_target_language: bool | None = None


class GenerationConfig(Model):
    """The wire's `setup.generationConfig`.

    Live sessions take neither `response_logprobs` nor `response_mime_type`, `logprobs`, `response_schema`,
    `stop_sequences`, `routing_config` or `audio_timestamp`, says the reference; so they are not here.

    Attributes:
        response_modalities: Exactly one, in practice. Vertex demands it.
        temperature: Randomness.
        top_p: Share of the probable tokens to choose from.
        top_k: Number of the probable tokens to choose from.
        max_output_tokens: Of one answer.
        candidate_count: How many answers.
        presence_penalty: Against tokens that were used at all.
        frequency_penalty: Against tokens that were used often.
        seed: For answers that repeat, as far as they do.
        media_resolution: How many tokens an image is worth.
        speech_config: How the model speaks.
        thinking_config: How much it thinks.
        enable_affective_dialog: Whether it answers the tone of voice. An error on Gemini 3.8.
        translation_config: Has it translate.
        audio_transcription_config: Speech recognition; in google-genai 3.4.0 only.
        response_format: As JSON; in google-genai 3.4.0 only.
        model_config: As JSON. Vertex only.
    """

    response_modalities: Sequence[Modality] = []
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    max_output_tokens: int | None = None
    candidate_count: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    media_resolution: MediaResolution | None = None
    speech_config: SpeechConfig | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | None = None
    translation_config: TranslationConfig | None = None
    audio_transcription_config: AudioTranscriptionConfig | None = None
    response_format: Sequence[Mapping[str, object]] = []
    model_config: Mapping[str, object] | None = None


class LiveGenerationConfig(GenerationConfig):
    """How a session's model listens and answers: a `GenerationConfig` and what else a setup may configure.

    On the wire the fields below stand beside `generationConfig`; `make_setup` puts them there.

    Attributes:
        input_audio_transcription: Asks for transcripts of the user.
        output_audio_transcription: Asks for transcripts of the model.
        realtime_input_config: How streamed input is cut into turns.
        context_window_compression: Lets the session outlast its context window.
        proactivity: Lets the model decide when to speak.
        explicit_vad_signal: Asks for `VoiceActivity` events. Vertex only.
        history_config: How earlier history comes in.
        avatar_config: Who speaks in the video.
        safety_settings: What is blocked.
        labels: For billing; keys and values of at most 63 characters.
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

    def generation_config(self) -> GenerationConfig:
        """Return the part of it that stays in `generationConfig`."""
        return GenerationConfig(**{name: getattr(self, name) for name in GenerationConfig.__struct_fields__})
