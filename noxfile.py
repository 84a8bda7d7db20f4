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
EXTRAS = os.environ.get("EXTRAS") or "audio,local,mcp,proxy,valkey,vertex,web"

PINS = "constraints.txt"
"""The versions that tests and checkers run on; `nox -s pin` renews them, and `nox -s newest` leaves them out."""


PARALLEL = ("--numprocesses", "2", "--dist", "loadfile")
"""For pytest. A file stays with one worker, since its tests share servers and models."""

PYTHONS = nox.project.python_versions(PROJECT)
SYSTEMS = ("x86_64-manylinux_2_34", "aarch64-apple-darwin", "windows")
"""What CI runs on, as `uv` names it. The ear of the extra `local` has wheels for glibc 2.31, and for macOS 15."""

LIVE = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "LIVEGEN_LIVE_BASE_URL")
"""Variables that name a service to talk to: a key for the Gemini API, a project on Vertex AI, or another server."""

AWAITED = [
    f"src/livegen_trio/{path}"
    for path in (
        "_model.py",
        "_tokens.py",
        "_session/session.py",
        "_engine/inbox.py",
        "_engine/operations.py",
        "_engine/outbox.py",
        "_session/turns.py",
    )
]
"""Modules with functions that users await: each has to be a checkpoint, on every path."""


def group(name: str) -> tuple[str, ...]:
    """The requirements of a dependency group, for installers that don't know groups."""
    return nox.project.dependency_groups(PROJECT, name)


def install(session: nox.Session, *requirements: str) -> None:
    """Install *requirements* in the pinned versions."""
    session.install("--constraint", PINS, *requirements)


def pure_files() -> str:
    """The modules that know no event loop, as coverage writes paths; import-linter's contract lists them."""
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    [pure] = [contract["source_modules"] for contract in contracts if contract["name"] == "The core is pure"]
    paths = ["*/" + module.replace(".", "/") for module in pure]
    return ",".join(f"{path}{ending}" for path in paths for ending in (".py", "/*"))


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
    install(session, package(), *group("test"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *PARALLEL)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--omit", pure_files())
    session.run("coverage", "report", "--include", pure_files(), "--fail-under", "100")


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests with the newest release of every dependency, pinned or not."""
    session.install("--upgrade", package(), *group("test"))
    session.run("pytest", *(session.posargs or PARALLEL))


@nox.session
def google_genai(session: nox.Session) -> None:
    """Compare our messages with those of the newest google-genai, field by field and frame by frame."""
    install(session, package(), *group("test"))
    session.install("--upgrade", "google-genai")
    session.run("pytest", "-k", "google_genai")


@nox.session(venv_backend="uv")
def pin(session: nox.Session) -> None:
    """Write the newest versions that fit together on all supported Pythons and systems to `constraints.txt`."""
    groups = [option for name in PROJECT["dependency-groups"] for option in ("--group", name)]
    compile_requirements(
        session,
        *("--universal", "--upgrade", "--no-header", "--no-annotate", "--python-version", PYTHONS[0]),
        *(*groups, "--output-file", PINS),
    )


@nox.session(venv_backend="uv")
def resolve(session: nox.Session) -> None:
    """Resolve what users install on every supported Python and system, from wheels alone."""
    for python in PYTHONS:
        for system in SYSTEMS:
            session.log(f"Python {python} on {system}")
            compile_requirements(
                session,
                *("--only-binary", ":all:", "--python-version", python, "--python-platform", system),
                *("--output-file", os.devnull),
            )


def compile_requirements(session: nox.Session, *options: str) -> None:
    """Resolve the package with all of its extras."""
    extras = [option for extra in EXTRAS.split(",") for option in ("--extra", extra)]
    session.run(
        *("uv", "pip", "compile", "--quiet", "pyproject.toml", *extras, *options),
        env={"MACOSX_DEPLOYMENT_TARGET": "15.0"},
        external=True,
    )


@nox.session
def soak(session: nox.Session) -> None:
    """Converse over random faults for ten minutes: in virtual time (`SOAK_EXAMPLES`), or `-- load` in real time.

    `-- talk` talks by microphone and loudspeaker for ten minutes, on a PulseAudio of its own.
    `-- fleet` holds fifty conversations on two workers, of which one is killed and one drained.
    """
    install(session, package(), *group("test"))
    if session.posargs[:1] in (["load"], ["fleet"], ["talk"]):
        session.run("python", f"tests/soak/{session.posargs[0]}.py", *session.posargs[1:])
        return
    examples = os.environ.get("SOAK_EXAMPLES", "60000")
    session.run(
        "pytest",
        "tests/engine/test_any_fault.py",
        "-o",
        "faulthandler_timeout=3600",
        env={"SOAK_EXAMPLES": examples},
    )


@nox.session(python="3.13")
def fuzz(session: nox.Session) -> None:
    """Fuzz what reads bytes from outside for an hour, or `-- TARGET SECONDS`. Atheris has no wheels for 3.11."""
    install(session, package(), *group("test"))
    session.install("atheris >= 3.1")
    session.run("python", "tests/fuzz/fuzz.py", *session.posargs)


@nox.session(venv_backend="uv")
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies that pyproject.toml allows."""
    session.install("--resolution", "lowest-direct", package())
    session.install(*group("test"))
    session.run("pytest", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Talk to the playground in Chromium; without one, or without speech engines, its tests are skipped."""
    install(session, package(), *group("test"), "playwright")
    session.run("pytest", "tests/web", *session.posargs)


@nox.session
def live(session: nox.Session) -> None:
    """Converse with the real service, with the key or the credentials that the environment has.

    Arguments go to pytest: `--record DIR` writes what was said as new recordings, without secrets.
    """
    if not any(os.environ.get(name, "").strip() for name in LIVE):
        session.skip(f"nobody to talk to: none of {', '.join(LIVE)} is set in the environment")
    install(session, package(), *group("test"))
    session.run("pytest", "tests/live", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, cancellation rules, layers, spelling, wording and the workflows."""
    # The package itself, since import-linter follows its imports.
    install(session, "-e", ".", *group("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("lint-imports", "--no-logo")
    session.run("codespell")
    # The embedded server's small talk has words of its own.
    session.run(
        *("codespell", "--dictionary", "wording.txt", "--skip", "*/rules/*,*/_build/*"),
        *("src", "docs", "README.md", "CONTRIBUTING.md"),
    )
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
    install(session, "-e", f".[{EXTRAS}]", *group("types"), "nox")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "livegen_trio", "--ignoreexternal")
    session.run("python", "-m", "pytest", "tests/test_exports.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into `docs/_build/html`; a warning, or a public name without an entry, fails it."""
    install(session, package(), *group("docs"))
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "-b", "html", "docs", "docs/_build/html")


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
    install(session, ".[audio,local]", *group("bench"))
    for script in chosen:
        session.run("python", script, *options)
