"""Intake with pseudonyms: judged as events came, told as nobody's."""

import hashlib
import hmac
import json
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.codecs.jsonl import Decoded, decode_jsonl, without_lines
from schemas.codecs.salvage import refusals_batch
from schemas.events import EVENT_SCHEMA
from schemas.gate import compile_gate
from schemas.pseudonyms import Pseudonyms
from transforms import pseudonymize
from transforms.intake import CHECK, RAW, Intake, TimeBounds
from transforms.pieces import BEFORE_ALL_MS
from transforms.pseudonymize import Pseudonymizer

SECRET = b"k" * 40
GATE, T0 = compile_gate("CNY"), 1_781_800_000_000
IDS = st.one_of(st.none(), st.sampled_from(["u1", "u2", "é", "a" * 1025, ""]), st.text(max_size=5))


def hidden(user_id: str | None) -> str | None:
    return user_id and hmac.new(SECRET, user_id.encode(), hashlib.sha256).hexdigest()[:32]


def rows(ids: list[str | None]) -> list[dict[str, Any]]:
    return [
        {"event_id": f"e{at}", "event_type": "coupon" if user is None else "view", "event_time": T0 + at, "user_id": user,
         "coupon_id": "k", "creator_id": "u1", "coupon_status": "granted" if user is None else None}
        for at, user in enumerate(ids)
    ]  # fmt: skip


def block(events: list[dict[str, Any]]) -> Decoded:
    return without_lines(pa.RecordBatch.from_pylist(events, schema=EVENT_SCHEMA), refusals_batch([]))


def taken(decoded: Decoded, pseudonymizer: Pseudonymizer | None) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    found = Intake(GATE, TimeBounds(), pseudonymizer).take(decoded, BEFORE_ALL_MS)
    return found.admitted, found.refused


@given(st.lists(IDS, max_size=30))
def test_the_same_events_pass_and_only_users_are_replaced(ids: list[str | None]) -> None:
    admitted, refused = taken(block(rows(ids)), Pseudonymizer(Pseudonyms(SECRET)))
    plain, plain_refused = taken(block(rows(ids)), None)
    assert admitted["event_id"].equals(plain["event_id"])
    assert refused["reason"].equals(plain_refused["reason"])
    assert admitted["user_id"].to_pylist() == [hidden(each) for each in plain["user_id"].to_pylist()]
    assert admitted["creator_id"].equals(plain["creator_id"])
    told = [json.loads(raw) for raw in refused["raw"].to_pylist()]
    came = [json.loads(raw) for raw in plain_refused["raw"].to_pylist()]
    assert told == [
        event | ({"user_id": hidden(event["user_id"]) or ""} if "user_id" in event else {}) for event in came
    ]


def test_what_tells_duplicates_apart_is_of_the_pseudonym() -> None:
    ids: list[str | None] = ["u1", "u2", "u1"]
    admitted, _ = taken(block(rows(ids)), Pseudonymizer(Pseudonyms(SECRET)))
    before, _ = taken(block(rows([hidden(each) for each in ids])), None)
    assert admitted[CHECK].equals(before[CHECK])


def test_no_line_goes_along(monkeypatch: Any) -> None:
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows(["u1", "u2"]))
    admitted, _ = taken(decode_jsonl(lines), Pseudonymizer(Pseudonyms(SECRET)))
    assert admitted[RAW].null_count == 2
    monkeypatch.setattr(pseudonymize, "_KEPT_IDS", 1)
    again, _ = taken(decode_jsonl(lines * 3), Pseudonymizer(Pseudonyms(SECRET)))
    assert again["user_id"].to_pylist() == [hidden("u1"), hidden("u2")] * 3
