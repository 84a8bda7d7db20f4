"""One WebSocket of a browser that has a conversation: what comes down it, and what goes up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from starlette.websockets import WebSocketDisconnect

from .._errors import LiveError
from ._limits import LimitError, RateMeter
from ._messages import BadMessageError, Played, Start, error, read

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from ._conversation import Conversation
    from ._limits import Limits

_MAX_BAD_MESSAGES = 20
POLICY_VIOLATION = 1008


async def receive_message(websocket: WebSocket, limits: Limits) -> bytes | str:
    """Receive one message.

    Raises:
        WebSocketDisconnect: The browser has left.
        LimitError: It sent nothing for too long, or too much at once.
    """
    message = None
    with anyio.move_on_after(limits.silent_seconds):
        message = await websocket.receive()
    if message is None:
        raise LimitError("silent", "nothing came for too long; connect again")
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    data: bytes | str | None = message.get("bytes")
    if data is None:
        data = str(message.get("text") or "")
    if len(data) > limits.message_bytes:
        raise LimitError(
            "too_large", f"a message has {limits.message_bytes} bytes at most; send smaller ones"
        )
    return data


async def converse(websocket: WebSocket, conversation: Conversation, limits: Limits, first: int) -> None:
    """Carry messages both ways until either side ends, from message number *first* on."""
    with anyio.CancelScope() as scope:
        conversation.join(scope)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_send_all, websocket, conversation, first, tasks.cancel_scope)
                await _receive_all(websocket, conversation, limits)
                tasks.cancel_scope.cancel()
        finally:
            conversation.leave(scope)
    if scope.cancelled_caught:
        await refuse(websocket, "replaced", "another connection has taken this conversation over")


async def refuse(websocket: WebSocket, code: str, message: str) -> None:
    """Send an error, and close the connection."""
    try:
        with anyio.move_on_after(2.0):
            await websocket.send_text(error(code, message))
            await websocket.close(POLICY_VIOLATION, code)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return  # it has left already: Starlette and the servers have an error each for that


async def _send_all(
    websocket: WebSocket, conversation: Conversation, number: int, scope: anyio.CancelScope
) -> None:
    window = conversation.window
    try:
        while (message := await window.next(number)) is not None:
            number += 1
            if isinstance(message, bytes):
                await websocket.send_bytes(message)
            else:
                await websocket.send_text(message)
        await websocket.close(1000)
    except (WebSocketDisconnect, RuntimeError, OSError):
        pass  # the browser has left; it may come back
    scope.cancel()


async def _receive_all(websocket: WebSocket, conversation: Conversation, limits: Limits) -> None:
    meter = RateMeter(limits.bytes_per_second, anyio.current_time())
    bad_messages = 0
    try:
        while True:
            data = await receive_message(websocket, limits)
            # Small messages cost more than their bytes: a flood of empty ones is one, too.
            meter.check(len(data) + 64, anyio.current_time())
            try:
                await _carry_out(data, conversation)
            except (BadMessageError, LiveError) as exc:
                bad_messages += 1
                if bad_messages > _MAX_BAD_MESSAGES:
                    raise LimitError(
                        "bad_message", "too many messages that make no sense; see the protocol"
                    ) from exc
                code = "bad_message" if isinstance(exc, BadMessageError) else "not_possible"
                conversation.window.put(error(code, str(exc)))
    except LimitError as exc:
        await refuse(websocket, exc.code, str(exc))
    except WebSocketDisconnect:
        return


async def _carry_out(data: bytes | str, conversation: Conversation) -> None:
    if isinstance(data, bytes):
        await conversation.hear(data)
        return
    message = read(data)
    if isinstance(message, Start):
        raise BadMessageError("the conversation has started already; send no second start")
    if not isinstance(message, Played):
        await conversation.do(message)
    elif not conversation.window.acknowledge(message.received):
        raise BadMessageError(f"{message.received} messages were not sent so far; count what has come")
