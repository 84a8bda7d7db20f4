"""The human voice inside one of the recordings."""

from __future__ import annotations

import base64
import functools
import json
from typing import Final

from support.recordings import DIRECTORY, load_recording

HUMAN_RATE: Final = 16000
HUMAN_WORDS: Final = "hey can you hear me"


@functools.cache
def human_voice() -> bytes:
    """Three seconds of 16-bit PCM: a second of silence, the words, and silence again."""
    frames = load_recording(DIRECTORY / "live_ML_Dev_handle_activity_start_and_end.websocket.log")
    messages = [json.loads(frame.data) for frame in frames if frame.sender == "client"]
    (data,) = (
        message["realtimeInput"]["audio"]["data"]
        for message in messages
        if "audio" in message.get("realtimeInput", ())
    )
    return base64.b64decode(data)
