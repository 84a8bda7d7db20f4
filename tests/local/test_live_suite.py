"""The live tests themselves, on the embedded server: they have to be in order when somebody has a key at last."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from livegen_trio._protocol.codec import decode_client_message, decode_server_message
from livegen_trio.local import Engines, LocalServer, text_engines
from support.live_client import ScriptedSynthesizer
from support.loopback import SETUP_COMPLETE, setups
from support.recordings import load_recording

if TYPE_CHECKING:
    from collections.abc import Mapping

    from livegen_trio.local.speech._moonshine import MoonshineRecognizer
    from livegen_trio.local.speech._silero import SileroModel
    from livegen_trio.transports._trio_websocket.transport import TrioWebSocketTransport

TESTS = Path(__file__).parents[1]
LIVE = TESTS / "live"
KEY = "AIzaSyD-no-key-at-all-but-like-one-000000"
PROJECT = "nobodys-project-1"
RESUMPTION = "live_Other_a_resumed_session_remembers_what_was_said_{}.websocket.log"
NOBODY = dict.fromkeys(
    (
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GOOGLE_CLOUD_PROJECT",
        "LIVEGEN_LIVE_BASE_URL",
        "LIVEGEN_LIVE_MODEL",
    ),
    "",
)


async def run_pytest(*arguments: str | Path, environment: Mapping[str, str] = NOBODY) -> tuple[int, str]:
    """The exit code and the output of a run."""
    done = await trio.run_process(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)],
        cwd=TESTS.parent,
        env={**os.environ, **NOBODY, **environment},
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout.decode()


def talking_to(port: int) -> dict[str, str]:
    return {
        "LIVEGEN_LIVE_BASE_URL": f"ws://127.0.0.1:{port}",
        "GEMINI_API_KEY": KEY,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
    }


async def test_the_live_tests_pass_and_record_what_was_said(
    silero: SileroModel, recognizer: MoonshineRecognizer, tmp_path: Path
) -> None:
    engines = Engines(
        responder=text_engines().responder,
        open_detector=silero.open_detector,
        recognizer=recognizer,
        synthesizer=ScriptedSynthesizer(0.2),  # a real voice would take its time
    )
    async with trio.open_nursery() as nursery:
        (address,) = await nursery.start(LocalServer(engines).serve, 0)
        code, output = await run_pytest(
            LIVE, "--record", tmp_path / "new", environment=talking_to(address.port)
        )
        nursery.cancel_scope.cancel()
    assert code == 0, output
    assert "skipped" not in output
    assert "Is a contextUpdate taken?: yes" in output
    assert "behaviours of gemini-3.8-live were compared" in output
    assert (
        "| takes code execution | no | yes |" in output
    )  # the embedded server executes none, and refuses none
    recordings = sorted((tmp_path / "new").glob("live_Other_*.websocket.log"))
    assert len(recordings) >= 9
    for path in recordings:
        check_recording(path)
    begun, resumed = ((tmp_path / "new" / RESUMPTION.format(number)).read_text() for number in (1, 2))
    (handle,) = re.findall('"handle":"(handle-[0-9]+)"', resumed)
    assert f'"newHandle": "{handle}"' in begun


def check_recording(path: Path) -> None:
    """Whether it reads as the older ones do, and holds no secret."""
    text = path.read_text()
    assert KEY not in text
    assert PROJECT not in text
    frames = load_recording(path)
    assert b'"setup"' in frames[0].data
    for sender, data in frames:
        assert decode_client_message(data) if sender == "client" else decode_server_message(data)


async def test_with_nobody_to_talk_to_each_live_test_is_skipped_and_says_why() -> None:
    code, output = await run_pytest(LIVE)
    assert code == 0, output
    assert "passed" not in output
    assert "no GEMINI_API_KEY, GOOGLE_API_KEY, GOOGLE_CLOUD_PROJECT or LIVEGEN_LIVE_BASE_URL" in output


async def test_a_quota_that_is_used_up_skips_a_test_and_is_reported() -> None:
    reason = "You exceeded your current quota, please check your plan and billing details."

    async def refuse(transport: TrioWebSocketTransport) -> None:
        await transport.send(SETUP_COMPLETE)
        await transport.aclose(1011, reason)

    async with setups(refuse) as port:
        code, output = await run_pytest(LIVE, "-k", "question_in_text", environment=talking_to(port))
    assert code == 0, output
    assert "1 skipped" in output
    assert reason in output


async def test_a_run_of_all_tests_leaves_the_live_ones_alone() -> None:
    others = (f"--ignore-glob={TESTS}/[!l]*", f"--ignore={TESTS / 'local'}")
    code, output = await run_pytest(TESTS, *others, "--collect-only", "-q", environment=talking_to(1))
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED, output
