"""Names from other clients of the Live API: each is answered with the name that it has here."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

import livegen_trio
from livegen_trio import (
    ConfigError,
    LiveGenerationConfig,
    LiveGenerativeModel,
    LiveSession,
    LocalBackend,
    get_live_generative_model,
)
from livegen_trio._habits import GENERATIVE_MODEL, MODULE, SESSION
from livegen_trio.local import text_engines


def model(config: Any = None) -> LiveGenerativeModel:
    return get_live_generative_model(
        "gemini-live-2.5-flash-preview",
        backend=LocalBackend(engines=text_engines()),
        generation_config=config or LiveGenerationConfig(response_modalities=["TEXT"]),
    )


@pytest.mark.parametrize("name", SESSION)
async def test_a_session_names_what_takes_the_place_of_anothers_method(name: str) -> None:
    async with model().connect() as session:
        with pytest.raises(AttributeError, match=re.escape(SESSION[name])):
            getattr(session, name)
        assert not hasattr(session, name)


async def test_a_session_suggests_the_nearest_name() -> None:
    async with model().connect() as session:
        with pytest.raises(
            AttributeError, match=r"no attribute 'send_texts_realtime'; did you mean 'send_text_realtime'"
        ):
            session.send_texts_realtime  # type: ignore[attr-defined] # noqa: B018
        with pytest.raises(AttributeError, match=r"^a session has no attribute 'xyzzy'$"):
            session.xyzzy  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("name", GENERATIVE_MODEL)
def test_a_model_names_what_takes_the_place_of_anothers_method(name: str) -> None:
    with pytest.raises(AttributeError, match=re.escape(GENERATIVE_MODEL[name])):
        getattr(model(), name)


@pytest.mark.parametrize("name", MODULE)
def test_the_package_names_what_takes_the_place_of_anothers_class(name: str) -> None:
    with pytest.raises(AttributeError, match=re.escape(MODULE[name])):
        getattr(livegen_trio, name)


def test_the_package_suggests_the_nearest_name() -> None:
    with pytest.raises(AttributeError, match="did you mean 'GeminiBackend'"):
        livegen_trio.GeminiBackened  # type: ignore[attr-defined] # noqa: B018


def test_no_habit_hides_a_name_that_there_is() -> None:
    assert not MODULE.keys() & {*dir(livegen_trio)}
    assert not SESSION.keys() & {*dir(LiveSession)}
    assert not GENERATIVE_MODEL.keys() & {*dir(LiveGenerativeModel)}


def test_every_name_that_a_hint_gives_is_one_that_there_is() -> None:
    methods = {name for hint in SESSION.values() for name in re.findall(r"(\w+)\(", hint)}
    assert methods - {"turns", "connect"} <= {*dir(LiveSession)}


def test_a_dict_is_converted_to_a_config() -> None:
    made = model({"response_modalities": ["text"], "temperature": 0.5})
    assert made.generation_config == LiveGenerationConfig(response_modalities=["TEXT"], temperature=0.5)


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        (
            {"system_instruction": "Be brief."},
            "system_instruction is no part of generation_config; it is an argument of get",
        ),
        ({"tools": []}, "tools is no part"),
        ({"session_resumption": {}}, "it is an argument of connect"),
        ({"voice": "Kore"}, "SpeechConfig"),
        (["TEXT"], "generation_config is a LiveGenerationConfig, not a list"),
    ],
)
def test_what_is_no_config_is_refused_with_its_place(config: Any, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        model(config)


def test_a_misspelt_setting_in_a_dict_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="did you mean 'response_modalities'"):
        model({"response_modalites": ["TEXT"]})


def test_a_model_can_be_copied() -> None:
    assert copy.copy(model()).model == model().model
