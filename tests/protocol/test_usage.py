from __future__ import annotations

from hypothesis import given, strategies as st

from livegen_trio._protocol.usage import add_usage
from livegen_trio.types import ModalityTokenCount, UsageMetadata

NOTHING = UsageMetadata()
COUNTS = [name for name in UsageMetadata.__struct_fields__ if name.endswith("_count")]
DETAILS = [name for name in UsageMetadata.__struct_fields__ if name.endswith("_details")]

tokens = st.integers(0, 2**31)
details = st.dictionaries(st.sampled_from(["TEXT", "AUDIO", "HOLOGRAM", None]), tokens).map(
    lambda counts: [ModalityTokenCount(modality=modality, token_count=n) for modality, n in counts.items()]
)
reports = st.builds(UsageMetadata, **dict.fromkeys(COUNTS, tokens), **dict.fromkeys(DETAILS, details))


def test_there_are_six_counts_and_four_lists_of_details() -> None:
    assert (len(COUNTS), len(DETAILS)) == (6, 4)


@given(reports, reports)
def test_each_count_is_the_sum(one: UsageMetadata, other: UsageMetadata) -> None:
    total = add_usage(one, other)
    for name in COUNTS:
        assert getattr(total, name) == getattr(one, name) + getattr(other, name)


@given(reports)
def test_nothing_adds_nothing(report: UsageMetadata) -> None:
    assert add_usage(NOTHING, report) == report
    assert add_usage(report, NOTHING) == report


@given(reports, reports, reports)
def test_it_does_not_matter_how_reports_are_grouped(
    one: UsageMetadata, two: UsageMetadata, three: UsageMetadata
) -> None:
    assert add_usage(add_usage(one, two), three) == add_usage(one, add_usage(two, three))


def test_details_are_added_by_modality() -> None:
    one = UsageMetadata(
        prompt_tokens_details=[
            ModalityTokenCount(modality="TEXT", token_count=5),
            ModalityTokenCount(modality="AUDIO", token_count=1),
        ]
    )
    other = UsageMetadata(
        prompt_tokens_details=[
            ModalityTokenCount(modality="VIDEO", token_count=2),
            ModalityTokenCount(modality="TEXT", token_count=7),
        ],
        cache_tokens_details=[ModalityTokenCount(modality="TEXT", token_count=9)],
    )
    assert add_usage(one, other) == UsageMetadata(
        prompt_tokens_details=[
            ModalityTokenCount(modality="TEXT", token_count=12),
            ModalityTokenCount(modality="AUDIO", token_count=1),
            ModalityTokenCount(modality="VIDEO", token_count=2),
        ],
        cache_tokens_details=[ModalityTokenCount(modality="TEXT", token_count=9)],
    )


def test_of_what_is_no_number_the_newest_counts() -> None:
    one = UsageMetadata(service_tier="flex", unknown_fields={"usageMetadata.x": 1})
    other = UsageMetadata(service_tier="standard", traffic_type="ON_DEMAND")
    total = add_usage(one, other)
    assert (total.service_tier, total.traffic_type) == ("standard", "ON_DEMAND")
    assert total.unknown_fields == {"usageMetadata.x": 1}
    assert add_usage(total, NOTHING) == total


def test_the_reports_stay_as_they_are() -> None:
    one = UsageMetadata(prompt_tokens_details=[ModalityTokenCount(modality="TEXT", token_count=5)])
    total = add_usage(one, one)
    assert one.prompt_tokens_details[0].token_count == 5
    assert total.prompt_tokens_details[0].token_count == 10


def test_a_sum_does_not_grow_with_the_kinds_that_a_server_makes_up() -> None:
    total = NOTHING
    for report in range(20):
        made_up = [ModalityTokenCount(modality=f"M{report}-{number}", token_count=1) for number in range(50)]
        total = add_usage(total, UsageMetadata(prompt_tokens_details=made_up))
    counts = total.prompt_tokens_details
    assert len(counts) == 33
    assert sum(item.token_count for item in counts) == 1000
    assert counts[-1].modality is None
