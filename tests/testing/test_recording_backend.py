"""Recordings: taken down, written without secrets, read again, and replayed."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

from livegen_trio import ConfigError, FunctionResponse, ToolCall, TurnResult, get_live_generative_model
from livegen_trio.local import LocalBackend, text_engines
from livegen_trio.testing import (
    Close,
    Connection,
    Emit,
    Expect,
    HangUp,
    Pause,
    RecordedFrame,
    Recording,
    RecordingBackend,
    Redaction,
    ScriptedServer,
    ScriptError,
    connections_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

    from livegen_trio import Backend

FRAME = RecordedFrame(connection=1, at=0.5, sender="client", text='{"setup": {"model": "m"}}')


async def converse(backend: Backend) -> TurnResult:
    async with get_live_generative_model("gemini-3.8-live", backend=backend).connect() as session:
        await session.send_audio_realtime(bytes(640))
        return await session.ask("Hello!")


async def recorded() -> Recording:
    backend = RecordingBackend(LocalBackend(engines=text_engines()))
    assert repr(backend) == "LocalBackend()"
    await converse(backend)
    return backend.recording


async def test_a_recording_is_written_and_read_again(tmp_path: Path) -> None:
    recording = await recorded()
    path = tmp_path / "session.jsonl"
    Recording((FRAME, *recording.frames)).save(path)
    loaded = Recording.load(path)
    assert loaded.frames[0] == FRAME
    assert [(frame.sender, frame.at) for frame in loaded.frames[1:]] == [
        (frame.sender, frame.at) for frame in recording.frames
    ]


async def test_the_times_count_from_the_first_frame(autojump_clock: MockClock) -> None:
    await trio.sleep(100)

    async def wait(_: object) -> None:
        await trio.sleep(1.5)

    backend = RecordingBackend(ScriptedServer(Connection(wait, Emit({"goAway": {}}))).backend)
    async with get_live_generative_model("m", backend=backend).connect() as session:
        await session.receive()
    assert [frame.at for frame in backend.recording.frames] == [0, 0, 1.5]


async def test_what_is_written_has_no_secrets(tmp_path: Path) -> None:
    handle = {"sessionResumptionUpdate": {"newHandle": "Cih3c-very-secret", "resumable": True}}
    backend = RecordingBackend(ScriptedServer(Connection(Emit(handle))).backend)
    async with get_live_generative_model(
        "m", backend=backend, system_instruction="The word is swordfish."
    ).connect() as session:
        await session.receive()
    path = tmp_path / "session.jsonl"
    backend.recording.save(path, redaction=Redaction(["swordfish"]))
    written = path.read_text()
    assert "very-secret" not in written
    assert "swordfish" not in written
    assert "handle-1" in written


@pytest.mark.parametrize(("kept", "size"), [(None, 4000), (400, 300), (0, 0)])
def test_media_are_cut_on_request(kept: int | None, size: int, tmp_path: Path) -> None:
    data = base64.b64encode(bytes(4000)).decode()
    message = {"realtimeInput": {"audio": {"mimeType": "audio/pcm", "data": data}}}
    frame = RecordedFrame(connection=1, at=0.0, sender="client", text=json.dumps(message))
    path = tmp_path / "session.jsonl"
    Recording((frame,)).save(path, redaction=Redaction(media_characters=kept))
    (loaded,) = Recording.load(path).frames
    audio = json.loads(loaded.text)["realtimeInput"]["audio"]
    assert len(base64.b64decode(audio["data"])) == size
    assert audio["mimeType"] == "audio/pcm"


@pytest.mark.parametrize("kept", [-4, 2])
def test_media_are_cut_between_bytes(kept: int) -> None:
    with pytest.raises(ConfigError, match="multiple of 4"):
        Redaction(media_characters=kept)


@pytest.mark.parametrize("line", ["{", "{}", '{"connection": 1, "at": 0, "sender": "nobody", "text": ""}'])
def test_what_is_no_recording_is_refused_with_the_line(line: str, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    Recording((FRAME,)).save(path)
    path.write_text(f"{path.read_text()}\n{line}\n")
    with pytest.raises(ConfigError, match="line 3 is none of a recording"):
        Recording.load(path)


async def test_a_frame_that_is_no_text_is_taken_down_as_well_as_can_be() -> None:
    backend = RecordingBackend(ScriptedServer(Connection(Emit(b"\xff"), accept=None)).backend)
    with pytest.raises(Exception, match="server"):
        await converse(backend)
    assert backend.recording.frames[-1].text == "\ufffd"


# Replaying


async def test_a_recording_answers_as_the_server_did() -> None:
    backend = RecordingBackend(LocalBackend(engines=text_engines()))
    first = await converse(backend)
    server = ScriptedServer(*connections_of(backend.recording), ignored=[{"realtimeInput": {}}])
    async with server.playing():
        assert await converse(server.backend) == first


async def test_a_client_that_says_something_else_fails() -> None:
    recording = await recorded()
    server = ScriptedServer(*connections_of(recording))
    with pytest.raises(ScriptError):
        async with get_live_generative_model("gemini-3.8-live", backend=server.backend).connect() as session:
            await session.send_function_responses([FunctionResponse(id="1", name="f", response={"a": 1})])
            await trio.sleep_forever()


async def test_tools_are_called_again() -> None:
    def get_weather(city: str) -> str:
        """Current weather of a city."""
        return f"rain in {city}"

    async def ask(backend: Backend) -> list[str]:
        model = get_live_generative_model("gemini-3.8-live", backend=backend, tools=[get_weather])
        events: list[Any] = []
        async with model.connect() as session:
            await session.send("What is the weather in Paris?")
            async for event in session:
                events.append(event)
                if getattr(event, "turn_complete", False):
                    return [type(event).__name__ for event in events]
        raise AssertionError

    backend = RecordingBackend(LocalBackend(engines=text_engines()))
    first = await ask(backend)
    assert ToolCall.__name__ in first
    server = ScriptedServer(*connections_of(backend.recording))
    assert await ask(server.backend) == first


HANDLE = {"sessionResumptionUpdate": {"newHandle": "handle-1", "resumable": True}}
HI = {"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}, "turnComplete": True}}


@pytest.mark.parametrize("ending", [HangUp(), Close(1011, "Internal error encountered."), Close(1001)])
@pytest.mark.parametrize("saved", [False, True])
async def test_a_reconnected_session_is_replayed_with_its_endings(
    ending: Any, autojump_clock: MockClock, tmp_path: Path, *, saved: bool
) -> None:
    async def converse_later(backend: Backend) -> str:
        async with get_live_generative_model("m", backend=backend).connect() as session:
            await trio.sleep(5)
            return (await session.ask("Hello")).text

    script = Connection(Emit(HANDLE), Pause(0.1), ending), Connection(Expect({"clientContent": {}}), Emit(HI))
    backend = RecordingBackend(ScriptedServer(*script).backend)
    assert await converse_later(backend) == "Hi"
    recording = backend.recording
    assert [one.closed_by for one in recording.endings] == ["server", "client"]
    if saved:
        recording.save(tmp_path / "session.jsonl")
        recording = Recording.load(tmp_path / "session.jsonl")
    server = ScriptedServer(*connections_of(recording), ignored=[{"realtimeInput": {}}])
    async with server.playing():
        assert await converse_later(server.backend) == "Hi"


@pytest.mark.parametrize(
    "frames",
    [
        [("server", "{}")],
        [("client", "{}")],
        [("client", "nonsense")],
        [("client", '{"setup": {}}'), ("client", "[]")],
        [("client", '{"setup": {}}'), ("client", "[" * 100_000)],
    ],
)
def test_what_can_not_be_replayed_is_an_error_of_ours(frames: Any) -> None:
    recording = Recording(
        tuple(RecordedFrame(connection=1, at=0.0, sender=sender, text=text) for sender, text in frames)
    )
    with pytest.raises(ConfigError):
        connections_of(recording)


@given(
    st.binary()
    | st.lists(
        st.sampled_from(
            [
                b'{"connection":1,"at":0.5,"sender":"client","text":"{}"}',
                b"\n",
                b'"',
                b'{"connection":1,"at":1e999,"closed_by":"server","code":1}',
                b"[" * 5000,
            ]
        )
    ).map(b"".join)
)
def test_any_file_is_a_recording_or_an_error_of_ours(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = f"{folder}/session.jsonl"
        with open(path, "wb") as file:
            file.write(data)
        with suppress(ConfigError):
            connections_of(Recording.load(path))
