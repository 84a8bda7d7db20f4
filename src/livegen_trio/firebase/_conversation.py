"""`start_audio_conversation`: a conversation by microphone and loudspeaker, under Firebase's name."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from ..audio import AudioConversation
from ._errors import AIError, AIErrorCode, in_firebases_terms

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ..audio import AudioSink, FunctionCallingHandler
    from ..audio._source import SourceInput
    from ._session import LiveSession


@asynccontextmanager
async def start_audio_conversation(
    live_session: LiveSession,
    *,
    source: SourceInput,
    sink: AudioSink,
    function_calling_handler: FunctionCallingHandler | None = None,
) -> AsyncGenerator[AudioConversation]:
    """Converse by voice for as long as an `async with` block lasts, whose target is the controller.

    The controller's `stop()` ends it, as leaving the block does; the session stays open. The controller is an
    `AudioConversation` of `livegen_trio.audio`, which describes sources and sinks.

    Args:
        live_session: A session that nobody receives from.
        source: The microphone.
        sink: The loudspeaker.
        function_calling_handler: Answers one function call; Firebase's answers all that came together.

    Yields:
        The controller.

    Raises:
        AIError: SESSION_CLOSED if the session is closed; REQUEST_ERROR if it has a conversation under way.
        Exception: The exception of a source or a sink, as it is.
    """
    if live_session.is_closed:
        raise AIError(AIErrorCode.SESSION_CLOSED, "This LiveSession has been closed and cannot be used.")
    if live_session.in_conversation:
        raise AIError(
            AIErrorCode.REQUEST_ERROR, "an audio conversation is already in progress for this session"
        )
    controller = AudioConversation(
        live_session.session, source=source, sink=sink, function_calling_handler=function_calling_handler
    )
    live_session.conversation = controller
    async with AsyncExitStack() as stack:
        with in_firebases_terms(if_closed=AIErrorCode.SESSION_CLOSED):
            await stack.enter_async_context(controller)
        yield controller
