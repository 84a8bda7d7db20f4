"""Tools: functions of the caller's, and tools of the service."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final

import msgspec

from ._base import Empty, Guarded
from ._checks import Checked, Count, Finite, Nonempty, Share, Size, check_order
from ._construction import refusal
from ._duration import Duration
from ._enums import (
    Behavior,
    ComputerEnvironment,
    DynamicRetrievalMode,
    FunctionCallingMode,
    PhishBlockThreshold,
    SafetyPolicy,
    SchemaType,
)

_FUNCTION_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_NOT_ANY: Final = (None, "MODE_UNSPECIFIED", "AUTO", "NONE")


class Schema(Checked):
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
    min_items: Size | None = None
    max_items: Size | None = None
    properties: Mapping[str, Schema] = {}
    property_ordering: Sequence[str] = []
    required: Sequence[str] = []
    additional_properties: object = None
    min_properties: Size | None = None
    max_properties: Size | None = None
    minimum: Finite | None = None
    maximum: Finite | None = None
    min_length: Size | None = None
    max_length: Size | None = None
    pattern: str | None = None
    defs: Mapping[str, Schema] = {}
    ref: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_order(self, "min_items", "max_items")
        check_order(self, "min_properties", "max_properties")
        check_order(self, "minimum", "maximum")
        check_order(self, "min_length", "max_length")


class FunctionDeclaration(Checked):
    """A function that the model may ask for.

    Attributes:
        name: A letter or `_`, then also digits and `.:-`; at most 128 characters (64, says Firebase).
        description: Its purpose, and when to use it; the model decides by it.
        parameters: Its parameters, an `OBJECT`; or else `parameters_json_schema`.
        parameters_json_schema: The same as a JSON schema.
        response: Its answer; or else `response_json_schema`.
        response_json_schema: The same as a JSON schema.
        behavior: Whether the model waits for it.
    """

    _exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("parameters", "parameters_json_schema"),
        ("response", "response_json_schema"),
    )

    name: str
    description: str | None = None
    parameters: Schema | None = None
    parameters_json_schema: Mapping[str, object] | None = None
    response: Schema | None = None
    response_json_schema: Mapping[str, object] | None = None
    behavior: Behavior | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _FUNCTION_NAME.fullmatch(self.name):
            raise refusal(
                self,
                f"name is {reprlib.repr(self.name)}; begin with a letter of ASCII or _, then take these, digits and "
                "any of .:-, up to 128 in all",
            )


class Interval(Checked):
    """A stretch of time; RFC 3339, the end not included."""

    start_time: Nonempty | None = None
    end_time: Nonempty | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.start_time is None) is not (self.end_time is None):
            raise refusal(self, "start_time and end_time go together; set both of them, or none")


class SearchTypes(Checked):
    """Kinds of results that Google Search looks for: pages (the default), images, or both."""

    web_search: Empty | None = None
    image_search: Empty | None = None


class GoogleSearch(Checked):
    """Grounding with Google Search.

    Attributes:
        search_types: Kinds of results.
        blocking_confidence: Sites that are left out. Vertex only.
        exclude_domains: Vertex only.
        time_range_filter: Only pages of this time.
    """

    search_types: SearchTypes | None = None
    blocking_confidence: PhishBlockThreshold | None = None
    exclude_domains: Sequence[Nonempty] = []
    time_range_filter: Interval | None = None


class DynamicRetrievalConfig(Checked):
    """Settings for when the older search tool searches.

    Attributes:
        mode: Whether it decides by itself.
        dynamic_threshold: 0 to 1.
    """

    mode: DynamicRetrievalMode | None = None
    dynamic_threshold: Share | None = None


class GoogleSearchRetrieval(Checked):
    """Grounding with Google Search, for older models."""

    dynamic_retrieval_config: DynamicRetrievalConfig | None = None


class CodeExecution(Checked):
    """The model may have the service run code."""


class UrlContext(Checked):
    """The model may have the service fetch pages."""


class EnterpriseWebSearch(Checked):
    """Grounding with web search for regulated trades. Vertex only."""

    blocking_confidence: PhishBlockThreshold | None = None
    exclude_domains: Sequence[Nonempty] = []


class GoogleMapsGroundingTypes(Checked):
    """Kinds of results of Google Maps: places (the default), routes, or both. Vertex only."""

    places: Empty | None = None
    routing: Empty | None = None


class GoogleMaps(Guarded, Checked):
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


class ComputerUse(Checked):
    """The model may operate a computer through functions of its own.

    Attributes:
        environment: The kind of computer.
        excluded_predefined_functions: Functions that it does not get.
        enable_prompt_injection_detection: Whether what it sees is checked for instructions.
        disabled_safety_policies: Kinds of actions that it takes without asking a human first.
    """

    environment: ComputerEnvironment | None = None
    excluded_predefined_functions: Sequence[str] = []
    enable_prompt_injection_detection: bool | None = None
    disabled_safety_policies: Sequence[SafetyPolicy] = []


class FileSearch(Checked):
    """Grounding with files that were uploaded before. Gemini API only."""

    file_search_store_names: Sequence[Nonempty] = []
    top_k: Count | None = None
    metadata_filter: str | None = None


class StreamableHttpTransport(Guarded, Checked):
    """Address of an MCP server; times are in seconds."""

    _guarded: ClassVar[frozenset[str]] = frozenset({"headers"})

    url: str | None = None
    headers: Mapping[str, str] = {}
    timeout: Duration | None = None
    sse_read_timeout: Duration | None = None
    terminate_on_close: bool | None = None


class McpServer(Checked):
    """An MCP server that the service, not this library, connects to. Gemini API only."""

    name: str | None = None
    streamable_http_transport: StreamableHttpTransport | None = None


class PartnerSearch(Guarded, Checked):
    """Grounding with another company's search. Vertex only.

    Attributes:
        api_key: The other company's.
        custom_configs: Its own settings.
    """

    _guarded: ClassVar[frozenset[str]] = frozenset({"api_key"})

    api_key: Nonempty | None = None
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


class Tool(Checked):
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


class FunctionCallingConfig(Checked):
    """Functions that the model may or must call.

    Attributes:
        mode: `AUTO` is the service's default.
        allowed_function_names: With modes `ANY` and `VALIDATED` only.
        stream_function_call_arguments: Whether arguments come in pieces. Vertex only.
    """

    mode: FunctionCallingMode | None = None
    allowed_function_names: Sequence[Nonempty] = []
    stream_function_call_arguments: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.allowed_function_names and self.mode in _NOT_ANY:
            raise refusal(self, f"allowed_function_names needs mode='ANY'; it is {self.mode!r}")


class LatLng(Checked):
    """A place on Earth, in degrees."""

    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)] = 0.0
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)] = 0.0


class RetrievalConfig(Checked):
    """The user's place and language."""

    lat_lng: LatLng | None = None
    language_code: Nonempty | None = None


class ToolConfig(Checked):
    """Settings for the use of tools. Only Firebase's SDKs send it in a Live setup; uncertain elsewhere, see `Setup`."""

    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: RetrievalConfig | None = None
    include_server_side_tool_invocations: bool | None = None
