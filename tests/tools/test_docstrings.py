"""Docstrings: what the function does, and what is said of each argument."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given, strategies as st

from livegen_trio.tools._docstrings import parse_docstring

BOOK_A_TABLE = """Book a table
    at a restaurant.

    Ask for the name first.

    Note:
        Tables for more than eight are booked by phone.

    Args:
        restaurant: Its name,
            as the user said it.
        guests (int, optional): How many come.
        at (tuple[int, Callable[[int], str]]): When: the day and the hour.
        wishes:
            What else matters.

            Children, dogs, and the like.
        *others: Whatever.
        **more: Even more.

    Returns:
        The number of the table: a string.

    Raises:
        ValueError: It is closed.
    """


def test_the_text_is_all_before_the_first_section() -> None:
    assert parse_docstring(BOOK_A_TABLE).text == (
        "Book a table at a restaurant.\n\nAsk for the name first.\n\n"
        "Note:\n    Tables for more than eight are booked by phone."
    )


def test_each_argument_has_what_is_said_of_it_on_one_line_a_paragraph() -> None:
    assert parse_docstring(BOOK_A_TABLE).arguments == {
        "restaurant": "Its name, as the user said it.",
        "guests": "How many come.",
        "at": "When: the day and the hour.",
        "wishes": "What else matters.\n\nChildren, dogs, and the like.",
        "others": "Whatever.",
        "more": "Even more.",
    }


def test_lists_and_code_keep_their_lines() -> None:
    doc = parse_docstring(
        """Sort them.

        - the small ones
          first
        - the others

        1. one
        2) two

            sort(it)
            sort(all)

        Args:
            order: One of
                * up
                * down
        """
    )
    assert doc.text == (
        "Sort them.\n\n- the small ones\n  first\n- the others\n\n1. one\n2) two\n\n    sort(it)\n    sort(all)"
    )
    assert doc.arguments == {"order": "One of\n* up\n* down"}


@pytest.mark.parametrize(
    "head",
    [
        "Attributes:",
        "Args:",
        "Arguments:",
        "Parameters:",
        "Keyword Args:",
        "Keyword Arguments:",
        "Other Parameters:",
        "Args:  ",
    ],
)
def test_the_section_of_arguments_has_several_names(head: str) -> None:
    doc = parse_docstring(f"Do it.\n\n{head}\n    one: The first.\n")
    assert (doc.text, doc.arguments) == ("Do it.", {"one": "The first."})


def test_there_may_be_more_than_one_such_section() -> None:
    doc = parse_docstring(
        "Do it.\n\nArgs:\n  one: First.\n\nKeyword Args:\n  two: Second.\n\nYields:\n  no: No.\n"
    )
    assert doc.arguments == {"one": "First.", "two": "Second."}


@pytest.mark.parametrize(
    "head", ["Returns:", "Raises:", "Yields:", "Example:", "Examples:", "See Also:", "Todo:"]
)
def test_other_sections_end_the_text_and_tell_nothing_of_arguments(head: str) -> None:
    doc = parse_docstring(f"Do it.\n\n{head}\n    one: The first.\n")
    assert (doc.text, doc.arguments) == ("Do it.", {})


def test_a_section_begins_on_a_line_of_its_own_that_is_not_indented() -> None:
    doc = parse_docstring("Do it.\n\nReturns: the sum.\n\n    Args:\n        one: The first.\n")
    assert doc.text == "Do it.\n\nReturns: the sum.\n\n    Args:\n        one: The first."
    assert doc.arguments == {}


def test_a_section_ends_where_nothing_is_indented_any_more() -> None:
    doc = parse_docstring("Do it.\n\nArgs:\n    one: The first.\nThat is\n    two: all.\n")
    assert doc.arguments == {"one": "The first."}


@pytest.mark.parametrize(
    ("section", "arguments"),
    [
        ("", {}),
        ("    no entry at all", {}),
        ("    one:", {}),
        ("    one:\n    two: Second.", {"two": "Second."}),
        ("    see http://example.org", {}),
        (
            "    one: First,\n    wrapped without being indented.",
            {"one": "First, wrapped without being indented."},
        ),
        ("    one: First.\n\n    one: Again.", {"one": "Again."}),
        ("    one: First.\n        two: No argument.", {"one": "First. two: No argument."}),
    ],
)
def test_a_section_that_is_written_badly_tells_what_it_can(section: str, arguments: dict[str, str]) -> None:
    assert parse_docstring(f"Do it.\n\nArgs:\n{section}").arguments == arguments


@pytest.mark.parametrize(
    "doc",
    [
        "Do it.\n\n:param one: The first.\n:returns: Nothing.",
        "Do it.\n\nParameters\n----------\none : int\n    The first.",
    ],
)
def test_docstrings_of_other_styles_are_kept_whole(doc: str) -> None:
    parsed = parse_docstring(doc)
    assert (parsed.text, parsed.arguments) == (doc, {})


@pytest.mark.parametrize("doc", ["", "  \n  ", "Args:\n    one: The first.\n"])
def test_without_text_there_is_none(doc: str) -> None:
    assert parse_docstring(doc).text == ""


def test_tabs_are_spaces() -> None:
    assert parse_docstring("Do it.\n\n\tArgs:\n\t\tone: The first.\n").arguments == {"one": "The first."}


PARTS = st.text(st.sampled_from("a:( )*\n\t-") | st.characters())


@given(st.lists(PARTS | st.sampled_from(["Args:\n", "    a: b\n", "Returns:\n", "\n"])).map("".join))
def test_any_text_can_be_read_and_text_without_sections_keeps_its_words(doc: str) -> None:
    parsed = parse_docstring(doc)
    if not parsed.arguments and "Args:" not in doc and "Returns:" not in doc:
        assert parsed.text.split() == inspect.cleandoc(doc).split()
    for text in parsed.arguments.values():
        assert text.strip()
