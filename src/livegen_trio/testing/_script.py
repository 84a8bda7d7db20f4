"""The steps of a script, and the end of a connection that plays them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import trio

from .._errors import ConfigError
from ..transports.base import ConnectionClosed
from ._matching import Pattern, describe, difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..transports.base import Transport

_BACKLOG: Final = 10_000  # messages of the client's that wait for their step

# The codes of RFC 6455, 7.4, and IANA's registry that a Close may carry.
CLOSE_CODES: Final = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})


class ScriptError(AssertionError):
    """The client didn't do what the script says, or did more."""


class ClientLeftError(ScriptError):
    """The client left before the script was over. Reported when the server is checked."""


class FinalScriptError(ScriptError, ConfigError):
    """A `ScriptError` for the client's side: as a `ConfigError`, it ends a session at once, and no dial is retried."""


class ServerEnd:
    """The server's end of one connection, for the steps of a script.

    It reads all the time, so a client's pings are answered during a `Pause`; not during a `Stall`.

    Attributes:
        heard: Every message that a step has received, in order, as JSON.
        closed: How the connection ended, once it has.
    """

    def __init__(self, transport: Transport, ignored: Sequence[Pattern]) -> None:
        self._transport = transport
        self._ignored = ignored
        self._arrived, self._waiting = trio.open_memory_channel[Mapping[str, object]](_BACKLOG)
        self._reading = trio.CancelScope()
        self._trouble: ScriptError | None = None
        self.heard: list[Mapping[str, object]] = []
        self.closed: ConnectionClosed | None = None

    async def read(self) -> None:
        """Read until the connection ends, or a step stalls it. Run by the server."""
        with self._reading, self._arrived:
            try:
                while True:
                    message = _decode(await self._transport.receive())
                    if all(difference(pattern, message) for pattern in self._ignored):
                        self._keep(message)
            except ConnectionClosed as closed:
                self.closed = closed
            except ScriptError as exc:
                self._trouble = exc

    def _keep(self, message: Mapping[str, object]) -> None:
        try:
            self._arrived.send_nowait(message)
        except trio.WouldBlock:
            raise ScriptError(
                f"{_BACKLOG} messages of the client's wait for a step that expects them"
            ) from None

    async def hear(self) -> Mapping[str, object]:
        """The client's next message.

        Raises:
            ScriptError: The connection ended instead, or the client sent something that is no message.
        """
        message = await self.hear_or_end()
        if message is None:
            raise ClientLeftError(f"the client left instead of sending a message: {self.closed}")
        return message

    async def hear_or_end(self) -> Mapping[str, object] | None:
        """The client's next message, or None when the connection has ended.

        Raises:
            ScriptError: The client sent something that is no message. Raised once; nothing more is received.
        """
        try:
            message = await self._waiting.receive()
        except trio.EndOfChannel:
            if self._trouble is not None:
                trouble, self._trouble = self._trouble, None  # a step that handles it has handled it
                raise trouble from None
            return None
        self.heard.append(message)
        return message

    async def say(self, frame: bytes) -> None:
        """Send a frame as it is. If the connection has ended, that goes nowhere, as on a network."""
        try:
            await self._transport.send(frame)
        except ConnectionClosed as closed:
            self.closed = self.closed or closed

    async def close(self, code: int, reason: str) -> None:
        """Send a Close, and wait for the client's answer."""
        self.check_all_heard()
        self._reading.cancel(reason="the script closes the connection")
        await self._transport.aclose(code, reason)

    async def hang_up(self) -> None:
        """End the connection without a Close."""
        self._reading.cancel(reason="the script hangs up")
        await self._transport.abort()

    def stall(self) -> None:
        """Read no more, and answer no ping."""
        self._reading.cancel(reason="the script stalls the connection")

    def check_all_heard(self) -> None:
        """Check that no message waits.

        Raises:
            ScriptError: One does.
        """
        try:
            message = self._waiting.receive_nowait()
        except (trio.WouldBlock, trio.EndOfChannel):
            return
        raise ScriptError(f"the client sent what the script doesn't expect: {describe(message)}")


Step: TypeAlias = Callable[[ServerEnd], Awaitable[object]]
"""An action of the server on a connection: one of the classes here, or any async function of yours."""


@dataclass(frozen=True)
class Expect:
    """Wait for the client's next message, which has to be this one.

    Args:
        pattern: See `Pattern`.

    Raises:
        ScriptError: It is another one, or the connection ended.
    """

    pattern: Pattern

    async def __call__(self, server: ServerEnd) -> None:
        message = await server.hear()
        if wrong := difference(self.pattern, message):
            raise ScriptError(
                f"the script expects {describe(self.pattern)}, but {wrong}; the client sent {describe(message)}"
            )


@dataclass(frozen=True)
class Emit:
    """Send messages: JSON objects as the service writes them, or bytes, which go as they are, however broken."""

    messages: tuple[Mapping[str, object] | bytes, ...]

    def __init__(self, *messages: Mapping[str, object] | bytes) -> None:
        for message in messages:
            _check_emitted(message)
        object.__setattr__(self, "messages", messages)

    async def __call__(self, server: ServerEnd) -> None:
        await trio.lowlevel.checkpoint()
        for message in self.messages:
            await server.say(message if isinstance(message, bytes) else json.dumps(message).encode())


@dataclass(frozen=True)
class Pause:
    """Do nothing for so many seconds of Trio's clock. What the client sends meanwhile waits for its step."""

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise ConfigError(f"a Pause can't last {self.seconds} s; give a number from 0 on")

    async def __call__(self, server: ServerEnd) -> None:  # noqa: ARG002 - every step is given it
        await trio.sleep(self.seconds)


@dataclass(frozen=True)
class Close:
    """End the connection with a close code. What the client has sent has to be expected before.

    Raises:
        ConfigError: No Close can carry the code.
    """

    code: int = 1000
    reason: str = ""

    def __post_init__(self) -> None:
        if self.code not in CLOSE_CODES:
            raise ConfigError(
                f"no Close can carry the code {self.code}; for an end without a Close, use HangUp()"
            )

    async def __call__(self, server: ServerEnd) -> None:
        await server.close(self.code, self.reason)


@dataclass(frozen=True)
class HangUp:
    """End the connection without a Close, as a server that has crashed."""

    async def __call__(self, server: ServerEnd) -> None:
        await server.hang_up()


@dataclass(frozen=True)
class Stall:
    """Read nothing any more and answer no ping, as a peer that has lost its network."""

    async def __call__(self, server: ServerEnd) -> None:
        await trio.lowlevel.checkpoint()
        server.stall()


def _check_emitted(message: Mapping[str, object] | bytes) -> None:
    try:
        if isinstance(message, bytes):
            return
        json.dumps(dict(message))
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigError(
            f"{message!r} can't be sent ({exc}); give JSON objects, or bytes to send as they are"
        ) from exc


def _decode(frame: bytes | str) -> Mapping[str, object]:
    try:
        message: object = json.loads(frame)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise ScriptError(f"the client sent what is no message: {frame[:100]!r}")
    return cast("dict[str, object]", message)  # JSON has no other keys
