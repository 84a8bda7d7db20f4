"""Two hosts, in network namespaces of the test's own, and a cut between one of them and the store."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import coredis
import pytest
import trio

from livegen_trio.stores.valkey import ValkeyResumeStore
from support.loopback import carry

if TYPE_CHECKING:
    from collections.abc import Generator

HOLDER = Path(__file__).parents[1] / "support" / "lease_holder.py"
TTL = 3.0
PATIENCE = 40
NETWORK = f"10.{64 + os.getpid() % 64}.{os.getpid() // 64 % 256}"  # of the test's own


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def may_make_namespaces() -> bool:
    """Whether this user may, which takes root and iproute2."""
    name = f"probe{os.getpid()}"
    try:
        run("ip", "netns", "add", name)
        run("ip", "netns", "del", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class Host:
    """A network namespace, whose only way to the others is a virtual cable."""

    def __init__(self, number: int) -> None:
        self.name: str = f"host{number}-{os.getpid()}"
        self.cable: str = f"c{number}-{os.getpid()}"
        self._number = number
        self.store: str = f"{NETWORK}.{4 * number + 1}"

    def __enter__(self) -> Self:
        address = f"{NETWORK}.{4 * self._number + 2}/30"
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "address", "add", f"{self.store}/30", "dev", self.cable)
        run("ip", "-n", self.name, "address", "add", address, "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(("ip", "link", "del", self.cable), check=False, capture_output=True)
        subprocess.run(("ip", "netns", "del", self.name), check=False, capture_output=True)

    def cut(self) -> None:
        run("ip", "link", "set", self.cable, "down")

    def connect(self) -> None:
        run("ip", "link", "set", self.cable, "up")


@contextmanager
def holder(host: Host, port: int, key: str) -> Generator[subprocess.Popen[str]]:
    """A process on *host* that takes the lease as soon as it may."""
    url = f"redis://{host.store}:{port}"
    command = ["ip", "netns", "exec", host.name, sys.executable, str(HOLDER), url, key, str(TTL), host.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text: str = await trio.to_thread.run_sync(process.stdout.readline, abandon_on_cancel=True)
    return text.strip()


async def test_a_host_that_was_cut_off_writes_nothing_when_the_network_heals(valkey_port: int) -> None:
    if not may_make_namespaces():
        pytest.skip("network namespaces take root and iproute2")
    key = "cut"
    with trio.fail_after(PATIENCE), Host(0) as first, Host(1) as second:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, partial(carry, valkey_port), 0))
            port = listeners[0].socket.getsockname()[1]
            with holder(first, port, key) as zombie:
                assert await line(zombie) == "held"
                first.cut()
                with holder(second, port, key) as heir:
                    began = trio.current_time()
                    assert await line(heir) == "held"
                    assert trio.current_time() - began < TTL + 3
                    assert await line(zombie) == "lost"  # by its own clock: it is still cut off
                    first.connect()
                    assert zombie.stdin is not None
                    zombie.stdin.write("write\n")
                    zombie.stdin.flush()
                    assert await line(zombie) == "refused"
                    async with coredis.Redis(port=valkey_port) as client:
                        state = await ValkeyResumeStore(client).load(key)
            assert state is not None
            assert state.handle == second.name
            nursery.cancel_scope.cancel()
