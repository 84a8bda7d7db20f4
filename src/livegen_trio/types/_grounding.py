"""Sources of an answer: searches, maps, files and pages."""

from __future__ import annotations

from collections.abc import Sequence

from ._base import Received
from ._duration import Duration
from ._enums import UrlRetrievalStatus


class SearchEntryPoint(Received):
    """Google Search's suggestions, which the terms of grounding want shown.

    Attributes:
        rendered_content: HTML.
        sdk_blob: JSON with pairs of query and URL.
    """

    rendered_content: str = ""
    sdk_blob: bytes = b""


class GroundingChunkWeb(Received):
    """A page.

    Attributes:
        uri: Where it is.
        title: Its title.
        domain: Its site. Vertex only.
    """

    uri: str = ""
    title: str = ""
    domain: str = ""


class AuthorAttribution(Received):
    """Author of a review."""

    display_name: str = ""
    photo_uri: str = ""
    uri: str = ""


class ReviewSnippet(Received):
    """A piece of a place's review."""

    title: str = ""
    review: str = ""
    review_id: str = ""
    google_maps_uri: str = ""
    flag_content_uri: str = ""
    relative_publish_time_description: str = ""
    author_attribution: AuthorAttribution | None = None


class PlaceAnswerSources(Received):
    """Sources of an answer about a place.

    Attributes:
        review_snippets: Reviews.
        review_snippet: Another spelling of the same.
        flag_content_uri: Where to report a problem.
    """

    review_snippets: Sequence[ReviewSnippet] = []
    review_snippet: Sequence[ReviewSnippet] = []
    flag_content_uri: str = ""


class MapsRoute(Received):
    """A way from one place to another.

    Attributes:
        distance_meters: Its length.
        duration: Seconds.
        encoded_polyline: Its course.
    """

    distance_meters: int = 0
    duration: Duration | None = None
    encoded_polyline: str = ""


class GroundingChunkMaps(Received):
    """A place or a way on Google Maps.

    Attributes:
        uri: Where it is shown.
        title: Its name.
        text: What is said about it.
        place_id: `places/...`.
        place_answer_sources: What that draws on.
        route: The way.
    """

    uri: str = ""
    title: str = ""
    text: str = ""
    place_id: str = ""
    place_answer_sources: PlaceAnswerSources | None = None
    route: MapsRoute | None = None


class RagChunkPageSpan(Received):
    """Pages; the first is 1, and both ends are included."""

    first_page: int = 0
    last_page: int = 0


class RagChunk(Received):
    """A piece of a document in a RAG store. Vertex only."""

    text: str = ""
    page_span: RagChunkPageSpan | None = None
    chunk_id: str = ""
    file_id: str = ""


class StringList(Received):
    """Several strings."""

    values: Sequence[str] = []


class CustomMetadata(Received):
    """A note of a document's owner on it; one of the values is set."""

    key: str = ""
    string_value: str | None = None
    string_list_value: StringList | None = None
    numeric_value: float | None = None


class GroundingChunkRetrievedContext(Received):
    """A piece of a document that a retrieval tool found.

    Attributes:
        uri: Where it is.
        title: Its title.
        text: The piece.
        document_name: Its resource name. Vertex only.
        rag_chunk: More about the piece. Vertex only.
        custom_metadata: Its owner's notes. Gemini API only.
        file_search_store: Where it was found. Gemini API only.
        page_number: Gemini API only.
        media_id: Of its media. Gemini API only.
    """

    uri: str = ""
    title: str = ""
    text: str = ""
    document_name: str = ""
    rag_chunk: RagChunk | None = None
    custom_metadata: Sequence[CustomMetadata] = []
    file_search_store: str = ""
    page_number: int | None = None
    media_id: str = ""


class GroundingChunkImage(Received):
    """A picture that was found.

    Attributes:
        source_uri: The page.
        image_uri: The picture.
        title: Of the page.
        domain: Of the page.
    """

    source_uri: str = ""
    image_uri: str = ""
    title: str = ""
    domain: str = ""


class GroundingChunk(Received):
    """One source; one of the fields is set."""

    web: GroundingChunkWeb | None = None
    maps: GroundingChunkMaps | None = None
    retrieved_context: GroundingChunkRetrievedContext | None = None
    image: GroundingChunkImage | None = None


class Segment(Received):
    """A stretch of the answer.

    Attributes:
        part_index: Which part.
        start_index: Bytes, not characters, from the part's start.
        end_index: Bytes; not included.
        text: The stretch.
    """

    part_index: int = 0
    start_index: int = 0
    end_index: int = 0
    text: str = ""


class GroundingSupport(Received):
    """Sources of a stretch of the answer.

    Attributes:
        segment: The stretch.
        grounding_chunk_indices: The sources, by their place in `grounding_chunks`.
        confidence_scores: 0 to 1, one a source.
        rendered_parts: Which rendered parts go with it.
    """

    segment: Segment | None = None
    grounding_chunk_indices: Sequence[int] = []
    confidence_scores: Sequence[float] = []
    rendered_parts: Sequence[int] = []


class RetrievalMetadata(Received):
    """Estimate of the use of a search.

    Attributes:
        google_search_dynamic_retrieval_score: 0 to 1.
    """

    google_search_dynamic_retrieval_score: float = 0.0


class SourceFlaggingUri(Received):
    """Address for reporting a place or a review."""

    source_id: str = ""
    flag_content_uri: str = ""


class GroundingMetadata(Received):
    """Sources of an answer.

    Attributes:
        web_search_queries: What was searched for.
        image_search_queries: What pictures were searched for.
        search_entry_point: Google Search's suggestions.
        grounding_chunks: The sources.
        grounding_supports: Which stretch rests on which source.
        retrieval_metadata: Whether a search would help.
        retrieval_queries: What retrieval tools were asked. Vertex only.
        source_flagging_uris: Where to report sources. Vertex only.
        google_maps_widget_context_token: Deprecated by the service.
    """

    web_search_queries: Sequence[str] = []
    image_search_queries: Sequence[str] = []
    search_entry_point: SearchEntryPoint | None = None
    grounding_chunks: Sequence[GroundingChunk] = []
    grounding_supports: Sequence[GroundingSupport] = []
    retrieval_metadata: RetrievalMetadata | None = None
    retrieval_queries: Sequence[str] = []
    source_flagging_uris: Sequence[SourceFlaggingUri] = []
    google_maps_widget_context_token: str = ""


class UrlMetadata(Received):
    """A page that was fetched, or not."""

    retrieved_url: str = ""
    url_retrieval_status: UrlRetrievalStatus | None = None


class UrlContextMetadata(Received):
    """Pages that were fetched."""

    url_metadata: Sequence[UrlMetadata] = []
