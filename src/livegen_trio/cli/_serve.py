"""`livegen-trio serve`: the embedded server, for other programs and other clients."""

from __future__ import annotations

import ipaddress
import os
import ssl
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import trio

from .._single_exception import single_exception
from ..local import LocalServer, load_engines, text_engines
from ..local._native import run_native
from . import _arguments
from ._errors import OK, CommandError, cannot_listen

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..local import Address, Engines

API_KEY_VARIABLE: Final = "LIVEGEN_TRIO_API_KEY"

SUMMARY: Final = "run the embedded server, for programs that want a Live server"
DESCRIPTION: Final = (
    "Run the embedded server until Ctrl+C or SIGTERM. It speaks the Live API's protocol on a real WebSocket; with the "
    "[local] extra it hears and speaks, without it converses in text."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--host",
        type=_arguments.name,
        default="127.0.0.1",
        help="the address to listen at (default: 127.0.0.1)",
    )
    parser.add_argument(
        "--port",
        type=_arguments.port,
        default=0,
        help="the port; 0, the default, takes any that is free",
    )
    parser.add_argument(
        "--certfile",
        metavar="FILE",
        type=_arguments.name,
        help="serve wss:// with this certificate chain, in PEM format",
    )
    parser.add_argument(
        "--keyfile",
        metavar="FILE",
        type=_arguments.name,
        help="its private key, unless the certificate's file has it",
    )
    parser.add_argument(
        "--text", action="store_true", help="converse in text only, even if speech is installed"
    )
    _add_admission(parser)
    parser.set_defaults(terminated=OK)  # SIGTERM is the usual end of a server


def _add_admission(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-origin",
        metavar="ORIGIN",
        action="append",
        type=_arguments.origin,
        default=[],
        help="let pages of this origin connect, such as https://example.com; * for all; may be repeated",
    )
    parser.add_argument(
        "--allow-host",
        metavar="NAME",
        action="append",
        type=_arguments.name,
        default=[],
        help="a name of this machine besides localhost and addresses; * for all; may be repeated",
    )
    parser.add_argument(
        "--api-key",
        metavar="KEY",
        type=_arguments.name,
        help=f"ask clients for this key; {API_KEY_VARIABLE} in the environment hides it from other users",
    )
    parser.add_argument(
        "--max-voices",
        metavar="NUMBER",
        type=_arguments.count,
        help="sessions at a time that use speech; by default as many as were measured at the start",
    )


async def run(
    arguments: argparse.Namespace, *, task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED
) -> int:
    """Carry out the command until cancelled; reports the URLs at which it listens."""
    ssl_context = _ssl_context(arguments.certfile, arguments.keyfile)
    engines = text_engines() if arguments.text else await _load_engines()
    server = partial(_server(engines, arguments).serve, host=arguments.host, ssl_context=ssl_context)
    with single_exception():
        async with trio.open_nursery() as nursery:
            try:
                addresses: list[Address] = await nursery.start(server, arguments.port)
            except (OSError, UnicodeError) as exc:
                advice = "choose others with --host and --port, or port 0 for any that is free"
                raise cannot_listen(arguments.host, arguments.port, exc, advice=advice) from exc
            urls = [_url(address, is_secure=ssl_context is not None) for address in addresses]
            _warn_if_open(addresses, arguments)
            for url in urls:
                print(f"listening on {url}", flush=True)
            task_status.started(urls)
    return OK


def _server(engines: Engines, arguments: argparse.Namespace) -> LocalServer:
    return LocalServer(
        engines,
        allowed_origins=arguments.allow_origin,
        allowed_hosts=arguments.allow_host,
        api_key=_api_key(arguments),
        max_voices=arguments.max_voices,
    )


def _warn_if_open(addresses: Sequence[Address], arguments: argparse.Namespace) -> None:
    """Say so if others than this machine can use the server."""
    open_to_others = [one.host for one in addresses if not ipaddress.ip_address(one.host).is_loopback]
    if open_to_others and not _api_key(arguments):
        print(
            f"livegen-trio: everybody who reaches {open_to_others[0]} can use this server; "
            "ask for a key with --api-key, or listen at 127.0.0.1",
            file=sys.stderr,
            flush=True,
        )


def _api_key(arguments: argparse.Namespace) -> str | None:
    return arguments.api_key or os.environ.get(API_KEY_VARIABLE) or None


async def _load_engines() -> Engines:
    engines = await run_native(load_engines)
    if engines.synthesizer is None:
        print('text only; for speech: pip install "livegen-trio[local]"', file=sys.stderr, flush=True)
    return engines


def _url(address: Address, *, is_secure: bool) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'wss' if is_secure else 'ws'}://{host}:{address.port}"


def _ssl_context(certfile: str | None, keyfile: str | None) -> ssl.SSLContext | None:
    if certfile is None and keyfile is None:
        return None
    if certfile is None:
        raise CommandError("--keyfile is for a certificate; give its --certfile as well")
    files = (certfile,) if keyfile is None else (certfile, keyfile)
    for file in files:
        _check_readable(file)  # TLS does not say which of two files it is
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certfile, keyfile, password=_refuse_password)
    except ssl.SSLError as exc:
        reason = f" ({exc.reason.lower().replace('_', ' ')})" if exc.reason else ""
        raise CommandError(
            f"{' with '.join(files)} can't be used for TLS{reason}; "
            "give a certificate and its private key in PEM format"
        ) from exc
    return context


def _check_readable(file: str) -> None:
    try:
        with Path(file).open("rb"):
            pass
    except OSError as exc:
        raise CommandError(f"{file} can't be read: {exc.strerror}") from exc


def _refuse_password() -> NoReturn:
    raise CommandError("the private key is encrypted; give one that is not (openssl pkey -in KEY -out PLAIN)")
