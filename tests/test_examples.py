"""The examples, run as their reader would run them."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from livegen_trio.audio import Recording, read_wav, speech_end, write_wav
from voice import HUMAN_RATE, HUMAN_WORDS, human_voice

if TYPE_CHECKING:
    import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_text_chat_prints_an_answer_to_each_question(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "text_chat.py"), run_name="__main__")
    answers = capsys.readouterr().out.splitlines()
    assert len(answers) == 2
    assert all(answers)


def test_ask_by_voice_hears_the_question_and_writes_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    write_wav(question, Recording(human_voice(), HUMAN_RATE))
    monkeypatch.setattr(sys, "argv", ["ask_by_voice.py", str(question), str(answer)])
    runpy.run_path(str(EXAMPLES / "ask_by_voice.py"), run_name="__main__")
    heard, _, said = capsys.readouterr().out.strip().partition(" - ")
    assert heard.lower().replace(",", "").rstrip("?.!") == HUMAN_WORDS
    assert said
    assert (speech_end(read_wav(answer)) or 0) > 24_000


def test_ephemeral_token_begins_one_session_and_no_second(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "ephemeral_token.py"), run_name="__main__")
    answer, refusal = capsys.readouterr().out.splitlines()
    assert answer
    assert "refused the setup with close code 1008" in refusal


def test_firebase_chat_prints_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "firebase_chat.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith("Yes, I can hear you.")


def test_audio_conversation_plays_the_question_and_keeps_what_is_heard_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question, answer = tmp_path / "question.wav", tmp_path / "answer.wav"
    write_wav(question, Recording(human_voice(), HUMAN_RATE))
    monkeypatch.setattr(sys, "argv", ["audio_conversation.py", str(question), str(answer)])
    runpy.run_path(str(EXAMPLES / "audio_conversation.py"), run_name="__main__")
    heard, *said, seconds = capsys.readouterr().out.splitlines()
    assert heard.lower().replace(",", "").rstrip("?.!") == f"you: {HUMAN_WORDS}"
    assert said
    assert all(line.startswith("model: ") for line in said)
    assert seconds == f"{read_wav(answer).seconds:.1f} s of speech were heard"


def test_every_example_is_tested_here() -> None:
    tested = {
        "text_chat.py",
        "ask_by_voice.py",
        "audio_conversation.py",
        "ephemeral_token.py",
        "firebase_chat.py",
    }
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested
