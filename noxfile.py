"""Every check of the project, by name: `nox -s lint types tests`."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"  # nox.project.dependency_groups
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = "cli,local,mcp,proxy,valkey,vertex,web"

CORE = ",".join(
    f"*/livegen_trio/{path}"
    for path in (
        "_errors.py",
        "_inputs.py",
        "_protocol/*",
        "_resumption/*",
        "_user_code.py",
        "transports/_direct/framing.py",
        "transports/_direct/masking.py",
        "types/*",
    )
)
"""The modules that know no event loop: nothing in them is hard to test."""

LIVE = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "LIVEGEN_LIVE_BASE_URL")
"""What says whom to talk to: a key for the Gemini API, a project on Vertex AI, or another server."""

AWAITED = [
    f"src/livegen_trio/{path}"
    for path in (
        "_model.py",
        "_tokens.py",
        "_session/session.py",
        "_engine/inbox.py",
        "_engine/outbox.py",
        "_session/turns.py",
    )
]
"""Where the functions are that users await: each of them has to be a checkpoint, on every path."""


def group(name: str) -> tuple[str, ...]:
    """The requirements of a dependency group, for installers that don't know groups."""
    return nox.project.dependency_groups(PROJECT, name)


def package() -> str:
    """The package with what its tests need: the tree's, or the built wheel named by `WHEEL`."""
    wheel = os.environ.get("WHEEL")
    return f"livegen-trio[{EXTRAS}] @ {Path(wheel).resolve().as_uri()}" if wheel else f".[{EXTRAS}]"


def python_files(*folders: str) -> list[str]:
    """The Python files below *folders*."""
    return sorted(str(path) for folder in folders for path in Path(folder).rglob("*.py"))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; with arguments for pytest, only those and without the coverage thresholds."""
    session.install(package(), *group("test"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--omit", CORE)
    session.run("coverage", "report", "--include", CORE, "--fail-under", "100")


@nox.session
def soak(session: nox.Session) -> None:
    """Let random faults loose on random conversations, for some ten minutes: `SOAK_EXAMPLES` says how many."""
    session.install(package(), *group("test"))
    examples = os.environ.get("SOAK_EXAMPLES", "60000")
    session.run(
        "pytest",
        "tests/engine/test_any_fault.py",
        "-o",
        "faulthandler_timeout=3600",
        env={"SOAK_EXAMPLES": examples},
    )


@nox.session(venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", package())
    session.install(*group("test"))
    session.run("pytest", *session.posargs)


@nox.session
def live(session: nox.Session) -> None:
    """Converse with the real service, as whoever the environment has a key or credentials for.

    Arguments go to pytest: `--record DIR` writes what was said as new recordings, without secrets.
    """
    if not any(os.environ.get(name, "").strip() for name in LIVE):
        session.skip(f"nobody to talk to: none of {', '.join(LIVE)} is set in the environment")
    session.install(package(), *group("test"))
    session.run("pytest", "tests/live", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, cancellation rules, layers, spelling and the workflows."""
    # The package itself, since import-linter follows its imports.
    session.install("-e", ".", *group("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports", "--no-logo")
    session.run("codespell")
    session.run("zizmor", "--offline", "--quiet", ".github")
    check_cancellation(session, "ASYNC1,ASYNC2,ASYNC900", python_files("src"))
    check_cancellation(session, "ASYNC910,ASYNC911,ASYNC913", AWAITED)
    # In tests, peers may be generators.
    check_cancellation(session, "ASYNC1,ASYNC2", python_files("tests", "examples", "benchmarks"))


def check_cancellation(session: nox.Session, rules: str, files: list[str]) -> None:
    """Run flake8-async, which takes files and no folders, without a screenful of their names."""
    session.log(f"flake8_async --enable {rules} on {len(files)} files")
    # 114 wants a list of all startable functions; 124 knows no functions that are async as an interface wants it.
    session.run(
        "python", "-m", "flake8_async", "--enable", rules, "--disable", "ASYNC114,ASYNC124", *files, log=False
    )


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package and its tests, and that the public ones are complete."""
    session.install("-e", f".[{EXTRAS}]", *group("types"), "nox")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "livegen_trio", "--ignoreexternal")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks: those that are named by their file names, with whatever begins with a dash; else all."""
    options = [argument for argument in session.posargs if argument.startswith("-")]
    names = set(session.posargs) - set(options)
    scripts = [path for path in python_files("benchmarks") if not Path(path).name.startswith("_")]
    chosen = [path for path in scripts if not names or Path(path).stem in names]
    if not chosen:
        session.error(
            f"no such benchmark; there are: {', '.join(Path(path).stem for path in scripts) or 'none'}"
        )
    session.install(".", *group("bench"))
    for script in chosen:
        session.run("python", script, *options)
