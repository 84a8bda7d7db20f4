"""Which microphones and loudspeakers there are, and which of them a user means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, TypedDict

from .errors import DeviceError
from .packages import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

DeviceKind: TypeAlias = Literal["microphone", "speaker"]
"""What a device does."""

NULL_BACKEND: Final = "null"


class _Format(TypedDict):
    samplerate: int
    channels: int


class _Info(TypedDict):
    """A device as miniaudio describes it, and what it leaves out."""

    id: object
    name: str
    formats: list[_Format]
    is_default: bool
    text_id: str


class _NativeInfo(Protocol):
    """The part of `ma_device_info` that is used."""

    id: object
    isDefault: int  # noqa: N815 - its name


class _Listing(Protocol):
    """The part of `miniaudio.Devices` that is used."""

    backend: str

    def get_captures(self) -> list[_Info]: ...

    def get_playbacks(self) -> list[_Info]: ...


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """A microphone or a loudspeaker of this machine.

    Attributes:
        kind: Which of the two it is.
        name: Its name for people. Two devices may have the same.
        id: Its name for programs, as the sound system gives it; the same after a restart on most systems.
        is_default: Whether the user has chosen it for programs that name none.
        rates: Samples a second that it takes without conversion, as far as the sound system says. Others work, too.
        channels: The highest number of channels, as far as the sound system says; 0 if it doesn't.
        backend: The sound system, such as "PulseAudio", "Core Audio" or "WASAPI".
    """

    kind: DeviceKind
    name: str
    id: str
    is_default: bool
    rates: tuple[int, ...]
    channels: int
    backend: str
    native_id: object = field(repr=False, compare=False, default=None)
    """What miniaudio knows it by."""


def list_devices(*, backend: str | None = None) -> list[AudioDevice]:
    """List the microphones and the loudspeakers, each kind with its default first. *Blocking*, for milliseconds mostly.

    A machine without a sound system has none. Needs the extra `[audio]`.

    Args:
        backend: The sound system to ask, by miniaudio's name for it, such as "alsa"; "null" has one silent device of
            each kind, for tests. By default the first that works.

    Raises:
        DeviceError: The extra is missing, there is no such sound system, or it doesn't answer.
    """
    miniaudio = require("miniaudio")
    backends = native_backends(backend)
    try:
        context = _devices_of(miniaudio, backends)
        if backend is None and context.backend.lower() == NULL_BACKEND:
            return []
        return [
            *_devices("microphone", context.backend, context.get_captures()),
            *_devices("speaker", context.backend, context.get_playbacks()),
        ]
    except miniaudio.MiniaudioError as exc:
        raise DeviceError(f"the sound system doesn't list its devices: {exc}") from exc


def native_backends(backend: str | None) -> list[object]:
    """Return miniaudio's list of sound systems to try; an empty one means all.

    Raises:
        DeviceError: There is no such sound system.
    """
    known = {one.name.lower(): one for one in require("miniaudio").Backend}
    if backend is None:
        return []
    if backend.lower() not in known:
        raise DeviceError(f"there is no sound system {backend!r}; miniaudio knows {', '.join(sorted(known))}")
    return [known[backend.lower()]]


def find_device(
    devices: Iterable[AudioDevice], kind: DeviceKind, wanted: str | AudioDevice | None
) -> AudioDevice:
    """Return the device of *kind* with the id or the name *wanted*, or with that in its name; or the default one.

    Raises:
        DeviceError: There is none, or several fit.
    """
    there = [device for device in devices if device.kind == kind]
    if not there:
        raise DeviceError(
            f"no {kind} was found; is one plugged in, and does this program have access to the sound system?"
        )
    if wanted is None:
        return there[0]
    name = wanted.id if isinstance(wanted, AudioDevice) else wanted
    fitting = _fitting(there, name)
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(f"{device.name!r} (id {device.id!r})" for device in (fitting or there))
    raise DeviceError(
        f"several {kind}s are called {name!r}; give the id of one: {names}"
        if fitting
        else f"there is no {kind} {name!r}; there are: {names}"
    )


def _fitting(devices: Sequence[AudioDevice], name: str) -> list[AudioDevice]:
    """Return the devices that *name* fits best: as an id, as a name, or else as part of a name."""
    part = name.casefold()
    by_id = [device for device in devices if device.id == name]
    by_name = [device for device in devices if device.name.casefold() == part]
    return by_id or by_name or [device for device in devices if part in device.name.casefold()]


def _devices(kind: DeviceKind, backend: str, infos: Iterable[_Info]) -> list[AudioDevice]:
    devices = [_device(kind, backend, info) for info in infos]
    if devices and not any(device.is_default for device in devices):
        return devices
    return sorted(devices, key=lambda device: not device.is_default)


def _device(kind: DeviceKind, backend: str, info: _Info) -> AudioDevice:
    rates = {one["samplerate"] for one in info["formats"] if one["samplerate"]}
    return AudioDevice(
        kind=kind,
        name=info["name"],
        id=info["text_id"],
        is_default=info["is_default"],
        rates=tuple(sorted(rates)),
        channels=max((one["channels"] for one in info["formats"]), default=0),
        backend=backend,
        native_id=info["id"],
    )


def _devices_of(miniaudio: ModuleType, backends: list[object]) -> _Listing:
    """Return miniaudio's listing of devices, which says of each whether it is the default one, too."""
    ffi = require("_miniaudio").ffi

    def get_info(listing: object, device_type: object, device_info: _NativeInfo) -> _Info:
        text_id = _text_id(bytes(ffi.buffer(ffi.addressof(device_info.id))))
        info: _Info = miniaudio.Devices._get_info(listing, device_type, device_info)
        info["is_default"], info["text_id"] = bool(device_info.isDefault), text_id
        return info

    listing: _Listing = type("Listing", (miniaudio.Devices,), {"_get_info": get_info})(backends)
    return listing


def _text_id(native: bytes) -> str:
    """Return the bytes of an id as text: most sound systems have names, and others numbers."""
    name = native.partition(b"\0")[0]
    if name and not native[len(name) :].strip(b"\0"):
        try:
            text = name.decode()
        except UnicodeDecodeError:
            return name.hex()
        return text if text.isprintable() else name.hex()
    return native.rstrip(b"\0").hex() or "default"
