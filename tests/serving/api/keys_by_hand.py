"""Keys of three kinds: of everything, of reading alone, of one merchant."""

import hashlib
from pathlib import Path

from serving_by_hand import OWN

KEYS = {name: f"{name}-key-{'0' * 32}" for name in ("all", "read", "merchant")}
_SCOPES = {"all": ["read", "forget", "operate"], "read": ["read"], "merchant": ["read", "forget", "operate"]}


def keys_file(folder: Path) -> Path:
    """Write the file that a server reads its keys from."""
    path = folder / "keys.toml"
    path.write_text("\n".join(_table(name) for name in KEYS))
    return path


def _table(name: str) -> str:
    digest = hashlib.sha256(KEYS[name].encode()).hexdigest()
    held = f'merchant_id = "{OWN}"\n' if name == "merchant" else ""
    return f'[[key]]\nname = "{name}"\nsha256 = "{digest}"\nscopes = {_SCOPES[name]}\n{held}'
