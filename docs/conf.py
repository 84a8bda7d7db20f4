"""Configuration of the site: `nox -s docs` builds it, strictly and without a network."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import re
import sys
import textwrap
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from docutils.nodes import literal_block
from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger

from livegen_trio import ModelProfile, profile_of
from livegen_trio.cli import make_parser

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = getLogger(__name__)

MODELS = (
    "gemini-2.5-flash-native-audio-preview-12-2025",
    "gemini-live-2.5-flash",
    "gemini-3.1-flash-live-preview",
    "gemini-3.8-live",
    "gemini-3.8-live-extended-thinking",
    "gemini-robotics-er-2-streaming-preview",
    "gemini-3.5-transcribe-live",
    "gemini-3.5-live-translate-preview",
)

PUBLIC_MODULES = (
    "livegen_trio",
    *(
        f"livegen_trio.{name}"
        for name in ("anyio", "audio", "firebase", "local", "stores", "testing", "types")
    ),
)
PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))["project"]

project = "livegen-trio"
author = "The livegen-trio contributors"
copyright = f"2026, {author}"  # noqa: A001 - Sphinx's name for it
release = version = PROJECT["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
source_suffix = [".md"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # "Attributes:" documents fields of structs, which are no separate members
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"livegen-trio {release}"
html_theme_options = {
    "source_repository": PROJECT["urls"]["Source"],
    "source_branch": "main",
    "source_directory": "docs/",
}
copybutton_exclude = ".linenos, .gp, .go"

# Docstrings are written with Markdown's backticks, which editors show; Sphinx reads reStructuredText.
default_role = "py:obj"
# `livegen_trio.firebase` has some of the names of `livegen_trio`; a reference without a module means the latter.
suppress_warnings = ["ref.python"]


def from_markdown(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG001, PLR0917 - as autodoc calls it
    """Turn code fences into directives, and part backticks from the letters behind them."""
    text = re.sub(r"```python\n(.*?)```", code_block, "\n".join(lines), flags=re.DOTALL)
    lines[:] = re.sub(r"(?<!`)`([^`\n]+)`(?=\w)", r"`\1`\\ ", text).split("\n")


def code_block(fence: re.Match[str]) -> str:
    """Write the code of a fence as a directive."""
    return ".. code-block:: python\n\n" + textwrap.indent(fence[1], "    ")


class Aliases(SphinxDirective):
    """Describe the type aliases and constants of a public module, which autodoc finds only where they are defined."""

    required_arguments = 1

    def run(self) -> list[Node]:
        """Write an entry for each of them, with the string behind its definition."""
        module = importlib.import_module(self.arguments[0])
        lines: list[str] = []
        for name in dir(module):
            value = getattr(module, name)
            if (
                not name.startswith("_")
                and not isinstance(value, type | ModuleType)
                and not inspect.isroutine(value)
            ):
                lines += [f".. py:data:: {module.__name__}.{name}", "", f"   {docs_of(name)}", ""]
        from_markdown(self.env.app, "data", name="", obj=None, options=None, lines=lines)
        return self.parse_text_to_nodes("\n".join(lines))


@cache
def docs_of(name: str) -> str:
    """The string behind the definition of *name*, wherever in the package that is."""
    for module in [module for module in sys.modules if module.startswith("livegen_trio.")]:
        try:
            found = ModuleAnalyzer.for_module(module).find_attr_docs()
        except PycodeError:  # a package without code of its own
            continue
        if ("", name) in found:
            return " ".join(found["", name])
    return ""


class CommandLine(SphinxDirective):
    """Show the help of the command line and of each of its commands, from the parser itself."""

    def run(self) -> list[Node]:
        """Write a block for each command."""
        parser = make_parser()
        [commands] = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        helps = [command.format_help() for command in (parser, *commands.choices.values())]
        return [literal_block(text, text, language="text") for text in helps]


class SupportMatrix(SphinxDirective):
    """A table of what each known model takes, from the profiles themselves."""

    def run(self) -> list[Node]:
        """Write a row for each fact, and a column for each model."""
        profiles = [profile_of(name) for name in MODELS]
        lines = [".. list-table::", "   :header-rows: 1", ""]
        lines += row(["", *MODELS])
        for fact in dataclasses.fields(ModelProfile):
            if fact.name != "sources":
                lines += row([fact.name, *(in_short(getattr(one, fact.name)) for one in profiles)])
        return self.parse_text_to_nodes("\n".join(lines))


def row(cells: list[str]) -> list[str]:
    """Write a row of a table."""
    return [f"   {'* -' if not number else '  -'} {cell}" for number, cell in enumerate(cells)]


def in_short(value: object) -> str:
    """Write a fact of a profile as a reader of a table wants it."""
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case frozenset():
            return ", ".join(sorted(map(str, value))) or "none"
        case _:
            return str(value)


def write_llms(app: Sphinx, failure: Exception | None) -> None:
    """Write `llms.txt`, a list of the pages, and `llms-full.txt`, all of them, for readers that are no people."""
    if failure is not None or app.builder.name != "html":
        return
    pages = [name for name in sorted(app.env.found_docs) if not name.startswith("reference/")]
    listed = [f"- [{title_of(app, name)}]({name}.html)" for name in pages]
    summary = f"# livegen-trio {release}\n\n> {PROJECT['description']}\n"
    Path(app.outdir, "llms.txt").write_text("\n".join([summary, *listed, ""]), encoding="utf-8")
    texts = [Path(app.srcdir, f"{name}.md").read_text(encoding="utf-8") for name in pages]
    Path(app.outdir, "llms-full.txt").write_text("\n\n".join([summary, *texts]), encoding="utf-8")


def title_of(app: Sphinx, name: str) -> str:
    """The title of a page."""
    return app.env.titles[name].astext()


def check_reference(_app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names that the reference leaves out, which fails a strict build."""
    documented = {name.rpartition(".")[2] for name in env.domaindata["py"]["objects"]}
    for module in map(importlib.import_module, PUBLIC_MODULES):
        for name in dir(module):
            is_public = not (name.startswith("_") or inspect.ismodule(getattr(module, name)))
            if is_public and name not in documented:
                logger.warning("%s.%s is not in the reference", module.__name__, name)


def setup(app: Sphinx) -> None:
    """Convert docstrings before napoleon reads their sections, and check the reference once all is read."""
    app.add_directive("aliases", Aliases)
    app.add_directive("command-line", CommandLine)
    app.add_directive("support-matrix", SupportMatrix)
    app.connect("autodoc-process-docstring", from_markdown, priority=100)
    app.connect("env-check-consistency", check_reference)
    app.connect("build-finished", write_llms)
