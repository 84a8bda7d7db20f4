"""The five kinds of message that a client sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ._base import Model
from ._checks import Checked, check_distinct, check_labels
from ._config import (
    AudioTranscriptionConfig,
    AvatarConfig,
    ContextWindowCompressionConfig,
    HistoryConfig,
    ProactivityConfig,
    RealtimeInputConfig,
    SafetySetting,
    SessionResumptionConfig,
)
from ._content import Content, FunctionResponse
from ._generation import GenerationConfig, LiveGenerationConfig
from ._media import Blob
from ._tools import Tool, ToolConfig


class Setup(Checked):
    """The first message of a connection, and only the first: `setup`.

    Attributes:
        model: Full resource name, as the backend spells it.
        generation_config: How the model answers.
        system_instruction: Text parts only; each is a paragraph.
        tools: The tools that the model may use.
        tool_config: Firebase's SDKs alone send it. Uncertain elsewhere: no reference has it, so that a backend may
            well close the connection with 1007.
        realtime_input_config: How streamed input is cut into turns.
        session_resumption: Asks for resumption handles, or takes up a session.
        context_window_compression: Lets the session outlast its context window.
        input_audio_transcription: Asks for transcripts of the user.
        output_audio_transcription: Asks for transcripts of the model.
        proactivity: Lets the model decide when to speak.
        explicit_vad_signal: Asks for `VoiceActivity` events, says Vertex's reference; google-genai describes it as
            the client's own signal (uncertain). Vertex only.
        history_config: How earlier history comes in.
        avatar_config: Who speaks in the video.
        safety_settings: What is blocked.
        labels: For billing. On Vertex by its reference; uncertain on the Gemini API, where google-genai sends them.
    """

    model: str
    generation_config: GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: Sequence[Tool] = []
    tool_config: ToolConfig | None = None
    realtime_input_config: RealtimeInputConfig | None = None
    session_resumption: SessionResumptionConfig | None = None
    context_window_compression: ContextWindowCompressionConfig | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
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
        check_distinct(self, "tools", _function_names(self.tools))


class ClientContent(Model):
    """Content in a fixed order, appended to the history; it interrupts the model: `clientContent`.

    What models make of a role other than `user` and `model` is uncertain: on Vertex, `system` sets the system
    instruction, says its guide; others saw it ignored there, and refused on the Gemini API.

    Attributes:
        turns: May be empty: `ClientContent(turn_complete=True)` alone asks for an answer.
        turn_complete: Whether the model is to answer now.
    """

    turns: Sequence[Content] = []
    turn_complete: bool = False


class ActivityStart(Model):
    """The user begins to speak; only where automatic detection is disabled."""


class ActivityEnd(Model):
    """The user has spoken; only where automatic detection is disabled."""


class RealtimeInput(Model):
    """Streamed input; one field a message: `realtimeInput`.

    The streams of audio, video and text have no order among each other.

    Attributes:
        audio: A stretch of sound.
        video: One picture.
        text: Text.
        activity_start: See there.
        activity_end: See there.
        audio_stream_end: The microphone is off, until the next audio; only with automatic detection. Uncertain on
            Vertex: its reference has it, and one of google-genai's two ways to send it refuses it there.
        media_chunks: Deprecated by the service, which ignores all but the first.
    """

    audio: Blob | None = None
    video: Blob | None = None
    text: str | None = None
    activity_start: ActivityStart | None = None
    activity_end: ActivityEnd | None = None
    audio_stream_end: bool = False
    media_chunks: Sequence[Blob] = []


class ToolResponse(Model):
    """The answers of functions, matched by their calls' ids: `toolResponse`."""

    function_responses: Sequence[FunctionResponse] = []


class ToolsUpdate(Checked, omit_defaults=False):
    """The tools from now on; none clears them, where no `ToolsUpdate` at all keeps them."""

    tools: Sequence[Tool] = []

    def __post_init__(self) -> None:
        super().__post_init__()
        check_distinct(self, "tools", _function_names(self.tools))


class ContextUpdate(Model):
    """Changes a running session: `contextUpdate`.

    Documented for Gemini 3.8 on Vertex; uncertain on the Gemini API, where google-genai sends it too.

    Attributes:
        system_instruction: The new one; None keeps the old one.
        tools: The new ones; None keeps the old ones.
    """

    system_instruction: Content | None = None
    tools: ToolsUpdate | None = None


ClientMessage: TypeAlias = Setup | ClientContent | RealtimeInput | ToolResponse | ContextUpdate
"""All that a client sends."""


def _function_names(tools: Sequence[Tool]) -> list[str]:
    return [function.name for tool in tools for function in tool.function_declarations]


def make_setup(
    model: str,
    config: LiveGenerationConfig | None = None,
    *,
    system_instruction: Content | None = None,
    tools: Sequence[Tool] = (),
    tool_config: ToolConfig | None = None,
    session_resumption: SessionResumptionConfig | None = None,
) -> Setup:
    """Make the first message of a connection; nothing that is handed in is changed.

    Its `generation_config` is always there, if only as `{}`; what is written flat goes where the wire has it.

    Args:
        model: Full resource name, as the backend spells it.
        config: How the model listens and answers.
        system_instruction: The instruction for the model.
        tools: The tools that the model may use.
        tool_config: How it may use them.
        session_resumption: Asks for resumption handles, or takes up a session.
    """
    config = LiveGenerationConfig() if config is None else config
    return Setup(
        model=model,
        generation_config=config.generation_config(),
        system_instruction=system_instruction,
        tools=list(tools),
        tool_config=tool_config,
        session_resumption=session_resumption,
        realtime_input_config=config.realtime_input_config,
        context_window_compression=config.context_window_compression,
        input_audio_transcription=config.input_audio_transcription,
        output_audio_transcription=config.output_audio_transcription,
        proactivity=config.proactivity,
        explicit_vad_signal=config.explicit_vad_signal,
        history_config=config.history_config,
        avatar_config=config.avatar_config,
        safety_settings=config.safety_settings,
        labels=config.labels,
    )
