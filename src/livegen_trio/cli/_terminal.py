"""The terminal, or the pipe in its place: lines in without holding up Trio, plain text out."""

from __future__ import annotations

import os
import re
import sys
from typing import Final

import trio

from ._errors import CommandError

# Controls but tabs and line feeds: among them is what begins an escape sequence, which could redefine a terminal. And
# what changes the direction of text: it would show one text as another ("trojan source").
_CONTROL: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]"
)
_LABEL_WIDTH: Final = 12
_READ_SIZE: Final = 65_536


def printable(text: str) -> str:
    """Remove control characters from *text*, which a server or a model wrote: escape sequences and text direction."""
    return _CONTROL.sub("", text)


class StandardInput(trio.abc.ReceiveChannel[str]):
    """Lines of standard input, read in a thread.

    The thread reads the bare descriptor: one that is left behind in `sys.stdin` would hold its lock, and the
    interpreter can't end without it. What such a thread reads is lost, so cancel only to end the process.
    """

    def __init__(self) -> None:
        self._stream = sys.stdin
        self._pending = b""
        self._at_end = self._stream is None  # as under pythonw, or after `<&-`

    async def receive(self) -> str:
        """Wait for the next line; it comes without its end, and the last may lack one.

        Raises:
            trio.EndOfChannel: The input has ended.
            CommandError: It can't be read.
        """
        while b"\n" not in self._pending and not self._at_end:
            more = await trio.to_thread.run_sync(self._read, abandon_on_cancel=True)
            self._pending += more
            self._at_end = not more
        await trio.lowlevel.checkpoint()
        if not self._pending:
            raise trio.EndOfChannel
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode(self._stream.encoding, "replace").rstrip("\r")

    async def aclose(self) -> None:
        """Read no more. The descriptor stays open: it is the process's."""
        self._at_end = True
        self._pending = b""
        await trio.lowlevel.checkpoint()

    def _read(self) -> bytes:
        try:
            return os.read(self._stream.fileno(), _READ_SIZE)
        except OSError as exc:
            raise CommandError(f"standard input can't be read: {exc.strerror or exc}") from exc


class Screen:
    """Labelled lines on standard output, some of which grow as text arrives."""

    def __init__(self) -> None:
        self._growing: str | None = None

    def line(self, label: str, text: str) -> None:
        """Show a whole line."""
        self.finish()
        print(f"{label:{_LABEL_WIDTH}}{_on_one_line(text)}", flush=True)

    def fragment(self, label: str, text: str) -> None:
        """Add to the growing line of this label; begin it if another line came between."""
        text = _on_one_line(text)
        if self._growing != label:
            self.finish()
            print(f"{label:{_LABEL_WIDTH}}", end="")
            text = text.lstrip()
            self._growing = label
        print(text, end="", flush=True)

    def finish(self) -> None:
        """End the line that grows, if one does."""
        if self._growing is not None:
            print(flush=True)
        self._growing = None


def _on_one_line(text: str) -> str:
    return printable(text).replace("\n", " ")
