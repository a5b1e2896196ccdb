"""What was shown to somebody, and with which chance: one entry an answer with exploration slots, in msgpack.

>>> entry = Shown("u1", 5, 7, ["tea", "cup"], [1.0, 0.25])
>>> decode_shown(encode_shown(entry)) == entry
True
"""

import msgspec


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """For whom, when in event time, by which version of the model, which items in order, and each one's propensity."""

    user_id: str
    time_ms: int
    model_version: int
    items: list[str]
    propensities: list[float]


encode_shown = msgspec.msgpack.Encoder().encode
decode_shown = msgspec.msgpack.Decoder(Shown).decode
