"""The example of a fleet: two workers, of which one is drained and one is killed, in the middle of conversations."""

from __future__ import annotations

import json
import signal
import sys

import pytest
import trio

from livegen_trio import HandshakeError
from livegen_trio.transports.base import ConnectionClosed
from support.fleet import Worker, ask, connected, fleet, wait_closed

PATIENCE = 50
RECONNECT = 1012
NAMES = ["Ann", "Ben", "Cleo", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Joe"]

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="SIGTERM is no signal there that a server can handle"
)


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
async def test_a_drained_worker_hands_over_and_a_killed_ones_conversation_is_taken_up(
    server: str, valkey_port: int
) -> None:
    with trio.fail_after(PATIENCE):
        async with fleet(server, valkey_port) as (first, second):
            async with connected(f"{first.url}ann-{server}") as client:
                assert json.loads(await client.receive()) == {"begun": "new"}
                assert "Ann" in await ask(client, "My name is Ann.")
                first.process.send_signal(signal.SIGTERM)
                assert await wait_closed(client) == RECONNECT
            async with connected(f"{second.url}ann-{server}") as client:
                assert json.loads(await client.receive()) == {"begun": "again"}
                assert "Ann" in await ask(client, "What is my name?")
                assert await first.process.wait() in (0, -signal.SIGTERM)
                await first.start()
                await second.kill()
            began = trio.current_time()
            async with connected(f"{first.url}ann-{server}") as client:
                assert json.loads(await client.receive()) == {"begun": "again"}
                assert trio.current_time() - began < 10  # a lease's ttl of 6 s, and what a dial takes
                assert "Ann" in await ask(client, "What is my name?")


async def test_a_conversation_is_in_one_worker_at_a_time(valkey_port: int) -> None:
    with trio.fail_after(PATIENCE):
        async with fleet("uvicorn", valkey_port) as (first, second):
            async with connected(f"{first.url}bob") as client:
                assert "Bob" in await ask(client, "My name is Bob.")
                async with connected(f"{second.url}bob") as other:  # asks the first to hand over
                    assert await wait_closed(client) == RECONNECT
                    assert "Bob" in await ask(other, "What is my name?")


async def test_a_paused_workers_conversation_is_taken_up_and_closed_when_it_wakes(valkey_port: int) -> None:
    with trio.fail_after(PATIENCE):
        async with fleet("uvicorn", valkey_port) as (first, second):
            async with connected(f"{first.url}cleo") as client:
                assert "Cleo" in await ask(client, "My name is Cleo.")
                first.process.send_signal(signal.SIGSTOP)
                async with connected(f"{second.url}cleo") as other:
                    await trio.sleep(
                        8
                    )  # the lease expires, and the server refuses a second connection of the session
                    first.process.send_signal(signal.SIGCONT)
                    assert await wait_closed(client) == RECONNECT
                    assert json.loads(await other.receive()) == {"begun": "again"}
                    assert "Cleo" in await ask(other, "What is my name?")


async def test_many_conversations_go_on_when_a_worker_is_drained_in_the_middle_of_them(
    valkey_port: int,
) -> None:
    async def converse(name: str, workers: tuple[Worker, Worker]) -> None:
        key, said = f"many-{name}", False
        for turn in range(6):
            worker = workers[turn % 2]  # as a load balancer would, once the first one refuses
            try:
                async with connected(worker.url + key) as client:
                    if not said:
                        assert name in await ask(client, f"My name is {name}.")
                        said = True
                    for _ in range(20):
                        assert name in await ask(client, "What is my name?")
                        answers.append(name)
                        await trio.sleep(0.1)
                    return
            except (ConnectionClosed, HandshakeError):
                continue  # by the next worker
        raise AssertionError("no worker takes the conversation")

    answers: list[str] = []
    with trio.fail_after(PATIENCE):
        async with fleet("uvicorn", valkey_port) as workers, trio.open_nursery() as nursery:
            for name in NAMES:
                nursery.start_soon(converse, name, workers)
            while len(answers) < 2 * len(NAMES):  # noqa: ASYNC110 - clients in other tasks
                await trio.sleep(0.01)
            workers[0].process.send_signal(signal.SIGTERM)
            assert await workers[0].process.wait() == -signal.SIGTERM
    assert {answers.count(name) >= 20 for name in NAMES} == {True}
