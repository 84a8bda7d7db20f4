"""The command `livegen-trio`: a demonstration, a conversation in text, the embedded server, and recordings."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import sys
import traceback
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, NoReturn

from .._errors import LiveError
from . import _chat, _demo, _playground, _replay, _serve
from ._errors import FAILED, INTERRUPTED, TERMINATED, USAGE, exit_code
from ._running import end_native_work, run
from ._terminal import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line, that of the process if *argv* is None.

    Returns:
        The exit code: 0 for success, 1 if a conversation failed, 2 if something that was asked for can't be done,
        128 plus its number after a signal.

    Raises:
        SystemExit: With 0 after `--help` and `--version`, with 2 if the arguments make no sense.
    """
    arguments = make_parser().parse_args(argv)
    _write_what_can_be_written()
    with _logging(verbose=arguments.verbose):
        code = _carry_out(arguments)
    end_native_work(code)
    return code


def _carry_out(arguments: argparse.Namespace) -> int:
    try:
        return run(partial(arguments.command, arguments), terminated=arguments.terminated)
    except LiveError as exc:
        _tell(exc, str(exc), verbose=arguments.verbose)
        return exit_code(exc)
    except KeyboardInterrupt:  # a second one, or one before there was anything to end cleanly
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return FAILED
    except (
        OSError
    ) as exc:  # what reads and writes files says so itself: what is left is standard output, mostly
        _tell(exc, f"the system gave an error: {exc}; see where with --verbose", verbose=arguments.verbose)
        _discard_output()
        return FAILED


def _tell(error: Exception, message: str, *, verbose: bool) -> None:
    if verbose:
        traceback.print_exception(error)
    print(f"livegen-trio: {' '.join(printable(message).split())}", file=sys.stderr)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as all of the command does."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"livegen-trio: {message}; see {self.prog} --help\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with all of its commands."""
    parser = _Parser(
        prog="livegen-trio",
        description="Live voice and text conversations, with an embedded server or with Gemini's Live API.",
    )
    parser.add_argument(
        "--version", action="version", version=f"livegen-trio {metadata.version('livegen-trio')}"
    )
    common = _Parser(add_help=False)
    common.add_argument(
        "-v", "--verbose", action="store_true", help="log what happens to standard error, with tracebacks"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in (
        ("demo", _demo),
        ("chat", _chat),
        ("serve", _serve),
        ("replay", _replay),
        ("playground", _playground),
    ):
        command = commands.add_parser(
            name, parents=[common], help=module.SUMMARY, description=module.DESCRIPTION
        )
        command.set_defaults(command=module.run, terminated=TERMINATED)
        module.add_arguments(command)
    return parser


def _write_what_can_be_written() -> None:
    """Write a question mark for what the terminal's encoding lacks, rather than fail on a model's words."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextlib.contextmanager
def _logging(*, verbose: bool) -> Generator[None]:
    """Log to standard error if asked to; otherwise nowhere, since what matters reaches the user as an error."""
    logger = logging.getLogger("livegen_trio" if verbose else None)
    handler = logging.StreamHandler() if verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if verbose else level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _discard_output() -> None:
    """Keep the interpreter from failing on its way out, when it flushes what nobody reads any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
