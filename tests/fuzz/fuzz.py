"""Fuzz what reads bytes from outside, guided by coverage.

    nox -s fuzz                  an hour for all targets
    nox -s fuzz -- wav 60        one target, for a minute

What is found is written as `crash-*`; move it to `tests/data/fuzz/TARGET/`, where the tests run it from then on.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore] # has no annotations, and wheels from 3.12 on

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

with atheris.instrument_imports(include=["livegen_trio"]):
    from support.fuzz_targets import SEEDS, TARGETS


HOUR = 3600


def fuzz(target: str, seconds: str, folder: str) -> None:
    """Fuzz one target, beginning with its cases and the seeds; new inputs are kept in *folder*."""
    for number, seed in enumerate(SEEDS[target]):
        (Path(folder) / f"seed-{number}").write_bytes(seed)
    cases = [str(path) for path in [TESTS / "data" / "fuzz" / target] if path.is_dir()]
    options = [f"-max_total_time={seconds}", "-max_len=65536", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, folder, *cases], TARGETS[target])
    atheris.Fuzz()


def fuzz_all() -> int:
    """Fuzz each target in a process of its own, which is how the engine ends; returns the exit code."""
    codes = [
        subprocess.run([sys.executable, __file__, target, str(HOUR // len(TARGETS))], check=False).returncode
        for target in TARGETS
    ]
    return max(codes)


if len(sys.argv) > 1:
    with tempfile.TemporaryDirectory() as corpus:
        fuzz(sys.argv[1], sys.argv[2], corpus)
else:
    sys.exit(fuzz_all())
