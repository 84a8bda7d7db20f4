"""A store in this process, for tests and for programs of one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from ._lease_table import Acquired, HeldBy, Renewal, Write
from ._leasing import LeasingStore

if TYPE_CHECKING:
    from ..types import ResumeState


class MemoryResumeStore(LeasingStore):
    """Keeps states as long as the process lives. It never forgets one by itself: delete what is over.

    Its leases are for the tasks of one event loop.
    """

    def __init__(self) -> None:
        self._states: dict[str, ResumeState] = {}
        super().__init__(_MemoryLeases(self._states))

    async def save(self, key: str, state: ResumeState) -> None:
        """Keep *state* in place of what was kept for *key*."""
        await anyio.lowlevel.checkpoint()
        self._states[key] = state

    async def load(self, key: str) -> ResumeState | None:
        """Return what is kept for *key*, or None."""
        await anyio.lowlevel.checkpoint()
        return self._states.get(key)

    async def delete(self, key: str) -> None:
        """Keep nothing for *key* any more."""
        await anyio.lowlevel.checkpoint()
        self._states.pop(key, None)


@dataclass(slots=True)
class _Held:
    token: str
    expires_at: float
    is_wanted: bool = False


class _MemoryLeases:
    """The `LeaseTable` of a `MemoryResumeStore`."""

    def __init__(self, states: dict[str, ResumeState]) -> None:
        self._states = states
        self._leases: dict[str, _Held] = {}

    async def acquire(self, key: str, token: str, ttl: float, *, ask: bool) -> Acquired | HeldBy:
        await anyio.lowlevel.checkpoint()
        held = self._leases.get(key)
        if held is not None and held.token != token and anyio.current_time() < held.expires_at:
            held.is_wanted |= ask
            return HeldBy(held.token)
        self._leases[key] = _Held(token, anyio.current_time() + ttl)
        return Acquired(self._states.get(key))

    async def renew(self, key: str, token: str, ttl: float) -> tuple[Renewal, bool]:
        await anyio.lowlevel.checkpoint()
        held = self._leases.get(key)
        if held is None or held.token != token:
            return Renewal.LOST, False
        held.expires_at = anyio.current_time() + ttl
        return Renewal.RENEWED, held.is_wanted

    async def save_held(self, key: str, token: str, state: ResumeState) -> Write:
        await anyio.lowlevel.checkpoint()
        write = self._may_write(key, token)
        if write is Write.DONE:
            self._states[key] = state
        return write

    async def delete_held(self, key: str, token: str) -> Write:
        await anyio.lowlevel.checkpoint()
        write = self._may_write(key, token)
        if write is Write.DONE:
            self._states.pop(key, None)
        return write

    async def release(self, key: str, token: str) -> None:
        await anyio.lowlevel.checkpoint()
        held = self._leases.get(key)
        if held is not None and held.token == token:
            del self._leases[key]

    def _may_write(self, key: str, token: str) -> Write:
        held = self._leases.get(key)
        if held is None or held.token != token:
            return Write.REFUSED
        return Write.DONE if anyio.current_time() < held.expires_at else Write.LAPSED
