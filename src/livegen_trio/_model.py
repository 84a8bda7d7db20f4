"""The model: the set-up of a conversation and the place where it is held. `connect()` begins one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypedDict, cast

import msgspec
import trio

from ._engine.connect import open_session
from ._engine.options import SessionOptions, ToolExecution
from ._engine.session_tools import SessionTools
from ._errors import ConfigError, ConnectTimeoutError, LocalProtocolError
from ._habits import GENERATIVE_MODEL, check_settings, missing
from ._needs_trio import needs_trio
from ._no_public_constructor import NoPublicConstructor, construct
from ._protocol.contents import as_instruction
from ._protocol.model_profiles import profile_of, short_name
from ._protocol.profile_checks import check_responses, check_setup, complete_setup, find_ignored_settings
from ._resumption.reconnection import Reconnection
from ._session.buffering import Buffering
from ._session.lease import SessionLease
from ._session.timing import CLOSE_TIMEOUT, CONNECT_TIMEOUT, KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, Timing
from .tools import declarations
from .types import (
    AudioTranscriptionConfig,
    FunctionResponse,
    LiveGenerationConfig,
    ResumeState,
    SessionResumptionConfig,
    ToolResponse,
    make_setup,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from ._engine.options import Approve
    from ._inputs import ContentInput, ToolInput
    from ._protocol.model_profiles import ModelProfile
    from ._session.session import LiveSession
    from .backends.base import Backend
    from .tools import Declared
    from .types import Content, Setup, Tool, ToolConfig

Resumption: TypeAlias = Literal["auto"] | SessionResumptionConfig | ResumeState | SessionLease | None


class ConnectOptions(TypedDict, total=False):
    """The options of `LiveGenerativeModel.connect`, which describes them, for functions that hand them on."""

    session_resumption: Resumption
    connect_timeout: float
    close_timeout: float
    keepalive_interval: float
    keepalive_timeout: float
    reconnection: Reconnection
    buffering: Buffering
    tool_execution: Literal["auto", "manual"]
    approve: Approve | None


_logger: Final = logging.getLogger(__name__)

_TRANSCRIBED: Final = LiveGenerationConfig(output_audio_transcription=AudioTranscriptionConfig())
_PLAIN: Final = LiveGenerationConfig()
_PATIENT: Final = Reconnection()
_BOUNDED: Final = Buffering()


class AIModel:
    """A model, by its name, on a backend."""

    def __init__(self, model: str, backend: Backend) -> None:
        if not model:
            raise ConfigError(
                'a model has to be named, for example "gemini-2.5-flash-native-audio-preview-12-2025"'
            )
        self._backend = backend
        self._model = backend.resource_name(model)

    @property
    def model(self) -> str:
        """The full resource name, as the backend spells it."""
        return self._model

    @property
    def backend(self) -> Backend:
        """The place where the model is reached."""
        return self._backend


class LiveGenerativeModel(AIModel, metaclass=NoPublicConstructor):
    """A model to converse with, made by `get_live_generative_model`. Immutable: `connect` as often as you like."""

    def __init__(
        self,
        model: str,
        backend: Backend,
        *,
        generation_config: LiveGenerationConfig | None,
        system_instruction: ContentInput | None,
        tools: Sequence[ToolInput],
        tool_config: ToolConfig | None,
        profile: ModelProfile | None,
    ) -> None:
        super().__init__(model, backend)
        self._system_instruction = None if system_instruction is None else _instruction(system_instruction)
        self._tools = tuple(tools)
        self._tool_config = tool_config
        self._profile = profile_of(self.model) if profile is None else profile
        self._generation_config = (
            _default_config(self._profile) if generation_config is None else _as_config(generation_config)
        )
        self._openapi = not (self._profile.json_schema and backend.json_schema)
        self._declared = declarations(self._tools, openapi=self._openapi)
        self._check(self._declared)
        if ignored := find_ignored_settings(self._profile, self._generation_config):
            _logger.warning("%s ignores %s", short_name(self.model), " and ".join(ignored))

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute then

        def __getattr__(self, name: str) -> object:
            raise missing("a model", name, GENERATIVE_MODEL, dir(type(self)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.model} at {self.backend!r}>"

    @property
    def generation_config(self) -> LiveGenerationConfig:
        """The way in which the model listens and answers."""
        return self._generation_config

    @property
    def system_instruction(self) -> Content | None:
        """Its instruction."""
        return self._system_instruction

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools, as they are declared to the server; those of MCP servers are listed by `connect`."""
        return self._declared.tools

    @property
    def tool_config(self) -> ToolConfig | None:
        """The way in which it may use them."""
        return self._tool_config

    @property
    def profile(self) -> ModelProfile:
        """The facts that are known of the model."""
        return self._profile

    @asynccontextmanager
    async def connect(
        self,
        *,
        session_resumption: Resumption = "auto",
        connect_timeout: float = CONNECT_TIMEOUT,
        close_timeout: float = CLOSE_TIMEOUT,
        keepalive_interval: float = KEEPALIVE_INTERVAL,
        keepalive_timeout: float = KEEPALIVE_TIMEOUT,
        reconnection: Reconnection = _PATIENT,
        buffering: Buffering = _BOUNDED,
        tool_execution: Literal["auto", "manual"] = "auto",
        approve: Approve | None = None,
    ) -> AsyncGenerator[LiveSession]:
        """Begin a conversation: `async with model.connect() as session`.

        The block holds a nursery with a sender, a receiver and a keepalive task. An exception of your own leaves it as
        it is, never in a group of ours. Leaving the block, also by cancellation, sends what was accepted, closes the
        connection in order, and takes at most `close_timeout`. If the session broke and no call has raised that yet,
        leaving the block without an exception of your own raises it.

        All times are seconds of Trio's clock; `math.inf` turns a limit off.

        Args:
            session_resumption: "auto" asks the server for handles to resume the session with; None doesn't, and the
                server stores nothing; a `SessionResumptionConfig` with a handle resumes an earlier session; a
                `ResumeState` takes one over from another process. That begins with a `Reconnected`, which counts what
                the other process had not seen arrive, and a `ToolCall` with the calls that it has not answered: a
                function may so run a second time. A lease of a store, `store.lease()`, goes on from the state that is
                kept there, and keeps the new ones, while no other process holds the conversation.
            connect_timeout: For everything up to the server's acceptance of the setup: the lists of MCP servers, the
                name look-up, TCP, TLS, the upgrade.
            close_timeout: For closing the connection in order. 0 closes it at once.
            keepalive_interval: After this much silence the server is pinged.
            keepalive_timeout: After this much silence, pings not answered, the connection is given up as broken.
            reconnection: How the session outlives its connections.
            buffering: The sizes of the session's buffers, and what becomes of more.
            tool_execution: "auto" has the session run the functions, and the MCP servers' tools, that the model
                calls; "manual" leaves every `ToolCall` to you, to be answered by `send_function_responses`. One that
                you don't answer is reported by a `ToolCallUnanswered`.
            approve: Asked before each call that the session runs, as long as it may take; False answers the call with
                the error that the user did not allow it. A call that is taken back cancels this as well.

        Yields:
            The session.

        Raises:
            SetupRejectedError: The server closed the connection in answer to the setup; with its code and reason.
            ConnectTimeoutError: It took too long; with the phase that it was in.
            HandshakeError: The server could not be reached, or refused the connection; with the phase.
            ConfigError: The backend doesn't support something that is asked for; nothing was dialled.
            ToolError: A name is taken twice among the tools; nothing was dialled.
            SessionClosedError: On leaving: the session broke, or accepted messages could not be sent.
            LeaseLostError: The lease that was given is another process's; from `store.lease`, as `HandedOverError`.
            RuntimeError: This is no Trio task; on asyncio use `livegen_trio.anyio.connect`.
        """
        needs_trio("model.connect()", on_asyncio="use livegen_trio.anyio.connect(model)")
        lease = session_resumption if isinstance(session_resumption, SessionLease) else None
        open_with = partial(
            self._open,
            timing=Timing(
                connect_timeout=connect_timeout,
                close_timeout=close_timeout if lease is None else min(close_timeout, lease.closing_time),
                keepalive_interval=keepalive_interval,
                keepalive_timeout=keepalive_timeout,
            ),
            buffering=buffering,
            reconnection=reconnection,
            execution=_execution(tool_execution, approve),
        )
        async with (
            open_with(session_resumption)
            if lease is None
            else lease.holding(lambda state: open_with(state or "auto"))
        ) as session:
            yield session

    @asynccontextmanager
    async def _open(
        self,
        session_resumption: object,
        *,
        timing: Timing,
        buffering: Buffering,
        reconnection: Reconnection,
        execution: ToolExecution,
    ) -> AsyncGenerator[LiveSession]:
        tools = SessionTools(self._tools, self._declared, openapi=self._openapi)
        opening_began = trio.current_time()
        declared = await self._list(tools, timing.connect_timeout)
        setup = self.backend.prepare_setup(self._setup(session_resumption, declared))
        options = SessionOptions(
            profile=self._profile,
            tools=tools,
            tool_execution=execution,
            timing=timing,
            buffering=buffering,
            reconnection=reconnection,
            opening_began=opening_began,
            taken_over=session_resumption if isinstance(session_resumption, ResumeState) else None,
        )
        async with open_session(self.backend.for_setup(setup), setup, options) as session:
            yield session

    async def _list(self, tools: SessionTools, seconds: float) -> Declared:
        with trio.move_on_after(seconds):
            declared = await tools.list()
            self._check(declared)
            return declared
        raise ConnectTimeoutError(phase="tools", timeout=seconds)

    def _check(self, declared: Declared) -> None:
        """Refuse what the model or the backend is known not to take, before it would fail in a conversation."""
        check_setup(self._profile, self._setup(None, declared))
        for tool in declared.callable_tools.values():
            response = FunctionResponse(
                id="1",
                name=tool.name,
                scheduling="SILENT" if tool.streams else tool.options.scheduling,
                will_continue=True if tool.streams else None,
            )
            try:
                check_responses(self._profile, self.model, [response])
                self.backend.check_message(ToolResponse(function_responses=[response]))
            except LocalProtocolError as exc:
                raise ConfigError(f"the tool {tool.name} can't be used here: {exc}") from exc

    def _setup(self, asked: object, declared: Declared) -> Setup:
        session_resumption = self._resumption(asked)
        config = self._generation_config
        if session_resumption is not None and session_resumption.handle is not None:
            # The server has the history; asked to wait for it, it might wait for ever.
            config = msgspec.structs.replace(config, history_config=None)
        setup = make_setup(
            self.model,
            config,
            system_instruction=self._system_instruction,
            tools=declared.tools,
            tool_config=self._tool_config,
            session_resumption=session_resumption,
        )
        return complete_setup(self._profile, setup)

    def _resumption(self, asked: object) -> SessionResumptionConfig | None:
        if asked == "auto":
            return SessionResumptionConfig()
        if asked is None or isinstance(asked, SessionResumptionConfig):
            return asked
        if not isinstance(asked, ResumeState):
            raise ConfigError(  # without the value, which may well be a bare handle
                'session_resumption is "auto", None, a ResumeState, a lease, or SessionResumptionConfig(handle=...)'
            )
        if asked.model != self.model:
            raise ConfigError(
                f"this resume state is of a session with {asked.model}, which {self.model} can't take up"
            )
        return SessionResumptionConfig(handle=asked.handle, transparent=asked.transparent or None)


def _execution(asked: object, approve: Approve | None) -> ToolExecution:
    if asked not in ("auto", "manual"):
        raise ConfigError('tool_execution is "auto" or "manual"')
    if asked == "manual" and approve is not None:
        raise ConfigError("there is nothing to approve: with manual execution every call is left to you")
    return ToolExecution(is_manual=asked == "manual", approve=approve)


def _instruction(value: ContentInput) -> Content:
    try:
        instruction = as_instruction(value)
    except LocalProtocolError:
        raise ConfigError("the system instruction is empty; give text, or None for none") from None
    if not all(part.text for part in instruction.parts or ()):
        raise ConfigError("a system instruction is text; something else is among its parts")
    return instruction


def get_live_generative_model(
    model: str,
    *,
    backend: Backend,
    generation_config: LiveGenerationConfig | None = None,
    system_instruction: ContentInput | None = None,
    tools: Sequence[ToolInput] = (),
    tool_config: ToolConfig | None = None,
    profile: ModelProfile | None = None,
) -> LiveGenerativeModel:
    """A model for live conversations. Nothing is dialled before `connect`.

    Args:
        model: Its name, short or with the collection in front.
        backend: Where it is reached.
        generation_config: How it listens and answers: modalities, voice, transcription, turn detection; a dict of its
            fields is converted. Without one, what the model says is transcribed, so that its answers have a text;
            `LiveGenerationConfig()` turns that off.
        system_instruction: Its instruction: text, a `Part`, or a `Content`.
        tools: Functions, which the session calls itself, their declarations taken from their signatures;
            `FunctionDeclaration`s, whose calls you answer; whole `Tool`s; or open clients of the `mcp` package, whose
            servers' tools the session calls, and whose changes it declares.
        tool_config: How it may use them. Sent by Firebase's clients; elsewhere the server may refuse it.
        profile: The facts of the model, if this version has them wrong; by default those that it knows, which of a new
            model are none, so that everything is let through.

    Raises:
        ConfigError: The name is missing or can't be one of the backend's models, the system instruction is empty or
            more than text, or the model or the backend is known not to take what is asked of it.
        ToolError: A function can't be declared.
    """
    return construct(
        LiveGenerativeModel,
        model,
        backend,
        generation_config=generation_config,
        system_instruction=system_instruction,
        tools=tools,
        tool_config=tool_config,
        profile=profile,
    )


def _as_config(config: object) -> LiveGenerationConfig:
    """*config*, which may be a dict of its fields, as others' clients take it."""
    if isinstance(config, Mapping):
        settings = cast("Mapping[str, str]", config)  # of whatever type: the constructor checks them
        check_settings(settings)
        make = cast("Callable[..., LiveGenerationConfig]", LiveGenerationConfig)
        return make(**settings)
    if not isinstance(config, LiveGenerationConfig):
        raise ConfigError(f"generation_config is a LiveGenerationConfig, not a {type(config).__name__}")
    return config


def _default_config(profile: ModelProfile) -> LiveGenerationConfig:
    """Have speech transcribed, which a model that only writes has no use for."""
    speaks = profile.response_modalities is None or "AUDIO" in profile.response_modalities
    return _TRANSCRIBED if speaks else _PLAIN


def is_default_config(config: LiveGenerationConfig) -> bool:
    """Return whether a model's *config* is the default, and not one that was given to it."""
    return config is _TRANSCRIBED or config is _PLAIN
