"""Tools of real MCP servers, over stdio and over HTTP, called in conversations with the embedded server."""

from __future__ import annotations

import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mcp
import pytest
import trio
import trio.testing

from livegen_trio import (
    FunctionDeclaration,
    ModelProfile,
    ToolError,
    ToolFailed,
    get_live_generative_model,
)
from livegen_trio.local import CallTool, LocalBackend, Say
from support.live_client import text_engines
from support.peer import Peer, PeerBackend, conversation, model_on

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from livegen_trio import Content, LiveGenerativeModel

SERVER = str(Path(__file__).parent.parent / "support" / "mcp_server.py")
MODEL = "gemini-2.5-flash-native-audio-preview-12-2025"
TEXT_MODEL = "gemini-live-2.5-flash-preview"
PATIENCE = 30


@asynccontextmanager
async def over_stdio() -> AsyncGenerator[mcp.Client]:
    parameters = mcp.StdioServerParameters(command=sys.executable, args=[SERVER, "stdio"])
    async with mcp.Client(parameters) as client:
        yield client


@asynccontextmanager
async def over_http() -> AsyncGenerator[mcp.Client]:
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, [sys.executable, SERVER, "http"], stdout=subprocess.PIPE, check=False)
        process: trio.Process = await nursery.start(run)
        assert process.stdout is not None
        port = int(await process.stdout.receive_some())
        async with mcp.Client(f"http://127.0.0.1:{port}/mcp") as client:
            yield client
        nursery.cancel_scope.cancel()


BOTH = pytest.mark.parametrize("connected", [over_stdio, over_http])


def decide(contents: Sequence[Content]) -> Say | Sequence[CallTool]:
    """Call the function that the user names; else say what a function has answered."""
    last = contents[-1]
    response = last.parts[-1].function_response
    if response is not None:
        return Say(f"It says {response.response}.")
    name, _, city = last.text.partition(" ")
    return [CallTool(name, {"city": city} if city else {})] if name.islower() else Say("All right.")


def model_with(client: mcp.Client | mcp.ClientSession, *more: Any) -> LiveGenerativeModel:
    backend = LocalBackend(engines=text_engines(decide))
    return get_live_generative_model(MODEL, backend=backend, tools=[client, *more])


async def answer(peer: Peer) -> Mapping[str, Any]:
    [response] = (await peer.hear())["toolResponse"]["functionResponses"]
    return {key: value for key, value in response.items() if key not in ("id", "name")}


def call(name: str, **args: Any) -> dict[str, Any]:
    return {"toolCall": {"functionCalls": [{"id": "1", "name": name, "args": args}]}}


@BOTH
async def test_a_tool_is_called_in_a_conversation_and_another_cancelled_half_way(connected: Any) -> None:
    with trio.fail_after(PATIENCE):
        async with connected() as client, model_with(client).connect() as session:
            answered = await session.ask("weather Paris")
            assert answered.text == "It says {'city': 'Paris', 'celsius': 21}."

            await session.send("measure")
            await happening(client, "begun")
            assert (await session.ask("Never mind!")).text == "All right."
            await happening(client, "cancelled")
            assert (await session.ask("weather Rome")).text == "It says {'city': 'Rome', 'celsius': 21}."


async def happening(client: mcp.Client, what: str) -> None:
    """Wait until the server says that this has happened, which has to be asked for."""
    happened: Sequence[str] = ()
    while what not in happened:
        await trio.sleep(0.01)
        result = await client.call_tool("what_happened")
        assert result.structured_content is not None
        happened = result.structured_content["result"]


@BOTH
async def test_what_a_server_adds_reaches_the_model(connected: Any) -> None:
    with trio.fail_after(PATIENCE):
        async with connected() as client, conversation(tools=[client]) as (session, peer):
            await trio.testing.wait_all_tasks_blocked(0.1)
            await client.call_tool("repair")
            [declared] = (await peer.hear())["contextUpdate"]["tools"]["tools"]
            assert "rain" in [function["name"] for function in declared["functionDeclarations"]]
            await peer.say(call("rain"))
            assert await answer(peer) == {"response": {"result": "3 mm"}}
            assert not session.is_closed


async def test_a_low_level_session_is_a_source_of_tools_too() -> None:
    with trio.fail_after(PATIENCE):
        async with over_stdio() as client, model_with(client.session).connect() as session:
            assert (await session.ask("weather Oslo")).text == "It says {'city': 'Oslo', 'celsius': 21}."


async def test_a_server_s_tools_are_declared_beside_others_when_a_session_begins() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    backend = PeerBackend()
    with trio.fail_after(PATIENCE):
        async with over_stdio() as client:
            model = model_on(backend, tools=[add, client])
            assert [one.name for one in model.tools[0].function_declarations] == ["add"]
            async with model.connect():
                pass
    functions = {one["name"]: one for one in backend.setup["setup"]["tools"][0]["functionDeclarations"]}
    assert list(functions) == ["add", "weather", "measure", "what_happened", "fail", "look", "repair"]
    assert functions["weather"]["description"] == "The weather of a city."
    assert set(functions["weather"]["parametersJsonSchema"]["properties"]) == {"city", "days"}
    assert "parametersJsonSchema" not in functions["measure"]


async def test_a_server_s_tools_can_be_declared_in_the_subset_of_openapi() -> None:
    backend = PeerBackend()
    with trio.fail_after(PATIENCE):
        async with (
            over_stdio() as client,
            model_on(backend, tools=[client], profile=ModelProfile(json_schema=False)).connect(),
        ):
            pass
    weather = backend.setup["setup"]["tools"][0]["functionDeclarations"][0]
    assert weather["parameters"]["properties"]["city"] == {"type": "STRING", "title": "City"}


async def test_a_tool_that_fails_answers_in_its_own_words() -> None:
    with trio.fail_after(PATIENCE):
        async with over_stdio() as client, conversation(tools=[client]) as (session, peer):
            await peer.say(call("fail"))
            response = (await answer(peer))["response"]
            assert "the station is closed" in response["error"]
            failed = [event async for event in first_of(session, ToolFailed)]
            assert isinstance(failed[0].error, ToolError)


async def first_of(session: Any, kind: type[Any]) -> AsyncGenerator[Any]:
    async for event in session:
        if isinstance(event, kind):
            yield event
            return


async def test_pictures_are_handed_on() -> None:
    with trio.fail_after(PATIENCE):
        async with over_stdio() as client, conversation(tools=[client]) as (_, peer):
            await peer.say(call("look"))
            assert await answer(peer) == {
                "response": {"output": "It is\nblue."},
                "parts": [{"inlineData": {"mimeType": "image/jpeg", "data": "/9hibHVl"}}],
            }


async def test_two_servers_can_not_have_a_tool_of_the_same_name() -> None:
    with trio.fail_after(PATIENCE):
        async with over_stdio() as one, over_stdio() as other:
            with pytest.raises(ToolError, match="two tools are called 'weather'"):
                async with model_on(PeerBackend(), tools=[one, other]).connect():
                    pass


async def test_a_client_may_take_the_place_of_other_tools() -> None:
    with trio.fail_after(PATIENCE):
        async with over_stdio() as client, conversation() as (session, peer):
            await session.update_context(tools=[client])
            await peer.hear()
            await peer.say(call("weather", city="Bern"))
            assert await answer(peer) == {"response": {"city": "Bern", "celsius": 21}}
            await client.call_tool("repair")
            assert "contextUpdate" in await peer.hear()
            await session.update_context(tools=[FunctionDeclaration(name="mine")])
            await peer.hear()
            await client.call_tool("repair")
            await trio.testing.wait_all_tasks_blocked(0.1)
            assert peer.unheard == 0


async def test_the_list_can_be_asked_for_again_by_hand() -> None:
    with trio.fail_after(PATIENCE):
        async with over_stdio() as client, conversation(tools=[client]) as (session, peer):
            await session.refresh_tools()
            [declared] = (await peer.hear())["contextUpdate"]["tools"]["tools"]
    assert declared["functionDeclarations"][0]["name"] == "weather"
