"""One endpoint as data: its path, parameters, answer and who may ask; the routes and /openapi.json both follow from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from serving.http.principals import Principal
    from serving.http.service import Service

READ: Final = "read"
FORGET: Final = "forget"
OPERATE: Final = "operate"
ACCESS: Final = (READ, FORGET, OPERATE)
"""What a key may be allowed: to read what is published, to forget users, to watch the server itself."""


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No parameters."""


P = TypeVar("P")
Q = TypeVar("Q")
B = TypeVar("B")


@dataclass(frozen=True)
class Asked(Generic[P, Q, B]):
    """One request: who asks, for what, of which server."""

    service: "Service"
    principal: "Principal"
    path: P
    query: Q
    body: B


Subject = tuple[str, str]
"""A scope and an id."""


@dataclass(frozen=True)
class Endpoint:
    """One method of one path; `of_whom` names whose data a request reads, which a merchant's key must be the key of."""

    method: str
    path: str
    name: str
    summary: str
    answer: type[msgspec.Struct]
    handle: Callable[[Any], Awaitable[msgspec.Struct]]
    path_type: type[msgspec.Struct] = Nothing
    query_type: type[msgspec.Struct] = Nothing
    body_type: type[msgspec.Struct] | None = None
    access: str = READ
    of_whom: Callable[[Any], Subject | None] = field(default=lambda _asked: None)
