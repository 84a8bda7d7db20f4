from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from livegen_trio import LocalBackend, ServerContent, SessionResumptionConfig, get_live_generative_model
from livegen_trio._protocol.codec import decode_server_message
from livegen_trio.testing import RecordingBackend
from support.live_client import text_engines
from support.recorder import redaction, write_recording
from support.recordings import DIRECTORY, RecordedFrame, load_recording

if TYPE_CHECKING:
    from pathlib import Path

API_KEY = "AIzaSy" + "D-3x_" * 7
IDENTITY_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"


async def test_both_sides_of_every_connection_are_taken_down_and_can_be_read_again(tmp_path: Path) -> None:
    backend = RecordingBackend(LocalBackend(engines=text_engines()))
    model = get_live_generative_model("gemini-3.8-live", backend=backend)
    assert repr(backend) == "LocalBackend()"
    async with model.connect() as session:
        await session.ask("Hello!")
        handle = session.resumption_handle
    assert handle is not None
    async with model.connect(session_resumption=SessionResumptionConfig(handle=handle)):
        pass
    first, second = backend.recording.connections
    assert [frame.sender for frame in first[:2]] == ["client", "server"]
    assert "sessionResumption" in json.loads(second[0].data)["setup"]
    path = tmp_path / "session.log"
    write_recording(path, first, redaction())
    loaded = load_recording(path)
    assert [frame.sender for frame in loaded] == [frame.sender for frame in first]
    events = [
        event for frame in loaded if frame.sender == "server" for event in decode_server_message(frame.data)
    ]
    assert "".join(event.text for event in events if isinstance(event, ServerContent)) == "You said: Hello!"
    assert handle not in path.read_text()


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.log")), ids=lambda path: path.name[5:40])
def test_a_recording_without_secrets_is_written_as_it_was_but_for_its_length(
    path: Path, tmp_path: Path
) -> None:
    frames = load_recording(path)
    copy = tmp_path / "copy.log"
    write_recording(copy, frames, redaction())
    again = load_recording(copy)
    assert len(again) == len(frames)
    for old, new in zip(frames, again, strict=True):
        assert new.sender == old.sender
        assert shape(json.loads(new.data)) == shape(json.loads(old.data))


def shape(message: Any) -> Any:
    """*message* without its long texts and its session's name."""
    if isinstance(message, dict):
        return {name: None if name == "sessionId" else shape(value) for name, value in message.items()}
    if isinstance(message, list):
        return [shape(value) for value in message]
    return message[:1000] if isinstance(message, str) else message


def redacted(message: Any, *secrets: str) -> Any:
    return json.loads(redaction(secrets).redact(json.dumps(message, ensure_ascii=False).encode()))


@pytest.mark.parametrize(
    "secret",
    [API_KEY, IDENTITY_TOKEN, "ya29.a0AfB_by-C1", "auth_tokens/4969d96d", "somebody@example.co.uk"],
)
def test_what_looks_like_a_secret_is_blanked_wherever_it_is(secret: str) -> None:
    message = {"clientContent": {"turns": [{"parts": [{"text": f"I am <{secret}>, gr\u00fc\u00df dich"}]}]}}
    (turn,) = redacted(message)["clientContent"]["turns"]
    assert turn["parts"] == [{"text": "I am <REDACTED>, gr\u00fc\u00df dich"}]


def test_what_is_known_to_be_secret_is_blanked_wherever_it_is() -> None:
    assert redacted({"a": ["my-project-1 is mine"]}, "my-project-1") == {"a": ["REDACTED is mine"]}


def test_projects_and_locations_are_blanked() -> None:
    name = "projects/my-project/locations/us-central1/publishers/google/models/gemini-3.8-live"
    assert redacted({"setup": {"model": name}}) == {
        "setup": {"model": "projects/REDACTED/locations/REDACTED/publishers/google/models/gemini-3.8-live"}
    }


def test_handles_and_sessions_get_names_which_stay_theirs() -> None:
    redacted = redaction()

    def written(message: Any) -> Any:
        return json.loads(redacted.redact(json.dumps(message).encode()))

    assert written({"setupComplete": {"sessionId": "bb8e"}}) == {"setupComplete": {"sessionId": "session-1"}}
    update = {"sessionResumptionUpdate": {"newHandle": "Cih3c", "resumable": True}}
    assert written(update)["sessionResumptionUpdate"] == {"newHandle": "handle-2", "resumable": True}
    resumed = {"setup": {"session_resumption": {"handle": "Cih3c"}}}
    assert written(resumed) == {"setup": {"session_resumption": {"handle": "handle-2"}}}
    assert written({"text": "bb8e Cih3c"}) == {"text": "bb8e Cih3c"}
    assert written({"sessionResumptionUpdate": {"newHandle": ""}}) == {
        "sessionResumptionUpdate": {"newHandle": ""}
    }


def test_a_long_sound_is_cut_to_a_whole_number_of_samples() -> None:
    pcm = bytes(range(256)) * 100
    blob = {"mimeType": "audio/pcm", "data": base64.b64encode(pcm).decode()}
    kept = base64.b64decode(redacted({"inlineData": blob})["inlineData"]["data"])
    assert kept == pcm[: len(kept)]
    assert (len(kept), len(kept) % 2) == (3072, 0)


@pytest.mark.parametrize("size", [1, 100, 3072])
def test_a_short_sound_stays_whole(size: int) -> None:
    data = base64.b64encode(b"\xfb" * size).decode()
    assert redacted({"data": data}) == {"data": data}


def test_a_frame_keeps_its_layout() -> None:
    frame = b'{\n  "setupComplete": {}\n}\n'
    assert redaction(("key",)).redact(frame) == frame


def test_a_frame_that_is_no_json_can_be_recorded(tmp_path: Path) -> None:
    path = tmp_path / "odd.log"
    write_recording(path, [RecordedFrame("server", b"<html>" + API_KEY.encode())], redaction())
    assert load_recording(path) == [RecordedFrame("server", b"<html>REDACTED")]
