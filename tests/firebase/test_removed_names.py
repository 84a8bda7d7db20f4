"""Names that Firebase has removed: they work, and warn at the line that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio import Blob
from livegen_trio.firebase import FirebaseApp, VertexAIBackend, get_ai
from support.firebase_peer import firebase_session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


def test_the_former_backend_works_and_names_its_successor() -> None:
    with pytest.warns(
        DeprecationWarning, match="removed in Firebase 3.0.0; use AgentPlatformBackend"
    ) as seen:
        backend = VertexAIBackend("europe-west1")
    assert [warning.filename for warning in seen] == [__file__]
    assert backend.location == "europe-west1"


def test_the_location_of_an_ai_is_the_backends() -> None:
    with pytest.warns(DeprecationWarning, match=r"use ai\.backend\.location") as seen:
        assert get_ai(FirebaseApp()).location == ""
    assert [warning.filename for warning in seen] == [__file__]


async def test_media_chunks_and_streams_are_sent() -> None:
    picture = Blob(mime_type="image/jpeg", data=b"JPG")

    async def stream() -> AsyncGenerator[Blob]:
        await trio.lowlevel.checkpoint()
        yield picture

    async with firebase_session() as (session, peer):
        with pytest.warns(
            DeprecationWarning, match="use send_audio_realtime and send_video_realtime"
        ) as seen:
            await session.send_media_chunks([picture])
        with pytest.warns(DeprecationWarning, match=r"use session\.send_media_stream") as seen_later:
            await session.send_media_stream(stream())
        assert await peer.hear() == await peer.hear()
    assert [warning.filename for warning in [*seen, *seen_later]] == [__file__] * 2
