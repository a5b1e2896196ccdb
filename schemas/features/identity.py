"""The one place where ids become what is stored under: fields of hashes, and what an erasure leaves behind.

>>> entity_id(["u1", "tea"]).split(US)
['u1', 'tea']
>>> entity_id(["u1"], Pseudonyms(b"secret"), ("user_id",)) == "u1"
False
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from schemas.keys import US

PERSONAL: Final = frozenset({"user_id"})
"""The fields that name a person."""


@dataclass(frozen=True)
class Pseudonyms:
    """Replaces ids of persons by keyed hashes: the same id has the same one, and only who has the secret can tell."""

    secret: bytes

    def of(self, identifier: str) -> str:
        """Return the pseudonym of an id: 128 bits of BLAKE2b, keyed."""
        return hashlib.blake2b(identifier.encode(), key=self.secret, digest_size=16).hexdigest()


def entity_id(ids: Sequence[str], pseudonyms: Pseudonyms | None = None, entity: Sequence[str] = ()) -> str:
    """Return the field under which an entity's values stand: its ids in the order of the entity's fields."""
    if pseudonyms is not None:
        ids = [
            pseudonyms.of(each) if name in PERSONAL else each for name, each in zip(entity, ids, strict=True)
        ]
    return US.join(ids)
