"""Names that Firebase's JavaScript SDK removed in 3.0.0 (2026-10-07). They are kept here, and warn."""

from __future__ import annotations

import warnings


def warn_removed(name: str, instead: str, *, stacklevel: int = 3) -> None:
    """Warn that Firebase 3.0.0 has removed *name*, and say what to use instead."""
    warnings.warn(
        f"{name} was removed in Firebase 3.0.0; use {instead}", DeprecationWarning, stacklevel=stacklevel
    )
