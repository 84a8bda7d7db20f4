"""Sixty numbered frames of speech, and a real connection that is cut after a second: none is lost in silence."""

from __future__ import annotations

import pytest
import trio
from _cutting_server import FRAME_SECONDS, FRAMES, MIME_TYPE, Cut, CuttingServer, frame

from livegen_trio import GeminiBackend, LiveSession, Reconnected, Reconnection, get_live_generative_model

QUICK = Reconnection(delays=(0.1,))


async def speak(session: LiveSession) -> None:
    for number in range(FRAMES):
        await session.send_audio_realtime(frame(number), mime_type=MIME_TYPE)
        await trio.sleep(FRAME_SECONDS)


async def reconnected(session: LiveSession) -> Reconnected:
    async for event in session:
        if isinstance(event, Reconnected):
            return event
    raise AssertionError("the session ended")


@pytest.mark.parametrize("refusals", [0, 1], ids=["", "and a 503"])
@pytest.mark.parametrize("cut", ["close", "stall", "abort", "go away"])
async def test_every_frame_is_heard_or_reported(cut: Cut, refusals: int) -> None:
    server = CuttingServer(cut, refusals)
    async with server.serve() as port:
        backend = GeminiBackend(api_key="k", base_url=f"ws://127.0.0.1:{port}")
        connecting = get_live_generative_model("gemini-3.8-live", backend=backend).connect(
            reconnection=QUICK, keepalive_interval=0.5, keepalive_timeout=1, close_timeout=0.5
        )
        with trio.fail_after(15):
            async with connecting as session, trio.open_nursery() as nursery:
                nursery.start_soon(speak, session)
                report = await reconnected(session)
    assert len(server.heard) == 2
    for numbers in server.heard:
        assert numbers == sorted(set(numbers))
    assert len(server.missing) <= report.unacknowledged + report.dropped + report.quarantined
    assert server.missing == set()  # all were fresh enough to be sent again
    assert server.repeated <= report.replayed
