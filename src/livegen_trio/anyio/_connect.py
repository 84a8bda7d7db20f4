"""`connect()` and `create_auth_token()`, on whichever event loop they are called."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, Unpack

import trio

from .._session.lease import SessionLease
from .._session.timing import CLOSE_TIMEOUT
from .._tokens import create_auth_token as create_on_trio
from ._bridge import open_bridge
from ._session import SessionTask

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime, timedelta

    from .._model import ConnectOptions, LiveGenerativeModel
    from .._session.session import LiveSession
    from .._tokens import AuthToken
    from ..backends.base import Backend
    from ..types import ResumeState


@asynccontextmanager
async def connect(
    model: LiveGenerativeModel, **options: Unpack[ConnectOptions]
) -> AsyncGenerator[LiveSession]:
    """Begin a conversation on asyncio or on Trio: `async with livegen_trio.anyio.connect(model) as session`.

    On Trio this is `model.connect()`. On asyncio, with or without AnyIO or uvloop, the session is the same to its user,
    while its engine runs on Trio, in a thread that all sessions of the process share. Cancellation
    and exceptions cross between the two, and leaving the block waits until nothing is left on either side. Async tools
    are awaited on the loop that runs the block, in its context.

    Exceptions are the library's and Trio's own, such as `trio.ClosedResourceError`; `event_stream` and `input_stream`
    have AnyIO's.

    Args:
        model: The model to talk to.
        options: Those of `LiveGenerativeModel.connect`. `approve` is awaited where async tools are.

    Yields:
        The session.

    Raises:
        LiveError: What `LiveGenerativeModel.connect` raises.
        RuntimeError: The process is ending.
    """
    async with _opener(model, options)() as session:
        yield session


def _opener(
    model: LiveGenerativeModel, options: ConnectOptions
) -> Callable[[], AbstractAsyncContextManager[LiveSession]]:
    """Return the function that opens the session from the loop that runs here."""
    if trio.lowlevel.in_trio_task():
        return partial(model.connect, **options)
    lease = options.get("session_resumption")
    if not isinstance(lease, SessionLease):
        return partial(_connect_from_asyncio, partial(model.connect, **options))
    close_timeout = min(options.get("close_timeout", CLOSE_TIMEOUT), lease.closing_time)

    def connect_from(state: ResumeState | None) -> AbstractAsyncContextManager[LiveSession]:
        resumed: ConnectOptions = {
            **options,
            "session_resumption": state or "auto",
            "close_timeout": close_timeout,
        }
        return _connect_from_asyncio(partial(model.connect, **resumed))

    return partial(lease.holding, connect_from)  # which works on this loop, where the store is


@asynccontextmanager
async def _connect_from_asyncio(
    open_native: Callable[[], AbstractAsyncContextManager[LiveSession]],
) -> AsyncGenerator[LiveSession]:
    with open_bridge() as bridge:
        task = SessionTask(bridge, open_native)
        session = await task.open()
        try:
            yield session
        except GeneratorExit:
            # The task was thrown away, since its loop has stopped for good. Nothing can be awaited any more.
            task.abandon()
            raise
        except BaseException:
            await task.cancel()  # noqa: ASYNC102 - shields what it has to
            raise
        await task.close()


async def create_auth_token(
    model: LiveGenerativeModel | None = None,
    *,
    backend: Backend | None = None,
    uses: int = 1,
    expire_time: datetime | timedelta | None = None,
    new_session_expire_time: datetime | timedelta | None = None,
    lock_additional_fields: Sequence[str] | None = None,
    session_resumption: Literal["auto"] | None = "auto",
) -> AuthToken:
    """Make an ephemeral token on asyncio or on Trio: `livegen_trio.create_auth_token`, for either.

    Args:
        model: What the token is for. This and the others are those of `livegen_trio.create_auth_token`.
        backend: See there.
        uses: See there.
        expire_time: See there.
        new_session_expire_time: See there.
        lock_additional_fields: See there.
        session_resumption: See there.

    Returns:
        The token.

    Raises:
        ConfigError: As there.
        HandshakeError: As there.
        RuntimeError: The process is ending.
    """
    create = partial(
        create_on_trio,
        model,
        backend=backend,
        uses=uses,
        expire_time=expire_time,
        new_session_expire_time=new_session_expire_time,
        lock_additional_fields=lock_additional_fields,
        session_resumption=session_resumption,
    )
    if trio.lowlevel.in_trio_task():
        return await create()
    with open_bridge() as bridge:
        return await bridge.call(create)
