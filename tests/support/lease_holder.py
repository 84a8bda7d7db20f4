"""A process that holds a lease, as a host of its own would, and obeys lines on its standard input.

    python lease_holder.py redis://10.0.0.1:6379 KEY TTL NAME

It prints a line for each thing that happens: `held`, `lost`, and, after the line `write`, `refused` or `written`.
"""

from __future__ import annotations

import sys
import time
from functools import partial

import coredis
import trio

from livegen_trio import ResumeState
from livegen_trio.stores import Lease, LeaseLapsedError, LeaseLostError
from livegen_trio.stores.valkey import ValkeyResumeStore


async def main(url: str, key: str, ttl: float, name: str) -> None:
    """Hold the lease until it is lost, and try to write afterwards, as a zombie would."""
    orders = iter(partial(trio.to_thread.run_sync, sys.stdin.readline), "")
    async with coredis.Redis.from_url(url, stream_timeout=1) as client:
        store = ValkeyResumeStore(client)
        held: list[Lease] = []
        try:
            async with store.lease(key, ttl, wait=60) as lease:
                held.append(lease)
                await lease.save(ResumeState(handle=name, model="models/m", taken_at=time.time()))
                print("held", flush=True)
                await trio.sleep_forever()
        except LeaseLostError:
            print("lost", flush=True)
        for order in orders:
            if (await order).strip() != "write":
                return
            await write(held[0], name)


async def write(lease: Lease, name: str) -> None:
    """Write as if the lease were still held, until the store answers."""
    while True:
        try:
            await lease.save(ResumeState(handle=f"stale {name}", model="models/m", taken_at=time.time()))
        except (LeaseLostError, LeaseLapsedError):
            print("refused", flush=True)
            return
        except (OSError, coredis.exceptions.RedisError, TimeoutError):
            await trio.sleep(0.2)  # the network is still cut
        else:
            print("written", flush=True)
            return


trio.run(main, sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])
