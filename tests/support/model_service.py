"""A small model of the Live service: it answers in every order of events that services have been seen to use."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import trio
import trio.testing

from livegen_trio import Backend
from livegen_trio.transports.base import ConnectionClosed
from livegen_trio.transports.memory import memory_transport_pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from livegen_trio.transports.base import Progress, Transport

Tool = Literal["none", "quick", "slow", "silent", "cancelled", "cancelled late"]


def content(**fields: Any) -> dict[str, Any]:
    return {"serverContent": fields}


def _sound(data: str) -> dict[str, Any]:
    return content(modelTurn={"parts": [{"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": data}}]})


DONE = content(turnComplete=True)
GENERATED = content(generationComplete=True)
INTERRUPTED = content(interrupted=True)

LATE: dict[str, dict[str, Any]] = {
    "the user's words": content(inputTranscription={"text": "what I said"}),
    "the model's words": content(outputTranscription={"text": " trailing words"}),
    "empty sound": _sound(""),
    "sound": _sound("AAAA"),
    "a signature": content(modelTurn={"parts": [{"text": "", "thoughtSignature": "AA=="}]}),
    "generationComplete": GENERATED,
    "interrupted": INTERRUPTED,
    "usage": {"usageMetadata": {"totalTokenCount": 1}},
    "a withheld handle": {"sessionResumptionUpdate": {"resumable": False}},
}


@dataclass(frozen=True)
class Answer:
    """One answer: pieces of text, a call between them, and what comes late."""

    before: int = 1
    tool: Tool = "none"
    after: int = 1
    has_tail: bool = False
    thinks: bool = False
    late: Sequence[str] = ()


@dataclass(frozen=True)
class Manners:
    """What differs between services.

    Attributes:
        interrupts: A question cuts the answer under way off; otherwise it waits for its end.
        merges: Questions that wait together are answered by one turn.
        ends_calling_turn: The turn of a call ends at once, and the reply is another one.
        generates: There are generationComplete marks.
        pause: Seconds before each event.
        repeats: A turn that a lost connection has cut is spoken again.
        withholds: Handles are withheld while an exchange is open; a resumed session has what was over at its handle.
        drops: Numbers of the frames after which a connection is lost.
        departures: Numbers of the frames after which the server announces that it hangs up.
    """

    interrupts: bool = True
    merges: bool = False
    ends_calling_turn: bool = False
    generates: bool = True
    pause: float = 0
    repeats: bool = True
    withholds: bool = False
    drops: frozenset[int] = frozenset()
    departures: frozenset[int] = frozenset()


class _CutError(Exception):
    """The answer under way is cut off."""


@dataclass
class _Answering:
    """An answer under way: its questions, and what was said of it."""

    questions: tuple[int, ...]
    plan: Answer
    said: int = 0  # pieces
    attempt: int = 0
    turn_began: int = 0  # by pieces
    stage: int = 0
    call: str = ""

    @property
    def total(self) -> int:
        """The number of pieces of the whole."""
        return self.plan.thinks + self.plan.before + self.plan.after


@dataclass
class Service(Backend):
    """All connections of one session. It remembers what it has read, or what was over when it issued the handle.

    Attributes:
        answers: By the number that is the text of a question.
        cut: The questions whose answer was cut off, or lost with a connection.
        has_dropped: Whether a connection was lost.
        turning_points: When handles were issued, and when connections have ended.
        read_at: When each chunk of sound was read, on whichever connection.
        known: The inputs that the session has, in order: the numbers of questions, and chunks of sound.
    """

    manners: Manners
    answers: Sequence[Answer]
    cut: set[int] = field(default_factory=set[int])
    has_dropped: bool = False
    turning_points: list[float] = field(default_factory=list[float])
    known: list[int | bytes] = field(default_factory=list[int | bytes])
    read_at: dict[int | bytes, list[float]] = field(default_factory=dict[int | bytes, list[float]])

    def __post_init__(self) -> None:
        self._handles: list[list[int | bytes]] = []  # what each stands for
        self._dials = 0
        self._waiting: deque[int] = deque()
        self._replies: deque[_Answering] = deque()
        self._called: dict[str, _Answering] = {}
        self._answered_calls: set[str] = set()
        self._under_way: _Answering | None = None
        self._frames = 0
        self._news = trio.Event()

    def resource_name(self, model: str) -> str:
        return f"models/{model}"

    async def dial(self, nursery: trio.Nursery, progress: Progress) -> Transport:
        await trio.lowlevel.checkpoint()
        ours, theirs = memory_transport_pair()
        nursery.start_soon(self._serve, theirs)
        return ours

    def total(self, question: int) -> int:
        """The number of pieces of the answer to a question."""
        plan = self.answers[question]
        return plan.thinks + plan.before + plan.after

    def may_be_empty(self, question: int) -> bool:
        """Whether a question, or one that may have been answered with it, has an answer without pieces."""
        return any(
            self.total(one) == 0 for one in range(len(self.answers)) if self.manners.merges or one == question
        )

    async def _serve(self, transport: Transport) -> None:
        try:
            setup = json.loads(await transport.receive())["setup"]
            self._dials += 1
            if self.manners.withholds and (handle := setup["sessionResumption"].get("handle")):
                self._restore(int(handle))
            await self._send(transport, {"setupComplete": {}})
            await self._issue_handle(transport)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._speak, transport, nursery.cancel_scope)
                await self._hear(transport)
                nursery.cancel_scope.cancel()
        except ConnectionClosed:
            pass
        finally:
            self.turning_points.append(trio.current_time())

    async def _hear(self, transport: Transport) -> None:
        try:
            while True:
                message = json.loads(await transport.receive())
                for turn in message.get("clientContent", {}).get("turns", ()):
                    question = int(turn["parts"][0]["text"])
                    if question not in self.known:
                        self._waiting.append(question)
                    self.known.append(question)
                if "realtimeInput" in message:
                    chunk = b64decode(message["realtimeInput"]["audio"]["data"])
                    self.known.append(chunk)
                    self.read_at.setdefault(chunk, []).append(trio.current_time())
                for response in message.get("toolResponse", {}).get("functionResponses", ()):
                    self._note_response(response)
                self._news.set()
        except ConnectionClosed:
            pass

    def _restore(self, handle: int) -> None:
        self.known = list(self._handles[handle])
        self._waiting.clear()
        self._replies.clear()
        self._called.clear()
        self._under_way = None

    async def _issue_handle(self, transport: Transport) -> None:
        """Issue a handle for what is over: all before the first question that waits."""
        if not self.manners.withholds and self._handles:
            return
        await trio.sleep(self.manners.pause)
        end = self.known.index(self._waiting[0]) if self._waiting else len(self.known)
        self._handles.append(self.known[:end])
        self.turning_points.append(trio.current_time())
        handle = str(len(self._handles) - 1)
        update = {"sessionResumptionUpdate": {"newHandle": handle, "resumable": True}}
        await self._send(transport, update, pause=False)  # it stands for what was read by now

    def _note_response(self, response: dict[str, Any]) -> None:
        self._answered_calls.add(response["id"])
        answering = self._called.pop(response["id"], None)
        if answering is not None and response.get("scheduling") != "SILENT":
            self._replies.append(answering)

    async def _speak(self, transport: Transport, scope: trio.CancelScope) -> None:
        try:
            await self._take_up(transport)
            while True:
                if self._replies:
                    await self._run(transport, self._replies.popleft())
                elif self._waiting:
                    await self._run(transport, self._next_answer())
                else:
                    await self._wait_for_news()
        except ConnectionClosed:
            scope.cancel()

    def _next_answer(self) -> _Answering:
        questions = [self._waiting.popleft()]
        while self._waiting and self.manners.merges:
            questions.append(self._waiting.popleft())
        return _Answering(tuple(questions), self.answers[questions[-1]], attempt=self._dials)

    async def _take_up(self, transport: Transport) -> None:
        """Continue after a lost connection: speak the turn under way again, or leave it at that."""
        answering, self._under_way = self._under_way, None
        if answering is None:
            return
        if not self.manners.repeats:
            self.cut.update(answering.questions)
            self._called.pop(answering.call, None)
            return
        again, answering.said = answering.said - answering.turn_began, answering.turn_began
        await self._run(transport, answering, again=again)

    async def _run(self, transport: Transport, answering: _Answering, *, again: int = 0) -> None:
        self._under_way = answering
        try:
            if self.manners.withholds:
                await self._send(transport, LATE["a withheld handle"])
            for _ in range(again):
                await self._say(transport, answering)
            await self._answer(transport, answering)
        except _CutError:
            self._under_way = None
            self.cut.update(answering.questions)
            if answering.call and answering.call not in self._answered_calls:
                await self._send(transport, {"toolCallCancellation": {"ids": [answering.call]}})
            await self._send(transport, INTERRUPTED)
            await self._end_turn(transport, answering)
        self._under_way = None
        if self.manners.withholds and not (self._replies or self._called):
            await self._issue_handle(transport)

    async def _answer(self, transport: Transport, answering: _Answering) -> None:
        """Go through the stages of an answer from the one that it has reached."""
        plan = answering.plan
        if answering.stage == 0:
            while answering.said < plan.thinks:
                await self._say(transport, answering)
                answering.stage = 1
                answering.turn_began = answering.said
                await self._send(transport, content(turnComplete=True, interactionStatus="IN_PROGRESS"))
            answering.stage = 1
        if answering.stage == 1:
            while answering.said < plan.thinks + plan.before:
                await self._say(transport, answering)
            answering.stage = 2
        if answering.stage == 2 and plan.tool != "none" and not await self._call(transport, answering):
            return
        answering.stage = 3
        while answering.said < answering.total:
            await self._say(transport, answering)
        await self._end_turn(transport, answering)

    async def _call(self, transport: Transport, answering: _Answering) -> bool:
        """Call the tool; return whether the answer goes on in this turn."""
        plan, call = answering.plan, f"call-{answering.questions[-1]}-{answering.attempt}"
        if not answering.call:
            answering.call = call
            if plan.tool == "silent" or self.manners.ends_calling_turn:
                self._called[call] = answering
            arguments = {"kind": plan.tool}
            await self._send(
                transport,
                {"toolCall": {"functionCalls": [{"id": call, "name": _tool(plan), "args": arguments}]}},
            )
        if plan.tool.startswith("cancelled"):
            await self._cancel(transport, answering)
            return False
        if plan.tool == "silent":
            return True
        if not self.manners.ends_calling_turn:
            await self._wait_for_answer(call)
            return True
        answering.stage = 3
        if plan.has_tail:
            await self._send(transport, LATE["sound"])
        await self._end_turn(transport, answering)
        return False

    async def _cancel(self, transport: Transport, answering: _Answering) -> None:
        self._under_way = None
        self.cut.update(answering.questions)
        self._called.pop(answering.call, None)
        cancellation = {"toolCallCancellation": {"ids": [answering.call]}}
        if answering.plan.tool == "cancelled":
            await self._send(transport, cancellation)
            await self._send(transport, INTERRUPTED)
            await self._end_turn(transport, answering)
        else:
            await self._send(transport, INTERRUPTED)
            await self._end_turn(transport, answering)
            await self._send(transport, cancellation)

    async def _wait_for_answer(self, call: str) -> None:
        while call not in self._answered_calls:
            if self._waiting and self.manners.interrupts:
                raise _CutError
            await self._wait_for_news()

    async def _end_turn(self, transport: Transport, answering: _Answering) -> None:
        if self.manners.generates:
            await self._send(transport, GENERATED)
        answering.turn_began = answering.said
        self._under_way = None
        await self._send(transport, DONE)
        for name in answering.plan.late:
            if name == "sound" and (answering.plan.tool != "none" or self.manners.merges):
                continue  # it can't be told from a reply, or from the next answer
            await self._send(transport, LATE[name])

    async def _say(self, transport: Transport, answering: _Answering) -> None:
        if self._waiting and self.manners.interrupts and answering.said > answering.turn_began:
            raise _CutError
        questions = "+".join(map(str, answering.questions))
        piece = f"<{questions}.{answering.said}>"
        answering.said += 1
        await self._send(transport, content(modelTurn={"parts": [{"text": piece}]}))

    async def _wait_for_news(self) -> None:
        await self._news.wait()
        self._news = trio.Event()

    async def _send(self, transport: Transport, frame: dict[str, Any], *, pause: bool = True) -> None:
        if pause:
            await trio.sleep(self.manners.pause)
        await transport.send(json.dumps(frame).encode())
        self._frames += 1
        if self._frames in self.manners.departures:
            await transport.send(b'{"goAway": {"timeLeft": "20s"}}')
        if self._frames in self.manners.drops:
            await trio.testing.wait_all_tasks_blocked()  # what was read is acknowledged
            self.has_dropped = True
            await transport.aclose(1011, "Internal error encountered.")
            raise ConnectionClosed(1011, initiator="local")


def _tool(plan: Answer) -> str:
    return "note" if plan.tool == "silent" else "look"
