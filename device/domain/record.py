"""Records: what the program says and keeps, as frozen dataclasses whose methods all kinds share.

``dataclass`` writes each kind a comparison, a hash, a text and a refusal to change of its own, and the refusal keeps the class alive that
``slots`` has replaced: 9 KB a kind, and there are more than a hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

Kind = TypeVar("Kind")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(kind: type[Kind]) -> type[Kind]:
    """``dataclass(frozen=True, slots=True)``, for less memory."""
    made = dataclass(frozen=True, slots=True, eq=False, repr=False)(kind)
    for method in ("__setattr__", "__delattr__", "__eq__", "__hash__", "__repr__"):
        setattr(made, method, vars(_Shared)[method])
    return made


class _Shared:
    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self: Any, other: object) -> bool:
        content = _content(self.__class__)
        return content(self) == content(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(_content(self.__class__)(self))

    def __repr__(self: Any) -> str:
        named = (f"{member.name}={getattr(self, member.name)!r}" for member in fields(self) if member.repr)
        return f"{self.__class__.__qualname__}({', '.join(named)})"


@cache
def _content(kind: type[Any]) -> Callable[[object], object]:
    """What reads the compared fields of a record of this kind."""
    names = [member.name for member in fields(kind) if member.compare]
    return attrgetter(*names) if names else lambda _: ()
