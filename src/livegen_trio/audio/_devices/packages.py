"""The packages of the extra `[audio]`, and what to say where they are missing.

Of those that carry no types, this says what is used of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol

from .errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import ModuleType
    from typing import TypeAlias

    import numpy as np
    import numpy.typing as npt

    Samples: TypeAlias = npt.NDArray[np.int16]
    """Mono, signed 16-bit."""


class NativeDevice(Protocol):
    """The part of miniaudio's devices that is used."""

    backend: str

    def start(self, callback_generator: Generator[bytes, bytes | int, None], /) -> None:
        """Begin calling the generator, on a thread of the sound system."""
        ...

    def close(self) -> None:
        """Stop, and give the device back. *Blocking*, for two periods or so."""
        ...


class StreamResampler(Protocol):
    """The part of `soxr.ResampleStream` that is used."""

    def resample_chunk(self, x: Samples, /, last: bool = False) -> Samples:  # noqa: FBT001, FBT002 - soxr's
        """Take the next samples; return the output that is complete by now, or all of it after the *last*."""
        ...

    def delay(self) -> float:
        """Return how many samples of output it holds back."""
        ...

    def clear(self) -> None:
        """Begin a new stream."""
        ...


def require(name: str, *, extra: str = "audio") -> ModuleType:
    """Import a package of an extra.

    Args:
        name: The module.
        extra: The extra that it belongs to.

    Raises:
        DeviceError: It is missing, or it doesn't work on this machine.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as exc:  # OSError: a shared library of it can't be loaded
        raise DeviceError(f'{name} can\'t be loaded ({exc}): pip install "livegen-trio[{extra}]"') from exc
