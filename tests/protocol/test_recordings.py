"""The real service's frames, read and written again."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from livegen_trio import types as t
from livegen_trio._errors import RemoteProtocolError
from livegen_trio._protocol.codec import (
    decode_client_message,
    decode_server_message,
    encode_client_message,
    encode_server_message,
)
from support.recordings import DIRECTORY, as_written_here, load_recording, recorded_frames
from support.struct_strategies import JSON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLIENT_FRAMES = recorded_frames("client")
SERVER_FRAMES = recorded_frames("server")


def test_each_recording_is_read_to_its_end() -> None:
    assert len(CLIENT_FRAMES) == 23
    assert len(SERVER_FRAMES) == 204


def test_a_recording_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.log"
    path.write_bytes(b'>3 {}\n<12 {"setup')
    with pytest.raises(ValueError, match=re.escape("cut.log is no recording from byte")):
        load_recording(path)


@pytest.mark.parametrize("frame", CLIENT_FRAMES, ids=range(len(CLIENT_FRAMES)))
def test_a_recorded_client_message_encodes_to_the_same_json(frame: bytes) -> None:
    assert as_written_here(
        json.loads(encode_client_message(decode_client_message(frame)))
    ) == as_written_here(json.loads(frame))


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=range(len(SERVER_FRAMES)))
def test_a_recorded_server_message_encodes_to_the_same_json(frame: bytes) -> None:
    assert as_written_here(
        json.loads(encode_server_message(*decode_server_message(frame)))
    ) == as_written_here(json.loads(frame))


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=range(len(SERVER_FRAMES)))
def test_nothing_in_a_recorded_server_message_is_unknown(frame: bytes) -> None:
    events = decode_server_message(frame)
    assert events
    assert not any(isinstance(event, t.UnknownEvent) or event.unknown_fields for event in events)


@pytest.mark.parametrize("frame", SERVER_FRAMES, ids=range(len(SERVER_FRAMES)))
def test_a_text_frame_reads_as_the_binary_frame_does(frame: bytes) -> None:
    assert decode_server_message(frame.decode()) == decode_server_message(frame)


def test_a_whole_recorded_session_reads_as_events() -> None:
    [path] = DIRECTORY.glob("live_ML_Dev_should_send_text_in_async_session*")
    frames = [frame.data for frame in load_recording(path) if frame.sender == "server"]
    assert [decode_server_message(frame) for frame in frames] == [
        [t.SetupComplete()],
        [t.ServerContent(generation_complete=True)],
        [
            t.UsageMetadata(
                prompt_token_count=515,
                response_token_count=38,
                total_token_count=553,
                prompt_tokens_details=[t.ModalityTokenCount(modality="TEXT", token_count=515)],
                response_tokens_details=[t.ModalityTokenCount(modality="TEXT", token_count=38)],
            ),
            t.ServerContent(turn_complete=True),
        ],
    ]


def test_recorded_speech_is_240_ms_of_pcm() -> None:
    contents = [event for frame in SERVER_FRAMES for event in decode_server_message(frame)]
    sounds = [blob for event in contents if isinstance(event, t.ServerContent) for blob in event.audio]
    # The first two are whole; those of pydantic-ai were cut short before they were published.
    assert [(len(blob.data), blob.mime_type, blob.sample_rate) for blob in sounds[:2]] == [
        (9600, "audio/pcm", 24000),
        (11520, "audio/pcm", 24000),
    ]
    assert {(blob.mime_type, blob.sample_rate) for blob in sounds} == {
        ("audio/pcm", 24000),
        ("audio/pcm;rate=24000", 24000),
    }


def assert_readable_or_refused(decode: Callable[[bytes], object], frame: bytes) -> None:
    try:
        decode(frame)
    except RemoteProtocolError as exc:
        error = exc
    else:
        return
    assert error.code == 1007
    assert "\n" not in str(error)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_frame_raises_a_protocol_error_and_nothing_else(data: st.DataObject) -> None:
    frame = bytearray(data.draw(st.sampled_from(SERVER_FRAMES + CLIENT_FRAMES[:1])))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(frame)))
        frame[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    assert_readable_or_refused(decode_server_message, bytes(frame))
    assert_readable_or_refused(decode_client_message, bytes(frame))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_frame_with_a_value_replaced_raises_a_protocol_error_and_nothing_else(data: st.DataObject) -> None:
    plain = json.loads(data.draw(st.sampled_from(SERVER_FRAMES)))
    place = data.draw(st.sampled_from(_objects_in(plain)))
    place[data.draw(st.sampled_from([*place, "serverContent"]))] = data.draw(JSON)
    assert_readable_or_refused(decode_server_message, msgspec.json.encode(plain))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_unknown_names_anywhere_survive_and_disturb_nothing_that_is_known(data: st.DataObject) -> None:
    frame = data.draw(st.sampled_from(SERVER_FRAMES))
    plain = json.loads(frame)
    places = _objects_in(plain)
    added = data.draw(st.dictionaries(st.text(min_size=1).map("x-{}".format), JSON, min_size=1, max_size=3))
    for name, value in added.items():
        data.draw(st.sampled_from(places))[name] = value
    events = decode_server_message(msgspec.json.encode(plain))
    known = [event for event in events if not isinstance(event, t.UnknownEvent)]
    assert [msgspec.structs.replace(event, unknown_fields={}) for event in known] == decode_server_message(
        frame
    )
    survived = {
        name.partition("x-")[2]: value
        for event in events
        for name, value in (event.raw if isinstance(event, t.UnknownEvent) else event.unknown_fields).items()
    }
    assert survived == {name.partition("x-")[2]: value for name, value in added.items()}


def _objects_in(plain: object) -> list[dict[str, object]]:
    """The objects whose names are the protocol's: arguments are free in form."""
    if isinstance(plain, list):
        return [place for item in plain for place in _objects_in(item)]
    if isinstance(plain, dict):
        return [
            plain,
            *(place for name, value in plain.items() if name != "args" for place in _objects_in(value)),
        ]
    return []
