from __future__ import annotations

from typing import Any

import pytest

from livegen_trio import Blob, Content, LocalProtocolError, Part
from livegen_trio._protocol.contents import as_content, as_instruction

IMAGE = Part(inline_data=Blob(mime_type="image/png", data=b"\x89"))


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("Hello", [Part(text="Hello")]),
        (" ", [Part(text=" ")]),
        (IMAGE, [IMAGE]),
        (["What is this?", IMAGE], [Part(text="What is this?"), IMAGE]),
        (("a", "b"), [Part(text="a"), Part(text="b")]),
        (["", "a", ""], [Part(text="a")]),
    ],
)
def test_text_and_parts_become_the_users_content(value: Any, parts: list[Part]) -> None:
    content = as_content(value)
    assert content.role == "user"
    assert list(content.parts) == parts


def test_the_role_can_be_another() -> None:
    assert as_content("Hello", role="model").role == "model"


def test_content_with_a_role_stays_as_it_is() -> None:
    content = Content(role="model", parts=[Part(text="I said so.")])
    assert as_content(content) is content


def test_content_without_a_role_gets_one() -> None:
    content = Content(parts=[Part(text="So")])
    assert as_content(content) == Content(role="user", parts=[Part(text="So")])
    assert content.role is None


@pytest.mark.parametrize("empty", [Part(), Part(text="")])
def test_there_has_to_be_something_in_each_part(empty: Part) -> None:
    with pytest.raises(LocalProtocolError, match=r"nothing in parts\[1\] of this content; leave it out"):
        as_content([Part(text="Hello"), empty])


@pytest.mark.parametrize("nothing", ["", [], (), [""], Content(), Content(role="user", parts=[])])
def test_there_has_to_be_something_in_it(nothing: Any) -> None:
    with pytest.raises(LocalProtocolError, match="nothing in this content; give text or parts"):
        as_content(nothing)


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        (b"speech", "int"),
        (bytearray(b"speech"), "int"),
        ({"role": "user", "parts": []}, "dict"),
        ([{"text": "Hello"}], "dict"),
        ([Content(parts=[Part(text="So")])], "Content"),
        (IMAGE.inline_data, "Blob"),
        (None, "NoneType"),
        (5, "int"),
    ],
)
def test_anything_else_is_a_type_error_before_the_service_sees_it(other: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"text, a Part, several of these, or a Content, not {kind}"):
        as_content(other)


def test_an_instruction_is_the_systems() -> None:
    assert as_instruction("Be brief.") == Content(role="system", parts=(Part(text="Be brief."),))
    assert as_instruction(Content(parts=[Part(text="Be brief.")])).role == "system"
    assert as_instruction(Content(role="user", parts=[Part(text="Be brief.")])).role == "user"
