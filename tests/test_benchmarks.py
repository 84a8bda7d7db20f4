"""The benchmarks run; what they measure is no matter here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def report_of(script: str) -> Any:
    command = [sys.executable, str(BENCHMARKS / script), "--short", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_whole_sessions_are_measured_in_less_than_a_minute() -> None:
    report = report_of("end_to_end.py")
    assert set(report) == {"busy", "paced", "idle_kib", "import_ms"}
    for results in report["busy"].values():
        assert all(result["delivered"] == 1 for result in results.values())


def test_the_bridge_to_asyncio_is_measured_in_less_than_a_minute() -> None:
    report = report_of("asyncio_bridge.py")
    assert len(report) == 4
    for results in report.values():
        assert set(results) == {"livegen_trio", "on asyncio", "on uvloop", "google-genai"}
        assert results["on asyncio"]["us_a_pair"] > 0
