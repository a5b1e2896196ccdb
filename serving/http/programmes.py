"""`/v1/programmes/{programme}`: who has come how far in what the platform rewards; none is published yet."""

from typing import Annotated, Final, NoReturn

import msgspec
from msgspec import Meta

from serving.http.answers import Answer
from serving.http.endpoint import Asked, Endpoint, Nothing
from serving.http.parameters import Id
from serving.http.problems import RequestError

Programme = Annotated[str, Meta(min_length=1, max_length=256, description="The programme's name.")]


class ProgrammePath(msgspec.Struct):
    """Which programme."""

    programme: Programme


class MemberPath(ProgrammePath):
    """Whose standing in it."""

    id: Id


class Standing(msgspec.Struct):
    """How far one member has come in one period."""

    entity_kind: str
    id: str
    period: str
    level: str | None
    progress: float | None
    value: int | None
    reached_at: str | None


class ProgrammeAnswer(Answer, kw_only=True):
    """Standings in one programme."""

    programme: str
    rows: list[Standing]


async def programme(asked: Asked[ProgrammePath, Nothing, None]) -> ProgrammeAnswer:
    """Say that there is none."""
    _none(asked.path.programme)


async def member(asked: Asked[MemberPath, Nothing, None]) -> ProgrammeAnswer:
    """Say that there is none."""
    _none(asked.path.programme)


def _none(name: str) -> NoReturn:
    raise RequestError(404, f"There is no programme {name!r}.", "No programme is published yet.")


PROGRAMME: Final = Endpoint(
    "GET", "/v1/programmes/{programme}", "programme", "All standings in a programme.",
    ProgrammeAnswer, programme, ProgrammePath,
)  # fmt: skip
PROGRAMME_MEMBER: Final = Endpoint(
    "GET", "/v1/programmes/{programme}/{id}", "programme_member", "One member's standing in a programme.",
    ProgrammeAnswer, member, MemberPath,
)  # fmt: skip
