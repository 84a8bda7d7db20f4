"""Lines in, and plain text out."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING

import pytest
import trio
import trio.testing

from livegen_trio.cli._errors import CommandError
from livegen_trio.cli._terminal import Screen, StandardInput, printable

if TYPE_CHECKING:
    from pathlib import Path


async def test_each_line_is_received_without_its_end(standard_input: IO[bytes]) -> None:
    standard_input.write(b"one\ntwo\r\n\nthree")
    standard_input.close()
    assert [line async for line in StandardInput()] == ["one", "two", "", "three"]


async def test_a_line_may_come_in_pieces(standard_input: IO[bytes]) -> None:
    received: list[str] = []
    lines = StandardInput()

    async def receive() -> None:
        received.append(await lines.receive())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        standard_input.write("na\u00ef".encode()[:-1])
        await trio.testing.wait_all_tasks_blocked()
        standard_input.write("\u00efve\nmore".encode()[1:])
    assert received == ["na\u00efve"]


async def test_waiting_for_a_line_can_be_cancelled(standard_input: IO[bytes]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(StandardInput().receive)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_bytes_that_are_no_text_are_replaced(standard_input: IO[bytes]) -> None:
    standard_input.write(b"\xff\n")
    assert await StandardInput().receive() == "\ufffd"


async def test_a_file_is_read_like_a_pipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("one\ntwo\n")
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert [line async for line in StandardInput()] == ["one", "two"]


async def test_a_process_without_standard_input_has_no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert [line async for line in StandardInput()] == []


async def test_closed_input_has_no_more_lines(standard_input: IO[bytes]) -> None:
    standard_input.write(b"one\ntwo\n")
    lines = StandardInput()
    await lines.receive()
    await lines.aclose()
    with pytest.raises(trio.EndOfChannel):
        await lines.receive()


async def test_input_that_cannot_be_read_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "output").open("w") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(CommandError, match="standard input can't be read: Bad file descriptor"):
            await StandardInput().receive()


def test_a_terminal_is_given_nothing_to_obey() -> None:
    assert printable("a\x1b[2Jb\x07\x9bc\td\ne\x7f\r") == "a[2Jbc\td\ne"


def test_words_grow_on_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Screen()
    screen.fragment("heard", " Good")
    screen.fragment("heard", "bye\nthere")
    screen.fragment("said", " Good")
    screen.line("tool call", "f()")
    screen.fragment("said", " day")
    screen.finish()
    screen.finish()
    assert capsys.readouterr().out.splitlines() == [
        "heard       Goodbye there",
        "said        Good",
        "tool call   f()",
        "said        day",
    ]
