"""Pseudonyms are the HMAC of the standard library, whatever the secret, and say nothing of it."""

import hashlib
import hmac
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.pseudonyms import Pseudonyms, read_pseudonyms


@given(st.binary(min_size=32, max_size=200), st.text(max_size=100))
def test_a_pseudonym_is_the_first_half_of_the_hmac(secret: bytes, user_id: str) -> None:
    expected = hmac.new(secret, user_id.encode(), hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms(secret).of(user_id) == expected
    assert pickle.loads(pickle.dumps(Pseudonyms(secret))).of(user_id) == expected


def test_what_is_shown_of_a_secret_is_not_the_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x" * 40 + "\n")
    one = read_pseudonyms(tmp_path / "secret")
    assert one == Pseudonyms(b"x" * 40)
    assert one is not None
    assert "xxx" not in f"{one!r} {one} {one.fingerprint}"
    assert one.fingerprint == Pseudonyms(b"x" * 40).fingerprint != Pseudonyms(b"y" * 40).fingerprint


def test_a_secret_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("guess me")
    with pytest.raises(UsageError, match=r"has 8 bytes; it needs 32\. Make one"):
        read_pseudonyms(tmp_path / "short")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_pseudonyms(tmp_path / "none")
    assert read_pseudonyms(None) is None
