"""Live, two-way voice, video and text conversations with Gemini's Live API, on Trio's structured concurrency."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from ._errors import (
    ConfigError as ConfigError,
    ConnectTimeoutError as ConnectTimeoutError,
    HandshakeError as HandshakeError,
    LiveError as LiveError,
    LocalProtocolError as LocalProtocolError,
    ProtocolError as ProtocolError,
    RemoteProtocolError as RemoteProtocolError,
    SetupRejectedError as SetupRejectedError,
    ToolError as ToolError,
)
from ._inputs import ContentInput as ContentInput, ToolInput as ToolInput
from ._model import (
    AIModel as AIModel,
    ConnectOptions as ConnectOptions,
    LiveGenerativeModel as LiveGenerativeModel,
    get_live_generative_model as get_live_generative_model,
)
from ._protocol.model_profiles import ModelProfile as ModelProfile, profile_of as profile_of
from ._resumption.reconnection import Reconnection as Reconnection
from ._resumption.store import ResumeStore as ResumeStore
from ._session.buffering import Buffering as Buffering
from ._session.closed import SessionClosedError as SessionClosedError
from ._session.session import LiveSession as LiveSession
from ._session.statistics import SessionStatistics as SessionStatistics
from ._session.turns import Turn as Turn, TurnResult as TurnResult
from .backends.base import Backend as Backend, WebSocketBackend as WebSocketBackend
from .backends.gemini import GeminiBackend as GeminiBackend
from .tools import ToolContext as ToolContext, tool as tool
from .types import (
    OUTPUT_SAMPLE_RATE as OUTPUT_SAMPLE_RATE,
    ActivityHandling as ActivityHandling,
    AudioMetadata as AudioMetadata,
    AudioTranscriptionConfig as AudioTranscriptionConfig,
    AuthorAttribution as AuthorAttribution,
    AutomaticActivityDetection as AutomaticActivityDetection,
    AvatarConfig as AvatarConfig,
    Behavior as Behavior,
    Blob as Blob,
    CodeExecution as CodeExecution,
    CodeExecutionResult as CodeExecutionResult,
    ComputerEnvironment as ComputerEnvironment,
    ComputerUse as ComputerUse,
    Content as Content,
    ContextWindowCompressionConfig as ContextWindowCompressionConfig,
    CustomizedAvatar as CustomizedAvatar,
    CustomMetadata as CustomMetadata,
    DocumentContentLayer as DocumentContentLayer,
    DocumentMetadata as DocumentMetadata,
    Duration as Duration,
    DynamicRetrievalConfig as DynamicRetrievalConfig,
    DynamicRetrievalMode as DynamicRetrievalMode,
    EndSensitivity as EndSensitivity,
    EnterpriseWebSearch as EnterpriseWebSearch,
    Event as Event,
    ExaAiSearch as ExaAiSearch,
    ExchangeEnded as ExchangeEnded,
    ExecutableCode as ExecutableCode,
    FileData as FileData,
    FileSearch as FileSearch,
    FunctionCall as FunctionCall,
    FunctionCallingConfig as FunctionCallingConfig,
    FunctionCallingMode as FunctionCallingMode,
    FunctionDeclaration as FunctionDeclaration,
    FunctionResponse as FunctionResponse,
    FunctionResponsePart as FunctionResponsePart,
    FunctionResponseScheduling as FunctionResponseScheduling,
    GenerationConfig as GenerationConfig,
    GoAway as GoAway,
    GoogleMaps as GoogleMaps,
    GoogleMapsGroundingTypes as GoogleMapsGroundingTypes,
    GoogleSearch as GoogleSearch,
    GoogleSearchRetrieval as GoogleSearchRetrieval,
    GroundingChunk as GroundingChunk,
    GroundingChunkImage as GroundingChunkImage,
    GroundingChunkMaps as GroundingChunkMaps,
    GroundingChunkRetrievedContext as GroundingChunkRetrievedContext,
    GroundingChunkWeb as GroundingChunkWeb,
    GroundingMetadata as GroundingMetadata,
    GroundingSupport as GroundingSupport,
    HarmBlockMethod as HarmBlockMethod,
    HarmBlockThreshold as HarmBlockThreshold,
    HarmCategory as HarmCategory,
    HistoryConfig as HistoryConfig,
    InteractionStatus as InteractionStatus,
    Interval as Interval,
    Language as Language,
    LanguageHints as LanguageHints,
    LatLng as LatLng,
    LiveGenerationConfig as LiveGenerationConfig,
    MapsRoute as MapsRoute,
    McpServer as McpServer,
    MediaModality as MediaModality,
    MediaProcessing as MediaProcessing,
    MediaResolution as MediaResolution,
    Modality as Modality,
    ModalityTokenCount as ModalityTokenCount,
    MultiSpeakerVoiceConfig as MultiSpeakerVoiceConfig,
    NullValue as NullValue,
    Outcome as Outcome,
    ParallelAiSearch as ParallelAiSearch,
    Part as Part,
    PartialArg as PartialArg,
    PartMediaResolution as PartMediaResolution,
    PartMediaResolutionLevel as PartMediaResolutionLevel,
    PartnerSearch as PartnerSearch,
    PhishBlockThreshold as PhishBlockThreshold,
    PlaceAnswerSources as PlaceAnswerSources,
    PrebuiltVoiceConfig as PrebuiltVoiceConfig,
    ProactivityConfig as ProactivityConfig,
    RagChunk as RagChunk,
    RagChunkPageSpan as RagChunkPageSpan,
    RealtimeInputConfig as RealtimeInputConfig,
    Reconnected as Reconnected,
    Reconnecting as Reconnecting,
    ReplicatedVoiceConfig as ReplicatedVoiceConfig,
    ResumeState as ResumeState,
    RetrievalConfig as RetrievalConfig,
    RetrievalMetadata as RetrievalMetadata,
    ReviewSnippet as ReviewSnippet,
    Role as Role,
    SafetyPolicy as SafetyPolicy,
    SafetySetting as SafetySetting,
    Schema as Schema,
    SchemaType as SchemaType,
    SearchEntryPoint as SearchEntryPoint,
    SearchTypes as SearchTypes,
    Segment as Segment,
    ServerContent as ServerContent,
    ServerError as ServerError,
    ServerEvent as ServerEvent,
    ServerToolCall as ServerToolCall,
    ServerToolResponse as ServerToolResponse,
    ServiceTier as ServiceTier,
    SessionResumptionConfig as SessionResumptionConfig,
    SessionResumptionUpdate as SessionResumptionUpdate,
    SlidingWindow as SlidingWindow,
    SourceFlaggingUri as SourceFlaggingUri,
    SpeakerVoiceConfig as SpeakerVoiceConfig,
    SpeechConfig as SpeechConfig,
    SpeechMetadata as SpeechMetadata,
    SpeechState as SpeechState,
    SpreadsheetContentLayer as SpreadsheetContentLayer,
    SpreadsheetMetadata as SpreadsheetMetadata,
    StartSensitivity as StartSensitivity,
    StreamableHttpTransport as StreamableHttpTransport,
    StringList as StringList,
    ThinkingConfig as ThinkingConfig,
    ThinkingLevel as ThinkingLevel,
    Tool as Tool,
    ToolCall as ToolCall,
    ToolCallCancellation as ToolCallCancellation,
    ToolCallUnanswered as ToolCallUnanswered,
    ToolConfig as ToolConfig,
    ToolFailed as ToolFailed,
    ToolType as ToolType,
    TrafficType as TrafficType,
    Transcription as Transcription,
    TranscriptionMode as TranscriptionMode,
    TranslationConfig as TranslationConfig,
    TurnCompleteReason as TurnCompleteReason,
    TurnCoverage as TurnCoverage,
    UnknownEvent as UnknownEvent,
    UnreadableFrame as UnreadableFrame,
    UrlContext as UrlContext,
    UrlContextMetadata as UrlContextMetadata,
    UrlMetadata as UrlMetadata,
    UrlRetrievalStatus as UrlRetrievalStatus,
    UsageMetadata as UsageMetadata,
    VadSignalType as VadSignalType,
    VideoContentLayer as VideoContentLayer,
    VideoMetadata as VideoMetadata,
    VoiceActivity as VoiceActivity,
    VoiceActivityDetectionSignal as VoiceActivityDetectionSignal,
    VoiceActivityType as VoiceActivityType,
    VoiceConfig as VoiceConfig,
    VoiceConsentSignature as VoiceConsentSignature,
    WordInfo as WordInfo,
)

if TYPE_CHECKING:
    from ._tokens import AuthToken as AuthToken, create_auth_token as create_auth_token
    from .backends._certificate import ClientCertificate as ClientCertificate
    from .backends.firebase import FirebaseBackend as FirebaseBackend
    from .backends.vertex import VertexBackend as VertexBackend
    from .local import LocalBackend as LocalBackend

_LATER: Final = {
    "AuthToken": "._tokens",
    "ClientCertificate": ".backends._certificate",
    "FirebaseBackend": ".backends.firebase",
    "LocalBackend": ".local",
    "VertexBackend": ".backends.vertex",
    "create_auth_token": "._tokens",
}
"""What most programs do without, and where it is; imported when it is asked for."""


if not TYPE_CHECKING:  # which would take any name for one of ours then

    def __getattr__(name: str) -> object:
        """Import what is in `_LATER`."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_LATER[name], __name__), name)


def __dir__() -> list[str]:
    """With what is not imported yet."""
    return [*globals(), *_LATER]
