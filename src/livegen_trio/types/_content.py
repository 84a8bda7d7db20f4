"""Content of both sides, in parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from ._base import Model
from ._enums import FunctionResponseScheduling, Language, MediaProcessing, NullValue, Outcome, ToolType
from ._media import (
    AudioMetadata,
    Blob,
    DocumentMetadata,
    FileData,
    PartMediaResolution,
    SpeechMetadata,
    SpreadsheetMetadata,
    Transcription,
    VideoMetadata,
)

Role: TypeAlias = Literal["user", "model"] | str
"""The speaker. Models differ in what they make of other roles, such as `system`."""


class PartialArg(Model):
    """A piece of one argument of a call that is still being written. Vertex only.

    Attributes:
        json_path: Where it belongs (RFC 9535), such as `$.places[0].name`.
        string_value: The piece, if it is text.
        number_value: The piece, if it is a number.
        bool_value: The piece, if it is a truth value.
        null_value: `NULL_VALUE`, if the argument is null.
        will_continue: Whether more of the same argument follows.
    """

    json_path: str = ""
    string_value: str | None = None
    number_value: float | None = None
    bool_value: bool | None = None
    null_value: NullValue | None = None
    will_continue: bool = False


class FunctionCall(Model, gc=False):
    """The model asks for a function to be called.

    Attributes:
        id: What the response must carry. Vertex has been seen to leave it out.
        name: The function.
        args: By name. Whole numbers may come as floats, since the service keeps doubles (uncertain: by its format).
        partial_args: Pieces, where arguments are streamed. Vertex only.
        will_continue: Whether more pieces of this call follow. Vertex only.
    """

    id: str | None = None
    name: str = ""
    args: Mapping[str, object] = {}
    partial_args: Sequence[PartialArg] = []
    will_continue: bool = False


class FunctionResponsePart(Model):
    """Media that a function answers with."""

    inline_data: Blob | None = None
    file_data: FileData | None = None
    media_processing: MediaProcessing | None = None
    media_resolution: PartMediaResolution | None = None
    video_metadata: VideoMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None


class FunctionResponse(Model):
    """The answer of a function that the model has called.

    Attributes:
        id: The call's. The Gemini API demands it, Vertex does not.
        name: The function.
        response: `output` and `error` are special keys; without them all of it is the output.
        scheduling: For non-blocking functions. Uncertain on Vertex: google-genai sends it since 3.4, and others
            found it unsupported.
        will_continue: Whether more responses to this call follow; for non-blocking functions, not on Vertex.
        parts: Media.
    """

    id: str | None = None
    name: str = ""
    response: Mapping[str, object] = {}
    scheduling: FunctionResponseScheduling | None = None
    will_continue: bool | None = None
    parts: Sequence[FunctionResponsePart] = []


class ExecutableCode(Model):
    """Code that the model wrote for the service to run."""

    language: Language | None = None
    code: str = ""
    id: str | None = None


class CodeExecutionResult(Model):
    """The result of an `ExecutableCode`.

    Attributes:
        outcome: How it ended.
        output: Its standard output, or what went wrong.
        id: That of the code.
    """

    outcome: Outcome | None = None
    output: str = ""
    id: str | None = None


class ServerToolCall(Model):
    """A call of a tool that the service runs by itself. Gemini API only."""

    id: str | None = None
    tool_type: ToolType | None = None
    args: Mapping[str, object] = {}


class ServerToolResponse(Model):
    """The answer of a tool that the service runs by itself. Gemini API only."""

    id: str | None = None
    tool_type: ToolType | None = None
    response: Mapping[str, object] = {}


class Part(Model, gc=False):
    """A piece of content: one kind of data, and remarks on it.

    Attributes:
        text: Text.
        inline_data: Media in the message.
        file_data: Media elsewhere.
        function_call: A call that the model wants.
        function_response: The answer of a function.
        executable_code: Code to be run by the service.
        code_execution_result: The result of such code.
        tool_call: A call of a server-side tool.
        tool_response: The answer of a server-side tool.
        thought: Whether this is what the model thinks and not what it says.
        thought_signature: Opaque; to be handed back with the part.
        video_metadata: About the media.
        media_resolution: About the media.
        part_metadata: Anything; not for the model. Gemini API only.
        audio_transcription: Transcript of the part's audio.
        media_processing: About the media.
        speech_metadata: About the text, for speech.
        document_metadata: About the media.
        spreadsheet_metadata: About the media.
        audio_metadata: About the media.
    """

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: ExecutableCode | None = None
    code_execution_result: CodeExecutionResult | None = None
    tool_call: ServerToolCall | None = None
    tool_response: ServerToolResponse | None = None
    thought: bool = False
    thought_signature: bytes = b""
    video_metadata: VideoMetadata | None = None
    media_resolution: PartMediaResolution | None = None
    part_metadata: Mapping[str, object] = {}
    audio_transcription: Transcription | None = None
    media_processing: MediaProcessing | None = None
    speech_metadata: SpeechMetadata | None = None
    document_metadata: DocumentMetadata | None = None
    spreadsheet_metadata: SpreadsheetMetadata | None = None
    audio_metadata: AudioMetadata | None = None


class Content(Model, gc=False):
    """Content of one speaker.

    Attributes:
        role: The speaker; older models on the Gemini API leave it out.
        parts: Text, media, calls and their answers, in order.
    """

    role: Role | None = None
    parts: Sequence[Part] = []

    @property
    def text(self) -> str:
        """The text of all parts but thoughts."""
        return "".join(part.text for part in self.parts if part.text and not part.thought)
