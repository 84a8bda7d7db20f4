"""Tools: functions of the caller's, and what the service can do by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ._base import Duration, Empty, Guarded, Model
from ._enums import Behavior, FunctionCallingMode, PhishBlockThreshold, SchemaType


class Schema(Model):
    """A value's shape, in the service's subset of OpenAPI 3.0, with types in upper case (`OBJECT`, ...)."""

    type: SchemaType | None = None
    title: str | None = None
    description: str | None = None
    format: str | None = None
    nullable: bool | None = None
    default: object = None
    example: object = None
    enum: Sequence[str] = []
    any_of: Sequence[Schema] = []
    items: Schema | None = None
    min_items: int | None = None
    max_items: int | None = None
    properties: Mapping[str, Schema] = {}
    property_ordering: Sequence[str] = []
    required: Sequence[str] = []
    additional_properties: object = None
    min_properties: int | None = None
    max_properties: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    defs: Mapping[str, Schema] = {}
    ref: str | None = None


class FunctionDeclaration(Model):
    """A function that the model may ask for.

    Attributes:
        name: A letter or `_`, then also digits and `.:-`; at most 128 characters (64, says Firebase).
        description: What it does and when to use it; the model decides by it.
        parameters: Its parameters, an `OBJECT`; or else `parameters_json_schema`.
        parameters_json_schema: The same as a JSON schema.
        response: What it answers; or else `response_json_schema`.
        response_json_schema: The same as a JSON schema.
        behavior: Whether the model waits for it.
    """

    name: str
    description: str | None = None
    parameters: Schema | None = None
    parameters_json_schema: Mapping[str, object] | None = None
    response: Schema | None = None
    response_json_schema: Mapping[str, object] | None = None
    behavior: Behavior | None = None


class Interval(Model):
    """A stretch of time; RFC 3339, the end not included."""

    start_time: str | None = None
    end_time: str | None = None


class SearchTypes(Model):
    """What Google Search looks for: pages (the default), images, or both."""

    web_search: Empty | None = None
    image_search: Empty | None = None


class GoogleSearch(Model):
    """Grounding with Google Search.

    Attributes:
        search_types: What is looked for.
        blocking_confidence: Which sites are left out. Vertex only.
        exclude_domains: Vertex only.
        time_range_filter: Only pages of this time.
    """

    search_types: SearchTypes | None = None
    blocking_confidence: PhishBlockThreshold | None = None
    exclude_domains: Sequence[str] = []
    time_range_filter: Interval | None = None


class DynamicRetrievalConfig(Model):
    """When the older search tool searches at all.

    Attributes:
        mode: `MODE_DYNAMIC`.
        dynamic_threshold: 0 to 1.
    """

    mode: str | None = None
    dynamic_threshold: float | None = None


class GoogleSearchRetrieval(Model):
    """Grounding with Google Search, for older models."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class CodeExecution(Model):
    """The model may have the service run code."""


class UrlContext(Model):
    """The model may have the service fetch pages."""


class EnterpriseWebSearch(Model):
    """Grounding with web search for regulated trades. Vertex only."""

    blocking_confidence: PhishBlockThreshold | None = None
    exclude_domains: Sequence[str] = []


class GoogleMapsGroundingTypes(Model):
    """What Google Maps is asked for: places (the default), routes, or both. Vertex only."""

    places: Empty | None = None
    routing: Empty | None = None


class GoogleMaps(Guarded):
    """Grounding with Google Maps.

    Attributes:
        auth_config: How the service authenticates itself, an `AuthConfig`. Vertex only.
        enable_widget: Deprecated by the service.
        grounding_types: Vertex only.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"auth_config"})

    auth_config: Mapping[str, object] = {}
    enable_widget: bool | None = None
    grounding_types: GoogleMapsGroundingTypes | None = None


class ComputerUse(Model):
    """The model may operate a computer through functions of its own.

    Attributes:
        environment: Such as `ENVIRONMENT_BROWSER`.
        excluded_predefined_functions: Functions that it does not get.
        enable_prompt_injection_detection: Whether what it sees is checked for instructions.
        disabled_safety_policies: Such as `FINANCIAL_TRANSACTIONS`.
    """

    environment: str | None = None
    excluded_predefined_functions: Sequence[str] = []
    enable_prompt_injection_detection: bool | None = None
    disabled_safety_policies: Sequence[str] = []


class FileSearch(Model):
    """Grounding with files that were uploaded before. Gemini API only."""

    file_search_store_names: Sequence[str] = []
    top_k: int | None = None
    metadata_filter: str | None = None


class StreamableHttpTransport(Guarded):
    """Where an MCP server listens; times are in seconds."""

    _guarded: ClassVar[frozenset[str]] = frozenset({"headers"})

    url: str | None = None
    headers: Mapping[str, str] = {}
    timeout: Duration | None = None
    sse_read_timeout: Duration | None = None
    terminate_on_close: bool | None = None


class McpServer(Model):
    """An MCP server that the service, not this library, connects to. Gemini API only."""

    name: str | None = None
    streamable_http_transport: StreamableHttpTransport | None = None


class PartnerSearch(Guarded):
    """Grounding with another company's search. Vertex only.

    Attributes:
        api_key: The other company's.
        custom_configs: Its own settings.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"api_key"})

    api_key: str | None = None
    custom_configs: Mapping[str, object] = {}


class ExaAiSearch(PartnerSearch):
    """Grounding with Exa.ai. Vertex only."""


class ParallelAiSearch(PartnerSearch):
    """Grounding with Parallel.ai. Vertex only.

    Attributes:
        enable_data_retention: Deprecated by the service.
        enable_zero_data_retention: Whether nothing is kept.
    """

    enable_data_retention: bool | None = None
    enable_zero_data_retention: bool | None = None


class Tool(Model):
    """One kind of tool. Current Live models take functions and Google Search; the rest depends on the model.

    Attributes:
        function_declarations: Functions of the caller's.
        google_search: Grounding with Google Search; `GoogleSearch()` turns it on.
        google_search_retrieval: The same for older models.
        code_execution: `CodeExecution()` turns it on.
        url_context: `UrlContext()` turns it on.
        google_maps: `GoogleMaps()` turns it on.
        computer_use: The model operates a computer.
        file_search: Gemini API only.
        mcp_servers: Gemini API only.
        retrieval: Vertex's `Retrieval` message as JSON (its own search engine or RAG store).
        enterprise_web_search: Vertex only.
        parallel_ai_search: Vertex only.
        exa_ai_search: Vertex only.
    """

    function_declarations: Sequence[FunctionDeclaration] = []
    google_search: GoogleSearch | None = None
    google_search_retrieval: GoogleSearchRetrieval | None = None
    code_execution: CodeExecution | None = None
    url_context: UrlContext | None = None
    google_maps: GoogleMaps | None = None
    computer_use: ComputerUse | None = None
    file_search: FileSearch | None = None
    mcp_servers: Sequence[McpServer] = []
    retrieval: Mapping[str, object] | None = None
    enterprise_web_search: EnterpriseWebSearch | None = None
    parallel_ai_search: ParallelAiSearch | None = None
    exa_ai_search: ExaAiSearch | None = None


class FunctionCallingConfig(Model):
    """Whether, and which, functions the model may call.

    Attributes:
        mode: `AUTO` is the service's default.
        allowed_function_names: With mode `ANY` only.
        stream_function_call_arguments: Whether arguments come in pieces. Vertex only.
    """

    mode: FunctionCallingMode | None = None
    allowed_function_names: Sequence[str] = []
    stream_function_call_arguments: bool | None = None


class LatLng(Model):
    """A place on Earth, in degrees."""

    latitude: float = 0.0
    longitude: float = 0.0


class RetrievalConfig(Model):
    """Where the user is, and what they speak."""

    lat_lng: LatLng | None = None
    language_code: str | None = None


class ToolConfig(Model):
    """How tools are used. Only Firebase sends it in a Live setup; others may refuse it (uncertain)."""

    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: RetrievalConfig | None = None
    include_server_side_tool_invocations: bool | None = None
