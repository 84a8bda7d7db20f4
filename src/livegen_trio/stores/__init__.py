"""Stores for resume states, and leases on conversations, for programs of one process and for fleets.

`MemoryResumeStore` is for one process; `livegen_trio.stores.valkey.ValkeyResumeStore` (extra `valkey`) keeps states in
Valkey or Redis. A store's `lease` lets one process at a time hold a conversation, and `Drain` hands the conversations
of a process over when it is to stop.
"""

from .._public_names import publish as _publish
from ._drain import Conversation as Conversation, Drain as Drain
from ._errors import (
    DrainingError as DrainingError,
    HandedOverError as HandedOverError,
    LeaseError as LeaseError,
    LeaseHeldError as LeaseHeldError,
    LeaseLapsedError as LeaseLapsedError,
    LeaseLostError as LeaseLostError,
)
from ._lease import Lease as Lease
from ._memory import MemoryResumeStore as MemoryResumeStore

_publish(globals())
