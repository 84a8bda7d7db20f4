"""Live, two-way voice, video and text conversations with Gemini's Live API, on Trio's structured concurrency."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Final

from ._engine.options import Approve as Approve
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
from ._habits import MODULE as _MODULE, missing as _missing
from ._inputs import ContentInput as ContentInput, McpClient as McpClient, ToolInput as ToolInput
from ._model import (
    AIModel as AIModel,
    ConnectOptions as ConnectOptions,
    LiveGenerativeModel as LiveGenerativeModel,
    Resumption as Resumption,
    get_live_generative_model as get_live_generative_model,
)
from ._protocol.model_profiles import ModelProfile as ModelProfile, profile_of as profile_of
from ._public_names import publish as _publish, publish_one as _publish_one
from ._resumption.reconnection import Reconnection as Reconnection
from ._resumption.store import ResumeStore as ResumeStore
from ._session.buffering import Buffering as Buffering
from ._session.closed import SessionClosedError as SessionClosedError
from ._session.lease import SessionLease as SessionLease
from ._session.session import LiveSession as LiveSession
from ._session.statistics import SessionStatistics as SessionStatistics
from ._session.transcripts import Transcript as Transcript
from ._session.turns import Pieces as Pieces, Turn as Turn, TurnReader as TurnReader, TurnResult as TurnResult
from .backends._route import RouteOptions as RouteOptions
from .backends.base import Backend as Backend, WebSocketBackend as WebSocketBackend
from .backends.gemini import GeminiBackend as GeminiBackend
from .tools import ToolContext as ToolContext, tool as tool
from .types import (
    AudioTranscriptionConfig as AudioTranscriptionConfig,
    AutomaticActivityDetection as AutomaticActivityDetection,
    Blob as Blob,
    Content as Content,
    ContextWindowCompressionConfig as ContextWindowCompressionConfig,
    Duration as Duration,
    FunctionCall as FunctionCall,
    FunctionDeclaration as FunctionDeclaration,
    FunctionResponse as FunctionResponse,
    GoAway as GoAway,
    GoogleSearch as GoogleSearch,
    HistoryConfig as HistoryConfig,
    LiveGenerationConfig as LiveGenerationConfig,
    Part as Part,
    PrebuiltVoiceConfig as PrebuiltVoiceConfig,
    ProactivityConfig as ProactivityConfig,
    RealtimeInputConfig as RealtimeInputConfig,
    Reconnected as Reconnected,
    Reconnecting as Reconnecting,
    ResumeState as ResumeState,
    Schema as Schema,
    ServerContent as ServerContent,
    ServerEvent as ServerEvent,
    SessionResumptionConfig as SessionResumptionConfig,
    SessionResumptionUpdate as SessionResumptionUpdate,
    SlidingWindow as SlidingWindow,
    SpeechConfig as SpeechConfig,
    ThinkingConfig as ThinkingConfig,
    Tool as Tool,
    ToolCall as ToolCall,
    ToolCallCancellation as ToolCallCancellation,
    ToolCallUnanswered as ToolCallUnanswered,
    ToolConfig as ToolConfig,
    ToolFailed as ToolFailed,
    Transcription as Transcription,
    TranslationConfig as TranslationConfig,
    UnknownEvent as UnknownEvent,
    UnreadableFrame as UnreadableFrame,
    UsageMetadata as UsageMetadata,
    VoiceConfig as VoiceConfig,
)

if TYPE_CHECKING:
    from ._tokens import AuthToken as AuthToken, create_auth_token as create_auth_token
    from .backends._certificate import ClientCertificate as ClientCertificate
    from .backends._google_auth import GoogleCredentials as GoogleCredentials
    from .backends.firebase import FirebaseBackend as FirebaseBackend
    from .backends.vertex import VertexBackend as VertexBackend
    from .local import LocalBackend as LocalBackend

# What most programs do without, and where it is: imported when it is asked for.
_LATER: Final = {
    "AuthToken": "._tokens",
    "ClientCertificate": ".backends._certificate",
    "GoogleCredentials": ".backends._google_auth",
    "FirebaseBackend": ".backends.firebase",
    "LocalBackend": ".local",
    "VertexBackend": ".backends.vertex",
    "create_auth_token": "._tokens",
}

_publish(globals())


if not TYPE_CHECKING:  # a type checker would take any name for one of ours then

    def __getattr__(name: str) -> object:
        """Import what is in `_LATER`."""
        if name not in _LATER:
            raise _missing(f"module {__name__!r}", name, _MODULE, __dir__())
        thing = getattr(_import_module(_LATER[name], __name__), name)
        _publish_one(thing, __name__)
        return thing


def __dir__() -> list[str]:
    """Return the public names, those that are not imported yet among them."""
    return sorted({*globals(), *_LATER} - {"TYPE_CHECKING", "Final"})
