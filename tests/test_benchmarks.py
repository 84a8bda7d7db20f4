"""The benchmarks run; what they measure is no matter here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_whole_sessions_are_measured_in_less_than_a_minute() -> None:
    command = [sys.executable, str(BENCHMARKS / "end_to_end.py"), "--short", "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    assert set(report) == {"busy", "paced", "idle_kib", "import_ms"}
    for results in report["busy"].values():
        assert all(result["delivered"] == 1 for result in results.values())
