"""`livegen-trio playground`: a page to talk to, in the browser."""

from __future__ import annotations

import ipaddress
import socket
import sys
import webbrowser
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import trio

from .._model import get_live_generative_model
from .._single_exception import single_exception
from ..backends.gemini import API_KEY_VARIABLES, GeminiBackend
from ..local import LocalBackend, LocalServer, load_engines, speech_available
from ..local._native import run_native
from ..types import (
    AudioTranscriptionConfig,
    LiveGenerationConfig,
    PrebuiltVoiceConfig,
    SpeechConfig,
    VoiceConfig,
)
from . import _arguments
from ._errors import OK, CommandError, cannot_listen
from ._flights import FlightSearch
from ._weather import get_weather

if TYPE_CHECKING:
    import argparse

    from .._model import LiveGenerativeModel
    from ..backends.base import Backend
    from ..web import Visitor

SUMMARY: Final = "talk to the embedded server or to Gemini, on a page in the browser"
DESCRIPTION: Final = (
    "Serve a page to talk to, with transcripts, a timeline and latencies, at this machine's own address. Runs until "
    "Ctrl+C or SIGTERM."
)
_MODEL: Final = "gemini-2.5-flash-native-audio-preview-12-2025"
_INSTALL: Final = 'pip install "livegen-trio[local,web]"'
_MAX_SETTING: Final = 8000  # characters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--backend",
        choices=("local", "gemini"),
        default="local",
        help=f"the embedded server (the default), or Gemini with the key in {API_KEY_VARIABLES[0]}",
    )
    parser.add_argument("--model", metavar="NAME", default=_MODEL, help=f"which model (default: {_MODEL})")
    parser.add_argument(
        "--host",
        type=_arguments.name,
        default="127.0.0.1",
        help="the address to listen at (default: 127.0.0.1); the page gives its token to all who reach it",
    )
    parser.add_argument(
        "--port", type=_arguments.port, default=0, help="the port; 0, the default, takes any that is free"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    parser.set_defaults(terminated=OK)  # SIGTERM is the usual end of a server


async def run(arguments: argparse.Namespace) -> int:
    """Carry out the command until cancelled."""
    if find_spec("starlette") is None or find_spec("hypercorn") is None:
        raise CommandError(f"the playground needs a web server, install it: {_INSTALL}")
    with _listen(arguments.host, arguments.port) as listener, single_exception():
        async with trio.open_nursery() as nursery:
            backend: Backend = GeminiBackend() if arguments.backend == "gemini" else await _embedded(nursery)
            nursery.start_soon(_serve, partial(model_for, backend, arguments.model), listener, arguments.host)
            url = _url(listener, arguments.host)
            print(f"playground at {url}", flush=True)
            if not arguments.no_browser:
                await trio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)
    return OK


def model_for(backend: Backend, name: str, visitor: Visitor) -> LiveGenerativeModel:
    """Make the model that a page asks for by its settings."""
    voice, system = (str(visitor.settings.get(key) or "")[:_MAX_SETTING] for key in ("voice", "system"))
    speech = _speech(voice) if voice else None
    return get_live_generative_model(
        name,
        backend=backend,
        generation_config=LiveGenerationConfig(
            response_modalities=["AUDIO"],
            speech_config=speech,
            input_audio_transcription=AudioTranscriptionConfig(),
            output_audio_transcription=AudioTranscriptionConfig(),
        ),
        system_instruction=system or None,
        tools=[get_weather, FlightSearch().search_flights],
    )


def _speech(voice: str) -> SpeechConfig:
    return SpeechConfig(voice_config=VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name=voice)))


async def _embedded(nursery: trio.Nursery) -> Backend:
    if not speech_available():
        raise CommandError(f"the embedded server needs speech engines, install them: {_INSTALL}")
    print("loading speech engines", file=sys.stderr, flush=True)
    engines = await run_native(load_engines)
    (address,) = await nursery.start(LocalServer(engines).serve, 0)
    return LocalBackend(f"ws://{address.host}:{address.port}")


async def _serve(model: partial[LiveGenerativeModel], listener: socket.socket, host: str) -> None:
    from hypercorn.config import Config  # noqa: PLC0415 - the extra brings it
    from hypercorn.trio import serve  # pyright: ignore[reportUnknownVariableType] # noqa: PLC0415

    from ..web import playground  # noqa: PLC0415

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.errorlog = None
    config.graceful_timeout = 0.5
    app = playground(model) if _is_loopback(host) else playground(model, allowed_hosts=["*"])
    await serve(app, config, shutdown_trigger=trio.sleep_forever, mode="asgi")  # type: ignore[arg-type]


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except (OSError, UnicodeError) as exc:
        raise cannot_listen(host, port, exc, advice="choose others with --host and --port") from exc
    if not _is_loopback(host):
        print(
            f"livegen-trio: everybody who reaches {host} can talk at your cost, and browsers allow no microphone "
            "on a page without TLS; listen at 127.0.0.1",
            file=sys.stderr,
            flush=True,
        )
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(listener: socket.socket, host: str) -> str:
    port: int = listener.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
