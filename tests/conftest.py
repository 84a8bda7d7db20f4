"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# A slow machine is no failure; tests of time measure it themselves.
settings.register_profile("livegen-trio", deadline=None)
settings.load_profile("livegen-trio")
