"""Stores for resume states: in memory here, in Valkey or Redis in `livegen_trio.stores.valkey` (extra `valkey`)."""

from ._memory import MemoryResumeStore as MemoryResumeStore
