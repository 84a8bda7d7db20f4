"""An MCP server, run by tests: `python mcp_server.py stdio`, or `http`, which prints the port that it listens on."""

from __future__ import annotations

import asyncio
import socket
import sys
from base64 import b64encode

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context  # noqa: TC002 - looked at when a tool is declared
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ImageContent, TextContent

server = MCPServer("weather station")
events: list[str] = []


@server.tool()
def weather(city: str, days: int = 1) -> dict[str, object]:
    """The weather of a city."""
    return {"city": city, "celsius": 20 + days}


@server.tool()
async def measure() -> str:
    """Measure the wind, which takes very long."""
    events.append("begun")
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        events.append("cancelled")
        raise
    return "calm"


@server.tool()
def what_happened() -> list[str]:
    """What has become of the measurements."""
    return events


@server.tool()
def fail() -> str:
    """Fail."""
    raise ToolError("the station is closed")


@server.tool()
def look() -> CallToolResult:
    """Look at the sky."""
    picture = ImageContent(data=b64encode(b"\xff\xd8blue").decode(), mime_type="image/jpeg")
    return CallToolResult(content=[TextContent(text="It is"), picture, TextContent(text="blue.")])


@server.tool()
async def repair(context: Context) -> str:
    """Repair the rain gauge, which then can be read."""
    if not any(tool.name == "rain" for tool in await server.list_tools()):
        server.add_tool(rain)
    await context.notify_tools_changed()
    return "repaired"


def rain() -> str:
    """How much it has rained."""
    return "3 mm"


def serve_http() -> None:
    """Serve on a port of the system's choice."""
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(server.streamable_http_app(), log_level="error", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    serve_http() if sys.argv[1] == "http" else server.run("stdio")
