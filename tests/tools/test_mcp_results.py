"""What MCP servers list and answer, in all the forms that their protocol has: from a server in this process."""

from __future__ import annotations

import base64
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import mcp
import pytest
import trio
import trio.testing
from mcp import types
from mcp.server.lowlevel import Server

from livegen_trio import FunctionCall, ToolContext, ToolError
from livegen_trio.tools import is_mcp_client, list_tools
from livegen_trio.tools._mcp import list_mcp_tools
from support.tool_calls import outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from livegen_trio import FunctionResponse, LiveSession

PICTURE = b"\x89PNG"
LINK = types.ResourceLink(type="resource_link", name="forecast", uri="https://weather.example/paris")
WORDS = types.TextResourceContents(uri="file:///notes", text="Mild.")
BINARY = types.BlobResourceContents(uri="file:///map", blob=base64.b64encode(PICTURE).decode())


@asynccontextmanager
async def serving(
    *pages: list[str], result: types.CallToolResult | types.InputRequiredResult | None = None
) -> AsyncGenerator[mcp.Client]:
    """A client of a server that offers these tools, page by page, and answers each call with *result*."""

    async def list_page(_: object, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        page = int(params.cursor) if params is not None and params.cursor is not None else 0
        tools = [types.Tool(name=name, input_schema={"type": "object"}) for name in pages[page]]
        following = str(page + 1) if page + 1 < len(pages) else None
        return types.ListToolsResult(tools=tools, next_cursor=following)

    async def call(_: object, __: object) -> types.CallToolResult | types.InputRequiredResult:
        assert result is not None
        return result

    server = Server[Any]("weather", on_list_tools=list_page, on_call_tool=call)
    async with mcp.Client(server) as client:
        yield client


async def answered(*content: types.ContentBlock) -> FunctionResponse:
    """What a tool's answer, when it is called, is for the model."""
    async with serving(["look"], result=types.CallToolResult(content=list(content))) as client:
        return await called(client)


async def failed(*content: types.ContentBlock) -> str:
    """What is told of a tool that answers this as what went wrong."""
    async with serving(["look"], result=types.CallToolResult(content=list(content), is_error=True)) as client:
        with pytest.raises(ToolError) as caught:
            await called(client)
    return str(caught.value)


async def called(client: mcp.Client | mcp.ClientSession) -> FunctionResponse:
    [tool] = await list_tools([client])
    call = FunctionCall(name="look")
    session = cast("LiveSession", None)  # a server's tool doesn't look at it
    return await tool.call({}, ToolContext(call, session, tool.options, refuse))


async def refuse(_responses: object) -> None:
    raise AssertionError("nobody has asked for progress")


async def test_tools_are_listed_from_every_page() -> None:
    async with serving(["one", "two"], ["three"], [], ["four"]) as client:
        tools = await list_tools([client])
    assert [tool.name for tool in tools] == ["one", "two", "three", "four"]


async def test_a_name_that_the_service_would_refuse_is_replaced_and_mapped_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    names = ["not a name", "files/read", "files_read", "2fast", "é" * 200, "ü" * 200, "get.weather:v-1"]
    called_as = []

    async def call(_: object, params: types.CallToolRequestParams) -> types.CallToolResult:
        called_as.append(params.name)
        return types.CallToolResult(content=[])

    async def list_all(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[types.Tool(name=name, input_schema={"type": "object"}) for name in names]
        )

    server = Server[Any]("names", on_list_tools=list_all, on_call_tool=call)
    async with mcp.Client(server) as client:
        tools = await list_mcp_tools(client)
        for tool in tools:
            await outcome(tool, {})
    assert [tool.name for tool in tools] == [
        "not_a_name",
        "files_read_2",
        "files_read",
        "_2fast",
        "_" * 128,
        "_" * 126 + "_2",
        "get.weather:v-1",
    ]
    assert called_as == names
    assert "the tool 'files/read' of an MCP server is declared as 'files_read_2'" in caplog.text


async def test_a_list_without_an_end_is_refused() -> None:
    async def list_page(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[], next_cursor="again")

    async with mcp.Client(Server[Any]("endless", on_list_tools=list_page)) as client:
        with pytest.raises(ToolError, match="more than 100 pages"):
            await list_mcp_tools(client)


async def test_a_tool_that_is_listed_twice_is_declared_once() -> None:
    async with serving(["one", "two", "one"]) as client:
        assert [tool.name for tool in await list_mcp_tools(client)] == ["one", "two"]


async def test_a_call_that_the_server_does_not_answer_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def call(_: object, __: object) -> types.CallToolResult:
        await trio.sleep_forever()
        raise AssertionError

    async def list_one(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="dig", input_schema={"type": "object"})])

    async with mcp.Client(Server[Any]("slow", on_list_tools=list_one, on_call_tool=call)) as client:
        [tool] = await list_mcp_tools(client)
        with pytest.raises(ToolError, match="dig took longer than 60 s, and was given up"):
            await outcome(tool, {})
        assert trio.current_time() == 60


async def test_texts_are_answered_line_by_line() -> None:
    one, two = (types.TextContent(type="text", text=text) for text in ("Sunny.", "Warm."))
    assert (await answered(one, two)).response == {"output": "Sunny.\nWarm."}


async def test_a_link_is_answered_with_its_name_and_address() -> None:
    assert (await answered(LINK)).response == {"output": "forecast: https://weather.example/paris"}


async def test_an_embedded_resource_is_answered_with_its_words_if_it_has_any() -> None:
    words, binary = (types.EmbeddedResource(type="resource", resource=one) for one in (WORDS, BINARY))
    assert (await answered(words, binary)).response == {"output": "Mild."}


async def test_pictures_and_sound_ride_with_the_answer() -> None:
    data = base64.b64encode(PICTURE).decode()
    picture = types.ImageContent(type="image", data=data, mime_type="image/png")
    sound = types.AudioContent(type="audio", data=data, mime_type="audio/wav")
    response = await answered(picture, sound)
    blobs = [part.inline_data for part in response.parts]
    assert [(blob.mime_type, blob.data) for blob in blobs if blob is not None] == [
        ("image/png", PICTURE),
        ("audio/wav", PICTURE),
    ]


async def test_what_went_wrong_is_told_in_the_tools_own_words() -> None:
    assert await failed(types.TextContent(type="text", text="No such city.")) == "No such city."


async def test_a_tool_that_fails_without_a_word_is_named() -> None:
    assert await failed() == "look failed"


async def test_a_tool_that_asks_back_fails_where_its_client_can_not_answer() -> None:
    question = types.InputRequiredResult(request_state="asked")
    async with serving(["look"], result=question) as client:
        with pytest.raises(RuntimeError, match="InputRequired"):
            await called(client.session)


def test_nothing_is_a_client_of_a_package_that_nobody_has_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mcp")
    assert not is_mcp_client(object())
