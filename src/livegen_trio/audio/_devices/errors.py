"""What goes wrong with devices."""

from __future__ import annotations

from ..._errors import LiveError


class DeviceError(LiveError):
    """A microphone or a loudspeaker can't be opened; the message says why, and what to do."""


class DeviceLostError(DeviceError):
    """A device is gone, or has stopped: unplugged, taken by another program, or its sound system has ended."""
