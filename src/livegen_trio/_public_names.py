"""Gives public classes and functions the module that users import them from, as Trio does for its own.

So a traceback reads `livegen_trio.SessionClosedError`, and pickles don't depend on where a class is defined.
"""

from __future__ import annotations

from types import FunctionType
from typing import TypeGuard, get_type_hints

import msgspec


def publish(namespace: dict[str, object]) -> None:
    """Make the module of *namespace* the home of all public things in it that are defined in a private module."""
    module = str(namespace["__name__"])
    for name, thing in namespace.items():
        if not name.startswith("_"):
            publish_one(thing, module)


def publish_one(thing: object, module: str) -> None:
    """Make *module* the home of a class or a function, if a private module of this package defines it."""
    if _is_class(thing) and _is_private(thing):
        _publish_class(thing, module)
    elif isinstance(thing, FunctionType) and _is_private(thing):
        thing.__module__ = module


def _publish_class(cls: type[object], module: str) -> None:
    if issubclass(cls, msgspec.Struct):
        _resolve_annotations(cls)
    cls.__module__ = module
    for member in vars(cls).values():
        if isinstance(member, FunctionType):
            publish_one(member, module)


def _resolve_annotations(struct: type[msgspec.Struct]) -> None:
    """Put types in place of their names, which msgspec would look up in the struct's module later on."""
    hints = get_type_hints(struct, include_extras=True)
    struct.__annotations__ = {name: hints[name] for name in vars(struct).get("__annotations__", {})}


def _is_class(thing: object) -> TypeGuard[type[object]]:
    return isinstance(thing, type)


def _is_private(thing: type[object] | FunctionType) -> bool:
    return thing.__module__.startswith("livegen_trio.") and "._" in thing.__module__
