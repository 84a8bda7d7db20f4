"""The parts of a session that outlive its connections, and that each of them works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from .._protocol.session_rules import LiveProtocol
from .._resumption.coverage import Coverage
from .._resumption.history import History
from ..types import ServerContent, SessionResumptionUpdate, VoiceActivity
from .acknowledgement import SETUP_FRAMES
from .checkpoints import EveryNthCheckpoint
from .inbox import Inbox
from .late_answers import LateAnswers
from .next_setup import NextSetup
from .observers import Observers
from .outbox import Outbox

if TYPE_CHECKING:
    from .._session.timing import Timing
    from ..backends.base import Backend
    from ..types import ServerEvent, Setup
    from .options import SessionOptions


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

    @property
    def is_closed(self) -> bool:
        """Whether the session is over, on whichever side it was ended."""
        return self.outbox.is_closed or self.inbox.ending is not None

    def report(self, event: ServerEvent) -> None:
        """Have the consumer receive an event of our own."""
        self.inbox.report(event)


def make_shared(backend: Backend, setup: Setup, options: SessionOptions) -> Shared:
    """Make the parts of a session that begins with *setup*."""
    protocol = LiveProtocol(setup, options.profile)
    checkpoints = EveryNthCheckpoint()
    outbox = Outbox(options.buffering, checkpoints)
    if options.taken_over is not None:
        protocol.take_over(options.taken_over)
    history = _history(options)
    shared = Shared(
        backend=backend,
        protocol=protocol,
        inbox=Inbox(options.buffering.event_bytes, checkpoints),
        outbox=outbox,
        observers=Observers(),
        setup=NextSetup(setup, protocol, outbox.ledger, history),
        late_answers=LateAnswers(protocol, outbox, as_content=_sends_late_as_content(options)),
        history=history,
        coverage=_coverage(protocol, outbox, setup, options),
        timing=options.timing,
    )
    _observe(shared)
    return shared


def _history(options: SessionOptions) -> History | None:
    if options.reconnection.when_forgotten != "fresh":
        return None
    return History(() if options.taken_over is None else options.taken_over.history)


def _coverage(
    protocol: LiveProtocol, outbox: Outbox, setup: Setup, options: SessionOptions
) -> Coverage | None:
    resumption = setup.session_resumption
    if resumption is None or resumption.transparent:  # there are no handles, or the server itself says
        return None
    return Coverage(protocol, outbox.ledger, options.profile.handle_covers)


def _sends_late_as_content(options: SessionOptions) -> bool:
    if (choice := options.reconnection.late_answers) is not None:
        return choice == "as_content"
    return not options.profile.takes_late_answers


def _observe(shared: Shared) -> None:
    history, coverage, ledger = shared.history, shared.coverage, shared.outbox.ledger

    def acknowledge(event: ServerEvent) -> None:
        index = (
            event.last_consumed_client_message_index if isinstance(event, SessionResumptionUpdate) else None
        )
        if index is not None:
            # Whether the service counts the setup isn't known. If not, one input more is sent again.
            ledger.acknowledge(index - SETUP_FRAMES, trio.current_time())

    if history is not None:
        exchanges = shared.protocol.exchanges

        def observe(event: ServerEvent) -> None:
            history.observe((event,), may_be_new=exchanges.may_speak)

        shared.observers.add(observe, ServerContent)
    if coverage is None:
        shared.observers.add(acknowledge, SessionResumptionUpdate)
    else:
        shared.observers.add(coverage.note_update, SessionResumptionUpdate)
        shared.observers.add(coverage.note_voice, VoiceActivity)
