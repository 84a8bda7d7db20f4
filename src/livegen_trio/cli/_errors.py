"""Errors that end a command: one line for the user, and an exit code."""

from __future__ import annotations

from typing import Final

from .._errors import ConfigError, HandshakeError, LiveError
from ..audio import AudioFileError
from ..local import EngineError

OK: Final = 0
FAILED: Final = 1  # the conversation came about and went wrong
# What the command was given, or found on the machine, has to change first; argparse uses it as well.
USAGE: Final = 2
INTERRUPTED: Final = 130
# After SIGINT, which Ctrl+C sends, and SIGTERM: 128 plus the signal's number, as shells count.
TERMINATED: Final = 143

# Errors that a user resolves: files, options, keys, addresses of servers, packages.
_USERS_PART: Final = (AudioFileError, ConfigError, EngineError, HandshakeError)


class CommandError(LiveError):
    """A command can't go on. The message is one line that says what to do.

    Attributes:
        exit_code: What the process ends with.
    """

    def __init__(self, message: str, *, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def cannot_listen(host: str, port: int, cause: OSError | UnicodeError, *, advice: str) -> CommandError:
    """Return the error of a server that can't listen; a `UnicodeError` is about what can't be the name of a host."""
    reason = cause.strerror if isinstance(cause, OSError) else "no host can have this name"
    return CommandError(f"can't listen at {host}, port {port}: {reason}; {advice}")


def exit_code(error: LiveError) -> int:
    """Return the exit code of a process that *error* ends."""
    if isinstance(error, CommandError):
        return error.exit_code
    return USAGE if isinstance(error, _USERS_PART) else FAILED
