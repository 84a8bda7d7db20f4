"""What the bridge to asyncio costs: the same sessions on Trio, on asyncio and on uvloop, and google-genai beside them.

Fifty sessions in one process share one thread with Trio. First they converse as fast as it goes, which shows the CPU
time of a message sent and one received; then in real time, which shows how late a message is.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Final

from _clients import ON_ASYNCIO, ON_UVLOOP, OURS, PEER, Case, benching

if TYPE_CHECKING:
    from _clients import Result

NAMES: Final = (OURS, ON_ASYNCIO, ON_UVLOOP, PEER)
ROW: Final = "{:34}{:14}{:>8}{:>10}{:>9}{:>9}{:>9}{:>9}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pairs, rounds = (30, 1) if arguments.short else (300, 5)
    cases = [Case(50, 20, pairs, mode, tls=tls) for mode in ("busy", "paced") for tls in (True, False)]
    print(ROW.format("", "", "us CPU", "to Trio", "p50 ms", "to Trio", "p99 ms", "to Trio"))
    with benching() as bench:
        report = {f"{case}, {case.mode}": shown(case, bench.compare(case, NAMES, rounds)) for case in cases}
    if arguments.json:
        print(json.dumps(report))


def shown(case: Case, results: dict[str, Result]) -> dict[str, Result]:
    """Print the rows of a case, and return what they are made of."""
    native = results[OURS]
    for name, result in results.items():
        cells = [
            cell
            for key in ("us_a_pair", "p50_ms", "p99_ms")
            if key in result
            for cell in (f"{result[key]:.2f}", f"{result[key] / native[key]:.2f}x")
        ]
        print(ROW.format(f"{case}, {case.mode}", name, *cells, *[""] * (6 - len(cells))))
    return results


if __name__ == "__main__":
    main()
