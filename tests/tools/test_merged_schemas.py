"""Two schemas as one: what each of them allows alone is not allowed by both."""

from __future__ import annotations

from typing import Any

import pytest

from livegen_trio.tools._merged_schemas import merged


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"type": ["string", "null"]}, {"type": ["null", "integer"]}, {"type": "null"}),
        ({"type": "string"}, {"type": "integer"}, {"type": []}),
        ({"type": "number"}, {"type": ["integer", "string"]}, {"type": "integer"}),
        ({"minimum": 1, "maximum": 9}, {"minimum": 3, "maximum": 5}, {"minimum": 3, "maximum": 5}),
        ({"minimum": "a"}, {"minimum": 3}, {"minimum": 3}),
        ({"required": ["a"]}, {"required": ["b", "a"]}, {"required": ["a", "b"]}),
        ({"properties": 5}, {"properties": {"a": {}}}, {"properties": {"a": {}}}),
        (
            {"properties": {"a": {"type": "string"}}},
            {"properties": {"a": True, "b": False}},
            {"properties": {"a": {"type": "string"}, "b": False}},
        ),
        (
            {"additionalProperties": {"type": "string"}},
            {"additionalProperties": False},
            {"additionalProperties": False},
        ),
        (
            {"additionalProperties": False},
            {"additionalProperties": {"type": "string"}},
            {"additionalProperties": False},
        ),
        (
            {"additionalProperties": True},
            {"additionalProperties": {"type": "string"}},
            {"additionalProperties": {"type": "string"}},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {"anyOf": [{"maxLength": 5, "type": "string"}, {"type": "integer"}]},
            {"anyOf": [{"type": "string", "maxLength": 5}]},
        ),
    ],
)
def test_a_schema_of_both_allows_what_each_of_them_does(one: Any, other: Any, both: Any) -> None:
    assert merged(one, other) == both
