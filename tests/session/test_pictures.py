"""Pictures in typed turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from livegen_trio import (
    Blob,
    Content,
    LiveGenerationConfig,
    LocalBackend,
    LocalProtocolError,
    Part,
    get_live_generative_model,
)
from livegen_trio._protocol.contents import with_picture

if TYPE_CHECKING:
    from livegen_trio import LiveGenerativeModel

JPEG = b"\xff\xd8\xff\xe0" + bytes(16)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 "
QUESTION = Content(role="user", parts=(Part(text="What do you see?"),))


def model(name: str = "gemini-robotics-er-2-streaming-preview") -> LiveGenerativeModel:
    modality: Literal["AUDIO", "TEXT"] = "TEXT" if "robotics" in name else "AUDIO"
    config = LiveGenerationConfig(response_modalities=[modality])
    return get_live_generative_model(name, backend=LocalBackend(), generation_config=config)


@pytest.mark.parametrize(
    ("picture", "mime_type"), [(JPEG, "image/jpeg"), (PNG, "image/png"), (bytearray(WEBP), "image/webp")]
)
def test_the_type_of_a_picture_shows_in_its_bytes(picture: bytes, mime_type: str) -> None:
    first, second = with_picture(QUESTION, picture).parts
    assert first == Part(inline_data=Blob(mime_type=mime_type, data=bytes(picture)))
    assert second == QUESTION.parts[0]


def test_a_blob_names_its_type_itself() -> None:
    picture = Blob(mime_type="image/heic", data=b"?")
    assert with_picture(QUESTION, picture).parts[0].inline_data == picture


@pytest.mark.parametrize(
    "picture", [b"", b"GIF89a", b"RIFF\x10\x00\x00\x00WAVE", Blob(mime_type="audio/pcm", data=b"0")]
)
def test_what_is_no_picture_is_refused(picture: bytes | Blob) -> None:
    with pytest.raises(LocalProtocolError, match="picture"):
        with_picture(QUESTION, picture)


def test_a_path_is_no_picture() -> None:
    with pytest.raises(TypeError, match="a picture is bytes or a Blob, not a str"):
        with_picture(QUESTION, "cat.jpg")  # type: ignore[arg-type]


async def test_a_typed_question_sees_the_picture_that_is_sent_with_it() -> None:
    async with model().connect() as session:
        assert (await session.ask("What do you see?", picture=JPEG)).text == "I see a picture: JPEG."


async def test_a_typed_question_sees_no_video_frame_that_was_sent_before_it() -> None:
    async with model().connect() as session:
        await session.send_video_realtime(JPEG)
        assert (await session.ask("What do you see?")).text == "I see no picture."


async def test_a_picture_waits_with_its_text_for_the_end_of_the_turn() -> None:
    async with model().connect() as session:
        await session.send("This is my cat.", picture=JPEG, turn_complete=False)
        assert (await session.ask("What do you see?", picture=PNG)).text == "I see 2 pictures: JPEG, PNG."


async def test_a_model_that_takes_no_content_in_a_conversation_says_how_it_sees() -> None:
    async with model("gemini-3.1-flash-live-preview").connect() as session:
        with pytest.raises(LocalProtocolError, match=r"a spoken question sees send_video_realtime\(\)"):
            await session.send("What do you see?", picture=JPEG)
