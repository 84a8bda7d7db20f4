from __future__ import annotations

import pytest

from livegen_trio._errors import LocalProtocolError
from livegen_trio._protocol.tool_calls import CallIds, CallLedger, without_our_ids
from livegen_trio.types import FunctionCall, FunctionResponse


def call(call_id: str | None, name: str = "look") -> FunctionCall:
    return FunctionCall(id=call_id, name=name)


def response(
    call_id: str | None, name: str = "look", *, will_continue: bool | None = None
) -> FunctionResponse:
    return FunctionResponse(id=call_id, name=name, will_continue=will_continue)


def ledger(*calls: FunctionCall) -> CallLedger:
    known = CallLedger()
    known.begin(calls)
    return known


def waiting(known: CallLedger) -> list[tuple[str | None, str]]:
    return [(one.id, one.name) for one in known.pending]


def test_an_answer_settles_its_call() -> None:
    known = ledger(call("1"), call("2"))
    known.check([response("1")])
    known.answer([response("1")])
    assert waiting(known) == [("2", "look")]


def test_a_call_is_not_answered_twice() -> None:
    known = ledger(call("1"))
    known.answer([response("1")])
    with pytest.raises(LocalProtocolError, match="'1' of 'look' was already answered"):
        known.check([response("1")])


def test_nor_is_it_in_one_message() -> None:
    known = ledger(call("1"))
    with pytest.raises(LocalProtocolError, match="already answered"):
        known.check([response("1"), response("1")])


def test_an_answer_may_come_in_parts_until_the_last_one() -> None:
    known = ledger(call("1"))
    parts = [response("1", will_continue=True), response("1", will_continue=True)]
    known.check(parts)
    known.answer(parts)
    assert waiting(known) == [("1", "look")]
    known.check([response("1", will_continue=False)])
    known.answer([response("1", will_continue=False)])
    assert waiting(known) == []
    with pytest.raises(LocalProtocolError):
        known.check(parts)


def test_a_call_of_an_earlier_session_may_be_answered() -> None:
    known = ledger(call("1"))
    known.check([response("earlier")])
    known.answer([response("earlier")])
    assert waiting(known) == [("1", "look")]


def test_a_cancelled_call_is_settled() -> None:
    known = ledger(call("1"), call("2"))
    known.cancel(["1", "never heard of"])
    assert waiting(known) == [("2", "look")]
    assert known.is_cancelled(response("1"))
    assert known.is_cancelled(response("never heard of"))
    with pytest.raises(LocalProtocolError, match="already cancelled by the server"):
        known.check([response("1")])


def test_an_answered_call_is_no_cancelled_one() -> None:
    known = ledger(call("1"))
    known.answer([response("1")])
    assert not known.is_cancelled(response("1"))
    assert not known.is_cancelled(response(None))


def test_a_call_that_comes_again_can_be_answered_again() -> None:
    known = ledger(call("1"), call("2"))
    known.cancel(["1"])
    known.answer([response("2")])
    known.begin([call("1"), call("2")])
    assert not known.is_cancelled(response("1"))
    known.check([response("1"), response("2")])


def test_the_pieces_of_a_call_are_one_call() -> None:
    known = ledger(call("1"), call("2"), call("1", "look closer"))
    assert waiting(known) == [("2", "look"), ("1", "look closer")]


def test_calls_without_an_id_are_answered_by_their_names_oldest_first() -> None:
    known = ledger(call(None), call(None, "listen"), call(None))
    known.answer([response(None)])
    assert waiting(known) == [(None, "listen"), (None, "look")]
    known.check([response(None)])
    known.answer([response(None)])
    assert waiting(known) == [(None, "listen")]


def test_an_answer_without_an_id_settles_the_oldest_call_of_its_function() -> None:
    known = ledger(call("1", "listen"), call("2"), call("3"))
    known.answer([response(None)])
    assert waiting(known) == [("1", "listen"), ("3", "look")]
    with pytest.raises(LocalProtocolError, match="already answered"):
        known.check([response("2")])


def test_an_answer_with_an_id_settles_a_call_without_one_only_if_none_has_its_id() -> None:
    known = ledger(call(None), call("1"))
    known.answer([response("1")])
    assert waiting(known) == [(None, "look")]
    known.answer([response("made up")])
    assert waiting(known) == []


def test_an_answer_never_settles_a_call_of_another_id() -> None:
    known = ledger(call("1"))
    known.answer([response("2")])
    assert waiting(known) == [("1", "look")]


def test_only_so_many_settled_calls_are_remembered() -> None:
    known = CallLedger()
    known.cancel([str(number) for number in range(1500)])
    assert known.is_cancelled(response("1499"))
    assert known.is_cancelled(response("476"))
    assert not known.is_cancelled(response("475"))


def test_a_call_waits_until_it_is_answered() -> None:
    known = ledger(call("1"), call("2"))
    known.answer([response("1")])
    assert len(known) == 1
    assert not known.is_pending(call("1"))
    assert known.is_pending(call("2"))
    assert not known.is_pending(call("2", "listen"))
    assert not known.is_pending(call(None))


def test_a_hundred_thousand_calls_are_settled_in_linear_time() -> None:
    calls = [call(str(number)) for number in range(100_000)]
    known = ledger(*calls, *(call(None) for _ in range(50_000)))
    known.cancel([str(number) for number in range(50_000)])
    known.check([response(str(number)) for number in range(50_000, 100_000)])
    known.answer([response(str(number)) for number in reversed(range(50_000, 100_000))])
    known.answer([response(None)] * 50_000)
    assert len(known) == 0


# Calls that come without an id


def named(*calls: FunctionCall, ids: CallIds | None = None) -> list[str | None]:
    (ids or CallIds()).give(calls)
    return [one.id for one in calls]


def test_a_call_without_an_id_gets_one() -> None:
    first, kept, second = named(call(None), call("1"), call(""))
    assert kept == "1"
    assert first
    assert second
    assert first != second


def test_a_response_to_such_a_call_is_sent_without_an_id() -> None:
    [call_id] = named(call(None))
    assert without_our_ids([response(call_id), response("1")]) == (response(None), response("1"))


def test_the_pieces_of_a_call_without_an_id_share_one() -> None:
    pieces = [FunctionCall(name="look", will_continue=True), FunctionCall(name="look", will_continue=True)]
    first, other, second, last, third = named(
        *pieces[:1], call(None, "listen"), *pieces[1:], call(None), call(None)
    )
    assert first == second == last
    assert len({first, other, third}) == 3


def test_the_ids_of_a_session_that_was_taken_over_are_not_given_again() -> None:
    taken_over = [call(None), call(None), call("1")]
    named(*taken_over)
    ids = CallIds()
    ids.skip([*taken_over, call("livegen-trio-x")])
    assert not set(named(call(None), call(None), ids=ids)) & {one.id for one in taken_over}


def test_all_calls_are_cancelled_where_the_session_is_forgotten() -> None:
    known = ledger(call("1"), call(None), call("2", "listen"))
    assert known.cancel_all() == ("1", "2")
    assert len(known) == 0
    assert known.is_cancelled(response("2", "listen"))
    assert repr(ledger(call("1")).pending[0]) in repr(vars(ledger(call("1"))))
