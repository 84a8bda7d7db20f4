"""What the live tests go by; the tests themselves are in `live`, and tried in `local/test_live_suite.py`."""

from __future__ import annotations

import pytest
import trio

from livegen_trio import HandshakeError, LocalProtocolError, SessionClosedError, SetupRejectedError
from support.live_findings import Findings
from support.live_service import used_up
from support.recordings import RecordedFrame

QUOTA = SessionClosedError(1011, "You exceeded your current quota, please check", initiator="server")
FAULT = SessionClosedError(1011, "Internal error encountered.", initiator="server")


@pytest.mark.parametrize(
    "error",
    [
        QUOTA,
        SetupRejectedError(code=1011, reason="Resource has been exhausted (e.g. check quota)."),
        SetupRejectedError(code=1011, reason="Your prepayment credits are depleted."),
        HandshakeError("refused", phase="upgrade", status_code=429),
        ExceptionGroup("of a nursery", [ExceptionGroup("of another", [QUOTA])]),
    ],
)
def test_an_account_that_is_used_up_is_known(error: BaseException) -> None:
    assert used_up(error)


@pytest.mark.parametrize(
    "error",
    [
        FAULT,
        HandshakeError("refused", phase="upgrade", status_code=403),
        HandshakeError("hung up", phase="setup"),
        ExceptionGroup("of a nursery", [QUOTA, AssertionError()]),
        AssertionError("quota"),
    ],
)
def test_anything_else_is_a_failure(error: BaseException) -> None:
    assert not used_up(error)


def test_what_is_unknown_in_the_frames_is_noted_and_counted() -> None:
    findings = Findings()
    frames = [
        RecordedFrame("client", b'{"hologram": {}}'),
        RecordedFrame("server", b'{"setupComplete": {"flavor": 1}}'),
        RecordedFrame("server", b'{"hologram": {"depth": 3}}'),
        RecordedFrame("server", b'{"hologram": {"depth": 4}}'),
        RecordedFrame("server", b'{"goAway": {"timeLeft": "10s"}}'),
        RecordedFrame("server", b'{"sessionResumptionUpdate": {"newHandle": "h", "resumable": true}}'),
        RecordedFrame("server", b'{"sessionResumptionUpdate": {}}'),
    ]
    findings.study(frames)
    told = "\n".join(findings.lines())
    assert "not know?: hologram (x2)" in told
    assert "flavor" in told
    assert "goAway come?: 10" in told
    assert "2, 1 with a handle" in told


def test_a_connection_without_surprises_is_not_worth_a_line() -> None:
    findings = Findings()
    findings.study([RecordedFrame("server", b'{"setupComplete": {}}')])
    assert findings.lines() == []


async def test_the_outcome_of_an_attempt_is_noted_also_if_it_fails() -> None:
    findings = Findings()

    async def succeed() -> str:
        return "yes"

    async def fail() -> str:
        raise LocalProtocolError("not possible")

    async def hang() -> str:
        raise trio.TooSlowError

    for attempt in (succeed, fail, hang):
        await findings.note_outcome("Is it?", attempt)
    assert findings.lines() == [
        "Is it?: yes",
        "Is it?: LocalProtocolError: not possible",
        "Is it?: TooSlowError: ",
    ]


async def test_a_used_up_quota_is_no_finding() -> None:
    async def attempt() -> str:
        raise QUOTA

    with pytest.raises(SessionClosedError):
        await Findings().note_outcome("Is it?", attempt)
