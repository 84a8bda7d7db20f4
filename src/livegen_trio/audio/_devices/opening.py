"""Opening devices for as long as a block lasts, on Trio or on asyncio."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from ..._no_public_constructor import construct
from .ends import AudioDevices, DeviceUse, Microphone, Speaker
from .options import DeviceOptions, ProcessingOptions
from .packages import require
from .signals import Signal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .listing import AudioDevice
    from .worker import DeviceWorker

_CLOSING_TIMEOUT: Final = 2.0  # seconds for the sound system to give a device back


@asynccontextmanager
async def open_devices(
    microphone: str | AudioDevice | None = None,
    speaker: str | AudioDevice | None = None,
    *,
    echo_cancellation: bool = True,
    noise_suppression: bool = False,
    automatic_gain: bool = False,
    follow_default: bool = False,
    backend: str | None = None,
) -> AsyncGenerator[AudioDevices]:
    """Open a microphone and a loudspeaker as one stream, for as long as an `async with` block lasts.

    So the echo canceller has, for each sample that was heard, the one that was played: the model isn't interrupted by
    its own voice, and the user can speak over it. On Trio and on asyncio alike. Needs the extra `[audio]`.

    Devices of any rate and number of channels do; the microphone gives 16 kHz, and the loudspeaker takes any rate.

    Args:
        microphone: Its id or its name, or a part of that, or one of `list_devices()`; the default one if None.
        speaker: As *microphone*.
        echo_cancellation: Whether to take the loudspeaker's sound out of the microphone's. With headphones there is
            nothing to take out.
        noise_suppression: Whether to take steady noise out as well.
        automatic_gain: Whether to bring near and far voices to the same level.
        follow_default: Whether to go on with another default device when the user chooses one, or when this one is
            unplugged. Only for those that are not named here.
        backend: The sound system; see `list_devices`. "null" has a silent microphone, and a loudspeaker that nobody
            hears, in real time.

    Raises:
        DeviceError: The extra is missing, a device isn't there, or the sound system refuses.

    Yields:
        The open devices. They raise `DeviceLostError` when one is unplugged or stops.
    """
    processing = ProcessingOptions(
        echo_cancellation=echo_cancellation,
        noise_suppression=noise_suppression,
        automatic_gain=automatic_gain,
    )
    options = DeviceOptions(
        microphone=microphone,
        speaker=speaker,
        captures=True,
        plays=True,
        processing=processing,
        follow_default=follow_default,
        backend=backend,
    )
    async with _opened(options) as use:
        yield construct(AudioDevices, use)


@asynccontextmanager
async def open_microphone(
    device: str | AudioDevice | None = None,
    *,
    noise_suppression: bool = False,
    automatic_gain: bool = False,
    follow_default: bool = False,
    backend: str | None = None,
) -> AsyncGenerator[Microphone]:
    """Open a microphone alone, where there is no loudspeaker or the user wears headphones. See `open_devices`.

    Args:
        device: Which one; the default one if None.
        noise_suppression: Whether to take steady noise out.
        automatic_gain: Whether to bring near and far voices to the same level.
        follow_default: Whether to go on with another default device when the user chooses one.
        backend: The sound system.

    Raises:
        DeviceError: The extra is missing, the device isn't there, or the sound system refuses.

    Yields:
        The open microphone.
    """
    processing = ProcessingOptions(
        echo_cancellation=False, noise_suppression=noise_suppression, automatic_gain=automatic_gain
    )
    options = DeviceOptions(
        microphone=device,
        speaker=None,
        captures=True,
        plays=False,
        processing=processing,
        follow_default=follow_default,
        backend=backend,
    )
    async with _opened(options) as use:
        yield construct(Microphone, use)


@asynccontextmanager
async def open_speaker(
    device: str | AudioDevice | None = None, *, follow_default: bool = False, backend: str | None = None
) -> AsyncGenerator[Speaker]:
    """Open a loudspeaker alone. See `open_devices`.

    Args:
        device: Which one; the default one if None.
        follow_default: Whether to go on with another default device when the user chooses one.
        backend: The sound system.

    Raises:
        DeviceError: The extra is missing, the device isn't there, or the sound system refuses.

    Yields:
        The open loudspeaker.
    """
    options = DeviceOptions(
        microphone=None,
        speaker=device,
        captures=False,
        plays=True,
        processing=ProcessingOptions(echo_cancellation=False),
        follow_default=follow_default,
        backend=backend,
    )
    async with _opened(options) as use:
        yield construct(Speaker, use)


@asynccontextmanager
async def _opened(options: DeviceOptions) -> AsyncGenerator[DeviceUse]:
    signal = Signal()
    worker = await anyio.to_thread.run_sync(_make_worker, options, signal)
    use = DeviceUse(worker, signal)
    try:
        await anyio.to_thread.run_sync(worker.open)
        yield use
    finally:
        use.is_closed = True
        signal.wake()
        with anyio.move_on_after(_CLOSING_TIMEOUT, shield=True):
            await anyio.to_thread.run_sync(worker.close, abandon_on_cancel=True)


def _make_worker(options: DeviceOptions, signal: Signal) -> DeviceWorker:
    """Import what takes a while, and make a worker. *Blocking*.

    Raises:
        DeviceError: A package of the extra is missing.
    """
    for package in ("miniaudio", "numpy", "soxr"):
        require(package)  # first, since the module below imports some of them
    from .worker import DeviceWorker  # noqa: PLC0415 - of an extra

    return DeviceWorker(options, signal.notify)
