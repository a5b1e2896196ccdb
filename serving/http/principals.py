"""Who asks: by an API key, whose hash alone is kept, or by a signed token (JWT)."""

import hashlib
import tomllib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.errors import UsageError
from schemas.secret_file import secret_bytes
from serving.http.config import ServeConfig
from serving.http.endpoint import ACCESS
from serving.http.problems import RequestError

_TOKENS_KEPT: Final = 10_000
_ASYMMETRIC: Final = ("RS256", "PS256", "ES256", "EdDSA")
_SYMMETRIC: Final = ("HS256", "HS384", "HS512")


@dataclass(frozen=True)
class Principal:
    """Who asks, what it may do, and the one merchant it is held to, if any."""

    name: str
    access: frozenset[str]
    merchant_id: str | None = None

    def check(self, access: str, subject: tuple[str, str] | None) -> None:
        """Raise RequestError (403) unless it may do this, with this id's data; says nothing of what there is."""
        if access not in self.access:
            raise RequestError(403, f"This key lacks the scope {access!r}.")
        if self.merchant_id is not None and subject != ("merchant", self.merchant_id):
            raise RequestError(
                403,
                "This key is a merchant's: it sees what is published of that merchant only.",
                f"Ask for the scope merchant and the id {self.merchant_id}.",
            )


ANYBODY: Final = Principal("anybody", frozenset(ACCESS))
"""Whoever reaches a server that asks for no keys."""


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    sha256: str
    scopes: list[str] = msgspec.field(default_factory=lambda: ["read"])
    merchant_id: str | None = None


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    key: list[_Key]


class Doorkeeper:
    """Knows every key of a server; says of a request's headers who asks."""

    def __init__(self, config: ServeConfig) -> None:
        self._open = not config.asks_for_keys
        self._keys = read_keys(config.keys_file) if config.keys_file else {}
        self._jwt = read_secret(config.jwt_key_file) if config.jwt_key_file else None
        self._audience = config.jwt_audience
        self._admitted: OrderedDict[str, None] = OrderedDict()

    def admit(self, headers: Mapping[str, str]) -> Principal:
        """Return who asks; raises RequestError (401) for nobody that is known."""
        if self._open:
            return ANYBODY
        given = given_key(headers)
        if not given:
            raise _unknown("A key is needed, and none came.")
        digest = hashlib.sha256(given.encode()).hexdigest()
        found = self._keys.get(digest)
        if found is not None:
            return found
        if self._jwt is not None and given.count(".") == 2:
            principal = self._by_token(given)
            self._admitted[digest] = None
            if len(self._admitted) > _TOKENS_KEPT:
                self._admitted.popitem(last=False)
            return principal
        raise _unknown("The key is not known.")

    def known(self, headers: Mapping[str, str]) -> str | None:
        """Return what stands for a key that is known, or a token that was admitted before; None for all others.

        Rates are counted by it: a text that anybody may make up would be another client each time.
        """
        given = given_key(headers)
        digest = hashlib.sha256(given.encode()).hexdigest() if given and not self._open else ""
        return digest if digest in self._keys or digest in self._admitted else None

    def _by_token(self, token: str) -> Principal:
        import jwt

        assert self._jwt is not None
        key, algorithms = self._jwt
        try:
            claims = jwt.decode(
                token, key, algorithms=list(algorithms), audience=self._audience,
                options={"require": ["exp", "aud", "sub"]},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise _unknown(f"The token is refused: {error}.") from None
        scopes, merchant = claims.get("scope", ""), claims.get("merchant_id")
        if not isinstance(scopes, str) or not isinstance(merchant, str | None):
            raise _unknown("The token's scope and merchant_id must be text.")
        return Principal(str(claims["sub"]), frozenset(scopes.split()) & frozenset(ACCESS), merchant)


def given_key(headers: Mapping[str, str]) -> str:
    """Return the key or token that a request carries; empty for none.

    >>> given_key({"authorization": "Bearer k1"}), given_key({"x-api-key": "k2"}), given_key({})
    ('k1', 'k2', '')
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")


def _unknown(detail: str) -> RequestError:
    return RequestError(401, detail, headers={"WWW-Authenticate": 'Bearer realm="interestream"'})


def read_keys(path: Path) -> dict[str, Principal]:
    """Return the principals of a file of keys by the SHA-256 of each key, in hexadecimal."""
    try:
        held = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Keys)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(
            f"The keys in {path} cannot be read: {error}. Each is a table [[key]] with name, sha256, and maybe "
            "scopes and merchant_id."
        ) from error
    return {key.sha256.lower(): _principal(path, key) for key in held.key}


def _principal(path: Path, key: _Key) -> Principal:
    unknown = set(key.scopes) - set(ACCESS)
    if unknown or len(key.sha256) != 2 * hashlib.sha256().digest_size:
        wrong = f"the unknown scope {sorted(unknown)[0]!r}" if unknown else "a sha256 that is none"
        raise UsageError(
            f"The key {key.name!r} in {path} has {wrong}. Scopes are {', '.join(ACCESS)}; "
            "the hash is what `printf %s KEY | sha256sum` prints."
        )
    return Principal(key.name, frozenset(key.scopes), key.merchant_id)


def read_secret(path: Path) -> tuple[Any, Sequence[str]]:
    """Return what tokens are verified with, and the algorithms that go with it: a public key in PEM, or a secret."""
    data = secret_bytes(path)
    if data.startswith(b"-----BEGIN"):
        return data, _ASYMMETRIC
    return data, _SYMMETRIC
