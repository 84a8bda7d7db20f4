"""Stores for resume states: in memory here, in Valkey or Redis in `livegen_trio.stores.valkey` (extra `valkey`)."""

from .._public_names import publish as _publish
from ._memory import MemoryResumeStore as MemoryResumeStore

_publish(globals())
