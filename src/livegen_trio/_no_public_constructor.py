"""Classes that only this library constructs, as Trio has them."""

from __future__ import annotations

from abc import ABCMeta
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class NoPublicConstructor(ABCMeta):
    """Metaclass of classes that can't be constructed by calling them; `construct` does it."""

    if not TYPE_CHECKING:  # pragma: no branch - a checker would take these parameters for those of the class

        def __call__(cls, *_args: object, **_kwargs: object) -> None:
            name = f"{cls.__module__}.{cls.__qualname__}"
            raise TypeError(f"{name} has no public constructor; its docstring says where one comes from")


def construct(kind: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Construct an object of a class without a public constructor."""
    made: T = type.__call__(cast("type[T]", kind), *args, **kwargs)  # past the metaclass
    return made
