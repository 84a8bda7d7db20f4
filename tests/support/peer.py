"""The other end of a session, in the test's hands: a backend whose server says and hears what a test tells it to."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from livegen_trio import (
    Backend,
    LiveGenerativeModel,
    LiveSession,
    ServerContent,
    ServerEvent,
    get_live_generative_model,
)
from livegen_trio.transports.base import ConnectionClosed, Transport
from livegen_trio.transports.memory import memory_transport_pair

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from livegen_trio.transports.base import Progress

SETUP_COMPLETE: dict[str, Any] = {"setupComplete": {}}


class Peer:
    """A server's end of a transport. It reads all the time, until it is frozen.

    Attributes:
        closed: How the connection ended, once it has.
        read_messages: All that it has read, the setup first.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.closed: ConnectionClosed | None = None
        self.read_messages: list[dict[str, Any]] = []
        self._frames, self._heard = trio.open_memory_channel[dict[str, Any]](1000)
        self._scope = trio.CancelScope()

    async def read(self) -> None:
        """Read until the connection ends; what was read waits in `hear`."""
        with self._scope, self._frames:
            try:
                while True:
                    message = json.loads(await self.transport.receive())
                    self.read_messages.append(message)
                    self._frames.send_nowait(message)
            except ConnectionClosed as closed:
                self.closed = closed

    def freeze(self) -> None:
        """Read no more: from here on this is a peer that has lost its network."""
        self._scope.cancel()

    async def hear(self) -> dict[str, Any]:
        """The next message from the client."""
        return await self._heard.receive()

    @property
    def unheard(self) -> int:
        """How many of the client's messages wait for `hear`."""
        return self._heard.statistics().current_buffer_used

    async def say(self, *messages: dict[str, Any] | str) -> None:
        """Send messages to the client; a string goes as it is."""
        for message in messages:
            text = message if isinstance(message, str) else json.dumps(message)
            await self.transport.send(text.encode())

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection, and wait until the client has seen it."""
        await self.transport.aclose(code, reason)


class PeerBackend(Backend):
    """Dials a `Peer`, which by default accepts any setup."""

    def __init__(self, *replies: dict[str, Any] | str) -> None:
        self.replies = replies or (SETUP_COMPLETE,)
        self.peer: Peer
        self.setup: dict[str, Any] = {}

    def resource_name(self, model: str) -> str:
        return f"models/{model}"

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        progress.phase = "upgrade"
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_transport_pair()
        self.peer = Peer(theirs)
        nursery.start_soon(self.peer.read)
        nursery.start_soon(self._answer_setup)
        return ours

    async def _answer_setup(self) -> None:
        self.setup = await self.peer.hear()
        await self.peer.say(*self.replies)


class Fleet(PeerBackend):
    """Keeps every peer that it has dialled, and the setup that each was told.

    Attributes:
        refusals: Raised by the next dials, one each.
        pause: How long a dial takes.
        lost_network: Whether earlier peers can't have noticed that they were left.
    """

    def __init__(self, *replies: dict[str, Any] | str) -> None:
        super().__init__(*replies)
        self.peers: list[Peer] = []
        self.setups: list[dict[str, Any]] = []
        self.refusals: list[Exception] = []
        self.pause: float = 0
        self.lost_network = False
        self._dialling = trio.lowlevel.ParkingLot()

    async def dialled(self, count: int) -> Peer:
        """The peer of that number, from 1, once it has been dialled and set up."""
        while len(self.setups) < count:
            await self._dialling.park()
        return self.peers[count - 1]

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        if self.peers and not self.lost_network:
            await trio.testing.wait_all_tasks_blocked()  # the peer has to notice it
            assert self.peers[-1].closed is not None, "dialled before the earlier connection was closed"
        await trio.sleep(self.pause)
        if self.refusals:
            raise self.refusals.pop(0)
        transport = await super().dial(nursery, progress)
        self.peers.append(self.peer)
        return transport

    async def _answer_setup(self) -> None:
        await super()._answer_setup()
        self.setups.append(self.setup["setup"])
        self._dialling.unpark_all()

    @property
    def handles(self) -> list[str | None]:
        """What was asked to be resumed, dial by dial."""
        return [setup["sessionResumption"].get("handle") for setup in self.setups]


def model_on(backend: Backend, name: str = "test", **options: Any) -> LiveGenerativeModel:
    """A model on *backend*."""
    return get_live_generative_model(name, backend=backend, **options)


@asynccontextmanager
async def conversation(
    *replies: dict[str, Any] | str, connect: dict[str, Any] | None = None, **options: Any
) -> AsyncGenerator[tuple[LiveSession, Peer]]:
    """A session and the peer that it talks to."""
    backend = PeerBackend(*replies)
    async with model_on(backend, **options).connect(**(connect or {})) as session:
        yield session, backend.peer


async def next_content(session: LiveSession) -> ServerContent:
    """The session's next event, which has to be content."""
    event = await session.receive()
    assert isinstance(event, ServerContent)
    return event


def words_of(event: ServerEvent) -> str:
    """The text of an event, which has to be content."""
    assert isinstance(event, ServerContent)
    return event.text


async def heard_text(peer: Peer) -> str:
    """The text of the next message from the client, which has to be content."""
    words: str = (await peer.hear())["clientContent"]["turns"][0]["parts"][0]["text"]
    return words


def text(words: str, **more: Any) -> dict[str, Any]:
    """Server content with some text in it."""
    return {"serverContent": {"modelTurn": {"parts": [{"text": words}]}, **more}}


HANDLE: dict[str, Any] = {"sessionResumptionUpdate": {"newHandle": "h1", "resumable": True}}
TURN_COMPLETE: dict[str, Any] = {"serverContent": {"turnComplete": True}}
INTERRUPTED: dict[str, Any] = {"serverContent": {"interrupted": True}}
