"""Leases in Valkey or Redis: each step is one Lua script, which the server runs as a whole.

Three keys stand for the lease on `name`; by the braces, a cluster keeps them where it keeps `name` itself:

* `{name}:lease` has the holder's token, and expires (`SET NX PX`).
* `{name}:last` has the token that took the lease last. It outlives the lease: a holder whose lease has expired, or was
  lost in a failover, gets it back only if no other one has had it since.
* `{name}:wanted` is there while somebody waits for the lease.

States are written only under the token that has the lease, so a stale holder's write is always refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, cast

from ..types import ResumeState
from ._lease_table import Acquired, HeldBy, Renewal, Write

Argument: TypeAlias = str | bytes | int
RunScript: TypeAlias = Callable[[str, list[str], list[Argument]], Awaitable[object]]

_WANTED_FOR: Final = 5_000  # milliseconds for which a request to hand over stands, unless it is repeated

_ACQUIRE: Final = """
local lease, last, wanted, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, ttl, lifetime, ask, wanted_for = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local holder = redis.call('GET', lease)
if holder and holder ~= token then
    if ask == '1' then redis.call('SET', wanted, '1', 'PX', wanted_for) end
    return {0, holder}
end
if not redis.call('SET', lease, token, 'NX', 'PX', ttl) then redis.call('PEXPIRE', lease, ttl) end
redis.call('SET', last, token, 'PX', lifetime)
redis.call('DEL', wanted)
return {1, redis.call('GET', state)}
"""
_RENEW: Final = """
local lease, last, wanted = KEYS[1], KEYS[2], KEYS[3]
local token, ttl, lifetime = ARGV[1], ARGV[2], ARGV[3]
local holder, taker = redis.call('GET', lease), redis.call('GET', last)
if holder and holder ~= token then return {0, 0} end
if not holder and taker and taker ~= token then return {0, 0} end
redis.call('SET', lease, token, 'PX', ttl)
redis.call('SET', last, token, 'PX', lifetime)
return {holder and taker and 1 or 2, redis.call('EXISTS', wanted)}
"""
_CHECK: Final = """
local lease, last, state, token = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local holder, taker = redis.call('GET', lease), redis.call('GET', last)
if holder and holder ~= token then return 0 end
if not holder then return (not taker or taker == token) and 2 or 0 end
"""
_SAVE: Final = (
    _CHECK
    + """
redis.call('SET', state, ARGV[2], 'PX', ARGV[3])
return 1
"""
)
_DELETE: Final = (
    _CHECK
    + """
redis.call('DEL', state)
return 1
"""
)
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end
return 1
"""
_WRITES: Final = {0: Write.REFUSED, 1: Write.DONE, 2: Write.LAPSED}
_RENEWALS: Final = {0: Renewal.LOST, 1: Renewal.RENEWED, 2: Renewal.REGAINED}


class ValkeyLeases:
    """The `LeaseTable` of a `ValkeyResumeStore`.

    Args:
        run_script: Runs a Lua script with keys and arguments.
        prefix: Put before every key.
        lifetime: Milliseconds for which a state is kept.
    """

    def __init__(self, run_script: RunScript, *, prefix: str, lifetime: int) -> None:
        self._run_script = run_script
        self._prefix = prefix
        self._lifetime = lifetime

    async def acquire(self, key: str, token: str, ttl: float, *, ask: bool) -> Acquired | HeldBy:
        """Take the lease if it is free; else ask its holder to hand over, if *ask* says so."""
        state = self._prefix + key
        taken, found = cast(
            "tuple[int, bytes | str | None]",
            await self._run_script(
                _ACQUIRE,
                [*self._names(key, "lease", "last", "wanted"), state],
                [token, _milliseconds(ttl), self._lifetime, int(ask), _WANTED_FOR],
            ),
        )
        if not taken:
            return HeldBy(_text(found or b""))
        return Acquired(None if found is None else ResumeState.from_bytes(_binary(found)))

    async def renew(self, key: str, token: str, ttl: float) -> tuple[Renewal, bool]:
        """Prolong the lease, and return whether its holder is asked to hand over."""
        names = self._names(key, "lease", "last", "wanted")
        outcome, is_wanted = cast(
            "tuple[int, int]",
            await self._run_script(_RENEW, names, [token, _milliseconds(ttl), self._lifetime]),
        )
        return _RENEWALS[outcome], bool(is_wanted)

    async def save_held(self, key: str, token: str, state: ResumeState) -> Write:
        """Keep *state*, if *token* holds the lease."""
        return await self._write(_SAVE, key, [token, state.to_bytes(), self._lifetime])

    async def delete_held(self, key: str, token: str) -> Write:
        """Keep nothing for *key*, if *token* holds the lease."""
        return await self._write(_DELETE, key, [token])

    async def _write(self, script: str, key: str, args: list[Argument]) -> Write:
        names = [*self._names(key, "lease", "last"), self._prefix + key]
        return _WRITES[cast("int", await self._run_script(script, names, args))]

    async def release(self, key: str, token: str) -> None:
        """Free the lease, if *token* holds it."""
        await self._run_script(_RELEASE, self._names(key, "lease", "wanted"), [token])

    def _names(self, key: str, *kinds: str) -> list[str]:
        return [f"{{{self._prefix}{key}}}:{kind}" for kind in kinds]


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _binary(found: bytes | str) -> bytes:
    return found if isinstance(found, bytes) else found.encode()


def _text(found: bytes | str) -> str:
    return found if isinstance(found, str) else found.decode()
