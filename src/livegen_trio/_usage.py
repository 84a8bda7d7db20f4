"""Adding up what the server reports of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from .types import ModalityTokenCount, UsageMetadata

if TYPE_CHECKING:
    from collections.abc import Sequence

_COUNTS: Final = (
    "prompt_token_count",
    "cached_content_token_count",
    "response_token_count",
    "tool_use_prompt_token_count",
    "thoughts_token_count",
    "total_token_count",
)
_DETAILS: Final = (
    "prompt_tokens_details",
    "cache_tokens_details",
    "response_tokens_details",
    "tool_use_prompt_tokens_details",
)


def add_usage(total: UsageMetadata, report: UsageMetadata) -> UsageMetadata:
    """The sum of two reports, count by count and modality by modality; what else they say is the newer one's."""
    counts = {name: getattr(total, name) + getattr(report, name) for name in _COUNTS}
    details = {name: _add_details(getattr(total, name), getattr(report, name)) for name in _DETAILS}
    return msgspec.structs.replace(report, **counts, **details)


def _add_details(
    one: Sequence[ModalityTokenCount], other: Sequence[ModalityTokenCount]
) -> tuple[ModalityTokenCount, ...]:
    counts: dict[str | None, int] = {}
    for item in (*one, *other):
        counts[item.modality] = counts.get(item.modality, 0) + item.token_count
    return tuple(ModalityTokenCount(modality=modality, token_count=count) for modality, count in counts.items())
