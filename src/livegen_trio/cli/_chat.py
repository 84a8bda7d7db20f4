"""`livegen-trio chat`: a conversation in text, a line a turn."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import trio

from .._errors import HandshakeError, SetupRejectedError
from .._model import get_live_generative_model
from .._session.closed import SessionClosedError
from .._single_exception import single_exception
from ..backends.gemini import API_KEY_VARIABLES, GeminiBackend
from ..local import LocalBackend, text_engines
from ..types import AudioTranscriptionConfig, LiveGenerationConfig, ServerContent
from ._errors import FAILED, OK, CommandError
from ._serve import API_KEY_VARIABLE
from ._terminal import StandardInput, printable

if TYPE_CHECKING:
    import argparse

    from .._model import LiveGenerativeModel
    from .._session.session import LiveSession
    from .._session.turns import Turn

# The model of each backend unless another is named.
_MODELS: Final = {
    "local": "gemini-live-2.5-flash-preview",
    "gemini": "gemini-2.5-flash-native-audio-preview-12-2025",
}

_WRITTEN: Final = LiveGenerationConfig(response_modalities=["TEXT"])
# For models that may only speak, as all of the newer ones do: their answers come as a transcription.
_SPOKEN: Final = LiveGenerationConfig(
    response_modalities=["AUDIO"], output_audio_transcription=AudioTranscriptionConfig()
)

_POLICY_VIOLATION: Final = 1008  # the close code of a service that doesn't have the model

SUMMARY: Final = "converse in text, with the embedded server or with Gemini"
DESCRIPTION: Final = (
    "Converse in text: each line of standard input is a turn. Ends with the input, or by Ctrl+C."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--model", metavar="NAME", help=f"which model; with Gemini {_MODELS['gemini']} unless given"
    )
    parser.add_argument(
        "--backend",
        choices=tuple(_MODELS),
        default="local",
        help=f"the embedded server (the default), or Gemini with the key in {API_KEY_VARIABLES[0]}",
    )
    parser.add_argument(
        "--url", help="an embedded server that runs elsewhere, as `livegen-trio serve` prints it"
    )
    parser.add_argument("--system", metavar="TEXT", help="the system instruction")


async def run(arguments: argparse.Namespace) -> int:
    """Carry out the command."""
    model = _model(arguments)
    try:
        async with model.connect() as session:
            await converse(session)
    except HandshakeError as exc:
        raise CommandError(f"{str(exc).rstrip('.')}{_advice(exc, arguments)}") from exc
    return OK


async def converse(session: LiveSession) -> None:
    """Send each line of standard input, and print the model's answer, until the input ends.

    Raises:
        CommandError: The server ended the session first, though normally.
        SessionClosedError: It ended in another way.
    """
    answered = _Answered()
    with single_exception():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send_lines, session, answered, nursery.cancel_scope)
            async for turn in session.turns():
                if await _print(turn):
                    answered.note()
            raise CommandError("the server ended the session", exit_code=FAILED)


async def _send_lines(session: LiveSession, answered: _Answered, conversation: trio.CancelScope) -> None:
    prompt = "> " if sys.stdin is not None and sys.stdin.isatty() else ""
    try:
        with suppress(SessionClosedError):  # receiving, which goes on meanwhile, raises it as well
            print(prompt, end="", flush=True)
            async for line in StandardInput():
                if line.strip():
                    answered.expect()
                    await session.send(line.strip())
                    await answered.event.wait()
                print(prompt, end="", flush=True)
            conversation.cancel(reason="the input has ended")
    finally:
        if prompt:
            print(flush=True)  # what comes next on the terminal begins on a line of its own


class _Answered:
    """Whether the line that was sent last has its answer."""

    def __init__(self) -> None:
        self.event: trio.Event = trio.Event()

    def expect(self) -> None:
        """Wait for the next answer."""
        self.event = trio.Event()

    def note(self) -> None:
        """Note that the answer is complete."""
        self.event.set()


async def _print(turn: Turn) -> bool:
    """Print a turn as it comes: its text, or the transcript of its speech. True if the answer ends with it.

    A server may send both: the first to come is printed.
    """
    is_written: bool | None = None
    more_follows = False
    async for event in turn:
        if isinstance(event, ServerContent):
            spoken = "" if event.output_transcription is None else event.output_transcription.text
            if is_written is None and (event.text or spoken):
                is_written = bool(event.text)
            print(printable(event.text if is_written else spoken), end="", flush=True)
            more_follows = event.interaction_status == "IN_PROGRESS"
    print(flush=True)
    return not more_follows


def _advice(error: HandshakeError, arguments: argparse.Namespace) -> str:
    """Advice on *error* in terms of this command's options."""
    if isinstance(error, SetupRejectedError):
        is_unknown = error.code == _POLICY_VIOLATION
        return f"; choose another --model, such as {_MODELS[arguments.backend]}" if is_unknown else ""
    return "; is `livegen-trio serve` running there?" if arguments.url else "; is the network up?"


def _model(arguments: argparse.Namespace) -> LiveGenerativeModel:
    is_local = arguments.backend == "local"
    return get_live_generative_model(
        arguments.model or _MODELS[arguments.backend],
        backend=_local_backend(arguments.url) if is_local else _gemini_backend(arguments.url),
        generation_config=_WRITTEN if is_local and arguments.model is None else _SPOKEN,
        system_instruction=arguments.system,
    )


def _local_backend(url: str | None) -> LocalBackend:
    # Speech engines would take seconds to load, and nobody hears them here.
    if url is None:
        return LocalBackend(engines=text_engines())
    return LocalBackend(url, api_key=os.environ.get(API_KEY_VARIABLE) or None)


def _gemini_backend(url: str | None) -> GeminiBackend:
    if url is not None:
        raise CommandError("--url is for --backend local; leave one of the two out")
    if not any(os.environ.get(name) for name in API_KEY_VARIABLES):
        raise CommandError(
            f"there is no API key: set {API_KEY_VARIABLES[0]} in the environment, or use --backend local, "
            "which needs none"
        )
    return GeminiBackend()
