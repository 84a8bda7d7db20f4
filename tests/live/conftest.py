"""Live tests: a key or credentials in the environment, quotas that are used up, and recordings of what was said.

Only `pytest tests/live` runs them; `nox -s live` is the short way.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livegen_trio.testing import RecordingBackend, Redaction
from livegen_trio.transports._causes import first_error
from support.live_findings import Findings
from support.live_service import NOBODY, SECRETS, SERVICE, backend_of_environment, used_up
from support.recorder import redaction, write_recording

if TYPE_CHECKING:
    from collections.abc import Generator

FINDINGS = pytest.StashKey[Findings]()
REDACTION = pytest.StashKey[Redaction]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record", metavar="DIR", type=Path, help="write the frames of each test to DIR, secrets removed"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FINDINGS] = Findings()
    config.stash[REDACTION] = redaction(SECRETS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A quota that is used up tells nothing of this library: such a test is skipped, and says so."""
    report = yield
    if call.excinfo is not None and used_up(call.excinfo.value):
        report.outcome = "skipped"
        report.longrepr = (
            str(item.path),
            item.location[1] or 0,
            f"Skipped: {first_error(call.excinfo.value)}",
        )
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[FINDINGS].lines()
    if lines:
        terminalreporter.section(f"what {SERVICE} does")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture
def findings(request: pytest.FixtureRequest) -> Findings:
    """Where to note what is not to be judged."""
    return request.config.stash[FINDINGS]


@pytest.fixture
def backend(request: pytest.FixtureRequest, findings: Findings) -> Generator[RecordingBackend]:
    """The service, whose frames are taken down."""
    service = backend_of_environment()
    if service is None:
        pytest.skip(NOBODY)
    recording = RecordingBackend(service)
    yield recording
    for connection in recording.recording.connections:
        findings.study(connection)
    directory: Path | None = request.config.getoption("--record")
    if directory is not None:
        record(recording, directory, request.node.name, request.config.stash[REDACTION])


def record(backend: RecordingBackend, directory: Path, test: str, redaction: Redaction) -> None:
    """Write one file a connection, and make sure that no secret has slipped through."""
    directory.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "_", test.removeprefix("test_")).strip("_")
    for number, connection in enumerate(backend.recording.connections, 1):
        suffix = f"_{number}" if len(backend.recording.connections) > 1 else ""
        path = directory / f"live_{SERVICE}_{name}{suffix}.websocket.log"
        write_recording(path, connection, redaction)
        written = path.read_text()
        assert not any(secret in written for secret in SECRETS), (
            f"{path} has a secret in it; don't publish it"
        )
