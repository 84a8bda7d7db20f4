"""`LiveGenerativeModel` under Firebase's rules."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from .._errors import LiveError
from .._model import (
    LiveGenerativeModel as Model,
    get_live_generative_model as get_model,
)
from .._needs_trio import needs_trio
from ..transports._dial.proxies import ENVIRONMENT
from ..types import LiveGenerationConfig
from ._ai import dialled
from ._errors import AIError, AIErrorCode, code_of, in_firebases_terms
from ._session import LiveSession

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from .._inputs import ContentInput, ToolInput
    from .._protocol.model_profiles import ModelProfile
    from ..types import Content, SessionResumptionConfig, Tool, ToolConfig
    from ._ai import AI


class LiveGenerativeModel:
    """A Live model behind Firebase. You get one from `get_live_generative_model`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def model(self) -> str:
        """Its full resource name."""
        return self._model.model

    @property
    def generation_config(self) -> LiveGenerationConfig:
        """The configuration of its input and output."""
        return self._model.generation_config

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools that it may use."""
        return self._model.tools

    @property
    def tool_config(self) -> ToolConfig | None:
        """The configuration of its tools."""
        return self._model.tool_config

    @property
    def system_instruction(self) -> Content | None:
        """Its system instruction, if it has one."""
        return self._model.system_instruction

    @asynccontextmanager
    async def connect(
        self, session_resumption: SessionResumptionConfig | None = None
    ) -> AsyncGenerator[LiveSession]:
        """Begin a conversation: `async with model.connect() as session`. Leaving the block closes it.

        Firebase returns a session that you close; this is a block. `livegen_trio.LiveGenerativeModel.connect` describes
        cancellation, errors and time-outs.

        Args:
            session_resumption: Asks for handles to resume the session with, or resumes one, as in Firebase: without it
                the session can't be resumed.

        Yields:
            The session, which the server has accepted.

        Raises:
            AIError: FETCH_ERROR if the server can't be reached, RESPONSE_ERROR if it refuses the setup.
        """
        needs_trio(
            "livegen_trio.firebase",
            on_asyncio="use livegen_trio.anyio.connect(), with a model on livegen_trio.FirebaseBackend",
        )
        error_of_block: BaseException | None = None
        try:
            async with self._model.connect(session_resumption=session_resumption) as session:
                try:
                    yield LiveSession(session)
                except BaseException as exc:
                    error_of_block = exc
                    raise
        except LiveError as exc:
            if exc is error_of_block:
                raise
            raise AIError(code_of(exc, if_closed=AIErrorCode.SESSION_CLOSED), str(exc)) from exc


def get_live_generative_model(
    ai: AI,
    model: str,
    *,
    generation_config: LiveGenerationConfig | None = None,
    tools: Sequence[ToolInput] = (),
    tool_config: ToolConfig | None = None,
    system_instruction: ContentInput | None = None,
    profile: ModelProfile | None = None,
    base_url: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    proxy: str | None = ENVIRONMENT,
    headers: Mapping[str, str] | None = None,
) -> LiveGenerativeModel:
    """Return a model for live conversations. Nothing is dialled before `connect`.

    Args:
        ai: The app and the API behind it, from `get_ai`.
        model: Its name, such as "gemini-3.8-live"; "models/" in front of it is all right.
        generation_config: How it listens and answers; transcriptions and compression are written into it.
        tools: Functions, which the session calls itself; `FunctionDeclaration`s, whose calls you answer; `Tool`s.
        tool_config: How it may use them.
        system_instruction: Text, a `Part`, or a `Content`.
        profile: The capabilities of the model; see `livegen_trio.get_live_generative_model`.
        base_url: Another server that speaks the protocol.
        ssl_context: For TLS, in place of the system's certificates.
        proxy: URL of a proxy; by default the environment's; None for none.
        headers: Sent in addition to Firebase's own.

    Raises:
        AIError: NO_MODEL, NO_API_KEY, NO_PROJECT_ID or NO_APP_ID for what is missing; UNSUPPORTED for what the model or
            the API is known not to accept, and for an invalid system instruction; INVALID_SCHEMA for a function
            that can't be declared.
    """
    if not model:
        raise AIError(AIErrorCode.NO_MODEL, 'there is no model\'s name; write one like "gemini-3.8-live"')
    with in_firebases_terms(if_closed=AIErrorCode.ERROR):
        backend = dialled(ai, base_url=base_url, ssl_context=ssl_context, proxy=proxy, headers=headers)
        return LiveGenerativeModel(
            get_model(
                model,
                backend=backend,
                # Firebase transcribes nothing that isn't asked for.
                generation_config=generation_config or LiveGenerationConfig(),
                system_instruction=system_instruction,
                tools=tools,
                tool_config=tool_config,
                profile=profile,
            )
        )
