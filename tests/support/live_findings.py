"""What live tests see of the service that nobody was sure of: noted, and printed at the end, without a judgement."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import trio

from livegen_trio import LiveError
from livegen_trio._protocol.codec import decode_server_message
from livegen_trio.types import GoAway, SessionResumptionUpdate, UnknownEvent
from support.live_service import MODEL, used_up

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from livegen_trio import ServerEvent
    from livegen_trio.testing import RecordedFrame as TimedFrame
    from support.recordings import RecordedFrame


class Findings:
    """Answers, by their questions."""

    def __init__(self) -> None:
        self._answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._compared = 0
        self._differences: list[tuple[str, str, str]] = []

    def note(self, question: str, answer: str) -> None:
        """Note an *answer*; the same one counts again."""
        self._answers[question][answer] += 1

    async def note_outcome(self, question: str, attempt: Callable[[], Awaitable[str]]) -> None:
        """Note what comes of an *attempt*, also if that is an error."""
        try:
            self.note(question, await attempt())
        except (LiveError, trio.TooSlowError) as exc:
            if used_up(exc):
                raise
            self.note(question, f"{type(exc).__name__}: {exc}")

    async def compare(
        self, behaviour: str, expected: bool | None, attempt: Callable[[], Awaitable[bool]]
    ) -> None:
        """Compare a behaviour with our profile, in which None is not known; an error is a no."""
        try:
            seen, why = await attempt(), ""
        except (LiveError, trio.TooSlowError) as exc:
            if used_up(exc):
                raise
            seen, why = False, f": {type(exc).__name__}: {exc}"
        self._compared += 1
        if seen is not expected:
            known = {True: "yes", False: "no", None: "not known"}
            self._differences.append((behaviour, known[expected], known[seen] + why))

    def study(self, connection: Sequence[RecordedFrame | TimedFrame]) -> None:
        """Note what one connection's frames have to say."""
        events = list(_events(connection))
        for name in _unknown_names(events):
            self.note("Which names does this version not know?", name)
        updates = [event for event in events if isinstance(event, SessionResumptionUpdate)]
        if updates:
            handles = sum(1 for update in updates if update.new_handle)
            self.note(
                "How many resumption updates come on a connection?",
                f"{len(updates)}, {handles} with a handle",
            )
        for event in events:
            if isinstance(event, GoAway):
                self.note("How long before the end does a goAway come?", str(event.time_left))

    def lines(self) -> list[str]:
        """All of it, to be printed."""
        return [*self._table(), *self._notes()]

    def _table(self) -> Iterator[str]:
        if not self._compared:
            return
        differ = f"{len(self._differences)} differ from our profile or are not in it"
        yield f"{self._compared} behaviours of {MODEL} were compared; {differ}."
        if self._differences:
            yield "| the model | our profile | the service |"
            yield "| --- | --- | --- |"
            for behaviour, expected, seen in self._differences:
                yield f"| {behaviour} | {expected} | {seen.replace('|', '/')} |"

    def _notes(self) -> list[str]:
        return [
            f"{question}: {answer}" + (f" (x{count})" if count > 1 else "")
            for question, answers in self._answers.items()
            for answer, count in answers.items()
        ]


def _events(connection: Iterable[RecordedFrame | TimedFrame]) -> Iterator[ServerEvent]:
    for frame in connection:
        if frame.sender == "server":
            yield from decode_server_message(frame.data)


def _unknown_names(events: Iterable[ServerEvent]) -> Iterator[str]:
    for event in events:
        if isinstance(event, UnknownEvent):
            yield from event.raw
        yield from event.unknown_fields
