"""`livegen-trio demo`: a spoken question, answered aloud by the embedded server over a real WebSocket."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from .._model import get_live_generative_model
from .._single_exception import single_exception
from ..audio import AudioConversation, Recording, read_wav, speech_end, stream_pcm, write_wav
from ..local import LocalBackend, LocalServer, load_engines, speech_available
from ..local._native import run_native
from ..types import OUTPUT_SAMPLE_RATE, AudioTranscriptionConfig, LiveGenerationConfig
from . import _arguments
from ._errors import FAILED, OK, CommandError
from ._exchange import Exchange
from ._flights import FlightSearch
from ._terminal import Screen
from ._weather import get_weather

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncGenerator

    from .._inputs import ToolInput
    from .._model import LiveGenerativeModel
    from .._session.session import LiveSession
    from ..local import Engines

SUMMARY: Final = "ask the embedded server a spoken question, and hear its answer"
DESCRIPTION: Final = (
    "Stream a spoken question in real time, as a microphone would, to an embedded server that hears and speaks. "
    "Shows what is heard, called and said as it arrives, and writes the spoken answer to a WAV file."
)

_MODEL: Final = "gemini-2.5-flash-native-audio-preview-12-2025"
_QUESTION: Final = "What is the weather in Paris?"
_SLOW_QUESTION: Final = "Search flights to Rome."
_INSTALL: Final = 'pip install "livegen-trio[local]"'
_PATIENCE: Final = (
    15.0  # seconds without an event; hearing and speaking take one or two, more on a slow machine
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--question",
        metavar="FILE.wav",
        type=_arguments.name,
        help=f'16-bit PCM, mono or stereo, 8 to 96 kHz; else "{_QUESTION}"',
    )
    parser.add_argument(
        "--out",
        metavar="FILE.wav",
        type=_arguments.name,
        default="answer.wav",
        help="where the answer goes (default: answer.wav)",
    )
    parser.add_argument(
        "--interrupt",
        action="store_true",
        help="first make a slow request, and speak the question over it: the request is cancelled",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the results as a JSON object in the last line"
    )


async def run(arguments: argparse.Namespace) -> int:
    """Carry out the command."""
    out = Path(arguments.out)
    _check_place(out)
    question = None if arguments.question is None else _read_question(arguments.question)
    screen = Screen()
    engines = await _load_engines(screen)
    if question is None:
        question = await _speak_aloud(_QUESTION, engines)
    screen.line(
        "question", f"{arguments.question or _QUESTION} ({question.seconds:.1f} s, {question.rate} Hz)"
    )
    before = (
        _at_rate(await _speak_aloud(_SLOW_QUESTION, engines), question.rate) if arguments.interrupt else None
    )
    exchange = await _ask_server(engines, question, screen, before=before)
    return report(exchange, out, screen, as_json=arguments.json)


@dataclass(frozen=True, slots=True)
class Interruption:
    """A slow request that is made first, and that the question is spoken over.

    Attributes:
        request: The request, spoken, at the question's sample rate.
        begun: Set when it is being carried out.
    """

    request: Recording
    begun: trio.Event


async def converse(
    session: LiveSession, question: Recording, screen: Screen, interruption: Interruption | None = None
) -> Exchange:
    """Ask *question*, show and gather what comes, and play the answer to its end.

    Returns early if nothing comes for 15 s.

    Raises:
        SessionClosedError: The session broke.
    """
    exchange = Exchange(screen)
    question_ends_at = trio.current_time() + question.seconds
    if interruption is not None:
        question_ends_at += interruption.request.seconds
    microphone = _microphone(question, exchange, interruption)
    async with AudioConversation(
        session, source=microphone, sink=exchange.speaker, source_rate=question.rate
    ) as conversation:
        with trio.CancelScope(deadline=question_ends_at + _PATIENCE) as patience:
            async for event in conversation:
                exchange.add(event)
                if exchange.is_over:
                    await conversation.wait_played()
                    break
                patience.deadline = max(trio.current_time(), question_ends_at) + _PATIENCE
    screen.finish()
    return exchange


async def _microphone(  # noqa: ASYNC900 - it holds nothing that has to be closed
    question: Recording, exchange: Exchange, interruption: Interruption | None
) -> AsyncGenerator[bytes]:
    """Yield the question in real time, and then the silence of a user who waits. A microphone never stops."""
    if interruption is not None:
        async for chunk in stream_pcm(interruption.request.pcm, question.rate):
            yield chunk
        while not interruption.begun.is_set():
            async for chunk in stream_pcm(bytes(2 * question.rate // 10), question.rate):
                yield chunk
    last_sound = 2 * (speech_end(question) or 0)
    sent = 0
    async for chunk in stream_pcm(question.pcm, question.rate):
        yield chunk
        sent += len(chunk)
        if sent >= last_sound and exchange.speech_ended_at is None:
            exchange.speech_ended_at = trio.current_time()
    while True:
        async for chunk in stream_pcm(bytes(2 * question.rate), question.rate):
            yield chunk


def _check_place(out: Path) -> None:
    """Check before the conversation, and not after it, that its answer can be written."""
    if out.is_dir():
        raise CommandError(f"{out} is a folder; name a file with --out")
    if not out.parent.is_dir():
        raise CommandError(f"there is no folder {out.parent}; create it, or name another file with --out")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise CommandError(f"{out} can't be written; name another file with --out")


def _read_question(path: str) -> Recording:
    question = read_wav(path)
    if speech_end(question) is None:
        raise CommandError(f"{path} is silent; record the question again, closer to the microphone")
    return question


async def _load_engines(screen: Screen) -> Engines:
    if not speech_available():
        raise CommandError(f"the demonstration needs speech engines, install them: {_INSTALL}")
    screen.line("loading", "speech engines")
    return await run_native(load_engines)


async def _speak_aloud(text: str, engines: Engines) -> Recording:
    """Speak *text* in the server's own voice."""
    assert engines.synthesizer is not None
    speech = await run_native(partial(engines.synthesizer.synthesize, text))
    return Recording(speech, OUTPUT_SAMPLE_RATE)


def _at_rate(speech: Recording, rate: int) -> Recording:
    """*speech* at the rate of the question: one microphone has one rate."""
    from ..local.speech._samples import resample, to_pcm, to_samples  # noqa: PLC0415 - only the extra brings its packages

    return Recording(to_pcm(resample(to_samples(speech.pcm), speech.rate, rate)), rate)


async def _ask_server(
    engines: Engines, question: Recording, screen: Screen, *, before: Recording | None
) -> Exchange:
    """Hold the conversation with a server of our own, over a real WebSocket."""
    flights = FlightSearch()
    interruption = None if before is None else Interruption(before, flights.begun)
    with single_exception():
        async with trio.open_nursery() as nursery:
            (address,) = await nursery.start(LocalServer(engines).serve, 0)
            url = f"ws://{address.host}:{address.port}"
            screen.line("server", url)
            async with _model(url, get_weather, flights.search_flights).connect() as session:
                exchange = await converse(session, question, screen, interruption)
            for city in flights.given_up:
                screen.line("given up", f"the search for flights to {city}, when it was spoken over")
            nursery.cancel_scope.cancel(reason="the conversation is over")
    return exchange


def _model(url: str, *tools: ToolInput) -> LiveGenerativeModel:
    return get_live_generative_model(
        _MODEL,
        backend=LocalBackend(url),
        generation_config=LiveGenerationConfig(
            response_modalities=["AUDIO"],
            input_audio_transcription=AudioTranscriptionConfig(),
            output_audio_transcription=AudioTranscriptionConfig(),
        ),
        tools=tools,
    )


def report(exchange: Exchange, out: Path, screen: Screen, *, as_json: bool) -> int:
    """Write the answer, show the results and what is missing; return the exit code."""
    answer = exchange.answer
    if exchange.first_audio_ms is not None:
        screen.line("latency", f"{exchange.first_audio_ms} ms from the end of speech to the first audio")
    if answer.pcm:
        write_wav(out, answer)
        screen.line("answer", f"{out} ({answer.seconds:.1f} s, {answer.rate} Hz)")
    failure = _failure(exchange)
    if failure is not None:
        print(f"livegen-trio: {failure}", file=sys.stderr)
    if as_json:
        print(_as_json(exchange, out if answer.pcm else None), flush=True)
    return OK if failure is None else FAILED


def _failure(exchange: Exchange) -> str | None:
    if not exchange.heard:
        return "nothing was understood; ask in English, clearly, and close to the microphone"
    if not exchange.said or not exchange.answer.pcm:
        return (
            f"the question was heard, but no answer came within {_PATIENCE:.0f} s; try again with --verbose"
        )
    return None


def _as_json(exchange: Exchange, out: Path | None) -> str:
    return json.dumps(
        {
            "heard": exchange.heard,
            "said": exchange.said,
            "tool_calls": [{"name": call.name, "args": call.args} for call in exchange.tool_calls],
            "cancelled_calls": exchange.cancelled_calls,
            "answer_seconds": round(exchange.answer.seconds, 3),
            "first_audio_ms": exchange.first_audio_ms,
            "out": None if out is None else str(out),
        }
    )
