"""In each order of events that services have been seen to use, answers go to their questions, and none waits in vain.

The service is a small model, whose manners and answers hypothesis draws, and which loses its connections.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import anyio
import trio
import trio.testing
from hypothesis import HealthCheck, given, register_random, settings, strategies as st

from livegen_trio import Reconnection, SessionClosedError, get_live_generative_model, profile_of, tool
from livegen_trio.anyio import connect
from support.model_service import LATE, Answer, Manners, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from livegen_trio import LiveSession, TurnResult
    from livegen_trio._protocol.model_profiles import HandleCovers

# Trio shuffles its tasks. Here it does so in the same way each time, so that a failure can be drawn again.
register_random(trio._core._run._r)
vars(trio._core._run)["_ALLOW_DETERMINISTIC_SCHEDULING"] = True

LONGEST = 600.0  # virtual seconds in which every answer is over: those of the slowest service, and all graces
HISTORIES = int(os.environ.get("HISTORIES", "2000"))
# The same histories each time: a change that breaks one must fail in its own run, not in somebody else's. Asked for a
# number of histories of its own, a run draws new ones, and a failure prints how to draw it again.
RANDOM = "HISTORIES" in os.environ
HISTORIES_ON_ASYNCIO = 40


@dataclass(frozen=True)
class Step:
    """The client's next question: asked, asked and given up after some seconds, or sent without waiting."""

    kind: Literal["ask", "give up", "send", "speak", "resume"]
    after: float = 0
    pause: float = 0  # seconds until the next step


async def look(kind: str) -> str:
    """Look something up."""
    await trio.sleep({"quick": 0, "slow": 20}.get(kind, 100))
    return "found"


@tool(behavior="NON_BLOCKING", scheduling="SILENT")
async def note(kind: str) -> str:
    """Take a note."""
    await trio.sleep(1)
    return "noted"


ANSWERS = st.builds(
    Answer,
    before=st.integers(0, 2),
    tool=st.sampled_from(["none", "none", "quick", "slow", "silent", "cancelled", "cancelled late"]),
    after=st.integers(0, 2),
    has_tail=st.booleans(),
    thinks=st.booleans(),
    late=st.lists(st.sampled_from(sorted(LATE)), max_size=2),
)
MANNERS = st.builds(
    Manners,
    interrupts=st.booleans(),
    merges=st.booleans(),
    ends_calling_turn=st.booleans(),
    generates=st.booleans(),
    pause=st.sampled_from([0, 0.1, 0.4]),
    repeats=st.booleans(),
    drops=st.frozensets(st.integers(3, 40), max_size=2),
)
PAUSES = st.sampled_from([0, 0, 0.05, 0.3, 1, 5, 30])
STEPS = st.builds(Step, kind=st.sampled_from(["ask", "ask", "give up", "send"]), after=PAUSES, pause=PAUSES)
QUICK_ANSWERS = st.builds(
    Answer,
    before=st.integers(0, 2),
    tool=st.sampled_from(["none", "none", "quick"]),
    after=st.integers(1, 2),
    has_tail=st.booleans(),
    late=st.lists(st.sampled_from(sorted(LATE)), max_size=2),
)


async def take(session: LiveSession, service: Service, question: int, step: Step) -> None:
    match step.kind:
        case "send":
            await session.send(str(question))
        case "give up":
            with trio.move_on_after(step.after):
                check(service, question, await session.ask(str(question)))
        case "ask":
            with trio.fail_after(LONGEST):
                check(service, question, await session.ask(str(question)))


def check(service: Service, question: int, result: TurnResult) -> None:
    """See that *result* is the answer to *question*, whole unless it was cut off."""
    pieces: list[tuple[str, str]] = re.findall(r"<([\d+]+)\.(\d+)>", result.text)
    assert all(str(question) in questions.split("+") for questions, _ in pieces), (question, result.text)
    numbers = [int(number) for _, number in pieces]
    if question in service.cut:
        assert numbers == sorted(set(numbers)), (question, result.text)
        return
    assert numbers == list(range(len(numbers))), (question, result.text)
    if not (service.has_dropped or any("interrupted" in answer.late for answer in service.answers)):
        assert not result.interrupted, f"{question} was not cut off"
    last = max((int(one) for questions, _ in pieces for one in questions.split("+")), default=question)
    assert len(numbers) == service.total(last) or not pieces, (question, result.text)
    assert pieces or service.may_be_empty(question), f"nothing answers {question}"


def handing_out(answers: Sequence[Answer]) -> list[Answer]:
    """The same answers without a withheld handle, from a service that doesn't forget what was said since."""
    return [replace(one, late=[late for late in one.late if late != "a withheld handle"]) for one in answers]


def converse(manners: Manners, answers: Sequence[Answer], steps: Sequence[Step]) -> None:
    async def main() -> None:
        service = Service(manners, answers)
        model = get_live_generative_model("any", backend=service, tools=[look, note])
        async with model.connect() as session:
            for question, step in enumerate(steps):
                await take(session, service, question, step)
                await trio.sleep(step.pause)
            await trio.sleep(LONGEST)
            assert session._engine.protocol.is_idle, "something is still expected"

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=not RANDOM,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(manners=MANNERS, conversation=st.lists(st.tuples(ANSWERS, STEPS), min_size=1, max_size=4))
def test_each_answer_goes_to_its_question(manners: Manners, conversation: list[tuple[Answer, Step]]) -> None:
    answers = [answer for answer, _ in conversation]
    steps = [step for _, step in conversation]
    if manners.merges:  # then which of several questions calls a tool, or thinks, can't be known
        answers = [replace(answer, thinks=False, tool="none") for answer in answers]
    if manners.drops:  # nor which of several questions is lost with a connection
        steps = [replace(step, kind="ask") for step in steps]
        answers = handing_out(answers)
    converse(manners, answers, steps)


FREE_MANNERS = st.builds(
    Manners,
    interrupts=st.booleans(),
    merges=st.booleans(),
    ends_calling_turn=st.booleans(),
    generates=st.booleans(),
    pause=st.sampled_from([0, 0.1, 0.4]),
    repeats=st.booleans(),
    withholds=st.booleans(),
    drops=st.frozensets(st.integers(3, 40), max_size=3),
    departures=st.frozensets(st.integers(3, 40), max_size=2),
)
FREE_STEPS = st.builds(
    Step,
    kind=st.sampled_from(["ask", "ask", "give up", "send", "speak", "resume"]),
    after=PAUSES,
    pause=PAUSES,
)


@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize=not RANDOM,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    manners=FREE_MANNERS,
    answers=st.lists(ANSWERS, min_size=1, max_size=4),
    steps=st.lists(FREE_STEPS, min_size=1, max_size=8),
)
def test_whatever_happens_nothing_hangs_or_is_lost_in_silence(
    manners: Manners, answers: list[Answer], steps: list[Step]
) -> None:
    if any(
        step.kind == "speak" for step in steps
    ):  # then a lone sound may be the beginning of an answer to it
        answers = [replace(one, late=[late for late in one.late if late != "sound"]) for one in answers]
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(FreeHistory(manners, answers).run, steps, clock=clock)


class FreeHistory:
    """A conversation in which anything may come together: questions given up, speech, tools, and lost connections.

    Which question a piece answers can't be known in all of them. What can be is checked.
    """

    def __init__(self, manners: Manners, answers: Sequence[Answer]) -> None:
        if not manners.withholds:
            answers = [
                replace(one, late=[late for late in one.late if late != "a withheld handle"])
                for one in answers
            ]
        self.service = Service(manners, answers)
        self.accepted: set[int | bytes] = set()
        self.raised: SessionClosedError | None = None
        covers: HandleCovers = "finished_exchanges" if manners.withholds else "everything_read"
        profile = replace(profile_of("any"), handle_covers=covers)
        self.model = get_live_generative_model(
            "any", backend=self.service, tools=[look, note], profile=profile
        )

    async def run(self, steps: Sequence[Step]) -> None:
        try:
            async with self.model.connect(reconnection=Reconnection(max_replays=10)) as session:
                await self.converse(session, steps)
        except SessionClosedError as exc:
            self.raised = exc
        assert self.raised is None or self.raised.lost  # counted in a report that was not received

    async def converse(self, session: LiveSession, steps: Sequence[Step]) -> None:
        questions = iter(range(len(self.service.answers)))
        for step in steps:
            await self.take(session, questions, step)
            await trio.sleep(step.pause)
        await trio.sleep(LONGEST)
        assert session.is_idle, "something is still expected"
        self.check_inputs(session)

    async def take(self, session: LiveSession, questions: Iterator[int], step: Step) -> None:
        if step.kind == "speak":
            chunk = len(self.accepted).to_bytes(2) * 4
            await session.send_audio_realtime(chunk)
            self.accepted.add(chunk)
        elif step.kind == "resume":
            if session.resumption_handle is not None:
                with trio.fail_after(LONGEST):
                    await session.resume_session()
        elif (question := next(questions, None)) is not None:
            ledger = session._engine.operations.outbox.ledger  # type: ignore[attr-defined]
            before = ledger.accepted
            with trio.fail_after(LONGEST):
                await self.ask(session, question, step)
            if ledger.accepted > before:  # else it was given up before
                self.accepted.add(question)

    async def ask(self, session: LiveSession, question: int, step: Step) -> None:
        if step.kind == "send":
            await session.send(str(question))
            return
        with trio.move_on_after(step.after if step.kind == "give up" else math.inf):
            check_pieces(await session.ask(str(question)))

    def check_inputs(self, session: LiveSession) -> None:
        """See that what was accepted has arrived once, or is counted."""
        statistics, known = session.statistics(), Counter(self.service.known)
        assert (statistics.unsent_frames, statistics.unacknowledged_frames) == (0, 0)
        missing = self.accepted - known.keys()
        assert len(missing) <= statistics.given_up_frames, (missing, statistics)
        for entry, count in known.items():
            if count > 1:  # its ping was not answered yet when a handle came, or the connection ended
                assert isinstance(entry, bytes)
                reads, points = self.service.read_at[entry], self.service.turning_points
                assert any(0 <= point - read < 3 for read in reads for point in points)


def check_pieces(result: TurnResult) -> None:
    """See that no piece comes twice in *result*, and all pieces of an answer are in order."""
    pieces: list[tuple[str, str]] = re.findall(r"<([\d+]+)\.(\d+)>", result.text)
    assert len(pieces) == len(set(pieces)), result.text
    for questions in {questions for questions, _ in pieces}:
        numbers = [int(number) for question, number in pieces if question == questions]
        assert numbers == sorted(numbers), result.text


@settings(max_examples=HISTORIES_ON_ASYNCIO, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    manners=st.builds(
        Manners, interrupts=st.booleans(), ends_calling_turn=st.booleans(), generates=st.booleans()
    ),
    conversation=st.lists(st.tuples(QUICK_ANSWERS, st.booleans()), min_size=1, max_size=4),
)
def test_on_asyncio_each_answer_goes_to_its_question_as_well(
    manners: Manners, conversation: list[tuple[Answer, bool]]
) -> None:
    async def main() -> None:
        service = Service(manners, [answer for answer, _ in conversation])
        known = "gemini-live-2.5-flash" if manners.ends_calling_turn else "gemini-3.1-flash-live"
        profile = replace(profile_of(known), client_content="always")
        model = get_live_generative_model("any", backend=service, tools=[look], profile=profile)
        async with connect(model) as session:
            for question, (_, is_given_up) in enumerate(conversation):
                with anyio.move_on_after(0 if is_given_up else 60) as scope:
                    check(service, question, await session.ask(str(question)))
                assert is_given_up or not scope.cancelled_caught

    anyio.run(main)
