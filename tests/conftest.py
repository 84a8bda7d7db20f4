"""What all tests share."""

from __future__ import annotations

import signal

from hypothesis import settings

# A slow machine is no failure; tests of time measure it themselves.
settings.register_profile("livegen-trio", deadline=None)
settings.load_profile("livegen-trio")

# A program that is started in the background may have Ctrl+C ignored, and hands that on to those that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
