"""Made-up JSON."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

_KEYWORDS: Final = st.sampled_from(
    ("type", "properties", "items", "enum", "required", "$ref", "$defs", "anyOf", "default", "const", "a")
)
_SCHEMA_PART: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(("object", "string", "#/$defs/a", "a")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYWORDS, inner, max_size=4),
    max_leaves=25,
)
_VALUE: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def schema_like() -> st.SearchStrategy[dict[str, object]]:
    """Objects made of the words of JSON schemas, which seldom are one."""
    return st.dictionaries(_KEYWORDS, _SCHEMA_PART)


def objects(keys: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, object]]:
    """Objects of any content under *keys*."""
    return st.dictionaries(keys, _VALUE)
