"""The parts of a session that outlive its connections, and that each of them works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._protocol.session_rules import LiveProtocol
    from .._resumption.coverage import Coverage
    from .._resumption.history import History
    from .._session.timing import Timing
    from ..backends.base import Backend
    from .inbox import Inbox
    from .late_answers import LateAnswers
    from .next_setup import NextSetup
    from .observers import Observers
    from .outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The parts that the engine, the supervisor and each connection of one session work with.

    Attributes:
        backend: Where to dial.
        protocol: What may be sent, and what the events have added up to.
        inbox: Events that wait for their consumer.
        outbox: Frames that wait for the sender.
        observers: Parts that see events before their consumer does.
        setup: The setup of the next connection.
        late_answers: What becomes of answers to calls of an earlier connection.
        history: The text of the conversation, where it is kept.
        coverage: Infers which inputs a handle covers, where the server doesn't say so itself.
        timing: How long to wait for what.
    """

    backend: Backend
    protocol: LiveProtocol
    inbox: Inbox
    outbox: Outbox
    observers: Observers
    setup: NextSetup
    late_answers: LateAnswers
    history: History | None
    coverage: Coverage | None
    timing: Timing
