"""The relay, asked by a client of ours that speaks its protocol over ASGI itself."""

from __future__ import annotations

import json
import runpy
import struct
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trio

from livegen_trio import LiveGenerationConfig, LocalBackend, get_live_generative_model
from livegen_trio.local import LocalServer, text_engines
from livegen_trio.web import Limits, RelayRefusal, relay, token_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.applications import Starlette
    from starlette.websockets import WebSocket


class Page:
    """A browser's WebSocket."""

    def __init__(self) -> None:
        self.up, self._up = trio.open_memory_channel[dict[str, Any]](1000)
        self._down, self.down = trio.open_memory_channel[dict[str, Any]](1000)
        self.received = 0

    async def send(self, **message: object) -> None:
        await self.up.send({"type": "websocket.receive", "text": json.dumps(message)})

    async def send_bytes(self, data: bytes) -> None:
        await self.up.send({"type": "websocket.receive", "bytes": data})

    async def leave(self) -> None:
        await self.up.send({"type": "websocket.disconnect", "code": 1006})

    async def receive(self) -> dict[str, Any]:
        with trio.fail_after(10):
            message = await self.down.receive()
        if message["type"] == "websocket.send":
            decoded: dict[str, Any] = json.loads(message["text"])
            self.received += decoded["type"] != "ready"
            return decoded
        return message

    async def wait(self, kind: str) -> dict[str, Any]:
        while (message := await self.receive())["type"] != kind:
            pass
        return message

    async def run(self, app: Starlette, headers: dict[str, str], protocols: list[str], path: str) -> None:
        await self.up.send({"type": "websocket.connect"})
        await app(
            {
                "type": "websocket",
                "path": path,
                "root_path": "",
                "query_string": b"",
                "subprotocols": protocols,
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            },
            self._up.receive,
            self._down.send,  # type: ignore[arg-type]
        )


@asynccontextmanager
async def open_page(
    nursery: trio.Nursery,
    app: Starlette,
    *,
    protocols: tuple[str, ...] = ("livegen.v1",),
    path: str = "/live",
    **headers: str,
) -> AsyncGenerator[Page]:
    page = Page()
    nursery.start_soon(page.run, app, {"host": "here", **headers}, list(protocols), path)
    assert (await page.receive())["type"] == "websocket.accept"
    yield page


@pytest.fixture
async def model(nursery: trio.Nursery) -> Any:
    (address,) = await nursery.start(LocalServer(text_engines()).serve, 0)
    return get_live_generative_model(
        "gemini-2.0-flash-live-001",
        backend=LocalBackend(f"ws://127.0.0.1:{address.port}"),
        generation_config=LiveGenerationConfig(response_modalities=["TEXT"]),
    )


async def test_typed_text_is_answered(nursery: trio.Nursery, model: Any) -> None:
    async with open_page(nursery, relay(model)) as page:
        await page.send(type="start")
        ready = await page.receive()
        assert ready["type"] == "ready"
        assert (ready["input_rate"], ready["output_rate"]) == (16_000, 24_000)
        await page.send(type="text", text="hello")
        assert (await page.wait("answer"))["text"]
        await page.wait("turn_complete")
        await page.send(type="end")
        assert (await page.wait("websocket.close"))["code"] == 1000


async def test_a_browser_comes_back_and_gets_the_rest(nursery: trio.Nursery, model: Any) -> None:
    app = relay(model)
    async with open_page(nursery, app) as page:
        await page.send(type="start")
        ready = await page.receive()
        await page.send(type="text", text="hello")
        await page.wait("turn_complete")
        await page.leave()
    async with open_page(nursery, app) as again:
        await again.send(type="start", resume=ready["resume"], received=0)
        assert (await again.receive())["resume"] == ready["resume"]
        await again.wait("turn_complete")
        await again.send(type="text", text="hello")
        await again.wait("turn_complete")
        await again.send(type="end")
        await again.wait("websocket.close")


async def test_a_conversation_that_nobody_comes_back_to_is_over(nursery: trio.Nursery, model: Any) -> None:
    app = relay(model, resume_seconds=0.1)
    async with open_page(nursery, app) as page:
        await page.send(type="start")
        ready = await page.receive()
        await page.leave()
        await trio.sleep(1)
    async with open_page(nursery, app) as again:
        await again.send(type="start", resume=ready["resume"])
        assert (await again.wait("error"))["code"] == "gone"


async def test_what_makes_no_sense_is_answered_with_an_error(nursery: trio.Nursery, model: Any) -> None:
    async with open_page(nursery, relay(model)) as page:
        await page.send(type="start")
        await page.receive()
        for nonsense in (
            "",
            "[]",
            "{",
            '{"type":"dance"}',
            '{"type":"text","text":""}',
            "[" * 5000,
            "\ud800",
        ):
            await page.up.send({"type": "websocket.receive", "text": nonsense})
            assert (await page.wait("error"))["code"] == "bad_message"
        await page.send(type="played", received=10_000)
        assert (await page.wait("error"))["code"] == "bad_message"
        await page.send(type="text", text="hello")
        await page.wait("turn_complete")
        await page.send(type="end")
        await page.wait("websocket.close")


@pytest.mark.parametrize(
    ("message", "code"),
    [({"text": "x" * 16 * 1024 * 1024}, "too_large"), ({"bytes": b"\xff" * 1000}, "bad_message")],
)
async def test_a_first_message_that_is_none_is_refused(
    nursery: trio.Nursery, model: Any, message: dict[str, Any], code: str
) -> None:
    async with open_page(nursery, relay(model)) as page:
        await page.up.send({"type": "websocket.receive", **message})
        assert (await page.wait("error"))["code"] == code
        assert (await page.wait("websocket.close"))["code"] == 1008


async def test_a_flood_is_refused(nursery: trio.Nursery, model: Any) -> None:
    app = relay(model, limits=Limits(bytes_per_second=1000), resume_seconds=0.1)
    async with open_page(nursery, app) as page:
        await page.send(type="start")
        await page.receive()
        for _ in range(100):
            await page.send(type="played", received=0)
        assert (await page.wait("error"))["code"] == "too_fast"


async def test_pages_of_other_origins_are_refused(nursery: trio.Nursery, model: Any) -> None:
    async with open_page(nursery, relay(model), origin="https://evil.example") as page:
        assert (await page.wait("error"))["code"] == "origin"
    allowing = relay(model, allowed_origins=["https://good.example"], resume_seconds=0.1)
    async with open_page(nursery, allowing, origin="https://good.example") as page:
        await page.send(type="start")
        await page.wait("ready")
        await page.send(type="end")
        await page.wait("websocket.close")


async def test_a_client_of_another_protocol_is_refused(nursery: trio.Nursery, model: Any) -> None:
    async with open_page(nursery, relay(model), protocols=("chat",)) as page:
        assert (await page.wait("error"))["code"] == "protocol"


async def test_authorize_sees_the_token_and_refuses(nursery: trio.Nursery, model: Any) -> None:
    async def authorize(websocket: WebSocket) -> object:
        if token_of(websocket) != "secret":
            raise RelayRefusal("sign in first")
        return "somebody"

    app = relay(model, authorize=authorize)
    async with open_page(nursery, app) as page:
        await page.send(type="start", token="wrong")
        error = await page.wait("error")
        assert (error["code"], error["message"]) == ("refused", "sign in first")
    async with open_page(nursery, app, protocols=("livegen.v1", "token.secret")) as page:
        await page.send(type="start")
        await page.wait("ready")
        await page.send(type="end")
        await page.wait("websocket.close")


async def test_more_sessions_than_there_may_be_are_refused(nursery: trio.Nursery, model: Any) -> None:
    app = relay(model, limits=Limits(sessions=1))
    async with open_page(nursery, app) as page, open_page(nursery, app) as other:
        await page.send(type="start")
        await page.wait("ready")
        await other.send(type="start")
        assert (await other.wait("error"))["code"] == "busy"
        await page.send(type="end")
        await page.wait("websocket.close")


def test_the_head_of_sound_is_eight_bytes() -> None:
    from livegen_trio.types import Blob, Content, Part, ServerContent
    from livegen_trio.web._messages import Downlink

    downlink = Downlink(show_tools=False)
    pieces = [
        downlink.messages(
            ServerContent(
                model_turn=Content(parts=[Part(inline_data=Blob(mime_type="audio/pcm", data=data))])
            )
        )
        for data in (b"abc", b"defgh", b"")
    ]
    assert pieces == [
        [struct.pack("<BxHI", 1, 0, 0) + b"ab"],
        [struct.pack("<BxHI", 1, 0, 1) + b"cdefgh"],
        [],
    ]


async def test_the_example_with_a_login_lets_in_those_who_are_logged_in(nursery: trio.Nursery) -> None:
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "browser_login.py"))
    example["people"]["cookie"] = "Ada"
    async with open_page(nursery, example["app"], path="/voice/live") as page:
        await page.send(type="start")
        assert (await page.wait("error"))["code"] == "refused"
    websocket = SimpleNamespace(cookies={"login": "cookie"})
    assert await example["authorize"](websocket) == "Ada"
