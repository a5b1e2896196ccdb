"""What keeps others out: TLS, tokens by public keys, pseudonyms at the edge."""

import base64
import datetime
import hashlib
import hmac
import ssl
import time
from array import array
from pathlib import Path

import httpx
import jwt
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from serving_by_hand import asking, served

from online_models.payload import Ranked, UserPayload
from runners.embedded_redis import OpenRedis
from schemas.keys import recommender_key
from schemas.scripts import TOMBSTONE

SECRET = "p" * 40
HS256 = b'{"alg":"HS256","typ":"JWT"}'
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims() -> dict[str, object]:
    return {"sub": "wall", "aud": "interestream", "exp": int(time.time()) + 60, "scope": "read"}


def test_tokens_are_verified_with_the_public_key_alone(
    published_store: OpenRedis, tmp_path: Path, pair: tuple[bytes, bytes]
) -> None:
    private, public = pair
    path = tmp_path / "public.pem"
    path.write_bytes(public)
    good = jwt.encode(claims(), private, "ES256")
    # Signed with the public key as if it were a secret: what a server must not fall for that takes any algorithm.
    body = good.split(".")[1]
    signed = f"{_base64(HS256)}.{body}"
    forged = f"{signed}.{_base64(hmac.new(public.strip(), signed.encode(), hashlib.sha256).digest())}"
    with served(published_store, jwt_key_file=path) as (_, url):
        for token, status in ((good, 200), (forged, 401)):
            with asking(url, Authorization=f"Bearer {token}") as client:
                assert client.get("/v1/metrics/room/r1").status_code == status


def test_tls_is_spoken_where_a_certificate_is_given(published_store: OpenRedis, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - DAY).not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    with served(published_store, certificate=tmp_path / "cert.pem", private_key=tmp_path / "key.pem") as (
        _,
        url,
    ):
        assert url.startswith("https://")
        answer = httpx.get(f"{url.replace('127.0.0.1', 'localhost')}/healthz", verify=trusted)
        assert answer.status_code == 200
        assert "max-age" in answer.headers["strict-transport-security"]


def test_user_ids_are_hashed_before_anything_is_looked_up(published_store: OpenRedis, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    hidden = hmac.new(SECRET.encode(), b"u1", hashlib.sha256).hexdigest()[:32]
    with served(published_store, pseudonym_file=path) as (_, url), asking(url) as client:
        assert client.delete("/v1/users/u1").json()["user_id"] == "u1"
    assert published_store.client.hget(recommender_key("is", "u", hidden), hidden) == TOMBSTONE
    assert published_store.client.hget(recommender_key("is", "u", "u1"), "u1") is None


def test_a_forgotten_user_is_recommended_what_anybody_is(
    api: httpx.Client, published_store: OpenRedis
) -> None:
    key = recommender_key("is", "u", "u1")
    payload = UserPayload(1, Ranked(["i1"], array("f", [1.0]).tobytes(), b"\0"))
    published_store.client.hset(key, "u1", b"\0" * 20 + msgspec.msgpack.encode(payload))
    assert api.delete("/v1/users/u1").json() == {
        "user_id": "u1",
        "recommender_rows": 1,
        "dead_letters": 0,
        "feature_records": 0,
    }
    assert api.get("/v1/recommendations/u1").json()["fallback"] is True
