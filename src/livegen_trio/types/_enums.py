"""The protocol's enums, all of them open: an unknown value is kept as it came.

One that is to be sent has to be in upper case, as the known ones are.
Names are those of google-genai 3.6.1's schema unless said otherwise.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Modality: TypeAlias = Literal["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"] | str
"""Kinds of answers. `VIDEO` is the avatar, on Vertex only."""

MediaModality: TypeAlias = (
    Literal["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"] | str
)
"""Kinds of tokens in a usage report."""

MediaResolution: TypeAlias = (
    Literal[
        "MEDIA_RESOLUTION_UNSPECIFIED",
        "MEDIA_RESOLUTION_LOW",
        "MEDIA_RESOLUTION_MEDIUM",
        "MEDIA_RESOLUTION_HIGH",
    ]
    | str
)
"""Tokens that an image is worth."""

PartMediaResolutionLevel: TypeAlias = MediaResolution | Literal["MEDIA_RESOLUTION_ULTRA_HIGH"]
"""Tokens that a single part's media is worth."""

StartSensitivity: TypeAlias = (
    Literal["START_SENSITIVITY_UNSPECIFIED", "START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"] | str
)
"""Sensitivity for the beginning of speech. The default is HIGH on the Gemini API and LOW on Vertex."""

EndSensitivity: TypeAlias = (
    Literal["END_SENSITIVITY_UNSPECIFIED", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"] | str
)
"""Sensitivity for the end of speech. The default is HIGH on the Gemini API and LOW on Vertex."""

ActivityHandling: TypeAlias = (
    Literal["ACTIVITY_HANDLING_UNSPECIFIED", "START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"] | str
)
"""Interruption of the model by the user; `START_OF_ACTIVITY_INTERRUPTS` is the default."""

TurnCoverage: TypeAlias = (
    Literal[
        "TURN_COVERAGE_UNSPECIFIED",
        "TURN_INCLUDES_ONLY_ACTIVITY",
        "TURN_INCLUDES_ALL_INPUT",
        "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
    ]
    | str
)
"""Input that belongs to the user's turn. The default depends on the model."""

Behavior: TypeAlias = Literal["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"] | str
"""Waiting for a function's response, or not. Live only; the default depends on the model."""

FunctionResponseScheduling: TypeAlias = (
    Literal["SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"] | str
)
"""Time at which a non-blocking function's response is taken up; `WHEN_IDLE` is the default."""

InteractionStatus: TypeAlias = (
    Literal["INTERACTION_STATUS_UNSPECIFIED", "IN_PROGRESS", "REQUIRES_ACTION", "IDLE"] | str
)
"""State of the interaction: whether more turns follow without input. Seen from extended thinking (uncertain)."""

SpeechState: TypeAlias = Literal["SPEECH_STATE_UNSPECIFIED", "NON_SPEECH", "SPEECH"] | str
"""Speech, or none. Uncertain: in Vertex's reference, and in no SDK."""

VadSignalType: TypeAlias = (
    Literal["VAD_SIGNAL_TYPE_UNSPECIFIED", "VAD_SIGNAL_TYPE_SOS", "VAD_SIGNAL_TYPE_EOS"] | str
)
"""Start and end of speech, as `VoiceActivityDetectionSignal` names them."""

VoiceActivityType: TypeAlias = Literal["TYPE_UNSPECIFIED", "ACTIVITY_START", "ACTIVITY_END"] | str
"""Start and end of speech, as `VoiceActivity` names them."""

ThinkingLevel: TypeAlias = (
    Literal["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"] | str
)
"""Amount of thinking before an answer."""

TranscriptionMode: TypeAlias = Literal["MODE_UNSPECIFIED", "VERBATIM", "SMART"] | str
"""Verbatim, which is the default, or tidied up."""

FunctionCallingMode: TypeAlias = Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"] | str
"""Calling of functions: the model may, must or must not."""

Outcome: TypeAlias = (
    Literal["OUTCOME_UNSPECIFIED", "OUTCOME_OK", "OUTCOME_FAILED", "OUTCOME_DEADLINE_EXCEEDED"] | str
)
"""Outcome of code that the model wrote."""

Language: TypeAlias = Literal["LANGUAGE_UNSPECIFIED", "PYTHON"] | str
"""The language of code that the model wrote."""

UrlRetrievalStatus: TypeAlias = (
    Literal[
        "URL_RETRIEVAL_STATUS_UNSPECIFIED",
        "URL_RETRIEVAL_STATUS_SUCCESS",
        "URL_RETRIEVAL_STATUS_ERROR",
        "URL_RETRIEVAL_STATUS_PAYWALL",
        "URL_RETRIEVAL_STATUS_UNSAFE",
    ]
    | str
)
"""Outcome of fetching a page for the URL context tool."""

TrafficType: TypeAlias = (
    Literal[
        "TRAFFIC_TYPE_UNSPECIFIED",
        "ON_DEMAND",
        "ON_DEMAND_PRIORITY",
        "ON_DEMAND_FLEX",
        "ON_DEMAND_OFFPEAK",
        "PROVISIONED_THROUGHPUT",
    ]
    | str
)
"""Billing of a request on Vertex."""

ServiceTier: TypeAlias = Literal["unspecified", "flex", "standard", "priority"] | str
"""Tier that served a request on the Gemini API; the one enum in lower case."""

HarmCategory: TypeAlias = (
    Literal[
        "HARM_CATEGORY_UNSPECIFIED",
        "HARM_CATEGORY_HARASSMENT",
        "HARM_CATEGORY_HATE_SPEECH",
        "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT",
        "HARM_CATEGORY_CIVIC_INTEGRITY",
        "HARM_CATEGORY_JAILBREAK",
        "HARM_CATEGORY_IMAGE_HATE",
        "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        "HARM_CATEGORY_IMAGE_HARASSMENT",
        "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    ]
    | str
)
"""A kind of content that a safety setting blocks."""

HarmBlockThreshold: TypeAlias = (
    Literal[
        "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
        "BLOCK_LOW_AND_ABOVE",
        "BLOCK_MEDIUM_AND_ABOVE",
        "BLOCK_ONLY_HIGH",
        "BLOCK_NONE",
        "OFF",
    ]
    | str
)
"""From which degree on a safety setting blocks."""

HarmBlockMethod: TypeAlias = Literal["HARM_BLOCK_METHOD_UNSPECIFIED", "SEVERITY", "PROBABILITY"] | str
"""Measure of a safety setting's degree. Vertex only."""

PhishBlockThreshold: TypeAlias = (
    Literal[
        "PHISH_BLOCK_THRESHOLD_UNSPECIFIED",
        "BLOCK_LOW_AND_ABOVE",
        "BLOCK_MEDIUM_AND_ABOVE",
        "BLOCK_HIGH_AND_ABOVE",
        "BLOCK_HIGHER_AND_ABOVE",
        "BLOCK_VERY_HIGH_AND_ABOVE",
        "BLOCK_ONLY_EXTREMELY_HIGH",
    ]
    | str
)
"""From which confidence on a search leaves out suspicious sites. Vertex only."""

ToolType: TypeAlias = (
    Literal[
        "TOOL_TYPE_UNSPECIFIED",
        "GOOGLE_SEARCH_WEB",
        "GOOGLE_SEARCH_IMAGE",
        "URL_CONTEXT",
        "GOOGLE_MAPS",
        "FILE_SEARCH",
        "MEDIA_PROCESSING",
    ]
    | str
)
"""A tool that the server runs by itself."""

MediaProcessing: TypeAlias = Literal["MEDIA_PROCESSING_UNSPECIFIED", "STATIC", "AGENTIC"] | str
"""Processing of a video."""

VideoContentLayer: TypeAlias = Literal["CONTENT_LAYER_UNSPECIFIED", "FRAMES", "AUDIO", "TRANSCRIPT"] | str
"""Layers of a video that the model gets."""

DocumentContentLayer: TypeAlias = Literal["CONTENT_LAYER_UNSPECIFIED", "PAGE_IMAGE", "PAGE_TEXT"] | str
"""Layers of a document that the model gets; `PAGE_IMAGE` is the default."""

SpreadsheetContentLayer: TypeAlias = Literal["CONTENT_LAYER_UNSPECIFIED", "DATA", "FORMULAS", "VISUAL"] | str
"""Layers of a workbook that the model gets; `DATA` and `FORMULAS` are the default."""

NullValue: TypeAlias = Literal["NULL_VALUE"] | str
"""Null, where a field must have a value."""

DynamicRetrievalMode: TypeAlias = Literal["MODE_UNSPECIFIED", "MODE_DYNAMIC"] | str
"""Mode of the older search tool: it decides by itself when to search, or not."""

ComputerEnvironment: TypeAlias = (
    Literal["ENVIRONMENT_UNSPECIFIED", "ENVIRONMENT_BROWSER", "ENVIRONMENT_MOBILE", "ENVIRONMENT_DESKTOP"]
    | str
)
"""Kind of computer that the model operates."""

SafetyPolicy: TypeAlias = (
    Literal[
        "SAFETY_POLICY_UNSPECIFIED",
        "FINANCIAL_TRANSACTIONS",
        "SENSITIVE_DATA_MODIFICATION",
        "COMMUNICATION_TOOL",
        "ACCOUNT_CREATION",
        "DATA_MODIFICATION",
        "USER_CONSENT_MANAGEMENT",
        "LEGAL_TERMS_AND_AGREEMENTS",
    ]
    | str
)
"""Kinds of actions that a model which operates a computer asks a human about first."""

SchemaType: TypeAlias = (
    Literal["TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"] | str
)
"""The type of a value in a function's schema."""

TurnCompleteReason: TypeAlias = (
    Literal[
        "TURN_COMPLETE_REASON_UNSPECIFIED",
        "MALFORMED_FUNCTION_CALL",
        "RESPONSE_REJECTED",
        "NEED_MORE_INPUT",
        "PROHIBITED_INPUT_CONTENT",
        "IMAGE_PROHIBITED_INPUT_CONTENT",
        "INPUT_TEXT_CONTAIN_PROMINENT_PERSON_PROHIBITED",
        "INPUT_IMAGE_CELEBRITY",
        "INPUT_IMAGE_PHOTO_REALISTIC_CHILD_PROHIBITED",
        "INPUT_TEXT_NCII_PROHIBITED",
        "INPUT_OTHER",
        "INPUT_IP_PROHIBITED",
        "BLOCKLIST",
        "UNSAFE_PROMPT_FOR_IMAGE_GENERATION",
        "GENERATED_IMAGE_SAFETY",
        "GENERATED_CONTENT_SAFETY",
        "GENERATED_AUDIO_SAFETY",
        "GENERATED_VIDEO_SAFETY",
        "GENERATED_CONTENT_PROHIBITED",
        "GENERATED_CONTENT_BLOCKLIST",
        "GENERATED_IMAGE_PROHIBITED",
        "GENERATED_IMAGE_CELEBRITY",
        "GENERATED_IMAGE_PROMINENT_PEOPLE_DETECTED_BY_REWRITER",
        "GENERATED_IMAGE_IDENTIFIABLE_PEOPLE",
        "GENERATED_IMAGE_MINORS",
        "OUTPUT_IMAGE_IP_PROHIBITED",
        "GENERATED_OTHER",
        "MAX_REGENERATION_REACHED",
        "TOO_MANY_TOOL_CALLS",
    ]
    | str
)
"""Why a turn is over, where it is not simply done. `TOO_MANY_TOOL_CALLS` is from another SDK's list."""
