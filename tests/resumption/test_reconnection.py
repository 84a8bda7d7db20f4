"""The policy on reconnecting."""

from __future__ import annotations

import math

import pytest

from livegen_trio import ConfigError, Reconnection


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delays": ()}, "at least one"),
        ({"delays": (1, -1)}, "from 0 on"),
        ({"delays": (math.nan,)}, "from 0 on"),
        ({"give_up_after": -1}, "from 0 on"),
        ({"give_up_after": math.nan}, "from 0 on"),
        ({"min_uptime": -1}, "from 0 on"),
        ({"margin": -1}, "from 0 on"),
        ({"max_replays": -1}, "whole number"),
        ({"max_replays": 1.5}, "whole number"),
        ({"replay": "all"}, '"recent" or "none"'),
        ({"late_answers": "never"}, '"as_response", "as_content" or None'),
        ({"when_forgotten": "weep"}, '"fail" or "fresh"'),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Reconnection(**options)  # type: ignore[arg-type]  # what users may write all the same
