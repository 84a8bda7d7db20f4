"""Firebase AI Logic's names and rules, for programs that come from its SDKs.

The session behind them is that of `livegen_trio`, without the SDKs' bugs; `docs/firebase.md` says what differs.
Failures raise an `AIError` with Firebase's code, whose cause is the error of `livegen_trio`, with more detail.
"""

from .._public_names import publish as _publish
from ._ai import AI as AI, FirebaseApp as FirebaseApp, get_ai as get_ai
from ._backends import (
    AgentPlatformBackend as AgentPlatformBackend,
    Backend as Backend,
    BackendType as BackendType,
    GoogleAIBackend as GoogleAIBackend,
    VertexAIBackend as VertexAIBackend,
)
from ._conversation import start_audio_conversation as start_audio_conversation
from ._errors import AIError as AIError, AIErrorCode as AIErrorCode
from ._model import (
    LiveGenerativeModel as LiveGenerativeModel,
    get_live_generative_model as get_live_generative_model,
)
from ._session import LiveSession as LiveSession

_publish(globals())
