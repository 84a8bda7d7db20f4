"""A model of a service that can be resumed: which inputs each of its handles stands for. Without I/O and time."""

from __future__ import annotations

import itertools
import json
from collections import deque
from typing import Literal, TypeAlias

Resumes: TypeAlias = Literal["finished_exchanges", "everything_read", "counted"]
Sort: TypeAlias = Literal["question", "speech", "silence", "context", "answer"]


class ResumingService:
    """One session of a service, over all its connections.

    Args:
        resumes: With what it resumes a session.
        merges: Whether it answers all questions that it has read in one turn, or one after the other.

    Attributes:
        known: The inputs that the session has, in order.
        frames: What it has sent on this connection, in order; a number is a pong, for so many inputs.
    """

    def __init__(self, resumes: Resumes, *, merges: bool) -> None:
        self.resumes = resumes
        self._merges = merges
        self._handles: dict[str, list[int]] = {}
        self._read = 0
        self._unanswered: list[int] = []
        self._answers: list[int] = []
        self._speech: set[int] = set()
        self.answering: list[int] = []
        self.call: str | None = None
        self.known: list[int] = []
        self.frames: deque[str | int] = deque()
        self._calls = 0
        self.issue_handle()

    @property
    def may_begin(self) -> bool:
        return bool(self._unanswered) and not self.answering

    @property
    def may_call(self) -> bool:
        return bool(self.answering) and self.call is None

    def read(self, number: int, sort: Sort) -> None:
        """Take an input in, and answer the ping behind it."""
        if sort == "speech" and self.answering:
            self._say({"serverContent": {"interrupted": True}})
            if self.call is not None:
                self._say({"toolCallCancellation": {"ids": [self.call]}})
            self.end(issue=self.resumes == "finished_exchanges")
        self.known.append(number)
        if sort == "answer":
            self._answers.append(number)
            self.call = None
        if sort == "speech":
            self._speech.add(number)
        if sort in ("question", "speech"):
            self._unanswered.append(number)
            self._withhold()
        self._read += 1
        self.frames.append(self._read)

    def begin(self) -> None:
        """Begin to answer."""
        heads = itertools.takewhile(lambda number: number in self._speech, self._unanswered)
        count = (
            len(self._unanswered) if self._merges else max(1, len(list(heads)))
        )  # chunks of speech are one question
        self.answering = self._unanswered[:count]
        self._withhold()
        self._say({"serverContent": {"modelTurn": {"parts": [{"text": "Well,"}]}}})

    def call_tool(self) -> None:
        """Call a tool; the turn goes on when it is answered."""
        self._calls += 1
        self.call = f"call {self._calls}"
        self._say({"toolCall": {"functionCalls": [{"id": self.call, "name": "look"}]}})

    def speak(self) -> None:
        """Say something more."""
        self._say({"serverContent": {"modelTurn": {"parts": [{"text": "so"}]}}})

    def end(self, *, issue: bool) -> None:
        """End the turn, and issue a handle behind it."""
        self._unanswered = [number for number in self._unanswered if number not in self.answering]
        self.answering, self.call = [], None
        self._say({"serverContent": {"turnComplete": True}})
        if issue:
            self.issue_handle()

    def issue_handle(self) -> None:
        """Issue a handle for what is over."""
        handle = f"handle {len(self._handles)}"
        if self.resumes == "counted":
            self._handles[handle] = list(self.known)
            index = str(1 + self._read)  # the setup counts
            self._say(
                {"sessionResumptionUpdate": {"newHandle": handle, "lastConsumedClientMessageIndex": index}}
            )
            return
        first = self.known.index(self._unanswered[0]) if self._unanswered else len(self.known)
        self._handles[handle] = [
            *self.known[:first],
            *(number for number in self._answers if number in self.known[first:]),
        ]
        self._say({"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}})

    def resume(self, handle: str) -> None:
        """Go on, on another connection, with what the handle stands for."""
        if self.resumes != "everything_read":
            self.known = list(self._handles[handle])
        self._unanswered = [number for number in self._unanswered if number in self.known]
        self.answering, self.call, self._read = [], None, 0
        self.frames.clear()
        self.issue_handle()

    def _withhold(self) -> None:
        if self.resumes == "finished_exchanges":
            self._say({"sessionResumptionUpdate": {"resumable": False}})

    def _say(self, message: dict[str, object]) -> None:
        self.frames.append(json.dumps(message))
