"""Public names: the same for a running program as for type checkers, importable, and at home where they are public."""

from __future__ import annotations

import importlib
import importlib.util
import json
import pickle
import pkgutil
import subprocess
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

import livegen_trio
from livegen_trio.types import Model

if TYPE_CHECKING:
    from pathlib import Path

MODULES = [
    "livegen_trio",
    *sorted(
        module.name
        for module in pkgutil.walk_packages(livegen_trio.__path__, "livegen_trio.")
        if "._" not in module.name
    ),
]
FACADES = [
    "livegen_trio",
    *(
        f"livegen_trio.{name}"
        for name in ("anyio", "audio", "firebase", "local", "stores", "testing", "tools", "types")
    ),
]
"""Packages that only export; what is defined in their private modules is at home in them."""


def exports_of(module: str) -> set[str]:
    """What `dir()` shows of a module, without its submodules."""
    namespace = importlib.import_module(module)
    return {
        name
        for name in dir(namespace)
        if not name.startswith("_") and not isinstance(getattr(namespace, name), types.ModuleType)
    }


@pytest.fixture(name="seen_by_pyright", scope="module")
def symbols_of_pyright() -> dict[str, Any]:
    """The report of `pyright --verifytypes`."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed")
    command = [
        sys.executable,
        "-m",
        "pyright",
        "--verifytypes",
        "livegen_trio",
        "--ignoreexternal",
        "--outputjson",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(run.stdout)["typeCompleteness"]
    return report


def test_the_root_has_what_programs_usually_name_and_no_more() -> None:
    assert 60 <= len(exports_of("livegen_trio")) <= 85


def test_every_struct_is_in_types() -> None:
    structs: set[type[Model]] = {Model}
    for struct in [*structs]:
        structs |= subclasses_of(struct)
    public = {
        struct for struct in structs if struct.__module__.startswith("livegen_trio.types") and struct.__doc__
    }
    missing = {
        struct.__name__
        for struct in public
        if getattr(importlib.import_module("livegen_trio.types"), struct.__name__, None) is not struct
    }
    assert missing == {"Checked", "Guarded", "Received"}  # bases, which nobody has an instance of


def subclasses_of(struct: type[Model]) -> set[type[Model]]:
    found = set(struct.__subclasses__())
    return found.union(*(subclasses_of(subclass) for subclass in found))


@pytest.mark.parametrize("module", FACADES)
def test_pyright_sees_the_names_that_a_program_sees(module: str, seen_by_pyright: dict[str, Any]) -> None:
    prefix = f"{module}."
    exported = {
        symbol["name"].removeprefix(prefix)
        for symbol in seen_by_pyright["symbols"]
        if symbol["isExported"] and symbol["name"].startswith(prefix)
    }
    seen = {name for name in exported - {"__dir__"} if "." not in name and f"{prefix}{name}" not in MODULES}
    assert seen == exports_of(module)


def test_mypy_sees_the_names_that_a_program_sees(tmp_path: Path) -> None:
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    program = tmp_path / "program.py"
    lines = [
        f"from {module} import {', '.join(sorted(exports_of(module)))}"
        for module in ("livegen_trio", "livegen_trio.types")
    ]
    program.write_text("\n".join(lines))
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--follow-imports=silent",
        f"--cache-dir={tmp_path}",
        str(program),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.stdout.startswith("Success"), run.stdout


@pytest.mark.parametrize("module", FACADES)
def test_public_things_are_at_home_in_a_public_module(module: str) -> None:
    namespace = importlib.import_module(module)
    things = [getattr(namespace, name) for name in exports_of(module)]
    homes = {
        thing.__module__
        for thing in things
        if isinstance(thing, (type, types.FunctionType)) and thing.__module__.startswith("livegen_trio")
    }
    assert [home for home in homes if "._" in home] == []
    for thing in things:
        if isinstance(thing, type) and thing.__module__.startswith("livegen_trio"):
            assert getattr(importlib.import_module(thing.__module__), thing.__qualname__) is thing
            assert pickle.loads(pickle.dumps(thing)) is thing


def test_what_public_api_takes_or_returns_can_be_imported(seen_by_pyright: dict[str, Any]) -> None:
    public = {
        id(getattr(importlib.import_module(module), name))
        for module in MODULES
        for name in exports_of(module)
    }
    hidden = {
        symbol["name"]
        for symbol in seen_by_pyright["symbols"]
        if symbol["category"] == "class"
        and not symbol["isExported"]
        and symbol["name"].startswith("livegen_trio.")
        if id(resolve(symbol["name"])) not in public
    }
    assert sorted(name for name in hidden if not name.startswith(INNER)) == []


# Bases, and what stands behind constructors that only this library calls.
INNER = (
    "livegen_trio._no_public_constructor.NoPublicConstructor",
    "livegen_trio.types._base.",
    "livegen_trio.types._construction.StructType",
    "livegen_trio.types._checks.Checked",
    "livegen_trio._session.session.SessionEngine",
    "livegen_trio._session.session.Operations",
    "livegen_trio._session.interface.",
    "livegen_trio._protocol.",
    "livegen_trio.anyio._view.View",
    "livegen_trio.audio._devices.",
    "livegen_trio.audio._gates.SpeechGate",
    "livegen_trio.stores._keeper.LeaseKeeper",
    "livegen_trio.stores._lease_table.LeaseTable",
    "livegen_trio.transports.memory._Line",
)


def resolve(name: str) -> object:
    module, _, thing = name.rpartition(".")
    return getattr(importlib.import_module(module), thing)


def test_a_traceback_names_the_public_class() -> None:
    program = "import livegen_trio; raise livegen_trio.SessionClosedError(1011, 'r', initiator='server')"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stderr.splitlines()[-1].startswith("livegen_trio.SessionClosedError: ")


def test_structs_survive_pickling() -> None:
    part = livegen_trio.Part(inline_data=livegen_trio.Blob(data=b"x", mime_type="audio/pcm"))
    schema = livegen_trio.Schema(
        type="OBJECT", properties={"a": livegen_trio.Schema(any_of=[livegen_trio.Schema()])}
    )
    for struct in (part, schema):
        assert pickle.loads(pickle.dumps(struct)) == struct


@pytest.mark.parametrize("name", ["LiveGenerativeModel", "LiveSession", "Pieces", "Turn", "TurnReader"])
def test_what_this_library_constructs_nobody_else_does(name: str) -> None:
    with pytest.raises(
        TypeError, match=rf"^livegen_trio\.{name} has no public constructor; its docstring says where"
    ):
        getattr(livegen_trio, name)()
    assert getattr(livegen_trio, name).__doc__
