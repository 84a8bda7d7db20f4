"""Fifty conversations on the example of a fleet, of which one worker is killed and the other one drained.

    nox -s soak -- fleet
    python tests/soak/fleet.py

Each conversation gives its name, and asks for it twice a second; when its connection ends it goes to the other worker.
A proxy before the Live server sees which connections a conversation has there, and when. The exit code is 1 if an
answer lacks the name, a conversation ends, or one has two connections at a time.
"""

from __future__ import annotations

import re
import signal
import statistics
import sys
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).parents[1]))

from livegen_trio import HandshakeError
from livegen_trio.local import LocalServer, text_engines
from livegen_trio.transports.base import ConnectionClosed
from support.fleet import Worker, ask, connected, fleet, free_port
from support.loopback import carry
from support.valkey_server import valkey_server

CONVERSATIONS = 50
KILLED_AT, STARTED_AT, DRAINED_AT, SECONDS = 6.0, 14.0, 20.0, 40.0
PAUSE = 0.5  # seconds between questions
LETTERS = "bcdfghjklmnprst"


@dataclass
class Held:
    """A connection of the Live server's, as the proxy sees it."""

    began: float
    ended: float = float("inf")
    text: str = ""

    def is_of(self, name: str) -> bool:
        return re.search(rf"\b{name}\b", self.text) is not None


@dataclass
class Talk:
    """The account of one conversation."""

    name: str
    answers: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    connections: int = 0

    @property
    def gap(self) -> float:
        """The longest time without an answer."""
        return max((after - before for before, after in pairwise(self.answers)), default=SECONDS)


async def relay(port: int, held: list[Held], client: trio.SocketStream) -> None:
    """Carry one connection between a worker and the Live server, and read what the server says."""
    connection = Held(trio.current_time())
    held.append(connection)

    def read(data: bytes | bytearray) -> None:
        connection.text += "".join(re.findall(r'"text":"([^"]*)"', data.decode("utf-8", "replace")))

    try:
        await carry(port, client, see=read)
    finally:
        connection.ended = trio.current_time()


async def converse(talk: Talk, workers: tuple[Worker, Worker], begin: int) -> None:
    """Hold a conversation with whichever worker takes it."""
    end = trio.current_time() + SECONDS
    while trio.current_time() < end:
        try:
            async with connected(f"{workers[(begin + talk.connections) % 2].url}soak-{talk.name}") as client:
                while trio.current_time() < end:
                    question = "What is my name?" if talk.answers else f"My name is {talk.name}."
                    answer = await ask(client, question)
                    if talk.name not in answer:
                        talk.wrong.append(answer)
                    talk.answers.append(trio.current_time())
                    await trio.sleep(PAUSE)
        except (ConnectionClosed, HandshakeError):
            talk.connections += 1
            await trio.sleep(0.1)


async def main() -> int:
    """Run it, and print the account; returns the exit code."""
    talks = [Talk(f"{first}a{second}o".title()) for first in LETTERS for second in LETTERS][:CONVERSATIONS]
    held: list[Held] = []
    with valkey_server() as valkey_port:
        async with trio.open_nursery() as nursery:
            [address] = await nursery.start(partial(LocalServer(text_engines()).serve, 0))
            proxy = await free_port()
            await nursery.start(
                partial(trio.serve_tcp, partial(relay, address.port, held), proxy, host="127.0.0.1")
            )
            async with (
                fleet("uvicorn", valkey_port, live_port=proxy) as workers,
                trio.open_nursery() as talking,
            ):
                for number, talk in enumerate(talks):
                    talking.start_soon(converse, talk, workers, number)
                await trio.sleep(KILLED_AT)
                await workers[0].kill()
                await trio.sleep(STARTED_AT - KILLED_AT)
                await workers[0].start()
                await trio.sleep(DRAINED_AT - STARTED_AT)
                workers[1].process.send_signal(signal.SIGTERM)
            nursery.cancel_scope.cancel()
    return report(talks, held)


def report(talks: list[Talk], held: list[Held]) -> int:
    """Print the account; returns the exit code."""
    double = [talk.name for talk in talks if overlaps([one for one in held if one.is_of(talk.name)])]
    gaps = sorted(talk.gap for talk in talks)
    wrong = [answer for talk in talks for answer in talk.wrong]
    latest = max(answer for talk in talks for answer in talk.answers)
    ended = [talk.name for talk in talks if not talk.answers or talk.answers[-1] < latest - 5]
    print("| conversations | answers | without the name | ended | two holders | longest gap: median | most |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    cells = [len(talks), sum(len(talk.answers) for talk in talks), len(wrong), len(ended), len(double)]
    print(f"| {' | '.join(map(str, cells))} | {statistics.median(gaps):.1f} s | {gaps[-1]:.1f} s |")
    return 1 if wrong or ended or double else 0


def overlaps(connections: list[Held]) -> bool:
    """Whether two of them were open at a time."""
    in_order = sorted(connections, key=lambda one: one.began)
    return any(after.began < before.ended for before, after in pairwise(in_order))


sys.exit(trio.run(main))
