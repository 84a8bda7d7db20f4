"""A page that people log in to, and talk on: FastAPI, with the relay mounted.

uvicorn browser_login:app            then open http://127.0.0.1:8000/login?name=Ada
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse

from livegen_trio import LiveGenerativeModel, LocalBackend, get_live_generative_model
from livegen_trio.web import Limits, RelayRefusal, Visitor, relay

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

PAGE = """<!doctype html><title>Talk</title><button id="start">Talk</button><p id="words"></p>
<script type="module">
  import { LiveClient } from "/voice/livegen.js";
  const live = new LiveClient("/voice/live");
  live.addEventListener("transcript", ({ detail }) => (words.textContent += detail.text));
  live.addEventListener("error", ({ detail }) => (words.textContent = detail.message));
  start.onclick = () => live.start();
</script>"""
BACKEND = LocalBackend()
people: dict[str, str] = {}  # by the cookie of their login
app = FastAPI()


@app.get("/login")
async def login(name: str) -> RedirectResponse:
    """Let anybody in; a real page asks for a password."""
    cookie = secrets.token_urlsafe()
    people[cookie] = name
    answer = RedirectResponse("/")
    answer.set_cookie("login", cookie, httponly=True, samesite="strict")
    return answer


@app.get("/")
async def page() -> HTMLResponse:
    """Send the page."""
    return HTMLResponse(PAGE)


async def authorize(websocket: WebSocket) -> str:
    """Return who is logged in."""
    name = people.get(websocket.cookies.get("login", ""))
    if name is None:
        raise RelayRefusal("log in first, at /login?name=Ada")
    return name


def model_for(visitor: Visitor) -> LiveGenerativeModel:
    """Make a model that knows whom it talks to."""
    return get_live_generative_model(
        "gemini-2.5-flash-native-audio-preview-12-2025",
        backend=BACKEND,
        system_instruction=f"You talk to {visitor.identity}.",
    )


app.mount("/voice", relay(model_for, authorize=authorize, limits=Limits(sessions=100)))
