"""Our structs beside google-genai's, field by field: each difference is meant, and has its reason here.

`setup` is compared where the wire has its fields, and once more where users write them: in `LiveGenerationConfig` and
google-genai's `LiveConnectConfig`. Enums are compared wherever they occur.
"""

from __future__ import annotations

import datetime as dt
import enum
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
import pydantic
import pytest
from google.genai import types as g

from livegen_trio import types as t
from livegen_trio._protocol.envelopes import ClientEnvelope, ServerEnvelope
from livegen_trio.types import _enums

ROOTS: Final[list[tuple[type[msgspec.Struct], type[pydantic.BaseModel]]]] = [
    (ClientEnvelope, g.LiveClientMessage),
    (ServerEnvelope, g.LiveServerMessage),
    (t.LiveGenerationConfig, g.LiveConnectConfig),
    # What google-genai's Live messages have no typed place for:
    (t.Tool, g.Tool),
    (t.ToolConfig, g.ToolConfig),
]

SECONDS: Final = "we read the wire's text as seconds; theirs hands it on"
NOT_LIVE: Final = "the Live API's reference says that sessions don't take it"
BESIDE: Final = "an argument of `LiveModel` and not of its configuration"
FLAT: Final = "our configuration has all of `generationConfig`; theirs has it a second time, nested"
GENERIC: Final = "their list also takes functions, which they declare; its items are compared as `Tool`"

DIFFERENCES: Final[dict[str, str]] = {
    "AudioMetadata.endOffset: duration here, text there": SECONDS,
    "AudioMetadata.startOffset: duration here, text there": SECONDS,
    "GoAway.timeLeft: duration here, text there": SECONDS,
    "MapsRoute.duration: duration here, text there": SECONDS,
    "StreamableHttpTransport.sseReadTimeout: duration here, text there": SECONDS,
    "StreamableHttpTransport.timeout: duration here, text there": SECONDS,
    "Transcription.endOffset: duration here, text there": SECONDS,
    "Transcription.startOffset: duration here, text there": SECONDS,
    "VideoMetadata.endOffset: duration here, text there": SECONDS,
    "VideoMetadata.startOffset: duration here, text there": SECONDS,
    "VoiceActivity.audioOffset: duration here, text there": SECONDS,
    "WordInfo.endOffset: duration here, text there": SECONDS,
    "WordInfo.startOffset: duration here, text there": SECONDS,
    "Content.role: enum here, text there": "ours names the two roles that there are; it takes any other too",
    "GenerationConfig.audioTimestamp: only there": NOT_LIVE,
    "GenerationConfig.logprobs: only there": NOT_LIVE,
    "GenerationConfig.responseJsonSchema: only there": NOT_LIVE,
    "GenerationConfig.responseLogprobs: only there": NOT_LIVE,
    "GenerationConfig.responseMimeType: only there": NOT_LIVE,
    "GenerationConfig.responseSchema: only there": NOT_LIVE,
    "GenerationConfig.routingConfig: only there": NOT_LIVE,
    "GenerationConfig.stopSequences: only there": NOT_LIVE,
    "GenerationConfig.enableEnhancedCivicAnswers: only there": "the Live API's reference doesn't have it",
    "GenerationConfig.modelConfig: only here": "the wire's name; theirs is written as this one",
    "GenerationConfig.modelSelectionConfig: only there": "their name for the wire's `modelConfig`",
    "GenerationConfig.responseFormat: list of JSON here, list of object there": "in no reference; may change",
    "GoogleMaps.authConfig: JSON here, object there": "a message of Vertex's own, handed on as it is",
    "Tool.retrieval: JSON here, object there": "a message of Vertex's own, handed on as it is",
    "Interval.endTime: text here, time there": "the wire's text, RFC 3339, is handed on as it is",
    "Interval.startTime: text here, time there": "the wire's text, RFC 3339, is handed on as it is",
    "LiveGenerationConfig.audioTranscriptionConfig: only here": FLAT,
    "LiveGenerationConfig.candidateCount: only here": FLAT,
    "LiveGenerationConfig.frequencyPenalty: only here": FLAT,
    "LiveGenerationConfig.generationConfig: only there": FLAT,
    "LiveGenerationConfig.modelConfig: only here": FLAT,
    "LiveGenerationConfig.presencePenalty: only here": FLAT,
    "LiveGenerationConfig.responseFormat: only here": FLAT,
    "LiveGenerationConfig.httpOptions: only there": "an argument of the backend",
    "LiveGenerationConfig.sessionResumption: only there": "an argument of `connect`",
    "LiveGenerationConfig.systemInstruction: only there": BESIDE,
    "LiveGenerationConfig.tools: only there": BESIDE,
    "ServerContent.speechState: only here": "in Vertex's reference; in no SDK",
    "ServerContent.turnCompleteReason: ours adds TOO_MANY_TOOL_CALLS": "in another SDK's list",
    "Setup.realtimeInputConfig: only here": "theirs is written out of `LiveConnectConfig` alone",
    "Setup.toolConfig: only here": "only Firebase's SDKs send it",
    "Setup.tools: list of object here, list of anything there": GENERIC,
    "ToolsUpdate.tools: list of object here, list of anything there": GENERIC,
    "VoiceActivity.type: only here": "the wire's name",
    "VoiceActivity.voiceActivityType: only there": "their name for the wire's `type`",
    "ServerEnvelope.error: only here": "theirs raises an error for any message of no known kind",
    "WireUsage.candidatesTokenCount: only here": "Vertex's name, which theirs changes before it is typed",
    "WireUsage.candidatesTokensDetails: only here": "Vertex's name, which theirs changes before it is typed",
}
"""What differs, and why."""

OURS_ALONE: Final[dict[type[t.Model], str]] = {
    t.Model: "a base",
    t.Event: "a base",
    t.PartnerSearch: "a base",
    t.UsageMetadata: "compared as the codec's subclass with both backends' names",
    t.ServerError: "see `ServerEnvelope.error`",
    t.UnknownEvent: "what theirs drops",
    t.Reconnecting: "not on the wire",
    t.UnreadableFrame: "theirs raises an error",
    t.ExchangeEnded: "not on the wire",
    t.Reconnected: "not on the wire",
    t.ToolFailed: "not on the wire",
    t.ToolCallUnanswered: "not on the wire",
}
"""Structs that have no counterpart."""


class Kind(NamedTuple):
    """What a field holds, as far as the wire tells it apart.

    Attributes:
        name: In our words, the same for both sides.
        values: Those of the enum that is in it.
        struct: The struct or model that is in it.
    """

    name: str
    values: frozenset[str] = frozenset()
    struct: type | None = None


PLAIN: Final[dict[object, str]] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "truth value",
    bytes: "bytes",
    t.Duration: "duration",
    dt.datetime: "time",
    object: "JSON",
    Any: "JSON",
}


def kind_of(hint: Any) -> Kind:
    """The kind of an annotation, theirs or ours."""
    arguments = [part for part in get_args(hint) if part is not types.NoneType]
    match get_origin(hint):
        case None:
            return kind_of_class(hint)
        case typing.Annotated:
            return kind_of(arguments[0])
        case typing.Literal:
            return Kind("enum", frozenset(arguments))
        case typing.Union | types.UnionType:
            return kind_of_union([kind_of(part) for part in arguments])
        case origin if origin in {list, Sequence}:
            item = kind_of(arguments[0])
            return item._replace(name=f"list of {item.name}")
        case origin:
            assert origin in {dict, Mapping}, hint
            value = kind_of(arguments[1])
            return value._replace(name=value.name if value.name == "JSON" else f"map to {value.name}")


def kind_of_class(hint: Any) -> Kind:
    if hint in PLAIN:
        return Kind(PLAIN[hint])
    if hint is list:
        return Kind("list of anything")
    if issubclass(hint, enum.Enum):
        return Kind("enum", frozenset(str(member.value) for member in hint))
    assert issubclass(hint, (msgspec.Struct, pydantic.BaseModel)), hint
    return Kind("object", struct=hint)


def kind_of_union(kinds: list[Kind]) -> Kind:
    """Of the ways to write it, the one that goes over the wire."""
    if len(kinds) > 1 and any(kind.values for kind in kinds):  # a `Literal` that is open
        return Kind("enum", frozenset().union(*(kind.values for kind in kinds)))
    return next((kind for kind in kinds if kind.struct is not None), kinds[0])


def fields_of(struct: type) -> dict[str, Kind]:
    """The kinds of a struct's or a model's fields, by their names on the wire."""
    if issubclass(struct, pydantic.BaseModel):
        return {field.alias or name: kind_of(field.annotation) for name, field in struct.model_fields.items()}
    assert issubclass(struct, msgspec.Struct)
    hints = get_type_hints(struct, include_extras=True)
    names = zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    return {wire_name: kind_of(hints[name]) for name, wire_name in names if not is_local(hints[name])}


def is_local(hint: Any) -> bool:
    """Whether the field is the library's own, and never on the wire."""
    notes = hint.__metadata__ if get_origin(hint) is Annotated else ()
    return any(isinstance(note, msgspec.Meta) and note.extra == {"local": True} for note in notes)


class Comparison:
    """A walk through everything that is reachable from the roots, on both sides at once.

    Attributes:
        differences: What it found.
        structs: What it has compared: a struct of ours and a model of theirs.
        enums: The values of our enums that it has come upon.
    """

    def __init__(self) -> None:
        self.differences: set[str] = set()
        self.structs: set[tuple[type, type]] = set()
        self.enums: set[frozenset[str]] = set()

    def compare(self, ours: type, theirs: type) -> None:
        if (ours, theirs) in self.structs:
            return
        self.structs.add((ours, theirs))
        here, there = fields_of(ours), fields_of(theirs)
        for name in here.keys() | there.keys():
            self._compare_field(f"{ours.__name__}.{name}", here.get(name), there.get(name))

    def _compare_field(self, name: str, here: Kind | None, there: Kind | None) -> None:
        if here is None or there is None:
            self.differences.add(f"{name}: only {'there' if here is None else 'here'}")
        if here is not None:
            self.enums.add(here.values)
        if here is None or there is None:
            return
        if here.name != there.name:
            self.differences.add(f"{name}: {here.name} here, {there.name} there")
        elif here.values != there.values:
            self._compare_values(name, here.values, there.values)
        if here.struct is not None and there.struct is not None:
            self.compare(here.struct, there.struct)

    def _compare_values(self, name: str, here: frozenset[str], there: frozenset[str]) -> None:
        for verb, values in (("adds", here - there), ("lacks", there - here)):
            if values:
                self.differences.add(f"{name}: ours {verb} {', '.join(sorted(values))}")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    comparison = Comparison()
    for ours, theirs in ROOTS:
        comparison.compare(ours, theirs)
    return comparison


def test_no_field_and_no_enum_differs_without_a_reason(comparison: Comparison) -> None:
    assert sorted(comparison.differences - DIFFERENCES.keys()) == []


def test_no_reason_is_given_for_what_does_not_differ(comparison: Comparison) -> None:
    assert sorted(DIFFERENCES.keys() - comparison.differences) == []


def test_every_struct_is_compared(comparison: Comparison) -> None:
    compared = {ours for ours, _ in comparison.structs}
    structs = {item for item in vars(t).values() if isinstance(item, type) and issubclass(item, t.Model)}
    assert structs - compared == set(OURS_ALONE)


def test_every_message_of_theirs_is_compared(comparison: Comparison) -> None:
    compared = {theirs.__name__ for _, theirs in comparison.structs}
    messages = {
        name
        for name in vars(g)
        if name.startswith(("LiveClient", "LiveServer")) and not name.endswith("Dict")
    }
    assert "LiveServerContent" in messages
    assert messages <= compared


def test_every_enum_is_compared(comparison: Comparison) -> None:
    enums = {
        name: kind_of(hint).values for name, hint in vars(_enums).items() if get_origin(hint) is typing.Union
    }
    assert len(enums) > 30
    assert {name for name, values in enums.items() if values not in comparison.enums} == set()


def test_every_enum_of_ours_is_open() -> None:
    for name, hint in vars(_enums).items():
        if get_origin(hint) in {typing.Union, Literal}:
            assert str in get_args(hint), name


class Theirs(pydantic.BaseModel):
    """A model that differs from `t.Segment` in each way there is."""

    partIndex: str | None = None  # noqa: N815 - a name on the wire
    startIndex: int | None = None  # noqa: N815
    text: g.Modality | None = None
    color: bytes | None = None


def test_a_difference_of_any_sort_is_found() -> None:
    comparison = Comparison()
    comparison.compare(t.Segment, Theirs)
    assert comparison.differences == {
        "Segment.partIndex: integer here, text there",
        "Segment.endIndex: only here",
        "Segment.text: text here, enum there",
        "Segment.color: only there",
    }


def test_a_difference_in_an_enums_values_is_found() -> None:
    class Model(pydantic.BaseModel):
        modality: g.VadSignalType | None = None
        tokenCount: int = 0  # noqa: N815 - a name on the wire

    comparison = Comparison()
    comparison.compare(t.ModalityTokenCount, Model)
    assert comparison.differences == {
        "ModalityTokenCount.modality: ours adds AUDIO, DOCUMENT, IMAGE, MODALITY_UNSPECIFIED, TEXT, VIDEO",
        "ModalityTokenCount.modality: ours lacks VAD_SIGNAL_TYPE_EOS, VAD_SIGNAL_TYPE_SOS, VAD_SIGNAL_TYPE_UNSPECIFIED",
    }
