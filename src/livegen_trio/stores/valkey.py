"""A store in Valkey or Redis, by coredis, on Trio and on asyncio. Needs the extra `valkey`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._errors import ConfigError
from ..types import ResumeState
from ._leasing import LeasingStore
from ._valkey_leases import Argument, ValkeyLeases

if TYPE_CHECKING:
    import coredis

HANDLE_LIFETIME: Final = 7200.0
"""Seconds for which the Gemini API resumes a session."""


class ValkeyResumeStore(LeasingStore):
    """Keeps states in a server that the whole fleet reaches, until their handles have expired.

    The states are stored unencrypted: anyone who can read that server can take up the conversations.

    Args:
        client: Yours to open and to close: `async with coredis.Redis(...) as client`.
        prefix: Put before every key.
        lifetime: Seconds after which a state is forgotten, counted from its last `save`.

    Raises:
        ConfigError: The lifetime is too short.
    """

    def __init__(
        self,
        client: coredis.Redis[bytes] | coredis.Redis[str],
        *,
        prefix: str = "livegen-trio:",
        lifetime: float = HANDLE_LIFETIME,
    ) -> None:
        if not lifetime >= 0.001:
            raise ConfigError("lifetime is a number of seconds, at least a millisecond")
        self._client = client
        self._prefix = prefix
        self._milliseconds = int(lifetime * 1000)
        super().__init__(ValkeyLeases(self._run_script, prefix=prefix, lifetime=self._milliseconds))

    async def _run_script(self, script: str, keys: list[str], args: list[Argument]) -> object:
        return await self._client.eval(script, keys=keys, args=args)

    async def save(self, key: str, state: ResumeState) -> None:
        """Keep *state* in place of what was kept for *key*.

        Raises:
            Exception: Whatever coredis raises.
        """
        await self._client.set(self._prefix + key, state.to_bytes(), px=self._milliseconds)

    async def load(self, key: str) -> ResumeState | None:
        """Return what is kept for *key*, or None.

        Raises:
            ConfigError: Something else is kept there, or a state of another version's format.
            Exception: Whatever coredis raises.
        """
        found = await self._client.get(self._prefix + key)
        if found is None:
            return None
        return ResumeState.from_bytes(found if isinstance(found, bytes) else found.encode())

    async def delete(self, key: str) -> None:
        """Keep nothing for *key* any more.

        Raises:
            Exception: Whatever coredis raises.
        """
        await self._client.delete([self._prefix + key])
