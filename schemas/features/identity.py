"""The one place where ids become what is stored under: fields of hashes.

>>> entity_id(["u1", "tea"]).split(US)
['u1', 'tea']
>>> entity_id(["u1", "tea"], Pseudonyms(b"0" * 32), ("user_id", "category_id")).split(US)
['464cb5026eafe79a7ab3e0bb83471cd4', 'tea']
"""

from collections.abc import Sequence
from typing import Final

from schemas.keys import US
from schemas.pseudonyms import Pseudonyms

PERSONAL: Final = frozenset({"user_id"})
"""The fields that name a person."""


def entity_id(ids: Sequence[str], pseudonyms: Pseudonyms | None = None, entity: Sequence[str] = ()) -> str:
    """Return the field under which an entity's values stand: its ids in the order of the entity's fields.

    With pseudonyms, which need the fields, persons are replaced by theirs.
    """
    return US.join(ids if pseudonyms is None else stored_ids(ids, entity, pseudonyms))


def stored_ids(ids: Sequence[str], entity: Sequence[str], pseudonyms: Pseudonyms) -> list[str]:
    """Return an entity's ids as they are stored: those of persons replaced by their pseudonyms."""
    return [pseudonyms.of(each) if name in PERSONAL else each for name, each in zip(entity, ids, strict=True)]
