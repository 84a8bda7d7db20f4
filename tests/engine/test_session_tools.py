"""The tools of a session, as they change: lists of MCP servers, updates by hand, and all of that at the same time."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import mcp
import mcp.client.subscriptions
import pytest
import trio
import trio.testing
from mcp import types
from mcp.server import MCPServer

from livegen_trio import ConnectTimeoutError, ToolError
from livegen_trio._engine.session_tools import SessionTools
from livegen_trio.tools import declarations
from support.peer import Fleet, Peer, PeerBackend, conversation, model_on

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from trio.testing import MockClock


class Source(mcp.ClientSession):
    """A client whose server takes its time to list its tools, and has no subscriptions."""

    _negotiated_version: str | None = "2025-06-18"

    def __init__(self, *names: str) -> None:
        self.names: tuple[str, ...] = names
        self.pause: float = 0

    async def list_tools(self, *, params: object = None) -> types.ListToolsResult:
        names = self.names
        await trio.sleep(self.pause)
        return types.ListToolsResult(
            tools=[types.Tool(name=name, input_schema={"type": "object"}) for name in names]
        )


async def harmless() -> int:
    """Do nothing."""
    return 1


async def declared(peer: Peer) -> list[str]:
    """The names in the next update of the tools."""
    tools = (await peer.hear())["contextUpdate"]["tools"]["tools"]
    return [one["name"] for tool in tools for one in tool.get("functionDeclarations", [])]


def declared_in(setup: dict[str, Any]) -> list[str]:
    return [one["name"] for tool in setup["tools"] for one in tool["functionDeclarations"]]


async def test_a_refresh_that_lists_for_long_does_not_undo_a_later_update(autojump_clock: MockClock) -> None:
    source = Source("delete_everything")
    async with conversation(tools=[source]) as (session, peer), trio.open_nursery() as nursery:
        source.pause = 5
        nursery.start_soon(session.refresh_tools)
        await trio.sleep(1)
        await session.update_context(tools=[harmless])
        assert await declared(peer) == ["delete_everything"]
        assert await declared(peer) == ["harmless"]


async def test_an_update_that_lists_for_long_is_not_undone_by_a_refresh(autojump_clock: MockClock) -> None:
    old, new = Source("old"), Source("new")
    async with conversation(tools=[old]) as (session, peer), trio.open_nursery() as nursery:
        new.pause = 5

        async def update() -> None:
            await session.update_context(tools=[new])

        nursery.start_soon(update)
        await trio.sleep(1)
        await session.refresh_tools()
        assert [await declared(peer), await declared(peer)] == [["new"], ["new"]]


async def test_an_update_that_was_cancelled_while_listing_changes_nothing(autojump_clock: MockClock) -> None:
    old, new = Source("old"), Source("new")
    async with conversation(tools=[old]) as (session, peer):
        new.pause = 5
        with trio.move_on_after(1):
            await session.update_context(tools=[new])
        await session.refresh_tools()
        assert await declared(peer) == ["old"]


async def test_the_next_connection_begins_with_the_newest_tools_of_both_ways(
    autojump_clock: MockClock,
) -> None:
    backend = Fleet()
    source = Source("rain")
    async with model_on(backend, tools=[harmless]).connect() as session:
        peer = await backend.dialled(1)
        await peer.say({"sessionResumptionUpdate": {"newHandle": "h", "resumable": True}})
        await session.receive()
        async with trio.open_nursery() as nursery:
            source.pause = 2

            async def update() -> None:
                await session.update_context(tools=[source])

            nursery.start_soon(update)
            await trio.sleep(1)
            source.names = ("rain", "snow")
            nursery.start_soon(session.refresh_tools)
            await peer.close(1011)
        await backend.dialled(2)
        await trio.sleep(5)
        await (await backend.dialled(2)).close(1011)
        await backend.dialled(3)
    assert declared_in(backend.setups[2]) == ["rain", "snow"]


async def test_a_server_that_does_not_list_its_tools_falls_under_connect_timeout(
    autojump_clock: MockClock,
) -> None:
    source = Source("rain")
    source.pause = 1000
    with pytest.raises(ConnectTimeoutError, match="3 s") as caught:
        async with model_on(PeerBackend(), tools=[source]).connect(connect_timeout=3):
            pass
    assert caught.value.phase == "tools"
    assert trio.current_time() == 3


async def test_the_time_limit_covers_the_listing_of_tools_and_the_dial_together(
    autojump_clock: MockClock,
) -> None:
    source = Source("rain")
    source.pause = 2
    backend = Fleet()
    backend.pause = 2
    with pytest.raises(ConnectTimeoutError, match="no session after 3 s") as caught:
        async with model_on(backend, tools=[source]).connect(connect_timeout=3):
            pass
    assert caught.value.phase == "dns"
    assert trio.current_time() == 3


async def test_a_refresh_of_such_a_server_is_given_up_and_keeps_the_tools(autojump_clock: MockClock) -> None:
    source = Source("rain")
    async with conversation(tools=[source]) as (session, peer):
        source.pause = 1000
        with pytest.raises(ToolError, match="has not listed its tools within 30 s"):
            await session.refresh_tools()
        assert trio.current_time() == 30
        assert peer.unheard == 0


def rain() -> str:
    """How much it has rained."""
    return "3 mm"


async def test_a_change_between_listing_and_subscribing_reaches_the_model() -> None:
    server = MCPServer("station")
    server.add_tool(harmless)
    backend = Fleet()
    with trio.fail_after(10):
        async with mcp.Client(server) as client, trio.open_nursery() as nursery:

            async def change() -> None:
                await trio.sleep(0.1)
                server.add_tool(rain)  # whom this concerns can't have subscribed yet

            backend.pause = 0.3
            nursery.start_soon(change)
            async with model_on(backend, tools=[client]).connect():
                assert declared_in(backend.setups[0]) == ["harmless"]
                assert await declared(backend.peers[0]) == ["harmless", "rain"]


async def test_nothing_is_declared_again_if_nothing_has_changed() -> None:
    server = MCPServer("station")
    server.add_tool(harmless)
    with trio.fail_after(10):
        async with mcp.Client(server) as client, conversation(tools=[client]) as (_, peer):
            await trio.testing.wait_all_tasks_blocked(0.1)
            assert peer.unheard == 0


async def test_a_subscription_that_is_lost_is_opened_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source("rain")
    opened: list[float] = []

    async def no_changes() -> AsyncIterator[object]:
        await trio.sleep(10)
        if len(opened) == 2:
            raise mcp.client.subscriptions.SubscriptionLost
        nothing: tuple[object, ...] = ()
        for change in nothing:
            yield change

    @asynccontextmanager
    async def listen(_: object, *, tools_list_changed: bool) -> AsyncGenerator[AsyncIterator[object]]:
        opened.append(trio.current_time())
        yield no_changes()

    monkeypatch.setattr(mcp.client.subscriptions, "listen", listen)
    async with conversation(tools=[source]) as (_, peer):
        await trio.sleep(5)
        source.names = ("rain", "snow")
        assert await declared(peer) == ["rain", "snow"]
        await trio.sleep(20)
    assert opened == [0, 11, 25]


async def test_a_client_that_fails_is_not_watched_any_more(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def listen(_: object, *, tools_list_changed: bool) -> AsyncGenerator[AsyncIterator[object]]:
        raise ValueError("closed")
        yield

    monkeypatch.setattr(mcp.client.subscriptions, "listen", listen)
    with caplog.at_level(logging.WARNING):
        async with conversation(tools=[Source("rain")]) as (session, peer):
            await trio.sleep(1)
            await session.send("still here")
            assert "clientContent" in await peer.hear()
    assert "an MCP server's tools are not watched any more" in caplog.text


async def test_new_tools_that_can_not_be_declared_are_logged(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source("rain")

    async def changes() -> AsyncIterator[object]:
        await trio.sleep(5)
        yield object()
        await trio.sleep_forever()

    @asynccontextmanager
    async def listen(_: object, *, tools_list_changed: bool) -> AsyncGenerator[AsyncIterator[object]]:
        yield changes()

    monkeypatch.setattr(mcp.client.subscriptions, "listen", listen)
    async with conversation(tools=[source, harmless]) as (_, peer):
        await trio.sleep(1)
        source.names = ("harmless",)
        await trio.sleep(10)
        assert peer.unheard == 0
    assert "an MCP server's new tools are not declared to the model" in caplog.text


async def test_tools_that_nobody_has_started_are_not_watched() -> None:
    tools = SessionTools([Source("rain")], declarations([]), openapi=False)
    tools.watch()
    tools.cancel()
    assert (await tools.list()).names == ["rain"]
