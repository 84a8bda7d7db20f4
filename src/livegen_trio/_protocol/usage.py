"""Sums of the server's reports of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ..types import ModalityTokenCount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import UsageMetadata

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
# Kinds of tokens that are counted apart; there are five. What a server names beyond is added up as of no kind, so that
# no sum grows with what a peer makes up.
_MOST_MODALITIES: Final = 32

_OTHERS: Final = ("service_tier", "traffic_type", "unknown_fields")


def add_usage(total: UsageMetadata, report: UsageMetadata) -> UsageMetadata:
    """Return the sum of two reports, count by count and modality by modality.

    Whatever is no number is the newer one's, or the older one's where the newer has none.
    """
    counts = {name: getattr(total, name) + getattr(report, name) for name in _COUNTS}
    details = {name: _add_details(getattr(total, name), getattr(report, name)) for name in _DETAILS}
    others = {name: getattr(report, name) or getattr(total, name) for name in _OTHERS}
    return msgspec.structs.replace(report, **counts, **details, **others)


def _add_details(
    one: Sequence[ModalityTokenCount], other: Sequence[ModalityTokenCount]
) -> list[ModalityTokenCount]:
    counts: dict[str | None, int] = {}
    for item in (*one, *other):
        is_known = item.modality in counts or len(counts) < _MOST_MODALITIES
        modality = item.modality if is_known else None
        counts[modality] = counts.get(modality, 0) + item.token_count
    return [ModalityTokenCount(modality=modality, token_count=count) for modality, count in counts.items()]
