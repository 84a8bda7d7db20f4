"""Carrying frames: `base` is the seam; `_direct` the default, `_trio_websocket` the reference, `memory` for tests."""
