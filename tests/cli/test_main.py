"""The command line as a whole: arguments, exit codes, and how errors look."""

from __future__ import annotations

import io
import logging
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from livegen_trio import ConfigError, HandshakeError, LiveError, SetupRejectedError
from livegen_trio.audio import AudioFileError
from livegen_trio.cli import _chat, main
from livegen_trio.cli._errors import CommandError
from livegen_trio.local import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable


def chat_that(action: Callable[[], int]) -> Callable[[object], Any]:
    async def run(arguments: object) -> int:
        return action()

    return run


def raising(error: BaseException) -> Callable[[object], Any]:
    def action() -> int:
        raise error

    return chat_that(action)


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["--version"])
    assert exited.value.code == 0
    assert capsys.readouterr().out == f"livegen-trio {metadata.version('livegen-trio')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["demo", "--help"],
        ["chat", "--help"],
        ["serve", "--help"],
        ["replay", "--help"],
        ["playground", "--help"],
    ],
)
def test_help_is_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 0
    assert capsys.readouterr().out.startswith("usage: livegen-trio")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND; see livegen-trio --help"),
        (["dance"], "invalid choice: 'dance'"),
        (
            ["serve", "--port", "70000"],
            "70000 is no port; give a number from 0 to 65535; see livegen-trio serve",
        ),
        (["serve", "--port", "-1"], "-1"),
        (["serve", "--port", "\N{ARABIC-INDIC DIGIT THREE}"], "is no port"),
        (["serve", "--host", ""], "argument --host: the name is empty"),
        (["serve", "--certfile", ""], "argument --certfile: the name is empty"),
        (["chat", "--backend", "other"], "invalid choice: 'other'"),
        (["demo", "--question"], "expected one argument"),
        (["demo", "--question", ""], "argument --question: the name is empty"),
        (["demo", "--out", ""], "argument --out: the name is empty"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2
    message = capsys.readouterr().err
    assert words in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("choose another"), 2),
        (CommandError("it went wrong", exit_code=1), 1),
        (AudioFileError("x.wav is empty"), 2),
        (ConfigError("no key"), 2),
        (EngineError("no package"), 2),
        (HandshakeError("nobody there", phase="tcp"), 2),
        (SetupRejectedError(code=1008, reason="no such model"), 2),
        (LiveError("the conversation broke"), 1),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: LiveError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_chat, "run", raising(error))
    assert main(["chat"]) == code
    assert capsys.readouterr() == ("", f"livegen-trio: {error}\n")


def test_an_error_in_a_servers_words_stays_one_harmless_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_chat, "run", raising(LiveError("first\nsecond \x1b]0;title\x07\x9b2Jthird")))
    assert main(["chat"]) == 1
    assert capsys.readouterr().err == "livegen-trio: first second ]0;title2Jthird\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_an_output_that_is_full_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def write() -> int:
        sys.stdout.write("words")
        sys.stdout.flush()
        return 0

    monkeypatch.setattr(_chat, "run", chat_that(write))
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["chat"]) == 1
    assert capfd.readouterr().err == (
        "livegen-trio: the system gave an error: [Errno 28] No space left on device; see where with --verbose\n"
    )


def test_verbose_adds_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_chat, "run", raising(CommandError("choose another")))
    assert main(["chat", "--verbose"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("Traceback")
    assert message.endswith("livegen-trio: choose another\n")


def log_something() -> int:
    logging.getLogger("livegen_trio.local").warning("a tool failed")
    return 0


def test_the_log_is_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(_chat, "run", chat_that(log_something))
    assert main(["chat"]) == 0
    assert capsys.readouterr() == ("", "")


def test_verbose_shows_the_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(_chat, "run", chat_that(log_something))
    handlers = list(logging.getLogger("livegen_trio").handlers)
    assert main(["chat", "-v"]) == 0
    assert capsys.readouterr().err.endswith(" livegen_trio.local: a tool failed\n")
    assert logging.getLogger("livegen_trio").handlers == handlers


def test_ctrl_c_outside_of_trios_reach_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_chat, "run", raising(KeyboardInterrupt()))
    assert main(["chat"]) == 130


def test_words_that_the_terminal_cannot_show_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    screen = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(_chat, "run", chat_that(lambda: screen.write("na\u00efve") and 0))
    assert main(["chat"]) == 0
    screen.flush()
    assert written.getvalue() == b"na?ve"


def test_the_module_can_be_run(start: Callable[..., Any]) -> None:
    code, output, errors = start("--version").end()
    assert (code, output.split()[0], errors) == (0, "livegen-trio", "")
