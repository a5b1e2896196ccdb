"""What a model in the shadow may be set to: `Mix`'s own settings, checked before a job begins."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schemas.errors import UsageError

Lasting = Annotated[int, Meta(gt=0, le=10_000 * 86_400_000)]
Weight = Annotated[float, Meta(ge=0, le=1_000)]
Part = Literal["popularity", "repeats", "transitions", "neighbours", "factors", "room"]


class ShadowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each of `Mix`'s settings that changes what is ranked; what is left out is as in the served model."""

    popularity_half_lives_ms: Annotated[tuple[Lasting, ...], Meta(min_length=1, max_length=8)] | UnsetType = (
        UNSET
    )
    transition_half_lives_ms: tuple[Lasting, Lasting] | UnsetType = UNSET
    kind_weights: tuple[Weight, Weight, Weight] | UnsetType = UNSET
    reach: Annotated[int, Meta(ge=1, le=20)] | UnsetType = UNSET
    fall: Annotated[float, Meta(gt=0, le=1)] | UnsetType = UNSET
    rate: Annotated[float, Meta(gt=0, le=10)] | UnsetType = UNSET
    availability_ms: Lasting | UnsetType | None = UNSET
    parts: Annotated[tuple[Part, ...], Meta(min_length=1)] | UnsetType = UNSET
    gate: bool | UnsetType = UNSET
    learn_every: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    label_delay_ms: Annotated[int, Meta(ge=0, le=86_400_000)] | UnsetType = UNSET


def checked_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as `Mix` takes them; `UsageError` says which cannot be meant.

    >>> checked_settings({"rate": 0.1, "parts": ["popularity", "transitions"]})
    {'rate': 0.1, 'parts': ('popularity', 'transitions')}
    """
    try:
        settings = msgspec.convert(dict(given), ShadowSettings)
    except msgspec.ValidationError as error:
        names = ", ".join(ShadowSettings.__struct_fields__)
        raise UsageError(f"{error}. The settings of a shadow are those of the model: {names}.") from error
    return {name: value for name, value in msgspec.structs.asdict(settings).items() if value is not UNSET}
